"""The classic memory map, by itself and as the target's."""

from __future__ import annotations

import pytest

from onchip.errors import UsageError
from onchip.session import load_chip
from pyOCD.core.memory_map import MemoryRange, MemoryRegion
from pyOCD.target.memory_map import (
    FlashRegion,
    MemoryMap,
    RamRegion,
    RomRegion,
    from_session,
    to_session,
)


def test_ranges_hold_their_last_address() -> None:
    region = MemoryRange(0x100, length=0x10)
    assert (region.end, region.length) == (0x10F, 0x10)
    assert region.containsAddress(0x10F)
    assert not region.containsAddress(0x110)
    assert region.containsRange(0x100, end=0x10F)
    assert not region.containsRange(0x10F, length=2)
    assert region.intersectsRange(0x10F, length=2)
    assert not region.intersectsRange(0x110, length=2)


def test_kinds() -> None:
    assert FlashRegion(0, length=0x1000, blocksize=0x400, isBootMemory=True).isFlash
    assert RamRegion(0, length=0x1000).isRam
    assert RomRegion(0, end=0xFFF).isRom
    assert (
        repr(RamRegion(0x10, length=0x10)) == "<RamRegion ram 0x00000010-0x0000001f blocksize 0x0>"
    )


def test_a_map_sorts_and_finds() -> None:
    flash = FlashRegion(0, length=0x1000, blocksize=0x400, isBootMemory=True)
    ram = RamRegion(0x2000_0000, length=0x1000, isPoweredOnBoot=False)
    memory_map = MemoryMap([ram])
    memory_map.addRegion(flash)
    assert memory_map.regions == [flash, ram]
    assert memory_map.regionCount == len(memory_map) == 2
    assert list(memory_map) == [flash, ram]
    assert memory_map.getBootMemory() is flash
    assert memory_map.getRegionForAddress(0x2000_0010) is ram
    assert memory_map.getRegionForAddress(0x3000_0000) is None
    assert memory_map.getRegionsOfType("ram") == [ram]
    assert memory_map.isValidAddress(0x10)
    assert not memory_map.isValidAddress(0x2000_0010)
    assert '<memory type="flash" start="0x0" length="0x1000">' in memory_map.getXML()
    assert MemoryMap().getBootMemory() is None
    assert "FlashRegion" in repr(memory_map)


def test_every_chip_goes_both_ways() -> None:
    for name in ("stm32f407", "nrf52840", "nrf51822", "lpc1768"):
        own = load_chip(name).memory_map
        classic = from_session(own)
        boot = classic.getBootMemory()
        assert boot is not None
        assert boot.start == own.flash[0].start
        back = to_session(classic, own)
        assert next(r.start for r in back.flash) == own.flash[0].start
        assert sum(r.length for r in back.flash) == sum(r.length for r in own.flash)
        assert all(region.algorithm for region in back.flash if region.chip_erase)


def test_flash_that_no_chip_has_cannot_be_programmed() -> None:
    own = load_chip("stm32f407").memory_map
    mine = MemoryMap(FlashRegion(0x9000_0000, length=0x1000, blocksize=0x100))
    assert to_session(mine, own).flash[0].algorithm == ""


@pytest.mark.parametrize(
    "regions",
    [
        [MemoryRegion("ram", 0, length=0x100), MemoryRegion("ram", 0x80, length=0x100)],
        [FlashRegion(0, length=0x150, blocksize=0x100)],
    ],
)
def test_maps_that_contradict_themselves(regions: list[MemoryRegion]) -> None:
    with pytest.raises(UsageError):
        to_session(MemoryMap(regions), None)
