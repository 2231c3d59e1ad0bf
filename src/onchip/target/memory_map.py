"""Where a chip's memories lie, and how its flash is cut into sectors.

Addresses are absolute, lengths count bytes, ``end`` is the first address after a region.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from onchip.errors import UsageError


class RegionKind(StrEnum):
    """What a region is made of."""

    RAM = "ram"
    ROM = "rom"
    FLASH = "flash"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class SectorRun:
    """``count`` sectors of ``size`` bytes each, from ``start``."""

    start: int
    size: int
    count: int

    @property
    def end(self) -> int:
        """The first address after the run."""
        return self.start + self.size * self.count


@dataclass(frozen=True, slots=True)
class Sector:
    """The smallest unit that can be erased."""

    start: int
    size: int

    @property
    def end(self) -> int:
        """The first address after the sector."""
        return self.start + self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRegion:
    """A stretch of the address space with one behaviour."""

    name: str
    start: int
    length: int
    kind: RegionKind

    @property
    def end(self) -> int:
        """The first address after the region."""
        return self.start + self.length

    def contains(self, address: int, length: int = 1) -> bool:
        """Say whether all ``length`` bytes from ``address`` lie inside."""
        return self.start <= address and address + length <= self.end

    def __str__(self) -> str:
        return f"{self.name} (0x{self.start:08X}-0x{self.end - 1:08X})"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}, {self.kind}>"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FlashRegion(MemoryRegion):
    """Memory that is programmed through an algorithm.

    ``sectors`` cover the region without gaps; ``algorithm`` is the file name of an FLM, empty when
    none is known; ``page_size`` is a hint for people and clients, the FLM's own value counts.
    """

    sectors: tuple[SectorRun, ...]
    erased_value: int = 0xFF
    page_size: int = 0
    algorithm: str = ""
    chip_erase: bool = True
    """Whether "erase the chip" includes this region (option words are left out)."""
    algorithm_data: bytes = field(default=b"", repr=False)
    """The FLM itself, where it is none of ours."""

    def sector_at(self, address: int) -> Sector:
        """Return the sector that holds ``address``.

        Raises:
            UsageError: the address is outside the region.
        """
        for run in self.sectors:
            if run.start <= address < run.end:
                index = (address - run.start) // run.size
                return Sector(run.start + index * run.size, run.size)
        raise UsageError(f"0x{address:08X} is in no sector of {self}")

    def all_sectors(self) -> Iterator[Sector]:
        """Yield the sectors in order."""
        for run in self.sectors:
            for index in range(run.count):
                yield Sector(run.start + index * run.size, run.size)

    def sectors_covering(self, start: int, length: int) -> list[Sector]:
        """Return the sectors that a range touches, in order; the range is clipped to the region."""
        address, end = max(start, self.start), min(start + length, self.end)
        found = []
        while address < end:
            sector = self.sector_at(address)
            found.append(sector)
            address = sector.end
        return found


@dataclass(frozen=True, slots=True)
class Mirror:
    """``length`` bytes from ``start`` where the memory at ``of`` is seen once more."""

    start: int
    length: int
    of: int

    @property
    def end(self) -> int:
        """The first address after the mirror."""
        return self.start + self.length


class MemoryMap:
    """The regions of a chip, sorted by address.

    Raises:
        UsageError: two regions overlap, or a flash region's sectors do not cover it exactly.
    """

    def __init__(self, regions: Iterable[MemoryRegion]) -> None:
        self.regions = tuple(sorted(regions, key=lambda region: region.start))
        self._starts = [region.start for region in self.regions]
        for before, after in zip(self.regions, self.regions[1:], strict=False):
            if before.end > after.start:
                raise UsageError(f"memory regions {before} and {after} overlap")
        for region in self.flash:
            _check_sectors(region)

    def find(self, address: int) -> MemoryRegion | None:
        """Return the region that holds ``address``, or None."""
        index = bisect_right(self._starts, address) - 1
        if index < 0 or not self.regions[index].contains(address):
            return None
        return self.regions[index]

    def covering(self, start: int, length: int) -> list[MemoryRegion]:
        """Return every region that a range touches, in order."""
        return [r for r in self.regions if r.start < start + length and start < r.end]

    @property
    def ram(self) -> tuple[MemoryRegion, ...]:
        """All RAM regions, in order."""
        return tuple(r for r in self.regions if r.kind is RegionKind.RAM)

    @property
    def flash(self) -> tuple[FlashRegion, ...]:
        """All flash regions, in order."""
        return tuple(r for r in self.regions if isinstance(r, FlashRegion))

    def __iter__(self) -> Iterator[MemoryRegion]:
        return iter(self.regions)

    def __len__(self) -> int:
        return len(self.regions)

    def __repr__(self) -> str:
        return f"MemoryMap({', '.join(str(region) for region in self.regions)})"


def _check_sectors(region: FlashRegion) -> None:
    expected = region.start
    for run in region.sectors:
        if run.start != expected or run.size <= 0 or run.count <= 0:
            raise UsageError(f"the sectors of {region} leave a gap at 0x{expected:08X}")
        expected = run.end
    if expected != region.end:
        raise UsageError(f"the sectors of {region} end at 0x{expected:08X}")
