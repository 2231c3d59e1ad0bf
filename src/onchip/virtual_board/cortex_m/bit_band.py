"""Bit-band alias regions of Cortex-M3 and M4: one word for each bit. Source: DDI 0403 A3.1, TRM."""

from __future__ import annotations

from ..bus import Bus

REGIONS = ((0x2200_0000, 0x2000_0000), (0x4200_0000, 0x4000_0000))
"""(alias, target); each alias spans 32 MiB and stands for 1 MiB."""
ALIAS_SIZE = 0x0200_0000


class BitBand:
    """A ``bus.Device``: turns accesses to the alias into reads and read-modify-writes of a byte.

    The core locks the bus for the read-modify-write; the size of the access at the target is that
    at the alias.
    """

    def __init__(self, bus: Bus, target: int) -> None:
        self._bus = bus
        self._target = target

    def _locate(self, offset: int, size: int) -> tuple[int, int]:
        byte, bit = offset // 32, offset // 4 % 8
        address = self._target + byte
        aligned = address & ~(size - 1)
        return aligned, (address - aligned) * 8 + bit

    def read(self, offset: int, size: int) -> int:
        """Return the bit."""
        address, bit = self._locate(offset, size)
        return self._bus.read(address, size) >> bit & 1

    def write(self, offset: int, size: int, value: int) -> None:
        """Set or clear the bit as bit 0 of ``value`` says."""
        address, bit = self._locate(offset, size)
        old = self._bus.read(address, size)
        self._bus.write(address, size, old & ~(1 << bit) | (value & 1) << bit)

    def reset(self) -> None:
        """Do nothing: there is no state."""
