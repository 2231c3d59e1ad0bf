"""Read-only files that GDB can fetch with ``remote get``: a core dump, the chip's memories.

None is a file of this machine. One is made when it is opened, or read piece by piece.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from onchip.errors import OnchipError
from onchip.target.memory_map import MemoryRegion
from onchip.wire.gdb_rsp.file_io import FileErrno

MOST_OPEN: Final = 16


class VirtualFile(Protocol):
    """Something that can be read at any offset."""

    @property
    def size(self) -> int:
        """Its length in bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes; raises OnchipError."""


class BytesFile:
    """A file that was made when it was opened."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return len(self._data)

    def read(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes."""
        return self._data[offset : offset + length]


class RegionFile:
    """A region of the memory map, read as it is asked for."""

    def __init__(self, region: MemoryRegion, read: Callable[[int, int], bytes]) -> None:
        self._region = region
        self._read = read

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return self._region.length

    def read(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes; raises TransferError."""
        length = min(length, max(self.size - offset, 0))
        return self._read(self._region.start + offset, length) if length else b""


class FileTable:
    """The files that one client has open; ``known`` makes them by name."""

    def __init__(self, known: Mapping[str, Callable[[], VirtualFile]]) -> None:
        self._known = known
        self._open: dict[int, VirtualFile] = {}

    def open(self, name: str, *, for_writing: bool) -> int:
        """Return a new descriptor.

        Raises:
            FileRefused: there is no such file, or it cannot be had so.
        """
        make = self._known.get(name.lstrip("/"))
        if make is None:
            raise FileRefused(FileErrno.ENOENT)
        if for_writing:
            raise FileRefused(FileErrno.EROFS)
        if len(self._open) >= MOST_OPEN:
            raise FileRefused(FileErrno.EMFILE)
        try:
            file = make()
        except OnchipError as error:
            raise FileRefused(FileErrno.EBUSY, str(error)) from error
        descriptor = next(number for number in range(3, 4 + MOST_OPEN) if number not in self._open)
        self._open[descriptor] = file
        return descriptor

    def find(self, descriptor: int) -> VirtualFile:
        """Return an open file.

        Raises:
            FileRefused: none has this descriptor.
        """
        try:
            return self._open[descriptor]
        except KeyError:
            raise FileRefused(FileErrno.EBADF) from None

    def close(self, descriptor: int) -> None:
        """Close a file; raises FileRefused."""
        self.find(descriptor)
        del self._open[descriptor]

    def clear(self) -> None:
        """Close all."""
        self._open.clear()


class FileRefused(Exception):
    """A file operation that ends with an error number; ``text`` says more in the log."""

    def __init__(self, errno: FileErrno, text: str = "") -> None:
        super().__init__(errno, text)
        self.errno = errno
        self.text = text
