"""What a client asked of the flash since its last ``vFlashDone``."""

from __future__ import annotations

from dataclasses import dataclass, field

from onchip.target.memory_map import MemoryMap


@dataclass(slots=True)
class FlashJob:
    """What was asked since the last ``vFlashDone``: ranges to erase, pieces to write."""

    erases: list[tuple[int, int]] = field(default_factory=list)
    writes: list[tuple[int, bytes]] = field(default_factory=list)

    def untouched_sectors(self, memory_map: MemoryMap) -> list[tuple[int, int]]:
        """Return the ranges (address, length) of sectors to erase that no write touches."""
        written = {
            sector.start
            for region in memory_map.flash
            for address, data in self.writes
            for sector in region.sectors_covering(address, len(data))
        }
        sectors = {
            sector.start: sector.size
            for region in memory_map.flash
            for address, length in self.erases
            for sector in region.sectors_covering(address, length)
        }
        ranges: list[tuple[int, int]] = []
        for start, size in sorted(sectors.items()):
            if start in written:
                continue
            if ranges and sum(ranges[-1]) == start:
                ranges[-1] = (ranges[-1][0], ranges[-1][1] + size)
            else:
                ranges.append((start, size))
        return ranges
