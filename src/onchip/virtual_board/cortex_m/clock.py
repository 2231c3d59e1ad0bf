"""A core's clock: cycles on one side, the board's nanoseconds on the other."""

from __future__ import annotations

_NS = 1_000_000_000


class Clock:
    """Converts without drift: every answer is worked out from the last change of frequency."""

    def __init__(self, frequency_hz: int) -> None:
        self.frequency_hz = frequency_hz
        self._ns = 0
        self._cycle = 0

    def ns_of(self, cycle: int) -> int:
        """Return the start of ``cycle``, rounded down."""
        return self._ns + (cycle - self._cycle) * _NS // self.frequency_hz

    def cycle_at(self, ns: int) -> int:
        """Return the first cycle that starts at or after ``ns``."""
        return self._cycle - (self._ns - ns) * self.frequency_hz // _NS

    def change(self, frequency_hz: int, cycle: int) -> None:
        """Run at ``frequency_hz`` from ``cycle`` on.

        Raises:
            ValueError: not a positive frequency.
        """
        if frequency_hz <= 0:
            raise ValueError(f"clock of {frequency_hz} Hz")
        self._ns, self._cycle = self.ns_of(cycle), cycle
        self.frequency_hz = frequency_hz
