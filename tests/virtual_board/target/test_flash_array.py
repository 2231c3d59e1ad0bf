"""The cells under every controller: time, and what is left when something cuts in."""

from __future__ import annotations

from onchip.virtual_board.bus import Bus
from onchip.virtual_board.target.flash_array import FlashArray, Outcome
from onchip.virtual_board.target.flash_faults import FlashFault, FlashFaultKind, FlashFaults
from onchip.virtual_board.timeline import Timeline

BASE = 0x0800_0000


class Cells:
    def __init__(self) -> None:
        self.timeline = Timeline()
        bus = Bus(self.timeline)
        self.memory = bus.add_memory("flash", BASE, 4096, "flash", fill=0xFF)
        self.faults = FlashFaults()
        self.ended: list[Outcome] = []
        self.array = FlashArray(
            self.memory, bus, self.timeline, self.faults, on_idle=self.ended.append
        )

    def __getitem__(self, part: slice) -> bytes:
        return bytes(self.memory.data[part])


def test_the_end_is_told_once_for_a_queue() -> None:
    cells = Cells()
    for n in range(3):
        assert cells.array.program(4 * n, b"\0" * 4, 100) is Outcome.DONE
    cells.timeline.advance_to(299)
    assert cells.array.busy
    assert cells.ended == []
    cells.timeline.advance_to(300)
    assert not cells.array.busy
    assert cells.ended == [Outcome.DONE]


def test_an_interruption_finds_each_job_where_it_is() -> None:
    cells = Cells()
    for n in range(3):
        cells.array.program(4 * n, b"\0" * 4, 100)
    cells.timeline.advance_to(150)
    cells.array.interrupt()
    assert cells[0:12] == b"\0" * 4 + b"\0\0\xff\xff" + b"\xff" * 4
    assert not cells.array.busy
    cells.timeline.advance_to(1000)
    assert cells.ended == []


def test_an_interruption_unwinds_jobs_on_the_same_cells() -> None:
    cells = Cells()
    cells.array.program(0, b"\x0f" * 4, 100)
    cells.array.program(0, b"\xf0" * 4, 100)
    assert cells[0:4] == b"\0" * 4
    cells.timeline.advance_to(50)
    cells.array.interrupt()
    assert cells[0:4] == b"\x0f\x0f\xff\xff"


def test_half_a_byte() -> None:
    cells = Cells()
    cells.array.program(0, b"\0", 100)
    cells.timeline.advance_to(50)
    cells.array.interrupt()
    assert cells[0:1] == b"\xf0"


def test_an_early_interruption_leaves_less_erased_than_a_late_one() -> None:
    left = []
    for moment in (10, 90):
        cells = Cells()
        cells.memory.data[:] = bytes(4096)
        cells.array.erase(0, 4096, 100)
        cells.timeline.advance_to(moment)
        cells.array.interrupt()
        left.append(sum(byte.bit_count() for byte in cells[0:4096]))
    assert 0 < left[0] < left[1] < 8 * 4096


def test_faults_hit_where_they_are_planned_and_as_often() -> None:
    cells = Cells()
    fault = FlashFault(FlashFaultKind.PROGRAM_FAILS, address=BASE + 5, count=2)
    cells.faults.add(fault)
    assert cells.array.program(0, b"\0" * 4, 1) is Outcome.DONE
    assert cells.array.program(4, b"\0" * 4, 1) is Outcome.FAILED
    assert cells.array.program(4, b"\0" * 4, 1) is Outcome.FAILED
    assert cells.array.program(4, b"\0" * 4, 1) is Outcome.DONE
    assert cells.faults.plan == []


def test_a_stuck_bit_across_the_end_of_an_operation() -> None:
    cells = Cells()
    cells.faults.add(FlashFault(FlashFaultKind.STUCK_BIT, address=BASE + 2, bits=0x0101_0101))
    cells.array.program(0, b"\0" * 4, 1)
    cells.array.program(4, b"\0" * 4, 1)
    assert cells[0:8] == b"\0\0\1\1\1\1\0\0"


def test_a_fault_without_address_hits_anything() -> None:
    cells = Cells()
    cells.faults.add(FlashFault(FlashFaultKind.WRITE_PROTECTED, count=None))
    assert cells.array.program(0, b"\0", 1) is Outcome.PROTECTED
    assert cells.array.erase(0, 1024, 1) is Outcome.PROTECTED
    assert cells[0:1] == b"\xff"
    assert not cells.array.busy
    cells.faults.clear()
    assert cells.array.program(0, b"\0", 1) is Outcome.DONE
