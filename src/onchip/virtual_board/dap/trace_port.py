"""The probe's SWO pin: captures what the target's TPIU sends in UART mode (SWO_* commands)."""

from __future__ import annotations

from onchip.wire.cmsis_dap import (
    Response,
    Status,
    StatusResponse,
    SWO_Baudrate,
    SWO_BaudrateResponse,
    SWO_Control,
    SWO_Data,
    SWO_DataResponse,
    SWO_ExtendedStatus,
    SWO_ExtendedStatusResponse,
    SWO_Mode,
    SWO_Status,
    SWO_StatusResponse,
    SWO_Transport,
    TraceControl,
    TraceMode,
    TraceStatus,
    TraceTransport,
)
from onchip.wire.cmsis_dap.swo import ExtendedStatusRequest

from .clock import ProbeClock

_MAX_BAUDRATE = 50_000_000
_MIN_BAUDRATE = 100


def _status(command: int, *, good: bool) -> StatusResponse:
    return StatusResponse(command, Status.OK if good else Status.ERROR)


class TracePort:
    """A capture buffer of ``size`` bytes behind the SWO pin.

    Bytes that find it full are lost and leave the overrun flag, which the next status read clears.
    """

    def __init__(self, clock: ProbeClock, size: int, packet_size: int, timestamp_hz: int) -> None:
        self._clock = clock
        self._size = size
        self._packet_size = packet_size
        self._timestamp_hz = timestamp_hz
        self._buffer = bytearray()
        self._transport = int(TraceTransport.NONE)
        self._mode = int(TraceMode.OFF)
        self._baudrate = 0
        self._active = False
        self._overrun = False
        self._index = 0
        self._stamp = 0

    def feed(self, data: bytes) -> None:
        """Take bytes that the target sent; they count only while capture is active."""
        if not self._active:
            return
        room = self._size - len(self._buffer)
        self._buffer += data[:room]
        self._overrun |= len(data) > room
        self._index = (self._index + min(len(data), room)) & 0xFFFF_FFFF
        self._stamp = self._clock.now_ns * self._timestamp_hz // 1_000_000_000 & 0xFFFF_FFFF

    def transport(self, command: SWO_Transport) -> Response:
        """Take data through DAP_SWO_Data or not at all; there is no endpoint of its own."""
        known = (TraceTransport.NONE, TraceTransport.COMMAND)
        good = not self._active and command.transport in known
        if good:
            self._transport = command.transport
        return _status(command.ID, good=good)

    def mode(self, command: SWO_Mode) -> Response:
        """Switch off or to UART; Manchester is not there."""
        good = command.mode in (TraceMode.OFF, TraceMode.UART)
        self._mode = command.mode if good else int(TraceMode.OFF)
        self._baudrate = 0
        self._active = False
        return _status(command.ID, good=good)

    def baudrate(self, command: SWO_Baudrate) -> Response:
        """Set the rate: any that the pin can take."""
        good = _MIN_BAUDRATE <= command.baudrate and self._mode == TraceMode.UART
        self._baudrate = min(command.baudrate, _MAX_BAUDRATE) if good else 0
        return SWO_BaudrateResponse(self._baudrate)

    def control(self, command: SWO_Control) -> Response:
        """Start (dropping what is unread) or stop; what is so already is no error in any mode."""
        start = bool(command.control & TraceControl.START)
        if start == self._active:
            return _status(command.ID, good=True)
        good = self._mode == TraceMode.UART and (not start or self._baudrate != 0)
        if good:
            if start:
                self._buffer.clear()
                self._overrun = False
                self._index = 0
            self._active = start
        return _status(command.ID, good=good)

    def status(self, _command: SWO_Status) -> Response:
        """Tell the state and how much is unread."""
        self._clock.sync()
        return SWO_StatusResponse(self._flags(), len(self._buffer))

    def extended_status(self, command: SWO_ExtendedStatus) -> Response:
        """Tell what ``control`` asks for."""
        self._clock.sync()
        control = command.control
        stamped = bool(control & ExtendedStatusRequest.TIMESTAMP)
        return SWO_ExtendedStatusResponse(
            trace_status=self._flags() if control & ExtendedStatusRequest.STATUS else None,
            count=len(self._buffer) if control & ExtendedStatusRequest.COUNT else None,
            index=self._index if stamped else None,
            timestamp=self._stamp if stamped else None,
        )

    def data(self, command: SWO_Data) -> Response:
        """Hand out captured bytes, as many as asked for and as fit the packet."""
        self._clock.sync()
        count = min(command.most, self._packet_size - 4)
        if self._transport != TraceTransport.COMMAND:
            count = 0
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return SWO_DataResponse(self._flags(), data)

    def _flags(self) -> TraceStatus:
        flags = TraceStatus.build(ACTIVE=int(self._active), OVERRUN=int(self._overrun))
        self._overrun = False
        return flags
