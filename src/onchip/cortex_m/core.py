"""A Cortex-M core under debug: the one place where run control, registers and memory meet.

Simple calls are batches of one; the ``queue_*`` methods let several share a round trip. What is
remembered (halted or running, the pc after a stop) is never asked again, and is void after any
failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..arch.scs import CPUID, DFSR, DHCSR
from ..coresight import MemAp
from ..coresight.dwt import Dwt
from ..coresight.fpb import Fpb
from ..dap import Batch, Element, Result, Transfers
from ..errors import CoreTimeout, OnchipError, TransferMismatch
from .attach import attach, detach
from .breakpoints import BreakpointManager
from .fault import FaultReport, read_fault
from .identify import CoreIdentity
from .memory import CoreMemory
from .registers import CORE_NAMES, RegisterAccess, Registers
from .reset import reset
from .run_control import RunControl
from .state import CoreState, HaltKind, HaltReason, ResetKind
from .stops import StopReader
from .vector_catch import catch_bits, catch_names
from .watchpoints import WatchpointManager

_STEP_TIMEOUT_S = 1.0
_WAIT_SLICE_S = 0.25


class Core:
    """A Cortex-M core, reached through a MEM-AP.

    Making one touches nothing; :meth:`connect` reads what the core is and enables halting debug
    without halting it.
    """

    def __init__(self, ap: MemAp) -> None:
        self.ap = ap
        self.identity = CoreIdentity("Cortex-M", "", CPUID(0), has_fpu=False)
        self.run = RunControl(ap)
        self.fpb = Fpb(ap)
        self.dwt = Dwt(ap)
        self.breakpoints = BreakpointManager(ap, self.fpb)
        self.watchpoints = WatchpointManager(ap, self.dwt)
        self.memory = CoreMemory(ap, self.breakpoints)
        self.was_running = False
        self._access = RegisterAccess(ap, self.run)
        self._access.on_write = self._register_written
        self._stops = StopReader(ap, self.breakpoints, self.watchpoints)
        self._pc: int | None = None
        self._kept: dict[str, int] = {}
        self._kept_generation = -1
        self._pending: HaltReason | None = None
        self._catch = 0
        self._connected = False

    def __repr__(self) -> str:
        known = {True: "halted", False: "running", None: "state not known"}[self.run.halted]
        return f"<{self.name} {self.identity.revision}, {known}>"

    # ---- what it is

    @property
    def name(self) -> str:
        """Return the core's name: ``Cortex-M4F``."""
        return self.identity.name

    @property
    def cpuid(self) -> CPUID:
        """Return CPUID."""
        return self.identity.cpuid

    @property
    def has_fpu(self) -> bool:
        """Return whether it has a floating-point unit."""
        return self.identity.has_fpu

    @property
    def architecture(self) -> str:
        """Return the architecture: ``ARMv7E-M``."""
        return self.identity.architecture

    def connect(self) -> None:
        """Identify the core and enable halting debug; it keeps running if it ran.

        Breakpoints and watchpoints that an earlier debugger left armed are cleared.

        Raises:
            TargetError: what answers is no Cortex-M core.
            TransferError: the debug registers cannot be reached (a locked chip, say).
        """
        attach(self)
        self._connected = True

    def configure(self, identity: CoreIdentity) -> None:
        """Take in what the core is: which registers it has, whether code is cached."""
        self.identity = identity
        self._access.configure(baseline=identity.baseline, has_fpu=identity.has_fpu)
        self.breakpoints.has_instruction_cache = identity.name in ("Cortex-M7", "Cortex-M85")

    def batch(self) -> Batch:
        """Return an empty batch."""
        return self.ap.batch()

    def now(self) -> float:
        """Return the link's time in seconds."""
        return self.ap.dp.client.link.now()

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass on the link's clock."""
        self.ap.dp.client.link.sleep(seconds)

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
        pc = self._pc if self._fresh() else None
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

    # ---- what is kept while the core stands still

    def _keep(self, values: Mapping[str, int]) -> None:
        self._kept = dict(values)
        self._pc = values.get("pc", self._pc)
        self._kept_generation = self.ap.dp.client.generation

    def _fresh(self) -> bool:
        return self._kept_generation == self.ap.dp.client.generation

    def forget(self) -> None:
        """Forget what changes when the core runs."""
        self._kept = {}
        self._pc = None
        self._access.forget()

    def _register_written(self, name: str, value: int) -> None:
        self._kept = {}
        if name == "pc":
            self._pc = value & ~1
            self._kept_generation = self.ap.dp.client.generation
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

    # ---- registers

    @property
    def register_names(self) -> tuple[str, ...]:
        """Return the registers of this core, s0-s31 among them if it has an FPU."""
        return self._access.names

    @property
    def registers(self) -> Registers:
        """Return the registers as a mapping that reads and writes the hardware."""
        return Registers(lambda: self.register_names, self.read_registers, self.write_register)

    def queue_read_register(self, batch: Batch, name: str) -> Result[int]:
        """Queue the read of one register; d0-d15 are read as 64 bits."""
        result: Result[int] = batch.result()
        canonical = self._access.canonical(name)
        inner = self._access.queue_read(batch, [canonical])

        result.bind(lambda: inner.value[canonical])
        return result

    def queue_read_registers(
        self, batch: Batch, names: Iterable[str] | None = None
    ) -> Result[dict[str, int]]:
        """Queue the read of several registers; None: all."""
        return self._access.queue_read(batch, self.register_names if names is None else names)

    def queue_write_register(self, batch: Batch, name: str, value: int) -> None:
        """Queue the write of one register; see :meth:`RegisterAccess.queue_write`."""
        self._access.queue_write(batch, name, value)

    def read_register(self, name: str) -> int:
        """Return a register by name; d0-d15 as 64 bits.

        Raises:
            UsageError: this core has no such register.
            CoreStateError: the core runs.
            TransferError: the debug hardware did not answer.
        """
        return next(iter(self.read_registers([name]).values()))

    def read_registers(self, names: Iterable[str] | None = None) -> dict[str, int]:
        """Return registers by name; None: all of this core (s0-s31, not d0-d15).

        Raises:
            UsageError: this core has no such register.
            CoreStateError: the core runs.
            TransferError: the debug hardware did not answer.
        """
        wanted = [
            self._access.canonical(n) for n in (self.register_names if names is None else names)
        ]
        self.run.require_halted("read registers")
        if self._kept and self._fresh() and self.run.halted and self._kept.keys() >= set(wanted):
            return {name: self._kept[name] for name in wanted}
        batch = self.batch()
        result = self._access.queue_read(batch, wanted)
        batch.run()
        if "pc" in result.value:
            self._pc = result.value["pc"]
            self._kept_generation = self.ap.dp.client.generation
        return result.value

    def write_register(self, name: str, value: int) -> None:
        """Write a register by name.

        Raises:
            UsageError: this core has no such register, or ``value`` does not fit it.
            CoreStateError: the core runs.
            TransferError: the debug hardware did not answer.
        """
        self.write_registers({name: value})

    def write_registers(self, values: Mapping[str, int]) -> None:
        """Write several registers in one batch.

        Raises:
            UsageError: as :meth:`write_register`; nothing is then written.
            CoreStateError: the core runs.
            TransferError: the debug hardware did not answer.
        """
        self.run.require_halted("write registers")
        batch = self.batch()
        for name, value in values.items():
            self.queue_write_register(batch, name, value)
        batch.run()

    # ---- vector catch, reset, faults, the end

    @property
    def vector_catch(self) -> frozenset[str]:
        """Return which exceptions halt the core on entry."""
        return catch_names(self._catch)

    @vector_catch.setter
    def vector_catch(self, names: Iterable[str]) -> None:
        bits = catch_bits(names, baseline=self.identity.baseline)
        batch = self.batch()

        def emit(t: Transfers) -> None:
            t.barrier()
            self.run.emit_demcr(t, self.run.demcr & ~catch_bits(None) | bits)

        batch.add(emit)
        batch.run()
        self._catch = bits

    @property
    def vector_catch_bits(self) -> int:
        """Return the VC bits of DEMCR that are armed."""
        return self._catch

    def forget_vector_catch(self) -> None:
        """Take note that DEMCR catches nothing any more."""
        self._catch = 0

    def reset(self, kind: ResetKind = ResetKind.SYSTEM, *, halt: bool = False) -> None:
        """Reset the chip or the core; with ``halt`` it stops before its first instruction.

        Breakpoints, watchpoints and vector catch stay armed.

        Raises:
            TargetError: this core has no reset of that kind.
            CoreTimeout: it did not come out of reset, or did not halt.
            ProbeError: the probe failed.
        """
        reset(self, kind, halt=halt)

    def fault(self) -> FaultReport | None:
        """Say what fault the core is in, or has had; None if none shows. It must be halted.

        Raises:
            CoreStateError: the core runs.
            TransferError: the debug hardware did not answer.
        """
        return read_fault(self)

    def disconnect(self, *, resume: bool) -> None:
        """Remove everything that was armed and leave debug state.

        Without ``resume`` a halted core stays halted, and halting debug on: the next debugger finds
        it so. What can no longer be reached is left.

        Raises:
            OnchipError: the first thing that failed; the rest was still tried.
        """
        if not self._connected:
            return
        self._connected = False
        detach(self, resume=resume)


def find_core(aps: Iterable[object]) -> Core | None:
    """Return the first core found behind the given access ports, connected; None if there is none.

    Raises:
        TransferError: a memory port answered, but not for the core's registers (a locked chip).
    """
    trouble: OnchipError | None = None
    for ap in aps:
        if isinstance(ap, MemAp):
            core = Core(ap)
            try:
                core.connect()
            except OnchipError as error:
                trouble = trouble or error
                continue
            return core
    if trouble is not None:
        raise trouble
    return None


__all__ = ["CORE_NAMES", "Core", "find_core"]
