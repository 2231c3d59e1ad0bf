"""A device on a two-wire bus that is no more than registers: what a bare sensor looks like."""

from __future__ import annotations

from collections.abc import Mapping

_LAST = 0x7F


class I2cRegisters:
    """Registers of a byte each; one that was never written reads as ``resets`` says, or 0.

    The first byte written behind a start names a register; writes and reads go on from there.
    """

    def __init__(self, resets: Mapping[int, int]) -> None:
        self._registers = dict(resets)
        self._at = 0
        self._named = False

    def start(self, *, reading: bool) -> None:
        """Take note of a start: what is written behind it begins with a register's number."""
        self._named = reading

    def write(self, byte: int) -> None:
        """Take the register's number, or its content."""
        if self._named:
            self._registers[self._at] = byte
            self._at = self._at + 1 & _LAST
        else:
            self._at = byte & _LAST
            self._named = True

    def read(self) -> int:
        """Return the register, and go on to the next."""
        value = self._registers.get(self._at, 0)
        self._at = self._at + 1 & _LAST
        return value
