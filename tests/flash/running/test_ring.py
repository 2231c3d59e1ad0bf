"""Records never overlap, follow each other as they say, and none waits for ever."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onchip.flash.running.command import Command
from onchip.flash.running.ring import Record, Ring

START = 0x2000_0000


def command(payload: int) -> Command:
    return Command(0, (), "test", data=bytes(payload))


@settings(deadline=None, max_examples=30)
@given(
    st.integers(1, 6),
    st.integers(0, 100),
    st.lists(st.tuples(st.integers(0, 224), st.integers(0, 4)), min_size=1, max_size=60),
)
def test_records_do_not_overlap_and_are_linked(records: int, more: int, todo) -> None:
    end = START + records * 256 + (more & ~7)
    ring = Ring(START, end, 256)
    before: Record | None = None
    done = 0
    for payload, release in todo:
        while (record := ring.place(command(payload))) is None:
            assert ring.outstanding, "an empty ring has room"
            done += 1
            ring.release(done)
        assert START <= record.address < record.end <= end
        for other in list(ring.outstanding)[:-1]:
            assert record.end <= other.address or other.end <= record.address
        assert record.address == (START if before is None else before.following)
        assert record.following == ring.next
        before = record
        done = min(done + release, ring.placed)
        freed = ring.release(done)
        assert all(r.number < done for r in freed)


def test_a_ring_of_two_records_takes_two() -> None:
    ring = Ring(START, START + 512, 256)
    first, second = ring.place(command(224)), ring.place(command(224))
    assert first is not None
    assert second is not None
    assert (second.address, second.following) == (START + 256, START)
    assert ring.place(command(0)) is None
    ring.release(1)
    third = ring.place(command(224))
    assert third is not None
    assert third.address == START
    assert ring.place(command(0)) is None


def test_a_record_longer_than_promised_is_refused() -> None:
    with pytest.raises(ValueError, match="a record of 264 bytes"):
        Ring(START, START + 4096, 256).place(command(232))
