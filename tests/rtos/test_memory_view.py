"""Many places in one round trip; and what is not memory is not touched."""

from __future__ import annotations

import onchip
from onchip.rtos.memory_view import CoreView, RepeatedView, read_names, text, word
from onchip.target.memory_map import MemoryMap, MemoryRegion, RegionKind

from .fakes import FakeMemory

RAM = 0x2000_0000


def test_memory_and_what_is_none() -> None:
    with onchip.connect("virtual:stm32f407", connect="halt") as session:
        view = CoreView(session.core, session.memory_map)
        session.memory.write(RAM, bytes(range(64)))
        ranges = [(RAM + 1, 3), (0x4000_0000, 4), (RAM + 0x1_FFFC, 8), (RAM + 60, 4), (RAM, 0)]
        assert view.read(ranges) == [b"\1\2\3", None, None, bytes((60, 61, 62, 63)), None]
        assert view.read([]) == []
        near = [(RAM + 4 * n, 4) for n in (0, 9, 1, 2, 1)]
        assert view.read(near) == [bytes(range(at - RAM, at - RAM + 4)) for at, _ in near]
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


def test_a_walk_like_the_last_one_takes_one_round_trip() -> None:
    memory = FakeMemory()
    memory.put(RAM, 1, 2, 3, 4)
    view = RepeatedView(memory)

    def walk() -> list[bytes | None]:
        view.begin()
        first = view.read([(RAM, 4)])
        return [*first, *view.read([(RAM + 4, 8)]), *view.read([(RAM + 4, 4), (0x10, 4)])]

    expected = [b"\1\0\0\0", b"\2\0\0\0\3\0\0\0", b"\2\0\0\0", None]
    assert walk() == expected
    assert memory.round_trips == 3
    assert walk() == expected
    assert memory.round_trips == 4
    memory.put(RAM + 4, 9)
    assert walk()[1] == b"\x09\0\0\0\3\0\0\0"
    assert memory.round_trips == 5
    view.begin([(RAM + 8, 8)])
    assert view.read([(RAM + 8, 8), (RAM + 12, 0)]) == [b"\3\0\0\0\4\0\0\0", None]
    assert memory.round_trips == 6
    assert view.room(RAM) == memory.room(RAM)


def test_what_is_fetched_ahead_has_a_limit() -> None:
    memory = FakeMemory()
    view = RepeatedView(memory)
    view.begin()
    for _ in range(3):
        for start in (RAM, RAM + 4, RAM + 8, RAM + 12):
            view.read([(start, 0x3000)])
    before = memory.bytes_read
    view.begin()
    view.read([(RAM + 0x3800, 4)])
    assert memory.bytes_read - before <= 0x8000 + 4


def test_names_at_pointers() -> None:
    memory = FakeMemory()
    memory.fill(RAM, b"first\0second\0")
    names = read_names(memory, [RAM + 6, RAM, 0, RAM, 0x10])
    assert names == {RAM: "first", RAM + 6: "second", 0x10: ""}
    assert memory.round_trips == 1
    assert read_names(memory, [0]) == {}
    assert memory.round_trips == 1
