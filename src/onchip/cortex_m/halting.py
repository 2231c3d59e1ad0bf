"""A core in halting debug: it halts, runs on, steps, and says why it stopped.

Simple calls are batches of one; the ``queue_*`` methods let several share a round trip. Whether it
is halted is remembered and not asked again; what was remembered is void after any failure.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..arch.scs import DFSR, DHCSR
from ..coresight import MemAp
from ..coresight.dwt import Dwt
from ..coresight.fpb import Fpb
from ..dap import Batch, Element, Result, Transfers
from ..errors import CoreTimeout, TransferMismatch
from .breakpoints import BreakpointManager
from .identify import CoreIdentity
from .memory import CoreMemory
from .register_core import RegisterCore
from .state import CoreState, HaltKind, HaltReason
from .stops import StopReader
from .vector_catch import VectorCatch
from .watchpoints import WatchpointManager

_STEP_TIMEOUT_S = 1.0
_WAIT_SLICE_S = 0.25


class HaltingCore(RegisterCore):
    """A core with its debug units: what attaching, resets and fault reports work on."""

    def __init__(self, ap: MemAp) -> None:
        super().__init__(ap)
        self.fpb = Fpb(ap)
        self.dwt = Dwt(ap)
        self.breakpoints = BreakpointManager(ap, self.fpb)
        self.watchpoints = WatchpointManager(ap, self.dwt)
        self.catch = VectorCatch(ap, self.run)
        self.memory = CoreMemory(ap, self.breakpoints)
        self._stops = StopReader(ap, self.breakpoints, self.watchpoints)
        self._pending: HaltReason | None = None

    def configure(self, identity: CoreIdentity) -> None:
        """Take in what the core is: which registers it has, whether code is cached."""
        super().configure(identity)
        self.catch.baseline = identity.baseline
        self.breakpoints.has_instruction_cache = identity.name in ("Cortex-M7", "Cortex-M85")

    # ---- run control, queued

    def queue_halt(self, batch: Batch, *, timeout_s: float = 1.0) -> None:
        """Queue a halt and the wait for it."""

        def emit(t: Transfers) -> None:
            self.run.emit_halt(t)
            self.run.emit_wait_halted(t, timeout_s)

        batch.add(emit)

    def queue_resume(self, batch: Batch) -> None:
        """Queue a plain resume: a breakpoint at the pc would halt again at once.

        DFSR keeps the reason of the last halt; :meth:`resume` clears it as well.
        """

        def emit(t: Transfers) -> None:
            self.forget()
            self.run.emit_resume(t)
            self.run.reasons_may_be_left()

        batch.add(emit)

    def queue_step(self, batch: Batch, *, interrupts: bool = False) -> None:
        """Queue a plain step: a breakpoint at the pc would keep the core where it is."""

        def emit(t: Transfers) -> None:
            self.run.require_halted("step")
            self.forget()
            self.run.emit_clear_dfsr(t)
            self.run.emit_step(t, _STEP_TIMEOUT_S, interrupts=interrupts)

        batch.add(emit)

    def queue_wait_halted(self, batch: Batch, *, timeout_s: float = 1.0) -> None:
        """Queue a wait, in the probe, until the core halts; else ``TransferMismatch``."""
        batch.add(lambda t: self.run.emit_wait_halted(t, timeout_s))

    def queue_restart(self, batch: Batch, pc: int, *, timeout_s: float = 1.0) -> None:
        """Queue: wait for the halt, set the pc, run on. Nothing is touched if the halt fails."""
        self.queue_wait_halted(batch, timeout_s=timeout_s)
        self.queue_write_register(batch, "pc", pc)
        self.queue_resume(batch)

    # ---- run control

    @property
    def halted(self) -> bool:
        """Return whether the core is known to be halted; nothing is asked of the target."""
        return self.run.halted is True

    def state(self) -> CoreState:
        """Look what the core is doing.

        Raises:
            TransferError: the debug hardware did not answer.
        """
        batch = self.batch()
        elements: list[Element] = []

        def emit(t: Transfers) -> None:
            # S_RESET_ST tells of the past when first read, and of the present when read again
            elements.extend(self.run.emit_read_dhcsr(t) for _ in range(2))

        batch.add(emit)
        batch.run()
        first, second = (DHCSR(e.word()) for e in elements[-2:])
        self.run.note(DHCSR(second | first & DHCSR.build(S_RESET_ST=1)))
        if second.S_RESET_ST:
            return CoreState.RESET
        if second.S_HALT:
            return CoreState.HALTED
        if second.S_LOCKUP:
            return CoreState.LOCKED_UP
        return CoreState.SLEEPING if second.S_SLEEP else CoreState.RUNNING

    def halt(self, *, timeout_s: float = 1.0) -> HaltReason:
        """Halt the core, and say why it halts if it was about to anyway.

        Raises:
            CoreTimeout: it did not halt.
            TransferError: the debug hardware did not answer.
        """
        batch = self.batch()
        self.queue_halt(batch, timeout_s=timeout_s)
        stop = self._queue_stop(batch)
        try:
            batch.run()
        except TransferMismatch as error:
            raise CoreTimeout(
                f"the core did not halt within {timeout_s:g} s",
                hint="its bus may hang, or it is held in reset: try a reset with halt",
            ) from error
        return self._take_stop(stop, HaltKind.REQUEST)

    def resume(self) -> None:
        """Let the core run on, off a breakpoint at its pc if there is one.

        If the one instruction stepped for that hits a watchpoint, the core stays halted, and
        :meth:`poll` or :meth:`wait_halted` tells so.

        Raises:
            CoreStateError: the core runs already.
            TransferError: the debug hardware did not answer.
        """
        self.run.require_halted("resume")
        self._pending = None
        batch = self.batch()
        here = self._standing_on()
        if here is not None and len(self.watchpoints):
            reason = self.step()
            if reason.kind is not HaltKind.STEP:
                self._pending = reason
                return
        elif here is not None:
            self._queue_off(batch, here)
        batch.add(self.run.emit_clear_dfsr)
        self.queue_resume(batch)
        batch.run()

    def step(
        self, *, interrupts: bool = False, prefetch: Iterable[str] | None = None
    ) -> HaltReason:
        """Execute one instruction, also from a breakpoint, with interrupts held off by default.

        ``prefetch`` names registers to bring along; :meth:`read_registers` then has them for free.
        An instruction that does not end (WFI) is broken off by a halt.

        Raises:
            CoreStateError: the core runs.
            TransferError: the debug hardware did not answer.
        """
        self.run.require_halted("step")
        batch = self.batch()
        here = self._standing_on()
        if here is not None and here == self._stops.own_bkpt:
            self.queue_write_register(batch, "pc", here + 2)
        elif here is not None:
            self._queue_off(batch, here, interrupts=interrupts)
        else:
            self.queue_step(batch, interrupts=interrupts)
        stop = self._queue_stop(batch, prefetch)
        try:
            batch.run()
        except TransferMismatch:
            self._restore(here)
            reason = self.halt()
            return HaltReason(reason.kind, reason.pc, text="the instruction did not end; halted")
        return self._take_stop(stop, HaltKind.STEP)

    def _restore(self, here: int | None) -> None:
        if here is not None and self.breakpoints.find(here):
            batch = self.batch()
            self.breakpoints.queue_place(batch, here)
            batch.run()

    def _standing_on(self) -> int | None:
        """Return the pc if a breakpoint there would keep the core from running on."""
        if not len(self.breakpoints) and self._stops.own_bkpt is None:
            return None
        pc = self.known_pc
        if pc is None:
            pc = self.read_register("pc")
        return pc if pc == self._stops.own_bkpt or self.breakpoints.find(pc) else None

    def _queue_off(self, batch: Batch, here: int, *, interrupts: bool = False) -> None:
        """Queue one step off the breakpoint at ``here``."""
        if here == self._stops.own_bkpt:
            self.queue_write_register(batch, "pc", here + 2)
            return
        self.breakpoints.queue_lift(batch, here)
        self.queue_step(batch, interrupts=interrupts)
        self.breakpoints.queue_place(batch, here)

    def wait_halted(self, timeout_s: float, *, prefetch: Iterable[str] | None = None) -> HaltReason:
        """Wait, in the probe, until the core halts by itself.

        Raises:
            CoreTimeout: it did not within ``timeout_s``; it goes on running.
            TransferError: the debug hardware did not answer.
        """
        deadline = self.now() + timeout_s
        names = tuple(prefetch or ())
        while True:
            if self._pending is not None:
                return self._take_pending()
            left = max(0.0, deadline - self.now())
            batch = self.batch()
            self.queue_wait_halted(batch, timeout_s=min(left, _WAIT_SLICE_S))
            stop = self._queue_stop(batch, names)
            try:
                batch.run()
                return self._take_stop(stop, HaltKind.REQUEST)
            except TransferMismatch as error:
                reason = self.poll(prefetch=names)  # sees a lock-up, which is no halt
                if reason is not None:
                    return reason
                if self.now() >= deadline:
                    raise CoreTimeout(f"the core did not halt within {timeout_s:g} s") from error

    def poll(self, *, prefetch: Iterable[str] | None = None) -> HaltReason | None:
        """Look once: None while the core runs or sleeps. A core in lock-up is halted and reported.

        Raises:
            TransferError: the debug hardware did not answer.
        """
        if self._pending is not None:
            return self._take_pending()
        batch = self.batch()
        elements: list[Element] = []
        batch.add(lambda t: elements.append(self.run.emit_read_dhcsr(t)), repeatable=True)
        batch.run()
        dhcsr = DHCSR(elements[-1].word())
        self.run.note(dhcsr)
        if not dhcsr.S_HALT and not dhcsr.S_LOCKUP:
            self.forget()
            return None
        batch = self.batch()
        if not dhcsr.S_HALT:
            self.queue_halt(batch)
        stop = self._queue_stop(batch, prefetch)
        batch.run()
        return self._take_stop(stop, HaltKind.REQUEST if dhcsr.S_HALT else HaltKind.LOCKUP)

    def _take_pending(self) -> HaltReason:
        reason = self._pending
        assert reason is not None
        self._pending = None
        return reason

    def _queue_stop(
        self, batch: Batch, prefetch: Iterable[str] | None = None
    ) -> tuple[list[Element], Result[dict[str, int]]]:
        """Queue what tells why the core halted, the pc, and what else is wanted along."""
        names = tuple(dict.fromkeys(["pc", *map(self._access.canonical, prefetch or ())]))
        elements: list[Element] = []
        batch.add(lambda t: elements.append(self.run.emit_read_dfsr(t)), repeatable=True)
        # last, so that the next read of registers finds the port where it needs it
        return elements, self._access.queue_read(batch, names)

    def _take_stop(
        self, stop: tuple[list[Element], Result[dict[str, int]]], default: HaltKind
    ) -> HaltReason:
        elements, registers = stop
        values = registers.value
        self._keep(values)
        dfsr = DFSR(elements[-1].word())
        self.run.note_dfsr(dfsr)
        return self._stops.explain(dfsr, values["pc"], default=default)

    # ---- what makes it void

    def _register_written(self, name: str, value: int) -> None:
        super()._register_written(name, value)
        if name == "pc":
            self._stops.own_bkpt = None

    def run_was_disturbed(self) -> None:
        """Forget everything about the core's state: it was reset, or someone else drove it."""
        self.ap.dp.client.invalidate()
        self.forget()
        self._pending = None
        self._stops.own_bkpt = None

    def note_reset(self) -> None:
        """Forget what a reset makes void, and that one was seen."""
        self.forget()
        self.run.reset_seen = False
