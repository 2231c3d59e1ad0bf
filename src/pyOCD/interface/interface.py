"""The way to a probe, as a user may write one: packets as lists of bytes."""

from __future__ import annotations

from collections.abc import Sequence

from onchip.errors import UsageError


class Interface:
    """Moves CMSIS-DAP packets. Subclass it, and put the class into ``INTERFACE``.

    `getAllConnectedInterface` returns the probes that are there, closed; `init` opens one.
    """

    def __init__(self) -> None:
        self.vid = 0
        self.pid = 0
        self.vendor_name = ""
        self.product_name = ""
        self.serial_number = ""
        self.packet_count = 1
        self.packet_size = 64

    @staticmethod
    def getAllConnectedInterface(
        vid: int | None = None, pid: int | None = None
    ) -> Sequence[Interface]:
        """Return the probes that are plugged in."""
        return []

    @staticmethod
    def isAvailable() -> bool:
        """Return whether this way can be used on this machine."""
        return True

    def init(self) -> None:
        """Open the probe."""

    def write(self, data: Sequence[int]) -> None:
        """Send one packet."""
        raise missing(self, "write")

    def read(self, size: int = -1, timeout: int = -1) -> Sequence[int]:
        """Return the next response; wait ``timeout`` seconds, or for ever if it is negative."""
        raise missing(self, "read")

    def getInfo(self) -> str:
        return f"{self.vendor_name} {self.product_name}".strip()

    def getPacketCount(self) -> int:
        return self.packet_count

    def setPacketCount(self, count: int) -> None:
        self.packet_count = count

    def setPacketSize(self, size: int) -> None:
        self.packet_size = size

    def getSerialNumber(self) -> str:
        return self.serial_number

    def close(self) -> None:
        """Let go of the probe."""


def missing(owner: object, method: str) -> UsageError:
    """Return the error of a subclass that leaves out what it is used for."""
    return UsageError(f"{type(owner).__name__} has no {method}()", hint="the subclass defines it")
