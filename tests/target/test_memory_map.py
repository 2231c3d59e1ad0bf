import pytest

from onchip.errors import UsageError
from onchip.target.memory_map import (
    FlashRegion,
    MemoryMap,
    MemoryRegion,
    RegionKind,
    Sector,
    SectorRun,
)

RAM = MemoryRegion(name="sram", start=0x2000_0000, length=0x1000, kind=RegionKind.RAM)
FLASH = FlashRegion(
    name="flash",
    start=0x0800_0000,
    length=0x1_0000,
    kind=RegionKind.FLASH,
    sectors=(SectorRun(0x0800_0000, 0x1000, 8), SectorRun(0x0800_8000, 0x8000, 1)),
)


def test_find_covering_and_kinds() -> None:
    layout = MemoryMap([RAM, FLASH])
    assert list(layout) == [FLASH, RAM]
    assert len(layout) == 2
    assert layout.find(0x0800_FFFF) is FLASH
    assert layout.find(0x0801_0000) is None
    assert layout.find(0) is None
    assert layout.find(0x2000_0000) is RAM
    assert layout.covering(0x0800_FFFF, 0x2000_0000) == [FLASH, RAM]
    assert layout.covering(0x0801_0000, 0x10) == []
    assert layout.ram == (RAM,)
    assert layout.flash == (FLASH,)
    assert "flash (0x08000000-0x0800FFFF)" in repr(layout)


def test_sectors() -> None:
    assert FLASH.sector_at(0x0800_1FFF) == Sector(0x0800_1000, 0x1000)
    assert FLASH.sector_at(0x0800_9000) == Sector(0x0800_8000, 0x8000)
    assert len(list(FLASH.all_sectors())) == 9
    assert [s.start for s in FLASH.sectors_covering(0x0800_6FFF, 0x1_0000)] == [
        0x0800_6000,
        0x0800_7000,
        0x0800_8000,
    ]
    with pytest.raises(UsageError, match="no sector"):
        FLASH.sector_at(0x0801_0000)


def test_overlapping_regions_are_refused() -> None:
    other = MemoryRegion(name="other", start=0x2000_0800, length=0x1000, kind=RegionKind.RAM)
    with pytest.raises(UsageError, match="overlap"):
        MemoryMap([RAM, other])


@pytest.mark.parametrize(
    "runs",
    [
        (SectorRun(0x0800_0000, 0x1000, 8),),
        (SectorRun(0x0800_1000, 0x1000, 15),),
        (SectorRun(0x0800_0000, 0x1000, 17),),
        (),
    ],
)
def test_sectors_must_cover_the_region(runs: tuple[SectorRun, ...]) -> None:
    region = FlashRegion(
        name="flash", start=0x0800_0000, length=0x1_0000, kind=RegionKind.FLASH, sectors=runs
    )
    with pytest.raises(UsageError, match="sectors of flash"):
        MemoryMap([region])
