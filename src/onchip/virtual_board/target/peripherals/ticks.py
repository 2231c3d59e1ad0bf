"""Ticks of a divided clock: exact, however often they are asked for."""

from __future__ import annotations

from onchip.virtual_board.timeline import Timeline

_NS_PER_S = 1_000_000_000


class Ticks:
    """What a timer counts: the clock of ``hz``, cut by a divider that may change in between.

    What is left of a tick is kept, so that no rounding adds up.
    """

    def __init__(self, timeline: Timeline, hz: int) -> None:
        self.hz = hz
        self._timeline = timeline
        self._since_ns = 0
        self._fraction = 0

    def take(self, divider: int, *, running: bool) -> int:
        """Return the ticks since this was last asked; 0 if the timer was not ``running``."""
        now, ticks = self._timeline.now_ns, 0
        if running:
            clocks = (now - self._since_ns) * self.hz + self._fraction
            ticks, self._fraction = divmod(clocks, divider * _NS_PER_S)
        self._since_ns = now
        return ticks

    def restart(self) -> None:
        """Begin a tick now."""
        self._since_ns = self._timeline.now_ns
        self._fraction = 0

    def moment(self, ticks: int, divider: int) -> int:
        """Return when ``ticks`` will have passed since ``take``, in ns, rounded up."""
        clocks = ticks * divider * _NS_PER_S - self._fraction
        return self._since_ns - (-clocks // self.hz)
