"""SKELETON: signatures only, the body follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from ..bus import Bus
from .profile import CoreProfile

ResetKind = Literal["system", "core", "power-on"]


class VirtualCore:
    """A Cortex-M core on a bus. It attaches itself to ``bus.timeline`` and ``bus.ppb``.

    After building, call ``reset("power-on")`` once the memories are filled.
    """

    halted: bool
    sleeping: bool
    locked_up: bool
    in_reset: bool
    on_reset_request: Callable[[ResetKind], None] | None
    """SYSRESETREQ ("system") or VECTRESET ("core") was written, by the core or the debugger.
    Called first; then the core resets itself with that kind."""
    on_trace: Callable[[bytes], None] | None
    """Bytes leaving SWO: ITM packets without formatter."""

    def __init__(self, bus: Bus, profile: CoreProfile) -> None: ...

    @property
    def clock_hz(self) -> int:
        """Settable while running: SysTick and time follow from that moment on."""
        ...

    @clock_hz.setter
    def clock_hz(self, value: int) -> None: ...
    @property
    def now_ns(self) -> int: ...
    def run_until_ns(self, ns: int) -> None: ...
    def reset(self, kind: ResetKind = "system") -> None: ...
    def hold_reset(self, asserted: bool) -> None:
        """nRESET. Asserting holds the core in reset; releasing performs a system reset."""

    def set_irq(self, number: int, level: bool) -> None: ...
    def pulse_irq(self, number: int) -> None: ...
    def set_nmi(self, level: bool) -> None: ...
    def close(self) -> None:
        """Free the engine (1 GiB of address space) now instead of at garbage collection."""
