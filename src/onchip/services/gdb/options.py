"""What a user can choose about the GDB server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GdbOptions:
    """The choices of one server.

    ``persist``: go on serving after the last client left. ``halt_on_attach``: halt the core when a
    client asks why the target stands still (GDB expects a stopped target). ``resume_on_detach``:
    let the core run on when a client leaves or vanishes. ``step_into_interrupts``: let exceptions
    be taken during single steps. ``hardware_breakpoints_only``: never patch RAM with BKPT.
    ``erase``: "sector" or "chip", for ``load``. ``semihosting``: serve the console calls of BKPT
    0xAB.
    """

    persist: bool = True
    halt_on_attach: bool = True
    resume_on_detach: bool = True
    step_into_interrupts: bool = False
    hardware_breakpoints_only: bool = False
    erase: str = "sector"
    semihosting: bool = False
