"""A step for which the core has to run: around a handler, or through a range of code."""

from __future__ import annotations

from onchip.cortex_m import Core, PointOwner
from onchip.services.gdb.around import Around
from onchip.services.gdb.free_run import FreeRun
from onchip.services.gdb.thread_list import ThreadList


class Detours:
    """The two detours that a step of one core may take, at most one of them at a time.

    Raises, besides what is said: ProbeError and TransferError when the chip cannot be reached.
    """

    def __init__(self, core: Core, threads: ThreadList) -> None:
        self.around = Around(core)
        self.through = FreeRun(core, threads)

    @property
    def owners(self) -> set[PointOwner]:
        """Return the owners of the breakpoints that detours need."""
        return {self.around.owner, self.through.owner}

    @property
    def active(self) -> bool:
        """Whether the core runs for a step."""
        return self.around.active or self.through.active

    def is_back(self, pc: int) -> bool:
        """Say whether the core, which stands at ``pc``, has come to where the detour ends."""
        return self.around.is_back(pc) or self.through.is_back(pc)

    def is_elsewhere(self, pc: int) -> bool:
        """Say whether the core met that place on another way: in a handler, or another task."""
        return self.around.is_elsewhere(pc) or self.through.is_elsewhere(pc)

    def end(self) -> None:
        """Let go of the breakpoints, whatever became of the detour."""
        self.around.end()
        self.through.end()
