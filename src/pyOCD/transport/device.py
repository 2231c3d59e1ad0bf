"""A user's `Transport` in the place where onchip has its probes."""

from __future__ import annotations

from typing import Any, Protocol

from onchip.errors import OnchipError, ProbeLost
from onchip.session import Link, RegisterLink
from pyOCD.interface import Interface
from pyOCD.pyDAPAccess.dap_access import DAPAccess

_AP = 1
_SELECT = 0x8


class PortRegisters(Protocol):
    """What a debugger needs of a `Transport`."""

    interface: Interface

    def init(self) -> None:
        """Open the interface and wake the debug port."""

    def uninit(self) -> None:
        """Let go of the interface."""

    def readDP(self, addr: int) -> Any:
        """Read a register of the debug port."""

    def writeDP(self, addr: int, data: int) -> None:
        """Write a register of the debug port."""

    def readAP(self, addr: int) -> Any:
        """Read a register of an access port; APSEL is in [31:24]."""

    def writeAP(self, addr: int, data: int) -> None:
        """Write a register of an access port."""

    def setClock(self, frequency: int) -> None:
        """Set the SWD clock in Hz."""

    def assertReset(self, asserted: bool) -> None:
        """Pull nRESET low, or let it go."""


class TransportPort:
    """A `RegisterPort` through a transport. SELECT is kept here: the transport writes its own."""

    def __init__(self, transport: PortRegisters) -> None:
        self._transport = transport
        self._select = 0

    @property
    def description(self) -> str:
        """Name it for people."""
        return f"{type(self._transport).__name__} {self._transport.interface.getInfo()}".strip()

    def read(self, register: int) -> int:
        """Read a register."""
        address = register & 0xC
        try:
            if register & _AP:
                return int(self._transport.readAP(self._select & 0xFF00_00F0 | address))
            return int(self._transport.readDP(address))
        except OnchipError:
            raise
        except Exception as error:
            raise ProbeLost(f"{self.description} could not read: {error}") from error

    def write(self, register: int, value: int) -> None:
        """Write a register."""
        address = register & 0xC
        try:
            if register & _AP:
                self._transport.writeAP(self._select & 0xFF00_00F0 | address, value)
                return
            if address == _SELECT:
                self._select = value
            self._transport.writeDP(address, value)
        except OnchipError:
            raise
        except Exception as error:
            raise ProbeLost(f"{self.description} could not write: {error}") from error

    def set_clock(self, frequency_hz: int) -> None:
        """Set the SWD clock."""
        self._transport.setClock(frequency_hz)

    def set_reset(self, *, asserted: bool) -> None:
        """Pull nRESET low, or let it go."""
        self._transport.assertReset(asserted)

    def close(self) -> None:
        """Let go of the adapter."""
        self._transport.uninit()


class TransportDevice(DAPAccess):
    """A probe whose registers are reached through ``transport``."""

    def __init__(self, transport: PortRegisters) -> None:
        interface = transport.interface
        super().__init__(interface.getSerialNumber() or interface.getInfo(), interface)
        self.transport = transport

    def _link(self) -> Link:
        self.transport.init()
        return RegisterLink(TransportPort(self.transport))
