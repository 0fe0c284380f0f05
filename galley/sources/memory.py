"""Files that exist in memory only, for tests and for programs that embed the control plane."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping

from galley.sources import SourceFile, SourceState


class MemorySource:
    """A directory in memory. Use it from the event loop that reads ``states``, by one reader."""

    def __init__(self, files: Mapping[str, str | bytes] | None = None, *, root: str = "memory") -> None:
        self._root = root
        self._files: dict[str, SourceFile] = {}
        self._changed = asyncio.Event()
        self.update(files or {})

    def update(self, files: Mapping[str, str | bytes | None]) -> None:
        """Write the named files, as one change; None deletes a file."""
        for name, content in files.items():
            path = f"{self._root}/{name}"
            if content is None:
                self._files.pop(path, None)
                continue
            written = SourceFile.of(path, content.encode() if isinstance(content, str) else content)
            known = self._files.get(path)
            if known is None or known.digest != written.digest:
                self._files[path] = written
        self._changed.set()

    async def states(self) -> AsyncGenerator[SourceState, None]:
        """The state now, and after every ``update``; updates between two reads are one change."""
        while True:
            self._changed.clear()
            yield SourceState(roots=(self._root,), files=dict(sorted(self._files.items())))
            await self._changed.wait()
