"""The probe's UART, wired to the target's console: the UART_* commands and the USB COM port.

While DAP commands own the port (transport 2), bytes are buffered for them; otherwise they belong to
the COM port, which is whoever listens to the board.
"""

from __future__ import annotations

from collections.abc import Callable

from onchip.wire.cmsis_dap import (
    Parity,
    Response,
    Status,
    StatusResponse,
    UART_Configure,
    UART_ConfigureResponse,
    UART_Control,
    UART_Status,
    UART_StatusResponse,
    UART_Transfer,
    UART_TransferResponse,
    UART_Transport,
    UartConfigureError,
    UartStatus,
    UartTransport,
)

from .clock import ProbeClock

_DATA_BITS = (0, 5, 6, 7)
_MAX_BAUDRATE = 12_000_000
_ALL_ERRORS = 0x7


class UartBridge:
    """Receive and transmit buffers of ``size`` bytes; ``send`` passes bytes on to the chip."""

    def __init__(
        self,
        clock: ProbeClock,
        size: int,
        packet_size: int,
        send: Callable[[bytes], None],
        *,
        com_port: bool,
    ) -> None:
        self._clock = clock
        self._size = size
        self._packet_size = packet_size
        self._send = send
        self._default = UartTransport.USB_COM_PORT if com_port else UartTransport.NONE
        self._transport = int(self._default)
        self._com_port = com_port
        self._received = bytearray()
        self._baudrate = 0
        self._rx = False
        self._tx = False
        self._lost = False

    def feed(self, data: bytes) -> None:
        """Take bytes that the chip sent."""
        if not self._rx or self._transport != UartTransport.COMMAND:
            return
        room = self._size - len(self._received)
        self._received += data[:room]
        self._lost |= len(data) > room

    def transport(self, command: UART_Transport) -> Response:
        """Choose who moves the data."""
        known = command.transport in (UartTransport.NONE, UartTransport.COMMAND) or (
            command.transport == UartTransport.USB_COM_PORT and self._com_port
        )
        if known and command.transport != self._transport:
            self._transport = command.transport
            self._baudrate = 0
            self._rx = self._tx = self._lost = False
            self._received.clear()
        return StatusResponse(command.ID, Status.OK if known else Status.ERROR)

    def configure(self, command: UART_Configure) -> Response:
        """Set up the line. Frames are not modelled: whatever is legal works."""
        if self._transport != UartTransport.COMMAND:
            return UART_ConfigureResponse(UartConfigureError(_ALL_ERRORS), 0)
        line = command.line
        error = UartConfigureError.build(
            DATA_BITS=int(line.DATA_BITS not in _DATA_BITS),
            PARITY=int(line.PARITY not in tuple(Parity)),
            STOP_BITS=int(line.STOP_BITS > 1),
        )
        good = error == 0 and command.baudrate > 0
        self._baudrate = min(command.baudrate, _MAX_BAUDRATE) if good else 0
        return UART_ConfigureResponse(error, self._baudrate)

    def control(self, command: UART_Control) -> Response:
        """Enable, disable and flush."""
        control = command.control
        self._clock.sync()
        if self._transport != UartTransport.COMMAND:
            return StatusResponse(command.ID, Status.ERROR)
        good = True
        if control.RX_DISABLE:
            self._rx = False
        elif control.RX_ENABLE and not self._baudrate:
            good = False
        elif control.RX_ENABLE and not self._rx:
            self._rx = True
            self._received.clear()
            self._lost = False
        if control.TX_DISABLE:
            self._tx = False
        elif control.TX_ENABLE and not self._baudrate:
            good = False
        elif control.TX_ENABLE:
            self._tx = True
        if control.RX_FLUSH:
            self._received.clear()
        return StatusResponse(command.ID, Status.OK if good else Status.ERROR)

    def status(self, _command: UART_Status) -> Response:
        """Tell the state and what is buffered; transmit data passes straight on to the chip."""
        self._clock.sync()
        if not self._baudrate:
            return UART_StatusResponse(UartStatus(0), 0, 0)
        return UART_StatusResponse(self._flags(), len(self._received), 0)

    def exchange(self, command: UART_Transfer) -> Response:
        """Send and receive."""
        self._clock.sync()
        accepted = 0
        if self._transport == UartTransport.COMMAND:
            accepted = len(command.data)
            if self._tx:
                self._send(command.data)  # else it is taken and lost, as the reference does
        count = min(command.most, self._packet_size - 6)
        data = bytes(self._received[:count])
        del self._received[:count]
        return UART_TransferResponse(self._flags(), accepted, data)

    def _flags(self) -> UartStatus:
        flags = UartStatus.build(
            RX_ENABLED=int(self._rx), RX_DATA_LOST=int(self._lost), TX_ENABLED=int(self._tx)
        )
        self._lost = False
        return flags
