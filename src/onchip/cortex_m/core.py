"""A Cortex-M core under debug: the one place where run control, registers and memory meet.

A core comes in storeys: its registers (``register_core``), its debug units and how it halts
(``halting``), how it runs (``running``), and here how it is found, attached to, reset, let go.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..coresight import MemAp
from ..errors import OnchipError
from .attach import attach, detach
from .fault import FaultReport, read_fault
from .registers import CORE_NAMES
from .reset import reset
from .running import RunningCore
from .state import ResetKind


class Core(RunningCore):
    """A Cortex-M core, reached through a MEM-AP.

    Making one touches nothing; :meth:`connect` reads what the core is and enables halting debug
    without halting it.
    """

    def __init__(self, ap: MemAp) -> None:
        super().__init__(ap)
        self.was_running = False
        self.errand = ""
        """What is done to the target besides debugging, and what it means to break that off."""
        self._connected = False

    def __repr__(self) -> str:
        known = {True: "halted", False: "running", None: "state not known"}[self.run.halted]
        return f"<{self.name} {self.identity.revision}, {known}>"

    def connect(self) -> None:
        """Identify the core and enable halting debug; it keeps running if it ran.

        Breakpoints and watchpoints that an earlier debugger left armed are cleared.

        Raises:
            TargetError: what answers is no Cortex-M core.
            TransferError: the debug registers cannot be reached (a locked chip, say).
        """
        self.was_running = attach(self)
        self.ap.dp.client.describe_target = self.left_behind
        self._connected = True

    def left_behind(self) -> str:
        """Say what becomes of the target when the probe is gone, as far as is known."""
        states = {
            True: "the core was halted and stays so until a reset",
            False: "the core was running and runs on",
            None: "whether the core runs is not known",
        }
        said = ["what was in flight may or may not have happened", states[self.run.last_known]]
        points = len(self.breakpoints) + len(self.watchpoints)
        if points:
            said.append(f"{points} break- and watchpoints stay armed until it loses power")
        return ", ".join(filter(None, (*said, self.errand)))

    # ---- vector catch, reset, faults, the end

    @property
    def vector_catch(self) -> frozenset[str]:
        """Return which exceptions halt the core on entry."""
        return self.catch.names

    @vector_catch.setter
    def vector_catch(self, names: Iterable[str]) -> None:
        self.catch.set(names)

    def reset(self, kind: ResetKind = ResetKind.SYSTEM, *, halt: bool = False) -> None:
        """Reset the chip or the core; with ``halt`` it stops before its first instruction.

        Breakpoints, watchpoints and vector catch stay armed.

        Raises:
            TargetError: this core has no reset of that kind.
            CoreTimeout: it did not come out of reset, or did not halt.
            FlashError: breakpoints in flash could not be programmed; the core is halted then.
            ProbeError: the probe failed.
        """
        program_first = not halt and self.breakpoints.arming.unsettled_flash
        reset(self, kind, halt=halt or program_first)
        if program_first:
            self.resume()

    def fault(self) -> FaultReport | None:
        """Say what fault the core is in, or has had; None if none shows. It must be halted.

        Raises:
            CoreStateError: the core runs.
            TransferError: the debug hardware did not answer.
        """
        return read_fault(self)

    def disconnect(self, *, resume: bool) -> None:
        """Remove everything that was armed and leave debug state.

        Without ``resume`` a halted core stays halted, and halting debug on: the next debugger finds
        it so. What can no longer be reached is left.

        Raises:
            OnchipError: the first thing that failed; the rest was still tried.
        """
        if not self._connected:
            return
        self._connected = False
        detach(self, resume=resume)


def find_core(aps: Iterable[object]) -> Core | None:
    """Return the first core found behind the given access ports, connected; None if there is none.

    Raises:
        TransferError: a memory port answered, but not for the core's registers (a locked chip).
    """
    trouble: OnchipError | None = None
    for ap in aps:
        if isinstance(ap, MemAp):
            core = Core(ap)
            try:
                core.connect()
            except OnchipError as error:
                trouble = trouble or error
                continue
            return core
    if trouble is not None:
        raise trouble
    return None


__all__ = ["CORE_NAMES", "Core", "find_core"]
