"""A step over SVC: the handler is run through, as a system call is in a step on other machines.

A single step executes the SVC and stands at the first instruction of its handler; interrupts are
held off, but a supervisor call is the program's own doing. The frame that the exception stacked
tells where the program goes on: the core runs to a breakpoint there, and has come back once the
frame is off the stack again. A fault is no call, and is shown where it happens.

Source: ARMv7-M B1.5.6 (the frame), B1.5.8 (EXC_RETURN).
"""

from __future__ import annotations

from collections.abc import Mapping

from onchip.cortex_m import Core, PointOwner
from onchip.errors import BreakpointError, TransferFault

_SVCALL = 11
_PC, _XPSR = 0x18, 0x1C  # in the frame
_BASIC, _EXTENDED = 0x20, 0x68  # bytes of a frame without and with FPU registers
_PROCESS_STACK, _NO_FPU = 1 << 2, 1 << 4  # in EXC_RETURN
_ALIGNED = 1 << 9  # in the stacked xPSR: a word was left out below


class Around:
    """At most one handler of one core that is being run through.

    Raises, besides what is said: ProbeError and TransferError when the chip cannot be reached.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self.owner = PointOwner("a step over SVC")
        self._back: int | None = None

    @property
    def active(self) -> bool:
        """Whether a handler is being run through."""
        return self._back is not None

    def begin(self, before: int, values: Mapping[str, int]) -> bool:
        """Let the core run if a step just entered SVCall; False: it did not, or cannot be run.

        ``before`` is IPSR before the step; ``values`` are the registers after it.
        """
        if before == _SVCALL or values["xpsr"] & 0x1FF != _SVCALL:
            return False
        exc_return = values["lr"]
        frame = values["psp" if exc_return & _PROCESS_STACK else "msp"]
        try:
            stacked = self._core.memory.read(frame + _PC, 8)
            back = int.from_bytes(stacked[:4], "little") & ~1
            xpsr = int.from_bytes(stacked[4:], "little")
            length = _BASIC if exc_return & _NO_FPU else _EXTENDED
            sp = frame + length + (4 if xpsr & _ALIGNED else 0)
            self._core.breakpoints.set(
                back,
                owner=self.owner,
                # else it is a deeper call, or another task
                condition=lambda core: core.read_register("sp") == sp,
            )
        except (TransferFault, BreakpointError):
            return False
        self._back = back
        self._core.resume()
        return True

    def end(self) -> None:
        """Let go of the breakpoint, whatever became of the handler."""
        if self._back is not None:
            self._core.breakpoints.let_go(self._back, owner=self.owner)
            self._back = None
