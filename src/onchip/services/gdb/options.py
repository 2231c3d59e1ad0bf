"""What a user can choose about the GDB server."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from onchip.services.semihosting import SemihostingOptions
    from onchip.symbols.dwarf import DebugInfo


@dataclass(frozen=True, slots=True)
class GdbOptions:
    """The choices of one server.

    ``persist``: go on serving after the last client left. ``halt_on_attach``: halt the core when a
    client asks why the target stands still (GDB expects a stopped target); otherwise a running core
    runs on, and the client's ``continue`` waits for its stop. ``resume_on_detach``: let the core
    run on when the last client leaves or vanishes. ``step_into_interrupts``: let exceptions be
    taken during single steps, and end a step over SVC in its handler.
    ``hardware_breakpoints_only``: never patch RAM with BKPT. ``erase``: for ``load``.
    ``read_back``: verify what ``load`` programmed by reading every byte too, not only by CRCs.
    ``vector_catch``: exceptions that stop the core while a client is there, by the names of
    ``core.vector_catch``. ``semihosting``: serve the calls of BKPT 0xAB.
    ``semihosting_options``: what the program may have, a directory for its files say; None: only
    the console. ``debug``: the program's symbols, with which ``monitor`` commands name things.
    ``gdb_files``: have GDB do the calls about files and the console on its machine, if it waits.
    ``rtos_threads``: show the tasks of an RTOS as threads.
    """

    persist: bool = True
    halt_on_attach: bool = True
    resume_on_detach: bool = True
    step_into_interrupts: bool = False
    hardware_breakpoints_only: bool = False
    erase: Literal["sector", "chip"] = "sector"
    read_back: bool = False
    vector_catch: Iterable[str] = frozenset({"hardfault"})
    semihosting: bool = False
    semihosting_options: SemihostingOptions | None = None
    debug: DebugInfo | None = None
    gdb_files: bool = False
    rtos_threads: bool = True
