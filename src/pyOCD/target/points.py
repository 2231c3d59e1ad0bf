"""Breakpoints, watchpoints, vector catch."""

from __future__ import annotations

from onchip.errors import BreakpointError, UsageError, WatchpointError
from onchip.session import BreakpointKind
from pyOCD.target.connected import Connected
from pyOCD.target.constants import CATCHES, catch_names

_ACCESS = {
    Connected.WATCHPOINT_READ: "read",
    Connected.WATCHPOINT_WRITE: "write",
    Connected.WATCHPOINT_READ_WRITE: "access",
}
_KINDS = {
    Connected.BREAKPOINT_HW: BreakpointKind.HARDWARE,
    Connected.BREAKPOINT_SW: BreakpointKind.SOFTWARE,
    Connected.BREAKPOINT_AUTO: BreakpointKind.AUTO,
}


class Points(Connected):
    """The part of a target that stops it by itself."""

    def setBreakpoint(self, addr: int, type: int = Connected.BREAKPOINT_AUTO) -> bool:
        """Set a breakpoint and return whether that was possible."""
        if type not in _KINDS:
            raise UsageError(f"a breakpoint's type is 1, 2 or 3, not {type}")
        try:
            self.session.core.breakpoints.set(addr, _KINDS[type])
        except BreakpointError:
            return False
        return True

    def findBreakpoint(self, addr: int) -> object:
        """Return the breakpoint at an address, or None."""
        return self.session.core.breakpoints.find(addr)

    def getBreakpointType(self, addr: int) -> int | None:
        """Return BREAKPOINT_HW or BREAKPOINT_SW, or None where no breakpoint is set.

        A BKPT that was programmed into flash is BREAKPOINT_SW too.
        """
        breakpoint = self.session.core.breakpoints.find(addr)
        if breakpoint is None:
            return None
        hardware = breakpoint.kind is BreakpointKind.HARDWARE
        return self.BREAKPOINT_HW if hardware else self.BREAKPOINT_SW

    def removeBreakpoint(self, addr: int) -> None:
        """Remove a breakpoint; without one nothing happens."""
        if self.session.core.breakpoints.find(addr) is not None:
            self.session.core.breakpoints.remove(addr)

    def availableBreakpoint(self) -> int:
        """Return how many hardware breakpoints are left."""
        return self.session.core.breakpoints.available

    def setWatchpoint(self, addr: int, size: int, type: int) -> bool:
        """Set a watchpoint and return whether that was possible."""
        try:
            self.session.core.watchpoints.set(addr, size, _access(type))
        except WatchpointError:
            return False
        return True

    def findWatchpoint(self, addr: int, size: int, type: int) -> object:
        """Return the watchpoint that was set like that, or None."""
        wanted = (addr, size, _access(type))
        points = self.session.core.watchpoints
        return next((w for w in points if (w.address, w.length, w.access) == wanted), None)

    def removeWatchpoint(self, addr: int, size: int, type: int) -> None:
        """Remove a watchpoint, named as it was set; without one nothing happens."""
        if self.findWatchpoint(addr, size, type) is not None:
            self.session.core.watchpoints.remove(addr, size, _access(type))

    def setVectorCatch(self, enableMask: int) -> None:
        """Halt on entry to the exceptions of a mask of CATCH_ values, and to no others.

        What this core cannot catch is left out.
        """
        core = self.session.core
        core.vector_catch = catch_names(enableMask, baseline=core.identity.baseline)

    def getVectorCatch(self) -> int:
        """Return the mask of CATCH_ values."""
        caught = self.session.core.vector_catch
        return sum(bit for bit, name in CATCHES.items() if name in caught)

    def setVectorCatchFault(self, enable: bool) -> None:
        self._catch(self.CATCH_HARD_FAULT, enable)

    def getVectorCatchFault(self) -> bool:
        return bool(self.getVectorCatch() & self.CATCH_HARD_FAULT)

    def setVectorCatchReset(self, enable: bool) -> None:
        self._catch(self.CATCH_CORE_RESET, enable)

    def getVectorCatchReset(self) -> bool:
        return bool(self.getVectorCatch() & self.CATCH_CORE_RESET)

    def _catch(self, bit: int, enable: bool) -> None:
        caught = self.getVectorCatch()
        self.setVectorCatch(caught | bit if enable else caught & ~bit)


def _access(type: int) -> str:
    if type not in _ACCESS:
        raise UsageError(f"a watchpoint's type is 1, 2 or 3, not {type}")
    return _ACCESS[type]
