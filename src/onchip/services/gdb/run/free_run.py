"""A long step over a range: instead of thousands of single steps the core runs to where it leaves.

Breakpoints of our own stand at every address outside that the range's instructions lead to, and at
those of its instructions whose way only the core knows; these are stepped. So a loop of a thousand
turns costs a few packets. Interrupts are taken meanwhile, as they are under ``continue``: a loop
that waits for one would not end otherwise. Where there are not enough comparators, or the code
cannot be read, single steps go on.

Raises, besides what is said: ProbeError and TransferError when the chip cannot be reached.
"""

from __future__ import annotations

from typing import Final

from onchip.cortex_m import BreakpointKind, Core, PointOwner, StoppedCore
from onchip.errors import BreakpointError, TransferFault
from onchip.services.gdb.run.flow import Flow, read_flow
from onchip.services.gdb.thread_list import ThreadList

LONGEST_RANGE: Final = 1024
MOST_PLACES: Final = 16


class FreeRun:
    """At most one range of one core that is being run through."""

    def __init__(self, core: Core, threads: ThreadList) -> None:
        self._core = core
        self._threads = threads
        self.owner = PointOwner("a step over a range")
        self._range = (0, 0)
        self._flow: Flow | None = None
        self._places: frozenset[int] = frozenset()  # none: a loop that only a Ctrl-C ends
        self.active = False
        """Whether the core runs through a range."""
        self._context: tuple[int, int | None] = (0, None)

    def begin(self, start: int, end: int, pc: int, exception: int) -> bool:
        """Let the core run from ``pc`` in the range; False: it cannot be done so.

        ``exception`` is IPSR: what is stepped is in this exception, or in none.
        """
        flow = self._read(start, end)
        if flow is None or pc not in flow.borders or pc in flow.unknown:
            return False
        places = flow.exits | flow.unknown
        in_flash = [place for place in places if not self._core.breakpoints.is_ram(place)]
        if len(places) > MOST_PLACES or not self._is_room(in_flash):
            return False
        try:
            for place in places:
                ram = place not in in_flash
                kind = BreakpointKind.AUTO if ram else BreakpointKind.HARDWARE
                self._core.breakpoints.set(place, kind, owner=self.owner, condition=self._is_same)
        except (BreakpointError, TransferFault):
            self._core.breakpoints.let_go_all(self.owner)
            return False
        self._places = places
        self._context = (exception, self._threads.executing_task())
        self.active = True
        self._core.resume()
        return True

    def _is_room(self, places: list[int]) -> bool:
        """Say whether there are comparators for all, once what nobody wants has left the chip."""
        breakpoints = self._core.breakpoints
        if len(places) > breakpoints.available:
            breakpoints.arming.settle_comparators()
        return len(places) <= breakpoints.available

    def _read(self, start: int, end: int) -> Flow | None:
        if self._range != (start, end):
            self._range, self._flow = (start, end), None
            if 0 < end - start <= LONGEST_RANGE:
                try:
                    self._flow = read_flow(self._core.memory.read(start, end - start), start)
                except TransferFault:
                    return None
        return None if self._flow is None or self._flow.calls_debugger else self._flow

    def _is_same(self, core: StoppedCore) -> bool:
        """Say whether the core is where it was: in no other handler, and in no other task."""
        exception = core.read_register("xpsr") & 0x1FF
        return (exception, self._threads.executing_task()) == self._context

    def forget_code(self) -> None:
        """Read the code anew for the next range step: it may have changed since."""
        self._range = (0, 0)

    def end(self) -> None:
        """Let go of the breakpoints."""
        if self.active:
            self.active = False
            self._places = frozenset()
            self._core.breakpoints.let_go_all(self.owner)
