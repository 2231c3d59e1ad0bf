"""The classic memory map, and the way between it and the session's own.

``end`` is a region's last address here, as it always was in this API.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from onchip import session as onchip
from onchip.services.gdb import memory_map_xml

MAP_XML_HEADER = '<?xml version="1.0"?>'


class MemoryRange:
    """Addresses from ``start`` to ``end``, both included; give ``end`` or ``length``."""

    def __init__(self, start: int = 0, end: int = 0, length: int = 0) -> None:
        self.start = start
        self.end = start + length - 1 if length else end

    @property
    def length(self) -> int:
        return self.end - self.start + 1

    def containsAddress(self, address: int) -> bool:
        return self.start <= address <= self.end

    def containsRange(self, start: int, end: int = 0, length: int = 0) -> bool:
        """Return whether all of the other range lies within this one."""
        other = MemoryRange(start, end, length)
        return self.containsAddress(other.start) and self.containsAddress(other.end)

    def intersectsRange(self, start: int, end: int = 0, length: int = 0) -> bool:
        """Return whether some of the other range lies within this one."""
        other = MemoryRange(start, end, length)
        return other.start <= self.end and self.start <= other.end


class MemoryRegion(MemoryRange):
    """A range of one kind of memory: ``flash``, ``ram``, ``rom`` or ``device``."""

    def __init__(
        self,
        type: str = "ram",
        start: int = 0,
        end: int = 0,
        length: int = 0,
        blocksize: int = 0,
        name: str = "",
        isBootMemory: bool = False,
        isPoweredOnBoot: bool = True,
        isCacheable: bool = True,
    ) -> None:
        super().__init__(start, end, length)
        self.type = type
        self.blocksize = blocksize
        self.name = name or type
        self.isBootMemory = isBootMemory
        self.isPoweredOnBoot = isPoweredOnBoot
        self.isCacheable = isCacheable

    @property
    def isFlash(self) -> bool:
        return self.type == "flash"

    @property
    def isRam(self) -> bool:
        return self.type == "ram"

    @property
    def isRom(self) -> bool:
        return self.type == "rom"

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.name} 0x{self.start:08x}-0x{self.end:08x} "
            f"blocksize 0x{self.blocksize:x}>"
        )


class _PlainRegion(MemoryRegion):
    """A region without blocks, of the kind that its class says."""

    KIND: ClassVar[str]

    def __init__(
        self,
        start: int = 0,
        end: int = 0,
        length: int = 0,
        name: str = "",
        isBootMemory: bool = False,
        isPoweredOnBoot: bool = True,
        isCacheable: bool = True,
    ) -> None:
        super().__init__(
            self.KIND, start, end, length, 0, name, isBootMemory, isPoweredOnBoot, isCacheable
        )


class RamRegion(_PlainRegion):
    """RAM."""

    KIND = "ram"


class RomRegion(_PlainRegion):
    """ROM."""

    KIND = "rom"


class FlashRegion(MemoryRegion):
    """Flash; ``blocksize`` is its sector's."""

    def __init__(
        self,
        start: int = 0,
        end: int = 0,
        length: int = 0,
        blocksize: int = 0,
        name: str = "",
        isBootMemory: bool = False,
        isPoweredOnBoot: bool = True,
        isCacheable: bool = True,
    ) -> None:
        super().__init__(
            "flash", start, end, length, blocksize, name, isBootMemory, isPoweredOnBoot, isCacheable
        )


class MemoryMap:
    """Regions, sorted by address. Made of regions, or of lists of them."""

    def __init__(self, *moreRegions: MemoryRegion | list[MemoryRegion]) -> None:
        self._regions: list[MemoryRegion] = []
        for each in moreRegions:
            for region in [each] if isinstance(each, MemoryRegion) else each:
                self.addRegion(region)

    @property
    def regions(self) -> list[MemoryRegion]:
        return self._regions

    @property
    def regionCount(self) -> int:
        return len(self._regions)

    def addRegion(self, newRegion: MemoryRegion) -> None:
        self._regions.append(newRegion)
        self._regions.sort(key=lambda region: region.start)

    def getBootMemory(self) -> MemoryRegion | None:
        """Return the region that the core starts from."""
        return next((region for region in self._regions if region.isBootMemory), None)

    def getRegionForAddress(self, address: int) -> MemoryRegion | None:
        return next((r for r in self._regions if r.containsAddress(address)), None)

    def isValidAddress(self, address: int) -> bool:
        """Return whether some region has the address and needs nothing powered up first."""
        region = self.getRegionForAddress(address)
        return region is not None and region.isPoweredOnBoot

    def getRegionsOfType(self, type: str) -> list[MemoryRegion]:
        return [region for region in self._regions if region.type == type]

    def getXML(self) -> str:
        """Return the map as GDB reads it."""
        return memory_map_xml(to_session(self, None)).decode("ascii")

    def __iter__(self) -> Iterator[MemoryRegion]:
        return iter(self._regions)

    def __len__(self) -> int:
        return len(self._regions)

    def __repr__(self) -> str:
        return f"MemoryMap({', '.join(map(repr, self._regions))})"


def from_session(memory_map: onchip.MemoryMap) -> MemoryMap:
    """Return the classic form; flash becomes one region for each run of equal sectors."""
    regions: list[MemoryRegion] = []
    for region in memory_map:
        if isinstance(region, onchip.FlashRegion):
            boots = region is memory_map.flash[0]
            for run in region.sectors:
                name = region.name if len(region.sectors) == 1 else f"{region.name}_{run.start:x}"
                regions.append(
                    FlashRegion(
                        run.start,
                        length=run.size * run.count,
                        blocksize=run.size,
                        name=name,
                        isBootMemory=boots and run.start == region.start,
                    )
                )
        else:
            regions.append(
                MemoryRegion(region.kind, region.start, length=region.length, name=region.name)
            )
    return MemoryMap(regions)


def to_session(
    memory_map: MemoryMap, base: onchip.MemoryMap | None, algorithm: str = ""
) -> onchip.MemoryMap:
    """Return the session's form; flash is programmed by ``algorithm``, or as ``base``'s there.

    Raises:
        UsageError: regions overlap, or a flash region is no multiple of its block size.
    """
    regions: list[onchip.MemoryRegion] = []
    for region in memory_map:
        common = onchip.MemoryRegion(
            name=region.name,
            start=region.start,
            length=region.length,
            kind=onchip.RegionKind(region.type),
        )
        if not region.isFlash:
            regions.append(common)
            continue
        size = region.blocksize or region.length
        runs = (onchip.SectorRun(region.start, size, region.length // size),)
        known = None if base is None else base.find(region.start)
        flash = onchip.FlashRegion(
            name=region.name,
            start=region.start,
            length=region.length,
            kind=onchip.RegionKind.FLASH,
            sectors=runs,
            algorithm=algorithm if base is not None else "unknown",
        )
        if isinstance(known, onchip.FlashRegion) and not algorithm:
            flash = replace(
                known, name=region.name, start=region.start, length=region.length, sectors=runs
            )
        regions.append(flash)
    return onchip.MemoryMap(regions)
