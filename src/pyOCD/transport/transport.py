"""How the port registers are reached, as a user may write it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pyOCD.interface import Interface, connected_interfaces
from pyOCD.interface.interface import missing
from pyOCD.target.deferred import READ_END, READ_NOW, READ_START, ReadMode

if TYPE_CHECKING:
    from pyOCD.pyDAPAccess.dap_access import DAPAccess


class Transport:
    """Reads and writes the registers of the debug port and of access ports.

    Subclass it and put the class into ``TRANSPORT``; ``chooseBoard(transport=NAME)`` uses it. A
    debugger needs `readDP`, `writeDP`, `readAP` and `writeAP`: all memory is reached through them.
    ``addr`` of an AP holds APSEL in [31:24]; the transport writes SELECT by itself.
    """

    def __init__(self, interface: Interface) -> None:
        self.interface = interface

    @classmethod
    def get_connected_devices(cls) -> list[DAPAccess]:
        """Return the probes that are plugged in, to be spoken to in this way."""
        from pyOCD.transport.device import TransportDevice

        return [TransportDevice(cls(interface)) for interface in connected_interfaces()]

    def init(self, frequency: int = 1_000_000) -> None:
        """Open the interface and wake the debug port."""
        self.interface.init()

    def uninit(self) -> None:
        """Let go of the interface."""
        self.interface.close()

    def info(self, request: int) -> Any:
        """Return what the probe tells under that number."""

    def readDP(self, addr: int, mode: ReadMode = READ_NOW) -> Any:
        raise missing(self, "readDP")

    def writeDP(self, addr: int, data: int) -> None:
        raise missing(self, "writeDP")

    def readAP(self, addr: int, mode: ReadMode = READ_NOW) -> Any:
        raise missing(self, "readAP")

    def writeAP(self, addr: int, data: int) -> None:
        raise missing(self, "writeAP")

    def readMem(self, addr: int, transfer_size: int = 32, mode: ReadMode = READ_NOW) -> Any:
        raise missing(self, "readMem")

    def writeMem(self, addr: int, data: int, transfer_size: int = 32) -> None:
        raise missing(self, "writeMem")

    def readBlock32(self, addr: int, size: int) -> list[int]:
        raise missing(self, "readBlock32")

    def writeBlock32(self, addr: int, data: Sequence[int]) -> None:
        raise missing(self, "writeBlock32")

    def reset(self) -> None:
        """Pull nRESET low for a moment."""

    def assertReset(self, asserted: bool) -> None:
        """Pull nRESET low, or let it go."""

    def setClock(self, frequency: int) -> None:
        """Set the SWD clock in Hz."""

    def setDeferredTransfer(self, enable: bool) -> None:
        """Allow writes to wait until something is read."""

    def flush(self) -> None:
        """Carry out what waits."""


__all__ = ["READ_END", "READ_NOW", "READ_START", "ReadMode", "Transport"]
