"""The driver is never told of a record that is not known to have arrived."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onchip.dap.transfers import Transfers
from onchip.flash.running.command import Command
from onchip.flash.running.feed import queue_records
from onchip.flash.running.ring import Record, Ring

from ..bench import Bench, bench

READY, START, END = 0x2000_0000, 0x2000_1000, 0x2000_9000


class Queue:
    """A batch that only notes what is added."""

    def add(self, emit: Callable[[Transfers], None]) -> None:
        self.emit = emit


@pytest.fixture(scope="module")
def board() -> Bench:
    with bench("stm32f407", "hid-64x4") as made:
        yield made


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 3000), min_size=1, max_size=9), st.booleans())
def test_counts_wait_for_their_records(board: Bench, lengths: list[int], idle: bool) -> None:
    ring = Ring(START, END, 0xC00)
    records: list[Record] = []
    for length in lengths:
        record = ring.place(Command(0x2000_0101, (1, 2), "test", data=bytes(length)))
        assert record is not None
        records.append(record)
    queue, t = Queue(), Transfers()
    queue_records(queue, board.core.ap, records, READY, idle=idle)  # type: ignore[arg-type]
    queue.emit(t)
    written: dict[int, int] = {}  # address: index behind the element that wrote it
    counts: list[int] = []
    behind = 0
    for index, element in enumerate(t.elements):
        behind = max(behind, element.barrier)
        if element.register not in ("DRW", "BD") or element.payload is None:
            continue
        assert element.address is not None
        if element.address != READY:
            for at in range(element.address, element.address + 4 * element.count, 4):
                written[at] = index + 1
            continue
        counts.append(int.from_bytes(bytes(element.payload), "little"))
        for record in records[: counts[-1]]:
            length = len(record.encode())
            assert all(
                written[at] <= behind for at in range(record.address, record.address + length, 4)
            )
    assert counts == sorted(set(counts))
    assert counts[-1] == len(records)
