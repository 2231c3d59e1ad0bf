"""The probe's virtual COM port: a UART of the target, carried by DAP_UART commands.

A packet takes what fits and says how much it took, so both directions are loops around
DAP_UART_Transfer. Nothing here waits: time is the caller's.
"""

from __future__ import annotations

from onchip.errors import ProbeRefused
from onchip.wire.cmsis_dap.uart import (
    UART_Configure,
    UART_Control,
    UART_Transfer,
    UART_Transport,
    UartControl,
    UartLine,
    UartStatus,
    UartTransport,
)

from .client import DapClient

_HEADER_LENGTH = 6
"""Bytes of a DAP_UART_Transfer response before its data; a request has one less."""


class ComPort:
    """The virtual COM port of a probe, 8 data bits, no parity, 1 stop bit."""

    def __init__(self, client: DapClient, *, baudrate: int = 115_200) -> None:
        """Open the port for commands and start it.

        Raises:
            ProbeRefused: the probe has no such port, or not at this rate.
        """
        self._client = client
        if not client.info.has_uart:
            raise ProbeRefused("this probe has no virtual COM port")
        self._ask(UART_Transport(UartTransport.COMMAND), "carry the COM port in commands")
        configured = client.command(UART_Configure(UartLine(0), baudrate))
        if not configured.ok:
            raise ProbeRefused(f"the probe's COM port does not do {baudrate} baud, 8N1")
        self.baudrate: int = configured.baudrate
        """What the probe set up, which may be a little off what was asked for."""
        self.errors: UartStatus = UartStatus(0)
        """What went wrong on the line since the port was opened: lost data, framing, parity."""
        start = UartControl(0).replace(RX_ENABLE=1, TX_ENABLE=1)
        self._ask(UART_Control(start), "start the COM port")

    def __repr__(self) -> str:
        return f"<ComPort {self.baudrate} baud>"

    def read(self) -> bytes:
        """Return everything that has been received, which may be nothing."""
        room = self._client.info.packet_size - _HEADER_LENGTH
        received = bytearray()
        while True:
            answer = self._client.command(UART_Transfer(room))
            self.errors = UartStatus(self.errors | answer.port_status)
            received += answer.received
            if len(answer.received) < room:
                return bytes(received)

    def write(self, data: bytes) -> int:
        """Send ``data`` and return how many bytes the probe took; the rest is for later."""
        room = self._client.info.packet_size - _HEADER_LENGTH
        taken = 0
        while taken < len(data):
            part = data[taken : taken + room]
            accepted = self._client.command(UART_Transfer(0, part)).accepted
            taken += accepted
            if accepted < len(part):
                break
        return taken

    def close(self) -> None:
        """Stop the port and give it back to the probe's own USB port."""
        stop = UartControl(0).replace(RX_DISABLE=1, TX_DISABLE=1)
        self._ask(UART_Control(stop), "stop the COM port")
        self._ask(UART_Transport(UartTransport.NONE), "give the COM port back")

    def _ask(self, command: UART_Transport | UART_Control, what: str) -> None:
        if not self._client.command(command).ok:
            raise ProbeRefused(f"the probe will not {what}")
