"""A Cortex-M core under debug: run control, registers, breakpoints, watchpoints, faults, reset.

Below stands ``coresight``: the core's debug registers are memory seen through a MEM-AP. Above,
``target``, ``flash`` and the session know chips; here only the architecture is known.
"""

from .breakpoints import BreakpointManager
from .core import Core
from .fault import FaultReport
from .owners import PYTHON, Condition, PointOwner, StoppedCore, Verdict
from .places import Breakpoint, BreakpointKind
from .registers import PSR_VIEWS
from .state import CoreState, HaltKind, HaltReason, ResetKind
from .watchpoints import Watchpoint, WatchpointManager

__all__ = [
    "PSR_VIEWS",
    "PYTHON",
    "Breakpoint",
    "BreakpointKind",
    "BreakpointManager",
    "Condition",
    "Core",
    "CoreState",
    "FaultReport",
    "HaltKind",
    "HaltReason",
    "PointOwner",
    "ResetKind",
    "StoppedCore",
    "Verdict",
    "Watchpoint",
    "WatchpointManager",
]
