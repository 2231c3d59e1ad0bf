"""Runs and stops the core for all clients, and tells them why it stopped.

Nothing blocks: a resume is begun, then ``poll`` is called until it returns a ``Stop``; in between
the server serves its sockets. A range step is many single steps, a slice of them per poll.

Raises, besides what is said: ProbeError and TransferError when the chip cannot be reached.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from onchip.arch.dwt import DWT_PCSR
from onchip.cortex_m import Core, HaltKind, HaltReason
from onchip.errors import CoreStateError, TransferFault
from onchip.services.gdb.around import Around
from onchip.services.gdb.conditions import Conditions
from onchip.services.gdb.free_run import FreeRun
from onchip.services.gdb.host_calls import HostCalls
from onchip.services.gdb.points import PointTable
from onchip.services.gdb.registers import EXPEDITED, RegisterLayout
from onchip.services.gdb.semihosting import Console
from onchip.services.gdb.stops import SIGINT, SIGTRAP, Stop, StopTeller
from onchip.services.gdb.thread_list import ThreadList
from onchip.wire.gdb_rsp.file_io import FileAnswer

if TYPE_CHECKING:
    from onchip.services.gdb.options import GdbOptions

STEPS_PER_POLL = 32
"""A range step looks for a waiting Ctrl-C this often."""

CROSSING_S = 1.0
"""A Ctrl-C to a stopped core is for what is resumed so soon; later it is another command's turn."""

PASSES_PER_POLL = 32
"""So many false conditions and semihosting calls in a row are passed before others get a turn."""

_NO_SAMPLE = 0xFFFF_FFFF

_SOON_S = 0.002
"""How long to wait, in the probe, for the next stop after one that was passed."""


class Mode(Enum):
    """What the core is doing for a client."""

    STOPPED = "stopped"
    CONTINUE = "continue"
    STEP = "step"
    RANGE = "range"


