"""Memory: values of 8, 16 and 32 bits, and blocks."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from onchip.errors import UsageError
from pyOCD.target.connected import Connected
from pyOCD.target.deferred import ReadMode

_LENGTHS = {8: 1, 16: 2, 32: 4}


class Memory(Connected):
    """The part of a target that is read and written."""

    def readMemory(
        self,
        addr: int,
        transfer_size: int = 32,
        now: bool | ReadMode = True,
        *,
        mode: ReadMode | int | None = None,
    ) -> Any:
        """Return a value of 8, 16 or 32 bits; with ``now`` false, a function that does.

        The READ_ modes of versions before 0.6 may stand in the place of ``now``, or as ``mode``:
        READ_START begins a read and returns nothing, READ_END returns the first that was begun.
        """
        length = _length(transfer_size)
        if mode is not None:
            now = ReadMode(mode)
        if isinstance(now, ReadMode):
            if now is ReadMode.READ_START:
                return self.deferred.start(addr, length)
            if now is ReadMode.READ_END:
                return self.deferred.end(addr, length)
            now = True
        if not now:
            return self.deferred.begin(addr, length)
        return int.from_bytes(self.session.memory.read(addr, length), "little")

    def writeMemory(self, addr: int, value: int, transfer_size: int = 32) -> None:
        length = _length(transfer_size)
        self.session.memory.write(addr, (value & (1 << 8 * length) - 1).to_bytes(length, "little"))

    def read32(self, addr: int, now: bool | ReadMode = True) -> Any:
        return self.readMemory(addr, 32, now)

    def read16(self, addr: int, now: bool | ReadMode = True) -> Any:
        return self.readMemory(addr, 16, now)

    def read8(self, addr: int, now: bool | ReadMode = True) -> Any:
        return self.readMemory(addr, 8, now)

    def write32(self, addr: int, value: int) -> None:
        self.writeMemory(addr, value, 32)

    def write16(self, addr: int, value: int) -> None:
        self.writeMemory(addr, value, 16)

    def write8(self, addr: int, value: int) -> None:
        self.writeMemory(addr, value, 8)

    def readBlockMemoryUnaligned8(self, addr: int, size: int) -> list[int]:
        """Return ``size`` bytes."""
        return list(self.session.memory.read(addr, size))

    def readBlockMemoryAligned32(self, addr: int, size: int) -> list[int]:
        """Return ``size`` words."""
        return list(struct.unpack(f"<{size}I", self.session.memory.read(addr, 4 * size)))

    def writeBlockMemoryUnaligned8(self, addr: int, data: Sequence[int]) -> None:
        """Write bytes."""
        self.session.memory.write(addr, bytes(data))

    def writeBlockMemoryAligned32(self, addr: int, data: Sequence[int]) -> None:
        """Write words."""
        self.session.memory.write(addr, struct.pack(f"<{len(data)}I", *data))


def _length(transfer_size: int) -> int:
    if transfer_size not in _LENGTHS:
        raise UsageError(f"transfer_size is 8, 16 or 32, not {transfer_size}")
    return _LENGTHS[transfer_size]
