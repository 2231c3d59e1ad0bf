"""Runs the engine in slices, between which time, interrupts and the debugger act.

A slice ends at the next moment at which something could happen (end of the run, SysTick, an event)
or earlier, when the code itself does something that is not the engine's: an exception, a fault, a
sleep, a store to a system register. Because a slice is counted in instructions and everything that
can end it is known beforehand, results do not depend on where slices are cut.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

from onchip.arch.scs import CFSR, DFSR, ExceptionNumber

from . import scb as scb_bits
from .address_map import AddressMap
from .clock import Clock
from .engine import Stop
from .exceptions import LOCKUP_PC
from .it_blocks import IT_MASK
from .profile import CoreProfile
from .protection import Protection
from .scb import SystemControlBlock
from .slice_ends import SliceEnds
from .systick import SysTick
from .waiting import WaitingLoops

ResetKind = Literal["system", "core", "power-on"]
_SHORT = 128
"""Slices of so many instructions are simply executed."""
_MOST_PATIENCE, LEAST_PATIENCE = 1 << 18, 256
"""Instructions between two looks whether the program only waits: at most, and to begin with."""
_BUS, _USAGE = ExceptionNumber.BUS_FAULT, ExceptionNumber.USAGE_FAULT
_MEM = ExceptionNumber.MEM_MANAGE


class Execution(SliceEnds):
    """The running part of a core, whose other parts ``VirtualCore`` builds around it."""

    systick: SysTick
    scb: SystemControlBlock
    waiting: WaitingLoops
    protection: Protection
    _map: AddressMap

    def __init__(self, profile: CoreProfile) -> None:
        super().__init__(profile)
        self.halted = False
        self.in_reset = False
        self._clock = Clock(profile.clock_hz)
        self._end = 0
        self._patience = LEAST_PATIENCE
        self._next_look = 0  # in instructions
        self._leap_to: int | None = None
        self._check_state = False  # the debugger was here: EPSR may hold anything
        self._watch_hit = False
        self._reset_request: ResetKind | None = None
        self._reset_by_device: ResetKind | None = None
        self._slept = self._excepted = 0  # cycles asleep, and in exception entries and returns
        self._uncounted = 0  # cycles that CYCCNT does not see: Debug state and sleep
        self._instructions = self._instructions_seen = 0
        self._armed: frozenset[int] = frozenset()

    @abstractmethod
    def _reset_now(self) -> None:
        """Carry out the reset that was asked for during the slice."""

    # ---- running --------------------------------------------------------------------------------

    def run_until_ns(self, ns: int) -> None:
        """Run up to ``ns``; return early when the core halts, locks up or enters reset."""
        self._end = self._clock.cycle_at(ns)
        if self._map.changed_code:
            ranges, self._map.changed_code = self._map.changed_code, []
            self.silent.code_changed(ranges)
        if self._stopped():
            self._idle_until(self._end)
            return
        while self.cycles < self._end:
            self._poll_systick()
            if self._waits():
                continue
            self._execute()
            if self._reset_request is not None or self._reset_by_device is not None:
                self._reset_now()
            if self._halt_request:
                self._halt_now()
            if self._stopped():
                return

    def _poll_systick(self) -> None:
        if self.systick.poll(self.cycles):
            self.nvic.pend(ExceptionNumber.SYSTICK)

    def _stopped(self) -> bool:
        return self.halted or self.exceptions.locked_up or self.in_reset

    def _idle_until(self, cycle: int) -> None:
        if cycle > self.cycles:
            self._uncounted += cycle - self.cycles
            self.cycles = cycle

    def _waits(self) -> bool:
        """Let time pass if the core sleeps or leaps; return whether to look again."""
        nvic = self.nvic
        if nvic.newly_pending:
            nvic.newly_pending = False
            if self.scb.scr & scb_bits.SEVONPEND:
                self.exceptions.event = True
        if not self._sleep and self._leap_to is None:
            return False
        target = self._end
        if self.systick.deadline is not None:
            target = min(target, self.systick.deadline)
        if self._sleep:
            if self._wakes():
                if self._sleep == "wfe":
                    self.exceptions.event = False
                self._sleep = ""
                return True
            self._slept += max(0, target - self.cycles)
            self._idle_until(target)
            return True
        leap_to = self._leap_to
        assert leap_to is not None
        if self.cycles >= leap_to or self.exceptions.due() is not None:
            self._leap_to = None
            return True
        self.cycles = max(self.cycles, min(target, leap_to))
        return True

    def _wakes(self) -> bool:
        """Tell whether something ends the sleep."""
        return self.exceptions.wakes() or (self._sleep == "wfe" and self.exceptions.event)

    def _execute(self) -> None:
        """Take an exception that is due, or run a slice."""
        exceptions = self.exceptions
        if self.protection.active and self.protection.refresh():
            self.waiting.forget()
        in_it = False
        if self._check_state:
            in_it = self._after_debug()
        masked = False
        if self.nvic.pending and not in_it:
            due = exceptions.due()
            if due is not None:
                exceptions.enter(due)
                self._settle()
                return
            masked = exceptions.masked_only()
        if exceptions.invalid_state:
            exceptions.invalid_state = False
            self.cycles += 1
            self._fault(_USAGE, CFSR.INVSTATE.mask)
            return
        # What waits for the end of an IT block that the debugger has stopped in is looked at there.
        self._check_state = bool(in_it and self.nvic.pending)
        self._slice(masked=masked, single=self._check_state)

    def _slice(self, *, masked: bool, single: bool) -> None:
        engine = self.engine
        if self._stepping or single:
            pc = engine.read_register("pc")
            if pc in self._armed:
                self._at_exit(pc)
            else:
                self._step()
        else:
            count = self._end - self.cycles
            deadline = self.systick.deadline
            if deadline is not None and deadline - self.cycles < count:
                count = max(1, deadline - self.cycles)
            if masked or self.silent.masked_slices:
                count = self.silent.count(count, masked=masked)
            if count > _SHORT and not self.dwt.watches:
                count = self._wait(count)
            if count:
                engine.run(count)
                self._account()
        if self._watch_hit:
            self._watch_hit = False
            self._debug_event(DFSR.DWTTRAP.mask)
        self._settle()

    def _wait(self, count: int) -> int:
        """Let the rounds of a loop that waits pass at once; return how far to run after that."""
        began = self.cycles
        length = self.waiting.known()
        if not length and self._instructions >= self._next_look:
            if not self.waiting.find(self._execute_one):
                return 0
            count -= self.cycles - began
            length = self.waiting.known()
            self._patience = LEAST_PATIENCE if length else min(2 * self._patience, _MOST_PATIENCE)
            self._next_look = self._instructions + self._patience
        if length:
            rest = count % length
            self.cycles += count - rest
            self._instructions += count - rest
            return rest
        return min(count, max(1, self._next_look - self._instructions))

    def _execute_one(self) -> bool:
        """Execute one instruction; tell whether nothing ended the slice."""
        self.engine.run(1)
        nothing = self.engine.stop is Stop.BUDGET
        self._account()  # which may execute more: what stands at an exit
        return nothing

    def _step(self) -> None:
        """Execute one instruction, even one that is an exit."""
        self.engine.step()
        self._account()

    def _account(self) -> None:
        """Take over what the engine has done."""
        engine = self.engine
        self.cycles += engine.executed
        self._instructions += engine.executed
        if engine.stop is not Stop.BUDGET:
            self._handle(engine.stop)

    def _settle(self) -> None:
        """Account for what the exception model did; halt for vector catch and steps."""
        exceptions = self.exceptions
        self.cycles += exceptions.cycles
        self._excepted += exceptions.cycles
        exceptions.cycles = 0
        if exceptions.caught:
            wanted = exceptions.caught & self.debug.demcr
            exceptions.caught = 0
            if wanted and self.debug.enabled:
                self._halt_request |= DFSR.VCATCH.mask
        if exceptions.sleep_on_exit:
            exceptions.sleep_on_exit = False
            self._sleep = "wfi"
        if self._stepping and not self._reset_request:
            self._halt_request |= DFSR.HALTED.mask

    def _after_debug(self) -> bool:
        """Look at what the debugger may have left in EPSR; return whether an IT block is open."""
        self._check_state = False
        engine = self.engine
        if engine.read_register("pc") & ~1 == LOCKUP_PC & ~1:
            self._fault(_MEM, CFSR.IACCVIOL.mask)
            return True
        xpsr = engine.read_register("xpsr")
        self.exceptions.invalid_state = not xpsr >> 24 & 1
        return bool(xpsr & IT_MASK)

    # ---- halting ---------------------------------------------------------------------------------

    def _halt_now(self) -> None:
        reason, self._halt_request = self._halt_request, 0
        self.halted = True
        self._stepping = False
        self._sleep = ""
        self._leap_to = None
        self.exceptions.locked_up = False
        self._poll_systick()
        self.systick.freeze(self.cycles)
        self.debug.entered_debug_state(reason)