class RunControl:
    """Run control of one core, shared by the clients of a server."""

    def __init__(
        self, core: Core, layout: RegisterLayout, threads: ThreadList, options: GdbOptions
    ) -> None:
        self.core = core
        self.layout = layout
        self.threads = threads
        self.options = options
        self.points = PointTable(core, hardware_only=options.hardware_breakpoints_only)
        self._tell = StopTeller(core, layout, self.points)
        self.console: Console | None = None
        self.calls: HostCalls | None = None
        """Has clients serve semihosting calls about files and the console."""
        self.on_text: Callable[[str], None] = lambda text: None
        """Gets what the target prints, through semihosting or by the commands of a breakpoint."""
        self.passes: Callable[[int], bool] = lambda signal: False
        """Tells whether the clients want a fault's signal to be the program's own affair."""
        self.conditions = Conditions(
            core,
            layout,
            threads,
            self.points.stop_name_at,
            self.points.others_want,
            lambda text: self.on_text(text),
        )
        self.mode = Mode.STOPPED
        self.last = Stop(SIGTRAP)
        self._range = (0, 0)
        self._around = Around(core)
        self._free = FreeRun(core, threads)
        self._detour: Around | FreeRun | None = None
        self.points.helpers = {self._around.owner, self._free.owner}
        self._exception_before = 0
        self._interrupted: int | None = None
        self._interrupted_at = 0.0
        self._ready: Stop | None = None

    @property
    def running(self) -> bool:
        """Whether a resume is under way for a client."""
        return self.mode is not Mode.STOPPED

    @property
    def stepping(self) -> bool:
        """Whether what is under way are single steps, which ``poll`` itself executes."""
        return self.mode in (Mode.STEP, Mode.RANGE) and self._detour is None

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
        self.threads.ran()
        if self._halted():
            self.core.resume()
        self.mode = Mode.CONTINUE
        self._forget_old_interrupt()

    def step(self) -> None:
        """Begin one instruction; the next ``poll`` executes it."""
        self._begin_steps(Mode.STEP)

    def step_range(self, start: int, end: int) -> None:
        """Begin stepping until pc leaves [start, end); at least one instruction is executed."""
        self._range = (start, end)
        self._begin_steps(Mode.RANGE)

    def _begin_steps(self, mode: Mode) -> None:
        self._free.forget_code()
        self.threads.ran(stepped=self.threads.current)
        self._exception_before = self._tell.exception
        self.mode = mode
        self._forget_old_interrupt()

    def watch(self) -> None:
        """Wait for the stop of a core that runs already."""
        self.mode = Mode.CONTINUE
        self._interrupted = None

    def meet(self, name: str) -> None:
        """Let the next ``poll`` tell of a breakpoint at the pc, without moving: ``swbreak`` ..."""
        self._ready = self._tell.stop(SIGTRAP, ((name, ""),))
        self.mode = Mode.STEP

    def stay(self) -> None:
        """Let the next ``poll`` tell of a step, without moving (docs/adr/0021)."""
        self._ready = self._tell.stop(SIGTRAP, ())
        self.mode = Mode.STEP

    def interrupt(self, signal: int = SIGINT) -> None:
        """Ask for a stop (Ctrl-C); the next ``poll`` makes it. A stopped core stays so.

        A client that asks so of a stopped core had not heard of the stop: GDB stops many times
        within one ``next`` and goes on by itself. So the request holds for what comes soon.
        """
        self._interrupted, self._interrupted_at = signal, time.monotonic()

    def _forget_old_interrupt(self) -> None:
        if time.monotonic() - self._interrupted_at >= CROSSING_S:
            self._interrupted = None

    def poll(self) -> Stop | None:
        """Go on with what was begun; return the stop once there is one.

        Raises:
            CoreTimeout: the core does not answer a halt or a step.
        """
        if self.mode is Mode.STOPPED or self._calling:
            return None
        if self._ready is not None:
            stop: Stop | None = self._ready
            self._ready = None
        elif self.mode is Mode.CONTINUE:
            stop = self._poll_running()
        elif self._detour is not None:
            stop = self._poll_detour(self._detour)
        else:
            stop = self._poll_steps()
        if stop is not None:
            self.mode = Mode.STOPPED
            self.last = stop
            if stop.signal == self._interrupted:
                self._interrupted = None
            self.threads.stood()
        return stop

    def abandon(self) -> None:
        """Forget what was begun, without touching the core: it could not be reached."""
        self.mode = Mode.STOPPED
        self._interrupted = None
        self._ready = None
        self._end_detour()
        if self.calls is not None:
            self.calls.forget()

    def let_go(self) -> None:
        """Let the core run with nobody waiting for it; the clients' points are gone already."""
        self.abandon()
        self.threads.ran()
        if self.core.poll(prefetch=EXPEDITED) is not None:
            self.core.resume()

    def was_reset(self, *, halt: bool) -> None:
        """Take note of a reset that somebody made; with ``halt`` the core stands still now."""
        self.threads.ran()
        if self.mode is not Mode.CONTINUE:  # else ``poll`` finds the halted core and says so
            self.mode = Mode.STOPPED if halt else Mode.CONTINUE
        if halt:
            self.last = Stop(SIGTRAP)
            self._tell.exception = 0
        if self.console is not None:
            self.console.close()  # the files of the program that was

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

    def sample_pc(self) -> int:
        """Return where the running core was seen last, 0 if that cannot be known."""
        try:
            pc = self.core.memory.read_u32(DWT_PCSR)
        except TransferFault:
            return 0
        return 0 if pc == _NO_SAMPLE else pc

    def _halted(self) -> bool:
        """Say whether the core stands still; the chip is asked only when that is not known."""
        return self.core.halted or self.core.poll(prefetch=EXPEDITED) is not None

    def _poll_running(self) -> Stop | None:
        wanted = self.conditions.registers if self._detour is None else None
        prefetch = EXPEDITED if wanted is None else wanted  # more would be read in vain mostly
        reason = self.core.poll(prefetch=prefetch)
        passed = 0
        while reason is not None:
            stop = self._judge(reason)
            if stop is not None:
                return stop
            if self._calling:
                return None
            if self._interrupted is not None:
                return self._tell.stop(self._interrupted, ())
            passed += 1
            reason = None
            if passed < PASSES_PER_POLL:
                reason = self.core.run_on(_SOON_S, prefetch=prefetch)
            else:
                self.core.resume()
        if self._interrupted is None:
            return None
        reason = self.core.halt()
        stop = None if reason.kind is HaltKind.REQUEST else self._judge(reason)
        return stop or self._tell.stop(self._interrupted, ())

    def _poll_detour(self, detour: Around | FreeRun) -> Stop | None:
        """Let the core run that a step let run; then the step is made, or goes on from there."""
        stop = self._poll_running()
        if stop is None:
            return None
        pc = self.core.read_register("pc") if stop.exit_code is None else 0
        plain = stop.signal == SIGTRAP and not stop.at_watchpoint and self._interrupted is None
        back = plain and detour.is_back(pc)
        self._end_detour()
        if not back:
            return stop
        start, end = self._range
        if self.mode is Mode.STEP or not start <= pc < end:
            return self._tell.stop(SIGTRAP)
        wanted = self.points.stop_name_at(pc) is not None and self.conditions.wants_stop(pc)
        return stop if wanted else None

    def _end_detour(self) -> None:
        if self._detour is not None:
            self._detour.end()
            self._detour = None

    def _judge(self, reason: HaltReason) -> Stop | None:
        """Return the stop that ``reason`` is; None: nobody wants it, the core is to run on."""
        if self._serve_semihosting(reason):
            return self._program_exit()
        if reason.kind is HaltKind.BREAKPOINT:
            pc = self._tell.pc(reason)
            if self._detour is not None and self._detour.is_back(pc):
                return self._tell.describe(reason)
            elsewhere = self._detour is not None and self._detour.is_elsewhere(pc)
            if elsewhere and self.points.stop_name_at(pc) is None:
                return None
            if not self.conditions.wants_stop(pc):
                return None
        if reason.kind is HaltKind.VECTOR_CATCH and self.passes(self._tell.fault_signal()):
            return None
        return self._tell.describe(reason)

    def _poll_steps(self) -> Stop | None:
        count = 1 if self.mode is Mode.STEP else STEPS_PER_POLL
        start, end = self._range
        for _ in range(count):
            reason = self._step()
            if self._serve_semihosting(reason):
                if (stop := self._program_exit()) is not None or self._calling:
                    return stop
                reason = HaltReason(HaltKind.STEP)
            if reason.kind is not HaltKind.STEP:
                return self._tell.describe(reason)
            pc = self._tell.pc(reason)
            name = self.points.stop_name_at(pc)
            if self.mode is Mode.STEP or not start <= pc < end:
                return self._end_of_steps(wanted_here=name is not None)
            if name is not None and self.conditions.wants_stop(pc):
                return self._tell.stop(SIGTRAP, ((name, ""),))
            if self._interrupted is not None:
                return self._tell.stop(self._interrupted, ())
        if self.mode is Mode.RANGE and not self.options.step_into_interrupts:
            exception = self._exception_before
            if self._free.begin(start, end, self.core.read_register("pc"), exception):
                self._detour = self._free
        return None

    def _end_of_steps(self, *, wanted_here: bool) -> Stop | None:
        """Return the stop of a step that is made; None: it entered a call that is run through.

        ``wanted_here``: there is a breakpoint where the core stands.
        """
        values = self.core.read_registers(EXPEDITED)
        into = self.options.step_into_interrupts or wanted_here
        if not into and self._around.begin(self._exception_before, values):
            self._detour = self._around
            return None
        signal = SIGTRAP if self._interrupted is None else self._interrupted
        return self._tell.stop(signal, values=values)

    def _step(self) -> HaltReason:
        """Execute one instruction; a single one brings along what its stop will tell."""
        into = self.options.step_into_interrupts
        prefetch = EXPEDITED if self.mode is Mode.STEP else ("pc",)
        return self.core.step(interrupts=into, prefetch=prefetch)

    def _serve_semihosting(self, reason: HaltReason) -> bool:
        """Serve a BKPT 0xAB and move pc past it; say whether it was one."""
        if self.console is None or reason.kind not in (HaltKind.BREAKPOINT, HaltKind.SEMIHOSTING):
            return False
        pc = self._tell.pc(reason)
        if self.points.stop_name_at(pc) is not None or self.core.memory.read_u16(pc) != 0xBEAB:
            return False
        if self.calls is not None and self.calls.begin():
            return True
        text = self.console.call(self.core)
        if text:
            self.on_text(text)
        self.core.write_register("pc", pc + 2)
        return True

    @property
    def _calling(self) -> bool:
        return self.calls is not None and self.calls.pending

    def answer_call(self, answer: FileAnswer) -> None:
        """Take a client's answer to a call of the program; the core goes on once that is done."""
        if self.calls is None or not self._calling:
            return
        if answer.interrupted:
            self._interrupted = SIGINT
        if not self.calls.answer(answer) or self.mode is Mode.RANGE:
            return
        if self.mode is Mode.STEP:
            self._ready = self._tell.stop(SIGTRAP, ())
        elif self.mode is Mode.CONTINUE:
            self.core.resume()

    def _program_exit(self) -> Stop | None:
        """Return the end of the program, if semihosting just brought it."""
        if self.console is None or (code := self.console.exit_code) is None:
            return None
        self.console.exit_code = None
        self.console.close()
        return Stop(SIGTRAP, exit_code=code)
