"""Which memory an engine has at an address: the table behind ``UnicornMemory``."""

from __future__ import annotations

from typing import NamedTuple

from ...bus import Memory


class Mapped(NamedTuple):
    """Bytes of a memory at ``base`` up to ``end``."""

    base: int
    end: int
    memory: Memory
    offset: int

    def start(self, address: int) -> int:
        """Return where in the memory's data ``address`` is."""
        return address - self.base + self.offset


class MemoryTable:
    """What is mapped; the order does not matter, since nothing overlaps."""

    def __init__(self) -> None:
        self._mapped: list[Mapped] = []

    def add(self, base: int, memory: Memory, offset: int, length: int) -> None:
        """Note that ``memory`` was mapped."""
        self._mapped.append(Mapped(base, base + length, memory, offset))

    def remove(self, base: int) -> None:
        """Note that what begins at ``base`` was taken out."""
        self._mapped = [m for m in self._mapped if m.base != base]

    def find(self, address: int, size: int = 1) -> Mapped | None:
        """Return what holds ``size`` bytes at ``address``."""
        for mapped in self._mapped:
            if mapped.base <= address and address + size <= mapped.end:
                return mapped
        return None

    def content(self, address: int, size: int) -> bytes:
        """Return what memory holds; nothing of a device, which a read would disturb."""
        mapped = self.find(address, size)
        if mapped is None:
            return b""
        start = mapped.start(address)
        return bytes(mapped.memory.data[start : start + size])

    def halfword(self, address: int) -> int:
        """Return an instruction's halfword, 0 where there is no memory."""
        return int.from_bytes(self.content(address, 2), "little")
