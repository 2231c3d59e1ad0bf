"""A core in halting debug: its units, the queued halts, steps and resumes, why it stopped.

Simple calls are batches of one; the ``queue_*`` methods let several share a round trip. Whether it
is halted is remembered and not asked again; what was remembered is void after any failure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

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


class HaltingCore(RegisterCore):
    """A core with its debug units: what attaching, resets and fault reports work on."""

    def __init__(self, ap: MemAp) -> None:
        super().__init__(ap)
        self.fpb = Fpb(ap)
        self.dwt = Dwt(ap)
        self.breakpoints = BreakpointManager(ap, self.fpb)
        self.watchpoints = WatchpointManager(ap, self.dwt)
        self.catch = VectorCatch(ap, self.run)
        self.memory = CoreMemory(ap, self.breakpoints.opcodes)
        self._stops = StopReader(ap, self.breakpoints, self.watchpoints)
        self._pending: HaltReason | None = None
        self.told = False
        """Whether the stop that the core stands at was judged, and told."""

    def configure(self, identity: CoreIdentity) -> None:
        """Take in what the core is: which registers it has, whether code is cached."""
        super().configure(identity)
        self.catch.baseline = identity.baseline
        cached = identity.name in ("Cortex-M7", "Cortex-M85")
        self.breakpoints.opcodes.has_instruction_cache = cached

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
        reason = self._take_stop(stop, HaltKind.REQUEST)
        return self._judge(reason) or HaltReason(HaltKind.REQUEST, reason.pc, text="halted")

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

    def _judge(self, reason: HaltReason) -> HaltReason | None:
        """Return ``reason``, or None where it is a point at which nobody wants the core to stop.

        A stop is judged once: looked at again it is still the stop that it was.
        """
        holders = self._stops.holders
        if holders is None or self.told:
            self.told = True
            return reason
        verdict = holders.judge(self)
        if self.run.halted is None:
            self.state()  # a condition met a failure and went on, which made everything unknown
        if not verdict.wanted_by:
            return None
        self.told = True
        text = "; ".join(filter(None, (reason.text, verdict.trouble)))
        return replace(reason, text=text, wanted_by=verdict.wanted_by, trouble=verdict.trouble)

    def forget(self) -> None:
        """Forget what changes when the core runs."""
        super().forget()
        self.told = False

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
