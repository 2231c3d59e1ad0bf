"""Let a virtual board's time follow the real one, without burning a processor for it.

Simulated time never runs ahead of the real by letting time pass; packets may push it ahead (a wait
in the probe costs simulated time only), and what they do is forgiven: the pace starts anew from
there. A core that computes without pause costs host time, so a share of it is all that is spent;
beyond that the board is simply slow.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from onchip.virtual_board.board import VirtualBoard

_NS = 1_000_000_000
_TICK_NS = 10_000_000
_IDLE_TICK_NS = 200_000_000
_TOLERANCE_NS = 50_000_000
"""How far the two clocks may be apart before the difference is forgiven."""
_BUSY_SHARE = 0.5
_UNATTENDED_SHARE = 0.2
"""Share of one processor that the core may use, with and without a client."""


class Pace:
    """Moves ``board`` along with ``clock`` (ns, monotonic)."""

    def __init__(self, board: VirtualBoard, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._board = board
        self._clock = clock
        self._cost = 0.1  # real ns for a simulated ns, as measured last
        self._anchor_real = clock()
        self._anchor_board = board.clock.now_ns

    @property
    def lag_ns(self) -> int:
        """How far the board is behind the real time; negative if it is ahead."""
        real = self._clock() - self._anchor_real
        return real - (self._board.clock.now_ns - self._anchor_board)

    def tick(self, *, attended: bool) -> float:
        """Let the board catch up, within its share; return the seconds to the next tick."""
        lag = self.lag_ns
        if lag < -_TOLERANCE_NS:
            self._forgive()
            lag = 0
        share = _BUSY_SHARE if attended else _UNATTENDED_SHARE
        slice_ns = min(lag, max(1000, int(share * _TICK_NS / self._cost)), _IDLE_TICK_NS)
        if slice_ns > 0:
            started = self._clock()
            self._board.advance(slice_ns / _NS)
            spent = max(1, self._clock() - started)
            self._cost = max(0.001, (self._cost + spent / slice_ns) / 2)
            if self.lag_ns > _TOLERANCE_NS + slice_ns:
                self._forgive()
        idle = self._board.core.halted and self._board.timeline.next_event_ns() is None
        return (_IDLE_TICK_NS if idle else _TICK_NS) / _NS

    def _forgive(self) -> None:
        self._anchor_real = self._clock()
        self._anchor_board = self._board.clock.now_ns
