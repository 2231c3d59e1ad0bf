"""Halt, resume, step, reset, and what the core is doing."""

from __future__ import annotations

import logging

from pyOCD.target.connected import Connected

LOG = logging.getLogger(__name__)

_STATES = {
    "running": Connected.TARGET_RUNNING,
    "halted": Connected.TARGET_HALTED,
    "held in reset": Connected.TARGET_RESET,
    "sleeping": Connected.TARGET_SLEEPING,
    "locked up": Connected.TARGET_LOCKUP,
}


class RunControl(Connected):
    """The part of a target that starts and stops it."""

    def halt(self) -> None:
        """Halt the core and wait until it has."""
        self.session.core.halt()

    def resume(self) -> None:
        """Let the core run on. A core that runs already is left alone."""
        if self.isHalted():
            self.session.core.resume()
        else:
            LOG.debug("resume: the core is not halted")

    def step(self, disable_interrupts: bool = True) -> None:
        """Execute one instruction. A core that runs is left alone."""
        if self.isHalted():
            self.session.core.step(interrupts=not disable_interrupts)
        else:
            LOG.error("step: the core is not halted")

    def reset(self, software_reset: bool | None = None) -> None:
        """Reset and run; through nRESET where ``software_reset`` is false."""
        self.session.reset("hardware" if software_reset is False else "system")

    def resetStopOnReset(self, software_reset: bool | None = None) -> None:
        """Reset, and halt before the program's first instruction."""
        self.session.reset("hardware" if software_reset is False else "system", halt=True)

    def setTargetState(self, state: str) -> None:
        """Prepare for ``PROGRAM``: reset and halt."""
        if state == "PROGRAM":
            self.resetStopOnReset()

    def getState(self) -> int:
        """Return a TARGET_ value."""
        return _STATES[self.session.core.state().value]

    def isRunning(self) -> bool:
        return self.getState() == self.TARGET_RUNNING

    def isHalted(self) -> bool:
        return self.getState() == self.TARGET_HALTED

    def setHaltOnConnect(self, halt: bool) -> None:
        self.halt_on_connect = halt

    def setAutoUnlock(self, doAutoUnlock: bool) -> None:
        """Choose whether `init` unlocks a locked chip, which erases all of it; at first not."""
        self.auto_unlock = doAutoUnlock

    def isLocked(self) -> bool:
        """Return False: a locked chip is refused when connecting."""
        return False

    def massErase(self) -> bool:
        """Erase all flash and return that it was done. A chip that is locked is never connected."""
        self.session.erase_chip(reset=False)
        return True
