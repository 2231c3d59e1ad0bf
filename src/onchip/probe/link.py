"""The seam where the I/O lives: everything above a ``Link`` is deterministic."""

from __future__ import annotations

from typing import Protocol


class Link(Protocol):
    """A way to one CMSIS-DAP probe: packets go in, packets come out, in order.

    A packet is one CMSIS-DAP command or response without the transport's own framing: no HID report
    id, no padding needed on write, and perhaps padding on read. Packets may be written ahead; the
    caller keeps to the probe's packet count. Time is the link's too, so that a virtual board can
    own it: nobody above reads another clock.
    """

    @property
    def description(self) -> str:
        """Name the way for people: ``virtual:stm32f407``, ``tcp:127.0.0.1:4441``."""
        ...

    def write(self, packet: bytes) -> None:
        """Send one packet.

        Raises:
            ProbeLost: the way is closed.
        """
        ...

    def read(self, timeout_s: float) -> bytes:
        """Return the next response.

        Raises:
            ProbeTimeout: none came within ``timeout_s``.
            ProbeLost: the way is closed.
        """
        ...

    def close(self) -> None:
        """Let go of the probe. Closing twice is harmless."""
        ...

    def now(self) -> float:
        """Return the time in seconds since some fixed moment."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        ...
