"""Exception entry and return, faults and their escalation, lock-up.

Sources: DDI 0403 B1.5.6 to B1.5.15, DDI 0419 B1.5.6 to B1.5.12. Frames are ``stacking``'s.
"""

from __future__ import annotations

from collections.abc import Callable

from onchip.arch.scs import CFSR, DEMCR, FPCCR, HFSR, ExceptionNumber

from ..bus import Bus, BusFault
from . import scb as scb_bits
from .engine import Engine, FrameContext
from .nvic import Nvic
from .profile import CoreProfile
from .scb import SystemControlBlock
from .stacking import Stacking, Trouble

LOCKUP_PC = 0xFFFF_FFFE
ENTRY_CYCLES = 12
CHAIN_CYCLES = 6
RETURN_CYCLES = 10

_NMI, _HARD = int(ExceptionNumber.NMI), int(ExceptionNumber.HARD_FAULT)
_BUS, _USAGE = int(ExceptionNumber.BUS_FAULT), int(ExceptionNumber.USAGE_FAULT)
_MEM, _MONITOR = int(ExceptionNumber.MEM_MANAGE), int(ExceptionNumber.DEBUG_MONITOR)
_STATE_ERRORS = CFSR.UNDEFINSTR.mask | CFSR.INVSTATE.mask | CFSR.INVPC.mask
_CATCH = {
    _HARD: DEMCR.VC_HARDERR.mask,
    _MEM: DEMCR.VC_MMERR.mask,
    _BUS: DEMCR.VC_BUSERR.mask,
}
_READY = ((_BUS, FPCCR.BFRDY.mask), (_MEM, FPCCR.MMRDY.mask))


