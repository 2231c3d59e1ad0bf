"""A user's `Interface` in the place where onchip has its links."""

from __future__ import annotations

import time

from onchip.errors import OnchipError, ProbeLost, ProbeTimeout
from pyOCD.interface.interface import Interface


class InterfaceLink:
    """A `Link` through an interface. What its own errors mean, only the interface knows: lost."""

    def __init__(self, interface: Interface) -> None:
        self._interface = interface
        self._closed = False

    @property
    def description(self) -> str:
        """Name the way for people."""
        return self._interface.getInfo() or type(self._interface).__name__

    def write(self, packet: bytes) -> None:
        """Send one packet."""
        try:
            self._interface.write(list(packet))
        except OnchipError:
            raise
        except Exception as error:
            raise ProbeLost(f"{self.description} could not send: {error}") from error

    def read(self, timeout_s: float) -> bytes:
        """Return the next response."""
        try:
            response = bytes(self._interface.read(timeout=max(1, round(timeout_s))))
        except OnchipError:
            raise
        except Exception as error:
            raise ProbeLost(f"{self.description} could not receive: {error}") from error
        if not response:
            raise ProbeTimeout(f"{self.description} gave no answer within {timeout_s:g} s")
        return response

    def close(self) -> None:
        """Let go of the probe."""
        if not self._closed:
            self._closed = True
            self._interface.close()

    def now(self) -> float:
        """Return the time in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
