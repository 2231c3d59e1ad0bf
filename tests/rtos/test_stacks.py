"""High-water marks of painted stacks."""

from __future__ import annotations

import pytest

from onchip.rtos.stacks import StackGauge
from onchip.rtos.thread import StackArea

from .fakes import RAM, RAM_LENGTH, FakeMemory

BASE = RAM + 0x100


def use(memory: FakeMemory, size: int | None, pointer: int | None, fill: int = 0xA5):
    area = StackArea(BASE, None if size is None else BASE + size, fill)
    return StackGauge(memory).measure([(area, pointer)], anew=True)[0]


@pytest.mark.parametrize("clean", [4, 124, 128, 132, 640, 1000, 2600])
def test_the_mark_is_found_wherever_it_is(clean: int) -> None:
    memory = FakeMemory()
    memory.fill(BASE, b"\xa5" * clean)
    found = use(memory, 3000, BASE + 2900)
    assert (found.size, found.used, found.most_used, found.untouched) == (
        *(3000, 100, 3000 - clean),
        clean,
    )
    assert memory.round_trips <= 3


def test_a_hole_in_the_used_part_does_not_count() -> None:
    memory = FakeMemory()
    memory.fill(BASE, b"\xa5" * 512)
    memory.put(BASE + 64, 1)
    assert use(memory, 512, BASE + 400).untouched == 64


def test_a_mark_at_the_very_end_is_no_use() -> None:
    memory = FakeMemory()
    memory.fill(BASE, b"\xcc" * 256)
    memory.put(BASE, 0xE25A_2EA5)
    assert use(memory, 512, BASE + 400, fill=0xCC).untouched == 256


def test_no_paint_no_mark() -> None:
    found = use(FakeMemory(), 512, BASE + 400)
    assert (found.most_used, found.untouched) == (None, None)
    assert str(found) == "stack 112 of 512 bytes"


def test_an_end_that_is_not_known() -> None:
    memory = FakeMemory()
    memory.fill(BASE, b"\xa5" * 256)
    found = use(memory, None, BASE + 300)
    assert (found.size, found.used, found.untouched) == (None, None, 256)
    assert str(found) == "stack from 0x20000100, 256 bytes never used"
    assert str(use(FakeMemory(), None, None)) == "stack from 0x20000100"


def test_nothing_is_read_beyond_the_stack_pointer_or_the_memory() -> None:
    memory = FakeMemory(bytearray(b"\xa5" * RAM_LENGTH))
    assert use(memory, None, None).untouched == RAM_LENGTH - 0x100
    assert use(memory, 0x1000, BASE + 8).untouched == 8
    found = use(memory, 0x100, BASE - 32)  # overflowed
    assert (found.used, found.most_used) == (0x120, 0x120)
    assert str(found) == "stack 288 of 256 bytes (at most 288), overflowed"


def test_many_stacks_share_round_trips() -> None:
    memory = FakeMemory()
    areas = [StackArea(RAM + 0x200 * n, RAM + 0x200 * n + 0x200, 0xA5) for n in range(8)]
    for area in areas:
        memory.fill(area.base, b"\xa5" * 64)
    gauge = StackGauge(memory)
    found = gauge.measure([(area, area.base + 0x180) for area in areas], anew=True)
    assert [each.untouched for each in found] == [64] * 8
    assert memory.round_trips == 1
    assert gauge.measure([], anew=True) == []
    assert gauge.measure([], anew=False) == []


def test_looking_again_costs_little_until_the_paint_is_gone() -> None:
    memory = FakeMemory()
    area = StackArea(BASE, BASE + 2048, 0xA5)
    memory.fill(BASE, b"\xa5" * 1500)
    gauge = StackGauge(memory)
    assert gauge.measure([(area, None)], anew=False)[0].untouched == 1500
    before = memory.bytes_read
    assert gauge.measure([(area, None)], anew=False)[0].untouched == 1500
    assert memory.bytes_read - before == 16
    memory.put(BASE + 1496, 0)
    assert gauge.measure([(area, None)], anew=False)[0].untouched == 1496
    memory.put(BASE + 8, 0)  # the very end
    assert gauge.measure([(area, None)], anew=False)[0].untouched == 8
    memory.put(BASE + 4, 0)
    assert gauge.measure([(area, None)], anew=False)[0].untouched == 4
    memory.fill(BASE, b"\xa5" * 1500)
    memory.put(BASE + 700, 0)
    assert gauge.measure([(area, None)], anew=True)[0].untouched == 700
