"""Passes over the repeats of a match-wait in which nothing can have changed (ADR 0007).

What is read cannot change by being read, only as the chip runs. So the chip is let run for as long
as the repeats would have taken, and they are counted as if they had been made:

* a wait for DHCSR.S_HALT ends at the very moment at which the core halts;
* a word in memory is looked at without a transfer, and not at all while the core waits itself;
* anything else is looked at by transfers: at first each time, then at growing distances.
"""

from __future__ import annotations

from collections.abc import Callable

from onchip.arch.scs import DHCSR
from onchip.virtual_board.coresight.mem_ap import MemAp
from onchip.virtual_board.coresight.sw_dp import ADDRESS, AP

from .clock import NS_PER_S, ProbeClock
from .swd_port import SwdPort

_EXACT_REPEATS = 32
"""So many repeats are looked at one by one before time is skipped."""
_FRACTION = 64
"""Beyond that, one repeat in so many of those already done: a match is seen at most 1.6 % late."""


class MatchWait:
    """One wait: a read of ``request`` repeated until its bits in ``mask`` are ``wanted``."""

    def __init__(
        self,
        port: SwdPort,
        clock: ProbeClock,
        halted: Callable[[], bool],
        request: int,
        mask: int,
        wanted: int,
    ) -> None:
        self._port, self._clock, self._halted = port, clock, halted
        self._mask, self._wanted = mask, wanted
        self._look: Callable[[], int] | None = None
        self._for_halt = False
        dp = port.dp
        access_port = dp.access_ports.get(dp.select >> 24)
        if request & AP and isinstance(access_port, MemAp):
            offset = dp.select & 0xF0 | request & ADDRESS
            self._look = access_port.look_at_memory(offset)
            self._for_halt = (
                mask == DHCSR.S_HALT.mask and access_port.target_address(offset) == DHCSR.address
            )

    def skip(self, done: int, left: int, pause_at_ns: int) -> int:
        """Fast-forward; return how many of the ``left`` repeats were passed over.

        Never further than the moment at which the core halts or starts, nor, in steps that last,
        than ``pause_at_ns``. ``done`` repeats came before.
        """
        if left < 1 or self._port.dp.faults.line_armed:
            return 0
        now = self._clock.now_ns
        until_pause = 1 + self._repeats_in(max(0, pause_at_ns - now))
        if self._for_halt:
            # Posted reads show the state of one read ago: the core may be there by now.
            if self._halted() == bool(self._wanted):
                return 0
            return self._pass(min(left, until_pause))
        if self._look is None:
            return self._pass(min(left, done // _FRACTION)) if done >= _EXACT_REPEATS else 0
        passed = 0
        was_halted = self._halted()
        while passed < min(left, until_pause) and self._halted() == was_halted:
            self._clock.sync()
            if self._matches():
                break
            at = done + passed
            step = at // _FRACTION if at >= _EXACT_REPEATS else 1
            quiet = self._repeats_in(self._clock.timeline.quiet_until_ns() - self._clock.now_ns)
            passed += self._pass(min(max(step, quiet + 1, 1), left - passed))
        return passed

    def _matches(self) -> bool:
        return self._look is not None and self._look() & self._mask == self._wanted

    def _repeats_in(self, ns: int) -> int:
        return ns * self._clock.frequency_hz // (self._port.transfer_cycles * NS_PER_S)

    def _pass(self, repeats: int) -> int:
        """Let the time of ``repeats`` pass; return how many of them it has been."""
        if repeats < 1:
            return 0
        clock, period = self._clock, self._port.transfer_cycles
        start = clock.now_ns
        was_halted = self._halted()
        end = start - (-repeats * period * NS_PER_S // clock.frequency_hz)
        clock.wait_unless(end, lambda: self._halted() != was_halted)
        passed = min(repeats, self._repeats_in(clock.now_ns - start))
        clock.swclk_cycles += passed * period
        self._port.transfers += passed
        return passed
