"""The end of a process that is told to stop: in order, and soon in any case."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

LONGEST_STOP = 2.0
"""Seconds after which the process ends whatever it is at. All that it keeps on disk survives a crash at any moment, so
it survives this."""


def stop_on_signals(stopping: asyncio.Event) -> None:
    """Have SIGTERM and SIGINT set ``stopping``, and end the process when that does not end it by itself.

    A handler of the event loop alone would wait for the loop, and the loop at its end for threads that are busy.
    """
    loop = asyncio.get_running_loop()

    def hear(_number: int, _frame: object) -> None:
        last_resort = threading.Timer(LONGEST_STOP, os._exit, (0,))
        last_resort.daemon = True
        last_resort.start()
        loop.call_soon_threadsafe(stopping.set)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, hear)
