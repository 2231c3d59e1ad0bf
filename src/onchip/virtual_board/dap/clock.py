"""The probe's clock: what each action costs in simulated time.

The probe's time runs ahead of the chip's while only wires toggle; ``sync`` lets the chip catch up,
before the probe looks at it or changes it. So a packet of fifty transfers wakes the core only where
the bus is touched.
"""

from __future__ import annotations

from collections.abc import Callable

from onchip.virtual_board.timeline import Timeline

NS_PER_S = 1_000_000_000


class ProbeClock:
    """Simulated time as the probe sees it, in nanoseconds, never behind the chip's.

    Attributes:
        frequency_hz: the SWCLK frequency in use.
        swclk_cycles: SWCLK cycles generated so far.
    """

    def __init__(self, timeline: Timeline, frequency_hz: int) -> None:
        self.timeline = timeline
        self.frequency_hz = frequency_hz
        self.swclk_cycles = 0
        self._now_ns = timeline.now_ns
        self._fraction = 0  # of a nanosecond, in 1 / frequency_hz

    @property
    def now_ns(self) -> int:
        """The probe's present."""
        return self._now_ns

    def set_frequency(self, frequency_hz: int) -> None:
        """Change SWCLK from now on."""
        self.frequency_hz = frequency_hz
        self._fraction = 0

    def spend_cycles(self, cycles: int) -> None:
        """Let ``cycles`` of SWCLK pass."""
        self.swclk_cycles += cycles
        ns, self._fraction = divmod(cycles * NS_PER_S + self._fraction, self.frequency_hz)
        self._now_ns += ns

    def spend_ns(self, ns: int) -> None:
        """Let ``ns`` pass with SWCLK at rest."""
        self._now_ns += ns

    def sync(self) -> None:
        """Bring the chip to the probe's present."""
        timeline = self.timeline
        if timeline.now_ns < self._now_ns:
            timeline.advance_to(self._now_ns)
        self._now_ns = max(self._now_ns, timeline.now_ns)

    def wait_until(self, ns: int) -> None:
        """Let time pass up to ``ns``, the chip's too; a moment that has passed is no wait."""
        self._now_ns = max(self._now_ns, ns)
        self.sync()

    def wait_unless(self, ns: int, until: Callable[[], bool]) -> None:
        """Let time pass up to ``ns``, or to the moment at which ``until`` became true."""
        self.sync()
        self.timeline.advance_to(ns, until=until)
        self._now_ns = max(self._now_ns, self.timeline.now_ns)
