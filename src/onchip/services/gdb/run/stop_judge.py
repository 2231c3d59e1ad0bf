"""Whether anybody wants the core to stay where it halted, and what that is told as.

Raises, besides what is said: ProbeError and TransferError when the chip cannot be reached.
"""

from __future__ import annotations

from collections.abc import Callable

from onchip.cortex_m import HaltKind, HaltReason, PointOwner
from onchip.services.gdb.run.points import PointTable
from onchip.services.gdb.run.program_calls import ProgramCalls
from onchip.services.gdb.run.stops import SIGTRAP, Stop, StopTeller
from onchip.services.gdb.trace.tracing import Trace


class StopJudge:
    """Judges the halts of one core; ``passes`` says that a fault's signal is the program's own."""

    def __init__(
        self,
        tell: StopTeller,
        points: PointTable,
        trace: Trace,
        calls: ProgramCalls,
        passes: Callable[[int], bool],
    ) -> None:
        self._tell = tell
        self._points = points
        self._trace = trace
        self._calls = calls
        self._passes = passes
        self.wanted_by: tuple[PointOwner, ...] = ()
        """Whose breakpoint the core stopped at last."""

    def judge(self, reason: HaltReason) -> Stop | None:
        """Return the stop that ``reason`` is; None: nobody wants it, the core is to run on."""
        if self._calls.serve(reason, self._tell.pc(reason)):
            return self.program_exit()
        self.wanted_by = reason.wanted_by
        if reason.wanted_by and not self._others(reason.wanted_by):
            return None
        if reason.kind is HaltKind.VECTOR_CATCH and self._passes(self._tell.fault_signal()):
            return None
        return self._tell.describe(reason)

    def arrive(self, pc: int) -> HaltReason | None:
        """Let the trace collect where a step led; return the stop that somebody wants there."""
        self._trace.stepped(pc)
        verdict = self._points.judge(pc)
        if not self._others(verdict.wanted_by):
            return None
        return HaltReason(
            HaltKind.BREAKPOINT, pc, wanted_by=verdict.wanted_by, trouble=verdict.trouble
        )

    @property
    def wanted_beside_a_detour(self) -> bool:
        """Whether somebody wants the last stop besides the detour that it ends."""
        return len(self._others(self.wanted_by)) > 1

    def _others(self, wanted_by: tuple[PointOwner, ...]) -> list[PointOwner]:
        """Return those who want a stop and are not the trace, which only wants steps."""
        return [owner for owner in wanted_by if owner is not self._trace.owner]

    def program_exit(self) -> Stop | None:
        """Return the end of the program, if semihosting just brought it."""
        code = self._calls.take_exit_code()
        return None if code is None else Stop(SIGTRAP, exit_code=code)
