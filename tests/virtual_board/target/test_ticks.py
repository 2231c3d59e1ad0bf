"""The clock of a timer: no rounding adds up, and a moment is when the tick is there."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from onchip.virtual_board.target.peripherals.ticks import Ticks
from onchip.virtual_board.timeline import Timeline

HZ = st.sampled_from([32_768, 16_000_000, 168_000_000])


@settings(max_examples=15)
@given(hz=HZ, divider=st.integers(1, 65_536), steps=st.lists(st.integers(0, 10**8), max_size=20))
def test_how_often_it_is_asked_does_not_matter(hz: int, divider: int, steps: list[int]) -> None:
    timeline = Timeline()
    ticks = Ticks(timeline, hz)
    counted = 0
    for step in steps:
        timeline.advance_to(timeline.now_ns + step)
        counted += ticks.take(divider, running=True)
    assert counted == sum(steps) * hz // (divider * 1_000_000_000)


@settings(max_examples=15)
@given(hz=HZ, divider=st.integers(1, 65_536), first=st.integers(0, 10**8), n=st.integers(1, 99))
def test_at_its_moment_a_tick_is_there_and_not_before(
    hz: int, divider: int, first: int, n: int
) -> None:
    timeline = Timeline()
    ticks = Ticks(timeline, hz)
    timeline.advance_to(first)
    ticks.take(divider, running=True)
    moment = ticks.moment(n, divider)
    timeline.advance_to(moment - 1)
    before = ticks.take(divider, running=True)
    timeline.advance_to(moment)
    assert (before, before + ticks.take(divider, running=True)) == (n - 1, n)


def test_a_timer_that_stands_counts_nothing() -> None:
    timeline = Timeline()
    ticks = Ticks(timeline, 1_000_000)
    timeline.advance_to(5_500)
    assert ticks.take(1, running=False) == 0
    timeline.advance_to(6_500)
    assert ticks.take(1, running=True) == 1
    timeline.advance_to(7_400)
    ticks.restart()
    timeline.advance_to(8_300)
    assert ticks.take(1, running=True) == 0
