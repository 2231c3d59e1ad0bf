"""Many places in one round trip; and what is not memory is not touched."""

from __future__ import annotations

import onchip
from onchip.rtos.memory_view import CoreView, text, word
from onchip.target.memory_map import MemoryMap, MemoryRegion, RegionKind

RAM = 0x2000_0000


def test_memory_and_what_is_none() -> None:
    with onchip.connect("virtual:stm32f407", connect="halt") as session:
        view = CoreView(session.core, session.memory_map)
        session.memory.write(RAM, bytes(range(64)))
        ranges = [(RAM + 1, 3), (0x4000_0000, 4), (RAM + 0x1_FFFC, 8), (RAM + 60, 4), (RAM, 0)]
        assert view.read(ranges) == [b"\1\2\3", None, None, bytes((60, 61, 62, 63)), b""]
        assert view.read([]) == []
        assert view.read([(0xFFFF_FFFC, 4)]) == [None]
        assert view.room(RAM + 0x1_FFF0) == 16
        assert view.room(0x4000_0000) == view.room(0x2800_0000) == 0


def test_memory_that_does_not_answer() -> None:
    regions = [
        MemoryRegion(name="RAM", start=RAM, length=0x2_0000, kind=RegionKind.RAM),
        MemoryRegion(name="missing", start=0x2800_0000, length=0x1000, kind=RegionKind.RAM),
    ]
    with onchip.connect("virtual:stm32f407", connect="halt") as session:
        view = CoreView(session.core, MemoryMap(regions))
        session.memory.write_u32(RAM + 8, 77)
        found = view.read([(RAM + 8, 4), (0x2800_0000, 4), (RAM + 8, 4)])
        assert found == [b"\x4d\0\0\0", None, b"\x4d\0\0\0"]


def test_words_and_texts() -> None:
    assert word(b"\0\1\2\3\4", 1) == 0x0403_0201
    assert text(b"blinker\0\xa5\xa5") == "blinker"
    assert text(b"no end") == "no end"
    assert text(b"\x07\x01bell\0") == ""
