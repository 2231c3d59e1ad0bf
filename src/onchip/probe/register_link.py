"""A link made of register accesses: for an adapter that speaks no CMSIS-DAP.

It answers CMSIS-DAP packets as a probe with one packet buffer and no special abilities would, and
turns each transfer into a call of a `RegisterPort`. So everything above works as on any probe.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Protocol

from onchip.errors import (
    OnchipError,
    ProbeLost,
    ProbeTimeout,
    TransferError,
    TransferNoAck,
    TransferWait,
    WireError,
)
from onchip.wire.cmsis_dap import (
    UNKNOWN_PACKET,
    AnyCommand,
    Connect,
    ConnectResponse,
    Info,
    InfoId,
    InfoResponse,
    Port,
    Response,
    Status,
    StatusCommand,
    StatusResponse,
    SWJ_Clock,
    SWJ_Pins,
    SWJ_PinsResponse,
    Transfer,
    TransferAck,
    TransferBlock,
    TransferBlockResponse,
    TransferResponse,
    WriteABORT,
    decode_request,
)

_READ, _MATCH_VALUE, _MATCH_MASK = 0x02, 0x10, 0x20
_ABORT = 0x00
_NRESET = 0x80
_PACKET_SIZE = 512
_MATCH_TRIES = 100
_NUMBERS: dict[int, bytes] = {
    InfoId.CAPABILITIES: b"\x01",
    InfoId.PACKET_COUNT: b"\x01",
    InfoId.PACKET_SIZE: _PACKET_SIZE.to_bytes(2, "little"),
}


class RegisterPort(Protocol):
    """An adapter that reads and writes port registers; errors are TransferErrors."""

    @property
    def description(self) -> str:
        """Name it for people."""
        ...

    def read(self, register: int) -> int:
        """Read a register: APnDP in bit 0, A[3:2] in bits [3:2]."""
        ...

    def write(self, register: int, value: int) -> None:
        """Write a register."""
        ...

    def set_clock(self, frequency_hz: int) -> None:
        """Set the SWD clock."""
        ...

    def set_reset(self, *, asserted: bool) -> None:
        """Pull nRESET low, or let it go."""
        ...

    def close(self) -> None:
        """Let go of the adapter."""
        ...


class RegisterLink:
    """A `Link` to a `RegisterPort`. The port switches the wire to SWD before it is handed in."""

    def __init__(self, port: RegisterPort) -> None:
        self._port = port
        self._answers: deque[bytes] = deque()
        self._mask = 0xFFFF_FFFF
        self._closed = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.description}>"

    @property
    def description(self) -> str:
        """Name the way for people."""
        return self._port.description

    def write(self, packet: bytes) -> None:
        """Execute one packet; its answer waits for `read`."""
        if self._closed:
            raise ProbeLost(f"{self.description} is closed")
        try:
            request = decode_request(packet)
        except WireError:
            self._answers.append(UNKNOWN_PACKET)
            return
        answer = self._answer(request)
        self._answers.append(UNKNOWN_PACKET if answer is None else answer.encode())

    def read(self, timeout_s: float) -> bytes:
        """Return the next answer."""
        if not self._answers:
            raise ProbeTimeout(f"{self.description} was asked nothing")
        return self._answers.popleft()

    def close(self) -> None:
        """Let go of the adapter."""
        if not self._closed:
            self._closed = True
            self._port.close()

    def now(self) -> float:
        """Return the time in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def _answer(self, request: AnyCommand) -> Response | None:
        match request:
            case Info(number):
                return InfoResponse(_NUMBERS.get(number, b""))
            case Connect():
                return ConnectResponse(Port.SWD)
            case SWJ_Clock(frequency_hz):
                self._port.set_clock(frequency_hz)
            case SWJ_Pins(output, select):
                if select & _NRESET:
                    self._port.set_reset(asserted=not output & _NRESET)
                return SWJ_PinsResponse(output & _NRESET)
            case WriteABORT(_, abort):
                self._one(_ABORT, abort)
            case Transfer():
                return self._transfer(request)
            case TransferBlock():
                return self._block(request)
            case StatusCommand():
                pass  # sequences and settings are the adapter's own business
            case _:
                return None
        return StatusResponse(request.ID, Status.OK)

    def _transfer(self, request: Transfer) -> TransferResponse:
        words: list[int] = []
        done = 0
        for operation in request.operations:
            ack, word = self._one(operation.request, operation.value or 0)
            if ack != TransferAck.OK:
                return TransferResponse(done, ack, tuple(words))
            if word is not None:
                words.append(word)
            done += 1
        return TransferResponse(done, TransferAck.OK, tuple(words))

    def _block(self, request: TransferBlock) -> TransferBlockResponse:
        data = b""
        for index in range(request.count):
            value = int.from_bytes(request.data[4 * index : 4 * index + 4], "little")
            ack, word = self._one(request.request, value)
            if ack != TransferAck.OK:
                return TransferBlockResponse(index, ack, data)
            if word is not None:
                data += word.to_bytes(4, "little")
        return TransferBlockResponse(request.count, TransferAck.OK, data)

    def _one(self, request: int, value: int) -> tuple[int, int | None]:
        """Do one transfer; return its acknowledge, and the word that it gives if it gives one."""
        register = request & 0x0D
        try:
            if not request & _READ:
                if request & _MATCH_MASK:
                    self._mask = value
                else:
                    self._port.write(register, value)
                return TransferAck.OK, None
            if not request & _MATCH_VALUE:
                return TransferAck.OK, self._port.read(register)
            for _ in range(_MATCH_TRIES):
                if self._port.read(register) & self._mask == value:
                    return TransferAck.OK, None
            return TransferAck.OK | TransferAck.VALUE_MISMATCH, None
        except TransferWait:
            return TransferAck.WAIT, None
        except TransferNoAck:
            return TransferAck.NO_ACK, None
        except TransferError:
            return TransferAck.FAULT, None
        except OnchipError as error:
            raise ProbeLost(f"{self.description} failed: {error}") from error
