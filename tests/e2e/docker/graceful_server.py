"""An HTTP server as containers run it: it says its host name, and on SIGTERM finishes what it has.

After SIGTERM it goes on for a second, in which its clients learn that it leaves, and tells each of them with the answer
that the connection ends; then it closes its port and finishes what it has. Needs nothing but Python.
"""

import asyncio
import pathlib
import signal
import socket
import sys

READY = pathlib.Path("/tmp/ready")


async def main(port: int) -> None:
    """Serve until SIGTERM."""
    closing, idle, busy = asyncio.Event(), asyncio.Event(), set[asyncio.StreamWriter]()
    name = socket.gethostname().encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                busy.add(writer)
                await asyncio.sleep(0.02)
                last = closing.is_set()
                ending = b"connection: close\r\n" if last else b""
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n%sx-echo-name: %s\r\n\r\n" % (ending, name))
                await writer.drain()
                busy.discard(writer)
                if last:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            busy.discard(writer)
            writer.close()
            if not busy:
                idle.set()

    server = await asyncio.start_server(answer, "0.0.0.0", port)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, closing.set)
    await asyncio.to_thread(READY.touch)
    await closing.wait()
    await asyncio.sleep(1)
    server.close()
    if busy:
        idle.clear()
        await idle.wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 9080))
