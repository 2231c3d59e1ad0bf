"""The base of every peripheral: 32-bit registers in a block of address space.

A plain ``RegisterBlock`` is a register file: it reads back what was written. That is what stands in
for peripherals without a model. Models override ``read_word`` and ``write_word``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class Words(dict[int, int]):
    """Registers by offset; one that was never written reads 0."""

    def __missing__(self, offset: int) -> int:
        return 0


class RegisterBlock:
    """Registers by offset, each a 32-bit word; narrower accesses touch their part of it.

    ``resets`` gives the reset values that are not 0. ``duplicate_narrow_writes`` is how an APB
    bridge widens a narrow write: it repeats the data in all lanes.
    """

    resets: ClassVar[Mapping[int, int]] = {}
    duplicate_narrow_writes: ClassVar[bool] = False

    def __init__(self, resets: Mapping[int, int] | None = None) -> None:
        self._resets = dict(self.resets if resets is None else resets)
        self.words = Words(self._resets)

    def reset(self) -> None:
        """Go back to the reset values."""
        self.words = Words(self._resets)

    def reset_by(self, cause: str) -> None:
        """Reset as ``cause`` does: "power-on", "system" or "watchdog"; mostly the same."""
        self.reset()

    def read(self, offset: int, size: int) -> int:
        """Return ``size`` bytes from ``offset``, as the bus asks for them."""
        if (offset & 3) + size > 4:
            low = 4 - (offset & 3)
            high = self.read(offset + low, size - low)
            return self.read(offset, low) | high << 8 * low
        value = self.read_word(offset & ~3)
        if size == 4:
            return value
        return value >> 8 * (offset & 3) & (1 << 8 * size) - 1

    def write(self, offset: int, size: int, value: int) -> None:
        """Take ``size`` bytes at ``offset``, as the bus brings them."""
        if size == 4:
            self.write_word(offset & ~3, value)
        elif self.duplicate_narrow_writes:
            wide = value * 0x0101_0101 if size == 1 else value * 0x0001_0001
            self.write_word(offset & ~3, wide & 0xFFFF_FFFF)
        else:
            self.write_narrow(offset & ~3, 8 * (offset & 3), (1 << 8 * size) - 1, value)

    def write_narrow(self, offset: int, shift: int, mask: int, value: int) -> None:
        """Merge a narrow write into the stored word. Registers where 0 is no-op may differ."""
        word = self.words[offset]
        self.write_word(offset, word & ~(mask << shift) | (value & mask) << shift)

    def read_word(self, offset: int) -> int:
        """Return the register at ``offset``."""
        return self.words[offset]

    def write_word(self, offset: int, value: int) -> None:
        """Write the register at ``offset``."""
        self.words[offset] = value


class RegisterFile(RegisterBlock):
    """A peripheral that is there but has no model: plain storage."""


class FixedRegisters(RegisterBlock):
    """Read-only registers (identification); writes are ignored."""

    def write_word(self, offset: int, value: int) -> None:
        """Ignore the write."""
