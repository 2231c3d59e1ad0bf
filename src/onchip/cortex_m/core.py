"""Skeleton."""
from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..arch.scs import CPUID
from ..coresight import MemAp, Memory
from ..dap import Batch, Result
from .breakpoints import BreakpointManager
from .fault import FaultReport
from .state import CoreState, HaltReason, ResetKind
from .watchpoints import WatchpointManager


class Core:
    """A Cortex-M core, reached through a MEM-AP.

    Making one touches nothing; :meth:`connect` reads what the core is and enables halting debug
    without halting it.
    """

    name: str
    cpuid: CPUID
    has_fpu: bool
    architecture: str
    memory: Memory
    breakpoints: BreakpointManager
    watchpoints: WatchpointManager

    def __init__(self, ap: MemAp) -> None:
        self.ap = ap

    def connect(self) -> None:
        """Identify the core and enable halting debug; it keeps running if it ran."""
        raise NotImplementedError

    def batch(self) -> Batch:
        """Return an empty batch."""
        raise NotImplementedError

    # ---- run control
    @property
    def halted(self) -> bool: raise NotImplementedError
    def state(self) -> CoreState: raise NotImplementedError
    def halt(self, *, timeout_s: float = 1.0) -> HaltReason: raise NotImplementedError
    def resume(self) -> None: raise NotImplementedError
    def step(self, *, interrupts: bool = False) -> HaltReason: raise NotImplementedError
    def wait_halted(self, timeout_s: float) -> HaltReason:
        """Wait, in the probe, until the core halts. CoreTimeout when it does not."""
        raise NotImplementedError
    def poll(self) -> HaltReason | None:
        """Look once: None while the core runs."""
        raise NotImplementedError
    def reset(self, kind: ResetKind = ResetKind.SYSTEM, *, halt: bool = False) -> None: raise NotImplementedError

    # ---- registers
    def read_register(self, name: str) -> int: raise NotImplementedError
    def write_register(self, name: str, value: int) -> None: raise NotImplementedError
    def read_registers(self, names: Iterable[str] | None = None) -> dict[str, int]:
        """Return registers by name; None: all of this core (s0-s31, not d0-d15)."""
        raise NotImplementedError
    def write_registers(self, values: Mapping[str, int]) -> None: raise NotImplementedError
    @property
    def register_names(self) -> tuple[str, ...]: raise NotImplementedError
    @property
    def registers(self) -> Mapping[str, int]:
        """Return the registers as a mapping that reads on access; writable."""
        raise NotImplementedError

    # ---- queued: for batches that must be one round trip
    def queue_read_register(self, batch: Batch, name: str) -> Result[int]: raise NotImplementedError
    def queue_write_register(self, batch: Batch, name: str, value: int) -> None: raise NotImplementedError
    def queue_halt(self, batch: Batch) -> None: raise NotImplementedError
    def queue_resume(self, batch: Batch) -> None:
        """Queue a plain resume: breakpoints at the pc are not stepped over."""
        raise NotImplementedError
    def queue_wait_halted(self, batch: Batch, *, timeout_s: float = 1.0) -> None: raise NotImplementedError

    # ---- the rest
    @property
    def vector_catch(self) -> frozenset[str]: raise NotImplementedError
    @vector_catch.setter
    def vector_catch(self, names: Iterable[str]) -> None: raise NotImplementedError
    def fault(self) -> FaultReport | None: raise NotImplementedError
    def disconnect(self, *, resume: bool) -> None:
        """Remove everything that was armed and leave debug state."""
        raise NotImplementedError
