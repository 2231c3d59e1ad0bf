"""Find out why the core halted, from DFSR, the DWT and the instruction at the pc."""

from __future__ import annotations

from ..arch.scs import DFSR
from ..coresight import MemAp
from ..errors import TransferFault
from .breakpoints import BreakpointManager
from .opcodes import is_bkpt, is_semihosting
from .owners import Holders
from .state import HaltKind, HaltReason
from .watchpoints import WatchpointManager


class StopReader:
    """Tells halts apart, and remembers a BKPT of the program's own that the core stands on."""

    def __init__(
        self, ap: MemAp, breakpoints: BreakpointManager, watchpoints: WatchpointManager
    ) -> None:
        self._ap = ap
        self._breakpoints = breakpoints
        self._watchpoints = watchpoints
        self.own_bkpt: int | None = None
        """Where the core stands on a BKPT of the program itself, which it would never pass."""
        self.holders: Holders | None = None
        """Who wants the point that the core stopped at; None: it is nobody's here."""

    def explain(self, dfsr: DFSR, pc: int, *, default: HaltKind) -> HaltReason:
        """Return the reason for the halt at ``pc``; ``default`` where DFSR names no event.

        Raises:
            TransferError: the debug hardware did not answer.
        """
        self.own_bkpt = self.holders = None
        if dfsr.BKPT:
            return self._breakpoint(pc)
        if dfsr.DWTTRAP:
            found = self._watchpoints.hit()
            if found is not None:
                hit, self.holders = found
                return HaltReason(HaltKind.WATCHPOINT, pc, hit.address, hit.access, str(hit))
            return HaltReason(HaltKind.WATCHPOINT, pc, text="a watchpoint that was not set here")
        if dfsr.VCATCH:
            return HaltReason(HaltKind.VECTOR_CATCH, pc, text="vector catch")
        if dfsr.EXTERNAL:
            return HaltReason(HaltKind.EXTERNAL, pc, text="external debug request")
        return HaltReason(default, pc, text=_TEXTS[default])

    def _breakpoint(self, pc: int) -> HaltReason:
        found = self._breakpoints.armed_at(pc)
        if found is not None:
            self.holders = self._breakpoints.note_hit(pc)
            if is_bkpt(self._breakpoints.original(pc) or b""):
                self.own_bkpt = pc  # ours lies on the program's: lifting ours would not free it
            return HaltReason(HaltKind.BREAKPOINT, pc, text=f"{found.kind.value} breakpoint")
        try:
            halfword = self._ap.read(pc, 2)
        except TransferFault:
            halfword = b""  # a stale DFSR.BKPT, and the pc went astray since
        if is_semihosting(halfword):
            self.own_bkpt = pc
            return HaltReason(HaltKind.SEMIHOSTING, pc, text="semihosting call")
        if is_bkpt(halfword):
            self.own_bkpt = pc
            return HaltReason(
                HaltKind.BREAKPOINT, pc, text=f"BKPT {halfword[0]:#04x} of the program itself"
            )
        return HaltReason(HaltKind.BREAKPOINT, pc, text="a breakpoint that was not set here")


_TEXTS = {
    HaltKind.REQUEST: "halted on request",
    HaltKind.STEP: "stepped",
    HaltKind.LOCKUP: "the core had locked up",
    HaltKind.BREAKPOINT: "breakpoint",
    HaltKind.WATCHPOINT: "watchpoint",
    HaltKind.VECTOR_CATCH: "vector catch",
    HaltKind.EXTERNAL: "external debug request",
    HaltKind.SEMIHOSTING: "semihosting call",
}
