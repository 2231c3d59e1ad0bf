"""Time without a core: events, order, cancelling, and what a runner is told."""

from __future__ import annotations

import pytest

from onchip.virtual_board.timeline import FOREVER_NS, Timeline


class Runner:
    """Runs in steps of 10 ns and calls ``on_step`` in each."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.now_ns = 0
        self.end = 0
        self.on_step = lambda: None
        self.leaps: list[int] = []
        self.ended_leaps = 0
        self.stop_at: int | None = None
        self.quiet: int | None = 0

    def run_until_ns(self, ns: int) -> None:
        self.end = ns
        while self.now_ns < self.end:
            if self.now_ns == self.stop_at:
                self.stop_at = None
                return
            self.on_step()
            self.now_ns += 10

    def quiet_until_ns(self) -> int | None:
        return self.quiet

    def shorten(self, ns: int) -> None:
        self.end = min(self.end, ns)

    def leap(self, ns: int) -> None:
        self.leaps.append(ns)

    def end_leap(self) -> None:
        self.ended_leaps += 1


def test_events_fire_in_order_of_time_then_of_request() -> None:
    timeline, seen = Timeline(), []
    timeline.at(20, lambda: seen.append(("b", timeline.now_ns)))
    timeline.at(10, lambda: seen.append(("a", timeline.now_ns)))
    timeline.at(20, lambda: seen.append(("c", timeline.now_ns)))
    timeline.at(31, lambda: seen.append(("d", timeline.now_ns)))
    timeline.advance_to(30)
    assert seen == [("a", 10), ("b", 20), ("c", 20)]
    assert timeline.now_ns == 30
    assert timeline.next_event_ns() == 31


def test_a_cancelled_event_does_not_fire_and_cancelling_twice_is_harmless() -> None:
    timeline, seen = Timeline(), []
    event = timeline.after(5, lambda: seen.append(1))
    assert event.pending
    timeline.cancel(event)
    timeline.cancel(event)
    assert not event.pending
    assert timeline.next_event_ns() is None
    timeline.advance_to(10)
    assert seen == []


def test_an_event_in_the_past_fires_at_the_next_occasion() -> None:
    timeline, seen = Timeline(), []
    timeline.advance_to(100)
    timeline.at(50, lambda: seen.append(timeline.now_ns))
    timeline.advance_to(100)
    assert seen == [100]


def test_an_event_may_plan_another_at_the_same_moment() -> None:
    timeline, seen = Timeline(), []
    timeline.at(10, lambda: timeline.at(10, lambda: seen.append(timeline.now_ns)))
    timeline.advance_to(10)
    assert seen == [10]


def test_until_ends_at_the_event_that_makes_it_true() -> None:
    timeline, seen = Timeline(), []
    timeline.at(10, lambda: seen.append(1))
    timeline.at(20, lambda: seen.append(2))
    timeline.advance_to(100, until=lambda: len(seen) == 1)
    assert timeline.now_ns == 10


def test_an_event_planned_while_the_core_runs_shortens_the_run() -> None:
    timeline = Timeline()
    runner = Runner(timeline)
    timeline.attach(runner)
    seen = []

    def on_step() -> None:
        assert timeline.running
        if timeline.now_ns == 50:
            timeline.at(80, lambda: seen.append(runner.now_ns))

    runner.on_step = on_step
    timeline.advance_to(1000)
    assert seen == [80]
    assert runner.now_ns == 1000
    assert runner.ended_leaps == 1


def test_until_is_asked_when_the_core_stops_by_itself() -> None:
    timeline = Timeline()
    runner = Runner(timeline)
    timeline.attach(runner)
    runner.stop_at = 330
    timeline.advance_to(1000, until=lambda: runner.stop_at is None)
    assert timeline.now_ns == 330


def test_leap_goes_to_the_next_event_at_most_and_needs_a_running_core() -> None:
    timeline = Timeline()
    runner = Runner(timeline)
    timeline.attach(runner)
    timeline.leap(500)
    assert runner.leaps == []
    timeline.at(300, lambda: None)
    runner.on_step = lambda: timeline.leap(500)
    timeline.advance_to(10)
    assert runner.leaps == [300]


def test_time_cannot_be_advanced_from_inside_the_running_core() -> None:
    timeline = Timeline()
    runner = Runner(timeline)
    timeline.attach(runner)
    runner.on_step = lambda: timeline.advance_to(5)
    with pytest.raises(RuntimeError, match="inside the running core"):
        timeline.advance_to(10)
    assert not timeline.running


def test_it_is_quiet_until_an_event_or_until_the_core_goes_on() -> None:
    timeline = Timeline()
    assert timeline.quiet_until_ns() == FOREVER_NS
    runner = Runner(timeline)
    timeline.attach(runner)
    assert timeline.quiet_until_ns() == 0
    runner.quiet = None
    assert timeline.quiet_until_ns() == FOREVER_NS
    event = timeline.at(50, lambda: None)
    assert timeline.quiet_until_ns() == 50
    runner.quiet = 40
    assert timeline.quiet_until_ns() == 40
    timeline.cancel(event)
    runner.quiet = 60
    assert timeline.quiet_until_ns() == 60
