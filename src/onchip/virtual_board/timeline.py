"""Simulated time: integer nanoseconds, one queue of events, and the core that fills the gaps.

Nothing here reads a clock of the host. Time passes only in ``advance_to``: the attached core runs
up to the next event, the event fires, and so on until the moment asked for. An event at time *t*
fires before the instruction that starts at *t*, however the time before was cut into slices.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Protocol

FOREVER_NS = 1 << 62


class Runner(Protocol):
    """What fills the time between events: a core."""

    @property
    def now_ns(self) -> int:
        """Return the start of the instruction that executes at this moment."""
        ...

    def run_until_ns(self, ns: int) -> None:
        """Run up to ``ns``; return early when the core halts, locks up or enters reset."""
        ...

    def quiet_until_ns(self) -> int | None:
        """Return until when it executes nothing by itself; None: until something happens."""
        ...

    def shorten(self, ns: int) -> None:
        """Make the ``run_until_ns`` in progress end at ``ns`` already."""
        ...

    def leap(self, ns: int) -> None:
        """Let the core do nothing until ``ns``, from the end of its current instruction."""
        ...

    def end_leap(self) -> None:
        """Let the core go on at once: something it polls may have changed."""
        ...


class Event:
    """A call that is due at ``ns``. ``Timeline.cancel`` takes it out."""

    __slots__ = ("callback", "ns")

    def __init__(self, ns: int, callback: Callable[[], None]) -> None:
        self.ns = ns
        self.callback: Callable[[], None] | None = callback

    @property
    def pending(self) -> bool:
        """Tell whether the event has neither fired nor been cancelled."""
        return self.callback is not None


class Timeline:
    """The time of one board."""

    def __init__(self) -> None:
        self._now_ns = 0
        self._queue: list[tuple[int, int, Event]] = []
        self._sequence = 0
        self._runner: Runner | None = None
        self._running = False
        self._stop_ns = 0

    @property
    def now_ns(self) -> int:
        """Return the time; within a device's callback, that of the instruction which called it."""
        if self._running and self._runner is not None:
            return max(self._now_ns, self._runner.now_ns)
        return self._now_ns

    @property
    def running(self) -> bool:
        """Tell whether the core is executing, so that this call comes out of its access."""
        return self._running

    def attach(self, runner: Runner) -> None:
        """Let ``runner`` fill the time between events."""
        self._runner = runner

    def at(self, ns: int, callback: Callable[[], None]) -> Event:
        """Call ``callback`` at ``ns``; a moment that has passed means as soon as possible.

        Events of the same moment fire in the order in which they were asked for.
        """
        event = Event(ns, callback)
        self._sequence += 1
        heapq.heappush(self._queue, (ns, self._sequence, event))
        if self._running and ns < self._stop_ns and self._runner is not None:
            self._stop_ns = ns
            self._runner.shorten(ns)
        return event

    def after(self, delay_ns: int, callback: Callable[[], None]) -> Event:
        """Call ``callback`` in ``delay_ns`` from now."""
        return self.at(self.now_ns + delay_ns, callback)

    def cancel(self, event: Event) -> None:
        """Take ``event`` out; one that fired or was cancelled already is left alone."""
        event.callback = None

    def next_event_ns(self) -> int | None:
        """Return when the next event is due, or None if nothing is planned."""
        while self._queue and self._queue[0][2].callback is None:
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else None

    def quiet_until_ns(self) -> int:
        """Return up to when nothing can happen: no event is due, the core does not execute."""
        due = self.next_event_ns()
        quiet = self._runner.quiet_until_ns() if self._runner is not None else None
        return min(ns for ns in (due, quiet, FOREVER_NS) if ns is not None)

    def advance_to(self, ns: int, *, until: Callable[[], bool] | None = None) -> None:
        """Let time pass up to ``ns``.

        ``until`` ends it earlier: it is asked at the start, after each event, and whenever the
        core stops by itself (halt, lock-up, reset); ``now_ns`` is then that very moment.
        """
        if self._running:
            raise RuntimeError("advance_to() called from inside the running core")
        while True:
            self._fire()
            if (until is not None and until()) or self._now_ns >= ns:
                return
            due = self.next_event_ns()
            self._stop_ns = ns if due is None else min(ns, due)
            self._run()

    def leap(self, ns: int) -> None:
        """Skip the rest of a busy wait: the running core sleeps until ``ns`` or the next event.

        For a device that sees its busy flag polled by the core again and again. Harmless when no
        core is running, as in a debugger's poll.
        """
        if self._running and self._runner is not None:
            due = self.next_event_ns()
            self._runner.leap(ns if due is None else min(ns, due))

    def _run(self) -> None:
        """Run the core to ``_stop_ns``, or as far as it goes by itself."""
        runner = self._runner
        if runner is None:
            self._now_ns = self._stop_ns
            return
        self._running = True
        try:
            runner.run_until_ns(self._stop_ns)
        finally:
            self._running = False
            self._now_ns = max(self._now_ns, min(runner.now_ns, self._stop_ns))

    def _fire(self) -> None:
        """Call what is due."""
        while self._queue and self._queue[0][0] <= self._now_ns:
            event = heapq.heappop(self._queue)[2]
            callback, event.callback = event.callback, None
            if callback is not None:
                callback()
                if self._runner is not None:
                    self._runner.end_leap()
