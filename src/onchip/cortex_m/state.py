"""What a core is doing, and why it stopped."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .owners import PointOwner


class CoreState(Enum):
    """What the core is doing now."""

    RUNNING = "running"
    HALTED = "halted"
    SLEEPING = "sleeping"
    LOCKED_UP = "locked up"
    RESET = "held in reset"


class HaltKind(Enum):
    """Why the core halted."""

    REQUEST = "request"
    STEP = "step"
    BREAKPOINT = "breakpoint"
    WATCHPOINT = "watchpoint"
    VECTOR_CATCH = "vector-catch"
    EXTERNAL = "external"
    SEMIHOSTING = "semihosting"
    LOCKUP = "lockup"


class ResetKind(Enum):
    """What a reset reaches."""

    SYSTEM = "system"  # AIRCR.SYSRESETREQ: the core and the chip's peripherals
    CORE = "core"  # AIRCR.VECTRESET: the core only; ARMv7-M
    HARDWARE = "hardware"  # the nRESET pin


@dataclass(frozen=True, slots=True)
class HaltReason:
    """Why the core halted, and where.

    ``address`` and ``access`` ("read", "write" or "access") are those of the watchpoint that hit.
    ``wanted_by``: whose point it is, of those whose conditions are met; ``trouble``: why one of
    these could not be evaluated.
    """

    kind: HaltKind
    pc: int | None = None
    address: int | None = None
    access: str | None = None
    text: str = ""
    wanted_by: tuple[PointOwner, ...] = ()
    trouble: str = ""

    def __repr__(self) -> str:
        at = "" if self.pc is None else f" at {self.pc:#010x}"
        return f"<HaltReason {self.kind.value}{at}: {self.text or self.trouble or 'no details'}>"
