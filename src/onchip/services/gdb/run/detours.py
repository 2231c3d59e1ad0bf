"""A step for which the core has to run: around a handler, or through a range of code."""

from __future__ import annotations

from collections.abc import Collection

from onchip.cortex_m import Core, PointOwner
from onchip.services.gdb.run.around import Around
from onchip.services.gdb.run.free_run import FreeRun
from onchip.services.gdb.thread_list import ThreadList


class Detours:
    """The two detours that a step of one core may take, at most one of them at a time.

    Raises, besides what is said: ProbeError and TransferError when the chip cannot be reached.
    """

    def __init__(self, core: Core, threads: ThreadList) -> None:
        self.around = Around(core)
        self.through = FreeRun(core, threads)

    @property
    def active(self) -> bool:
        """Whether the core runs for a step."""
        return self.around.active or self.through.active

    def is_back(self, wanted_by: Collection[PointOwner]) -> bool:
        """Say whether the core stopped where the detour ends, given who wanted it to."""
        return self.around.owner in wanted_by or self.through.owner in wanted_by

    def end(self) -> None:
        """Let go of the breakpoints, whatever became of the detour."""
        self.around.end()
        self.through.end()
