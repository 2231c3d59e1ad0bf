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
_LEAST_BUDGET_NS = 200_000
"""Less than this is saved up for a later tick: packets that follow close on another come first."""
_FIRST_STEP_NS = 100_000
"""A tick starts with so little simulated time and doubles it as long as that proves cheap.

What a simulated ns costs jumps by a factor of a thousand when firmware leaves a sleep for a loop
over a peripheral, so no past measurement bounds the next step; and a client must not wait long.
"""


class Pace:
    """Moves ``board`` along with ``clock`` (ns, monotonic)."""

    def __init__(self, board: VirtualBoard, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._board = board
        self._clock = clock
        self._anchor_real = self._rested_since = clock()
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
        if lag > _TOLERANCE_NS + _IDLE_TICK_NS:
            self._forgive()
            lag = _IDLE_TICK_NS
        share = _BUSY_SHARE if attended else _UNATTENDED_SHARE
        rested = min(self._clock() - self._rested_since, _TICK_NS)
        budget = int(rested * share)
        if budget >= _LEAST_BUDGET_NS:
            self._catch_up(lag, budget)
            self._rested_since = self._clock()
            if self.lag_ns > _TOLERANCE_NS:
                self._forgive()
        idle = self._board.core.halted and self._board.timeline.next_event_ns() is None
        return (_IDLE_TICK_NS if idle else _TICK_NS) / _NS

    def _catch_up(self, lag_ns: int, budget_ns: int) -> None:
        """Let up to ``lag_ns`` pass on the board, in about ``budget_ns`` of real time at most."""
        step = _FIRST_STEP_NS
        deadline = self._clock() + budget_ns
        while lag_ns > 0:
            started = self._clock()
            if started >= deadline:
                return
            step = min(step, lag_ns)
            self._board.advance(step / _NS)
            lag_ns -= step
            spent = self._clock() - started
            if spent < budget_ns // 8:
                step *= 2
            elif spent > budget_ns // 2:
                step = max(step // 2, _FIRST_STEP_NS // 10)

    def _forgive(self) -> None:
        self._anchor_real = self._clock()
        self._anchor_board = self._board.clock.now_ns