class ExceptionModel:
    """Moves the core between thread mode and handlers. ``cycles`` sums up what that took."""

    def __init__(
        self,
        profile: CoreProfile,
        engine: Engine,
        bus: Bus,
        nvic: Nvic,
        scb: SystemControlBlock,
        stacking: Stacking,
    ) -> None:
        self._profile = profile
        self._engine = engine
        self._bus = bus
        self._nvic = nvic
        self._scb = scb
        self._stacking = stacking
        self.monitor_enabled: Callable[[], bool] = lambda: False
        """DEMCR.MON_EN."""
        self.hold_interrupts = False
        """DHCSR.C_MASKINTS in force: PendSV, SysTick and interrupts wait."""
        self.reset()

    def reset(self) -> None:
        """Return to the state after a system reset."""
        self.locked_up = False
        self.invalid_state = False
        """EPSR.T is 0: the next instruction is an INVSTATE fault."""
        self.sleep_on_exit = False
        """The return that was just made ends in sleep (SCR.SLEEPONEXIT)."""
        self.event = False
        """The event register of WFE."""
        self.caught = 0
        """DEMCR.VC_* bits of what has happened since the core looked."""
        self.cycles = 0

    # ---- what is due ----------------------------------------------------------------------------

    def due(self) -> int | None:
        """Return the pending exception that preempts now, or None."""
        best = self._best()
        if best is None:
            return None
        nvic = self._nvic
        priority = nvic.group_priority(best)
        if priority >= nvic.active_priority:
            return None
        return best if priority < nvic.masked_priority(*self._engine.masks()) else None

    def masked_only(self) -> bool:
        """Tell whether nothing but PRIMASK, BASEPRI or FAULTMASK holds a pending exception."""
        best = self._best()
        return best is not None and self._nvic.group_priority(best) < self._nvic.active_priority

    def wakes(self) -> bool:
        """Tell whether a pending exception ends WFI: PRIMASK does not count (B1.5.19)."""
        best = self._best()
        if best is None:
            return False
        _, basepri, faultmask = self._engine.masks()
        return self._nvic.group_priority(best) < self._nvic.masked_priority(0, basepri, faultmask)

    def _best(self) -> int | None:
        nvic = self._nvic
        if not nvic.pending:
            return None
        if not self.hold_interrupts:
            return nvic.best_pending()
        urgent = {e for e in nvic.pending if e < ExceptionNumber.PENDSV}
        everything, nvic.pending = nvic.pending, urgent
        try:
            return nvic.best_pending()
        finally:
            nvic.pending = everything

    # ---- entry ----------------------------------------------------------------------------------

    def enter(self, exception: int) -> None:
        """Stack the state and begin the handler of ``exception``."""
        context = self._engine.frame_context()
        sp, exc_return, trouble = self._stacking.push(context, self._ready)
        self.cycles += ENTRY_CYCLES
        if trouble is not None:
            self._scb.cfsr |= 0 if self._profile.armv6m else trouble.cause
            exception = self._derived(exception, trouble.exception)
        self._take(exception, context, sp, exc_return)

    def _ready(self) -> int:
        """Return which faults the code that runs could be preempted by, as FPCCR has it."""
        nvic, scb = self._nvic, self._scb
        priority = nvic.masked_priority(*self._engine.masks())
        ready = FPCCR.HFRDY.mask if priority > -1 else 0
        for exception, mask in _READY:
            if scb.handler_enabled(exception) and nvic.group_priority(exception) < priority:
                ready |= mask
        if self.monitor_enabled() and nvic.group_priority(_MONITOR) < priority:
            ready |= FPCCR.MONRDY.mask
        return ready

    def _take(self, exception: int, context: FrameContext, sp: int, lr: int) -> None:
        """Begin a handler; the state is stacked already. 0 stands for lock-up."""
        vector = LOCKUP_PC | 1
        while exception:
            try:
                vector = self._bus.read(self._scb.vtor + 4 * exception, 4)
                break
            except BusFault:
                self._scb.hfsr |= 0 if self._profile.armv6m else HFSR.VECTTBL.mask
                self.caught |= DEMCR.VC_INTERR.mask
                if exception in (_HARD, _NMI):
                    exception = 0
                else:
                    self._nvic.pend(exception)
                    exception = _HARD
        self._engine.enter_handler(context, sp, exception or _HARD, lr, vector)
        self._nvic.activate(exception or _HARD)
        self.event = True
        if not exception:
            self.lock_up()
            return
        self.invalid_state = not vector & 1
        self.caught |= _CATCH.get(exception, 0)

    def _derived(self, original: int, derived: int) -> int:
        """Return which of two goes first when entering ``original`` failed with ``derived``.

        The other one stays pending. 0 means lock-up (B1.5.11).
        """
        nvic = self._nvic
        self.caught |= DEMCR.VC_INTERR.mask
        limit = nvic.masked_priority(*self._engine.masks())
        enabled = not self._profile.armv6m and self._scb.handler_enabled(derived)
        if not enabled or nvic.group_priority(derived) >= limit:
            derived = _HARD
            self._scb.hfsr |= 0 if self._profile.armv6m else HFSR.FORCED.mask
        if derived == _HARD and (nvic.group_priority(original) <= -1 or limit <= -1):
            return 0
        first, second = original, derived
        if nvic.group_priority(derived) < nvic.group_priority(original):
            first, second = derived, original
        nvic.pend(second)
        return first

    # ---- return ---------------------------------------------------------------------------------

    def leave(self, exc_return: int) -> None:
        """Return from the handler that runs, as ``exc_return`` says."""
        engine, nvic = self._engine, self._nvic
        current = engine.ipsr()
        problem = None if self._profile.armv6m else self._illegal_return(exc_return, current)
        nvic.deactivate(current)
        if problem:
            self.fault(_USAGE, CFSR.INVPC.mask, chain=exc_return | 0xF000_0000)
            return
        clear_faultmask = current != _NMI
        primask, basepri, faultmask = engine.masks()
        faultmask = 0 if clear_faultmask else faultmask
        best = self._best()
        if best is not None and nvic.group_priority(best) < nvic.masked_priority(
            primask, basepri, faultmask
        ):
            if clear_faultmask and not self._profile.armv6m:
                engine.write_register("faultmask", 0)
            context = engine.frame_context()
            self.cycles += CHAIN_CYCLES
            self._take(best, context, context.sp, exc_return)
            return
        self._unstack(exc_return, clear_faultmask=clear_faultmask)

    def _illegal_return(self, exc_return: int, current: int) -> bool:
        """Check an EXC_RETURN value (B1.5.8)."""
        ones = 0x0FFF_FFE0 if self._profile.fpu else 0x0FFF_FFF0
        kind = exc_return & 0xF
        if exc_return & ones != ones or kind not in (0x1, 0x9, 0xD):
            return True
        active = self._nvic.active
        if current not in active:
            return True
        if kind == 0x1:
            return len(active) == 1
        return len(active) > 1 and not self._scb.ccr & scb_bits.NONBASETHRDENA

    def _unstack(self, exc_return: int, *, clear_faultmask: bool) -> None:
        engine = self._engine
        popped = self._stacking.pop(exc_return)
        if isinstance(popped, Trouble):
            if popped.exception != _USAGE:
                self.caught |= DEMCR.VC_INTERR.mask
            self.fault(popped.exception, popped.cause, chain=exc_return)
            return
        control = engine.read_register("control") & 1
        control |= (2 if popped.process_stack else 0) | (4 if popped.extended else 0)
        engine.clear_exclusive()
        engine.leave_handler(
            popped.frame,
            popped.sp,
            process_stack=popped.process_stack,
            control=control,
            clear_faultmask=clear_faultmask,
        )
        self.cycles += RETURN_CYCLES
        self.event = True
        self.invalid_state = not popped.frame[7] >> 24 & 1
        to_thread = bool(exc_return & 8)
        self.sleep_on_exit = to_thread and bool(self._scb.scr & scb_bits.SLEEPONEXIT)

    # ---- faults ---------------------------------------------------------------------------------

    def fault(
        self, exception: int, cause: int, *, address: int | None = None, chain: int | None = None
    ) -> None:
        """Take a synchronous fault with ``cause`` for CFSR.

        ``chain`` is the EXC_RETURN of a return that failed: nothing is stacked then.
        """
        scb, nvic, v6 = self._scb, self._nvic, self._profile.armv6m
        if not v6:
            scb.cfsr |= cause
            if address is not None:
                self._note_address(exception, address)
        if cause & _STATE_ERRORS:
            catch = DEMCR.VC_STATERR.mask
        elif cause & CFSR.NOCP.mask:
            catch = DEMCR.VC_NOCPERR.mask
        else:
            catch = DEMCR.VC_CHKERR.mask
        limit = nvic.masked_priority(*self._engine.masks())
        if v6 or not scb.handler_enabled(exception) or nvic.group_priority(exception) >= limit:
            self.hard_fault(0 if v6 else HFSR.FORCED.mask, chain=chain)
            return
        if exception == _USAGE:
            self.caught |= catch
        self._begin(exception, chain)

    def ignores_bus_fault(self, address: int) -> bool:
        """Note a bus fault of a load or store; tell whether that is all (CCR.BFHFNMIGN)."""
        limit = self._nvic.masked_priority(*self._engine.masks())
        if not self._scb.ccr & scb_bits.BFHFNMIGN or limit > -1:
            return False
        self._scb.cfsr |= CFSR.PRECISERR.mask
        self._note_address(_BUS, address)
        return True

    def hard_fault(self, cause: int, *, chain: int | None = None) -> None:
        """Take a HardFault with ``cause`` for HFSR, or lock up if one is running."""
        if not self._profile.armv6m:
            self._scb.hfsr |= cause
        if self._nvic.masked_priority(*self._engine.masks()) <= -1:
            self.lock_up()
        else:
            self._begin(_HARD, chain)

    def supervisor_call(self) -> None:
        """Take an SVC."""
        number = int(ExceptionNumber.SVCALL)
        limit = self._nvic.masked_priority(*self._engine.masks())
        if self._nvic.group_priority(number) < limit:
            self.enter(number)
        else:
            self.hard_fault(HFSR.FORCED.mask)

    def lock_up(self) -> None:
        """Stop executing until reset, NMI or the debugger."""
        self.locked_up = True
        self._engine.write_register("pc", LOCKUP_PC)

    def _begin(self, exception: int, chain: int | None) -> None:
        if chain is None:
            self.enter(exception)
        else:
            context = self._engine.frame_context()
            self.cycles += CHAIN_CYCLES
            self._take(exception, context, context.sp, chain)

    def _note_address(self, exception: int, address: int) -> None:
        scb = self._scb
        scb.fault_address = address
        scb.cfsr &= ~(CFSR.BFARVALID.mask | CFSR.MMARVALID.mask)
        scb.cfsr |= CFSR.BFARVALID.mask if exception == _BUS else CFSR.MMARVALID.mask
