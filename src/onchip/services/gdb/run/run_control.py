"""Runs and stops the core for all clients, and tells them why it stopped.

Nothing blocks: a resume is begun, then ``poll`` is called until it returns a ``Stop``; in between
the server serves its sockets. A range step is many single steps, a slice of them per poll.

Raises, besides what is said: ProbeError and TransferError when the chip cannot be reached.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from onchip.cortex_m import Core, HaltKind, HaltReason
from onchip.cortex_m.running import SOON_S, never
from onchip.errors import CoreStateError
from onchip.services.gdb.registers import EXPEDITED, RegisterLayout
from onchip.services.gdb.run.detours import Detours
from onchip.services.gdb.run.interrupt import Interrupt
from onchip.services.gdb.run.points import PointTable
from onchip.services.gdb.run.program_calls import ProgramCalls
from onchip.services.gdb.run.stop_judge import StopJudge
from onchip.services.gdb.run.stops import SIGINT, SIGTRAP, Stop, StopTeller
from onchip.services.gdb.thread_list import ThreadList
from onchip.services.gdb.trace.tracing import Trace
from onchip.wire.gdb_rsp.file_io import FileAnswer

if TYPE_CHECKING:
    from onchip.services.gdb.options import GdbOptions

STEPS_PER_POLL = 32
"""A range step looks for a waiting Ctrl-C this often."""

PASSES_PER_POLL = 32
"""So many semihosting calls in a row are served before others get a turn."""


class Mode(Enum):
    """What the core is doing for a client."""

    STOPPED = "stopped"
    CONTINUE = "continue"
    STEP = "step"
    RANGE = "range"


class RunControl:
    """Run control of one core, shared by the clients of a server."""

    def __init__(
        self,
        core: Core,
        layout: RegisterLayout,
        threads: ThreadList,
        options: GdbOptions,
        trace: Trace,
    ) -> None:
        self.core = core
        self.layout = layout
        self.threads = threads
        self.options = options
        self.trace = trace
        self.points = PointTable(core, hardware_only=options.hardware_breakpoints_only)
        self._tell = StopTeller(core, layout, self.points)
        self.calls = ProgramCalls(
            core,
            lambda pc: self.points.stop_name_at(pc) is not None,
            lambda text: self.on_text(text),
        )
        self.on_text: Callable[[str], None] = lambda text: None
        """Gets what the target prints, through semihosting or by the commands of a breakpoint."""
        self.passes: Callable[[int], bool] = lambda signal: False
        """Tells whether the clients want a fault's signal to be the program's own affair."""
        self.others_wait: Callable[[], bool] = never
        """Tells whether a client has sent something, so that stops nobody wants are to wait."""
        self.mode = Mode.STOPPED
        self.last = Stop(SIGTRAP)
        self._range = (0, 0)
        self._detours = Detours(core, threads)
        self._judge = StopJudge(
            self._tell, self.points, trace, self.calls, lambda signal: self.passes(signal)
        )
        self._exception_before = 0
        self._interrupt = Interrupt()
        self._ready: Stop | None = None

    @property
    def running(self) -> bool:
        """Whether a resume is under way for a client."""
        return self.mode is not Mode.STOPPED

    @property
    def stepping(self) -> bool:
        """Whether what is under way are single steps, which ``poll`` itself executes."""
        return self.mode in (Mode.STEP, Mode.RANGE) and not self._detours.active

    def attach(self) -> None:
        """Halt the core, if it runs, because a client expects a stopped target."""
        if not self.running:
            reason = self.core.poll(prefetch=EXPEDITED)
            if reason is None:
                self.core.halt()
                self.last = self._tell.stop(SIGTRAP, ())
            else:
                self.last = self._tell.describe(reason, quiet=True)

    def resume(self) -> None:
        """Let the core run, if it does not already; ``poll`` tells when it stops."""
        self.points.settle()
        self._interrupt.forget_if_old()
        self.mode = Mode.CONTINUE
        if self._interrupt.signal is not None and self._halted():
            # It crossed the last stop: one that comes at once, time and again, would hide it.
            self._ready = self._tell.stop(self._interrupt.signal)
            return
        self.threads.ran()
        if self._halted() and not self.trace.stepping:  # else ``poll`` makes the steps first
            self.core.resume()

    def step(self) -> None:
        """Begin one instruction; the next ``poll`` executes it."""
        self._begin_steps(Mode.STEP)

    def step_range(self, start: int, end: int) -> None:
        """Begin stepping until pc leaves [start, end); at least one instruction is executed."""
        self._range = (start, end)
        self._begin_steps(Mode.RANGE)

    def _begin_steps(self, mode: Mode) -> None:
        self._detours.through.forget_code()
        self.threads.ran(stepped=self.threads.current)
        self._exception_before = self._tell.exception
        self.mode = mode
        self._interrupt.forget_if_old()

    def watch(self) -> None:
        """Wait for the stop of a core that runs already."""
        self.mode = Mode.CONTINUE
        self._interrupt.forget()

    def meet(self, name: str) -> None:
        """Let the next ``poll`` tell of a breakpoint at the pc, without moving: ``swbreak`` ..."""
        self._ready = self._tell.stop(SIGTRAP, ((name, ""),))
        self.mode = Mode.STEP

    def stay(self) -> None:
        """Let the next ``poll`` tell of a step, without moving (docs/adr/0021)."""
        self._ready = self._tell.stop(SIGTRAP, ())
        self.mode = Mode.STEP

    def interrupt(self, signal: int = SIGINT) -> None:
        """Ask for a stop (Ctrl-C); the next ``poll`` makes it. A stopped core stays so."""
        self._interrupt.ask(signal)

    def poll(self) -> Stop | None:
        """Go on with what was begun; return the stop once there is one.

        Raises:
            CoreTimeout: the core does not answer a halt or a step.
        """
        if self.mode is Mode.STOPPED or self.calls.pending:
            return None
        if self._ready is not None:
            stop: Stop | None = self._ready
            self._ready = None
        elif self.mode is Mode.CONTINUE:
            stop = self._poll_running()
        elif self._detours.active:
            stop = self._poll_detour()
        else:
            stop = self._poll_steps()
        if stop is not None:
            self.mode = Mode.STOPPED
            self.last = stop
            if stop.signal == self._interrupt.signal:
                self._interrupt.forget()
            self.threads.stood()
        return stop

    def abandon(self) -> None:
        """Forget what was begun, without touching the core: it could not be reached."""
        self.mode = Mode.STOPPED
        self._interrupt.forget()
        self._ready = None
        self._detours.end()
        self.calls.forget()

    def let_go(self) -> None:
        """Let the core run with nobody waiting for it; the clients' points are gone already."""
        self.abandon()
        self.threads.ran()
        if self.trace.running:
            self.resume()
        elif self.core.poll(prefetch=EXPEDITED) is not None:
            self.core.resume()

    def was_reset(self, *, halt: bool) -> None:
        """Take note of a reset that somebody made; with ``halt`` the core stands still now."""
        self.threads.ran()
        if self.mode is not Mode.CONTINUE:  # else ``poll`` finds the halted core and says so
            self.mode = Mode.STOPPED if halt else Mode.CONTINUE
        if halt:
            self.last = Stop(SIGTRAP)
            self._tell.exception = 0
        self.calls.close()
        self.trace.forget_steps()

    def need_halted(self, what: str) -> None:
        """Refuse what a running core cannot do.

        Raises:
            CoreStateError: the core runs.
        """
        if self.core_runs():
            raise CoreStateError(f"{what} needs a halted core; interrupt it first")

    def core_runs(self) -> bool:
        """Say whether the core runs, for a client or by itself."""
        return self.running or not self._halted()

    def _halted(self) -> bool:
        """Say whether the core stands still; the chip is asked only when that is not known."""
        return self.core.halted or self.core.poll(prefetch=EXPEDITED) is not None

    def _poll_running(self) -> Stop | None:
        prefetch = EXPEDITED if self._detours.active else self._tell.looked_at()
        self._judge.wanted_by = ()
        if self.trace.stepping:
            return self._step_for_trace()
        reason = self.core.poll(prefetch=prefetch, enough=self.others_wait)
        passed = 0
        while reason is not None:
            stop = self._judge.judge(reason)
            if stop is not None:
                return stop
            if self.calls.pending:
                return None
            if self._interrupt.signal is not None:
                return self._tell.stop(self._interrupt.signal)
            if self.trace.stepping:
                return self._step_for_trace()
            passed += 1
            if passed == PASSES_PER_POLL:
                self.core.resume()
                break
            reason = self.core.run_on(SOON_S, prefetch=prefetch, enough=self.others_wait)
        if self._interrupt.signal is None:
            return None
        reason = self.core.halt()
        stop = None if reason.kind is HaltKind.REQUEST else self._judge.judge(reason)
        return stop or self._tell.stop(self._interrupt.signal)

    def _step_for_trace(self) -> Stop | None:
        """Make steps that are collected (while-stepping); behind the last the core runs on."""
        for _ in range(STEPS_PER_POLL):
            if self._interrupt.signal is not None:
                return self._tell.stop(self._interrupt.signal)
            into = self.options.step_into_interrupts
            reason = self.core.step(interrupts=into, prefetch=self.trace.step_names)
            made = reason.kind in (HaltKind.STEP, HaltKind.REQUEST)  # a WFI, broken off
            met = self._judge.arrive(self._tell.pc(reason)) if made else reason
            if met is not None:
                stop = self._judge.judge(met)
                if stop is not None or self.calls.pending:
                    return stop
            if not self.trace.stepping:
                self.core.resume()
                break
            if self.others_wait():
                break
        return None

    def _poll_detour(self) -> Stop | None:
        """Let the core run that a step let run; then the step is made, or goes on from there."""
        stop = self._poll_running()
        if stop is None:
            return None
        back = self._detours.is_back(self._judge.wanted_by) and not self._interrupt
        self._detours.end()
        if not back:
            return stop
        start, end = self._range
        if self.mode is Mode.STEP or not start <= self.core.read_register("pc") < end:
            return self._tell.stop(SIGTRAP)
        return stop if self._judge.wanted_beside_a_detour else None

    def _poll_steps(self) -> Stop | None:
        count = 1 if self.mode is Mode.STEP else STEPS_PER_POLL
        start, end = self._range
        for _ in range(count):
            reason = self._step()
            if self.calls.serve(reason, self._tell.pc(reason)):
                if (stop := self._judge.program_exit()) is not None or self.calls.pending:
                    return stop
                reason = HaltReason(HaltKind.STEP)
            if reason.kind is not HaltKind.STEP:
                return self._tell.describe(reason)
            pc = self._tell.pc(reason)
            name = self.points.stop_name_at(pc)
            if self.mode is Mode.STEP or not start <= pc < end:
                self.trace.stepped(pc)
                self.trace.arrive(pc)
                return self._end_of_steps(wanted_here=name is not None)
            met = self._judge.arrive(pc)
            if met is not None:
                return self._tell.describe(met)
            if self._interrupt.signal is not None:
                return self._tell.stop(self._interrupt.signal)
        through = not self.trace.stepping and not self.options.step_into_interrupts
        if self.mode is Mode.RANGE and through:
            exception = self._exception_before
            self._detours.through.begin(start, end, self.core.read_register("pc"), exception)
        return None

    def _end_of_steps(self, *, wanted_here: bool) -> Stop | None:
        """Return the stop of a step that is made; None: it entered a call that is run through.

        ``wanted_here``: there is a breakpoint where the core stands.
        """
        values = self.core.read_registers(EXPEDITED)
        into = self.options.step_into_interrupts or wanted_here
        if not into and self._detours.around.begin(self._exception_before, values):
            return None
        signal = SIGTRAP if self._interrupt.signal is None else self._interrupt.signal
        return self._tell.stop(signal, values=values)

    def _step(self) -> HaltReason:
        """Execute one instruction; a single one brings along what its stop will tell."""
        into = self.options.step_into_interrupts
        prefetch = EXPEDITED if self.mode is Mode.STEP else ("pc",)
        return self.core.step(interrupts=into, prefetch=prefetch)

    def answer_call(self, answer: FileAnswer) -> None:
        """Take a client's answer to a call of the program; the core goes on once that is done."""
        if not self.calls.pending:
            return
        if answer.interrupted:
            self._interrupt.ask(SIGINT)
        if not self.calls.answer(answer):
            return
        if self._interrupt.signal is not None:
            self._detours.end()
            self._ready = self._tell.stop(self._interrupt.signal)
        elif self.mode is Mode.CONTINUE or self._detours.active:
            self.core.resume()
        elif self.mode is Mode.STEP:
            self._ready = self._tell.stop(SIGTRAP)
