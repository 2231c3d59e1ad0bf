"""The command interpreter of the probe: one packet in, its response out.

Whatever the bytes are, a packet gets an answer and never an exception: what the reference firmware
does not know, and what is cut short or cannot fit, is answered by the single byte 0xFF.

``run`` is a generator (see ``transfers``): it yields only while a transfer is being repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from onchip.errors import WireError
from onchip.virtual_board.coresight.sw_dp import READ
from onchip.wire.cmsis_dap import (
    JTAG_IDCODE,
    SIMPLE_COMMANDS,
    UNKNOWN_PACKET,
    Capabilities,
    CommandId,
    Connect,
    ConnectResponse,
    Delay,
    Disconnect,
    HostStatus,
    HostStatusType,
    Info,
    InfoId,
    InfoResponse,
    JTAG_Configure,
    JTAG_IDCODEResponse,
    JTAG_Sequence,
    JTAG_SequenceResponse,
    Port,
    Reader,
    ResetTarget,
    ResetTargetResponse,
    Response,
    Status,
    StatusResponse,
    SWD_Configure,
    SWD_Sequence,
    SWD_SequenceResponse,
    SWJ_Clock,
    SWJ_Pins,
    SWJ_PinsResponse,
    SWJ_Sequence,
    TransferConfigure,
    WriteABORT,
    encode_block_response,
    parse_block_request,
    parse_transfer_request,
    response_words,
)

from .clock import ProbeClock
from .pins import Pins
from .swd_port import SwdPort
from .trace_port import TracePort
from .transfers import Transfers
from .uart_bridge import UartBridge

_TRANSFER = int(CommandId.Transfer)
_BLOCK = int(CommandId.TransferBlock)
_EXECUTE = int(CommandId.ExecuteCommands)
_QUEUE = int(CommandId.QueueCommands)
_ABORT = int(CommandId.TransferAbort)

MIN_FREQUENCY_HZ = 5_000
"""The slowest SWCLK; asked for less, the probe takes this."""

One = Generator[None, None, tuple[bytes, int]]
"""Runs one command; returns its response and the offset behind its request."""
Packets = Generator[None, None, list[bytes]]


@dataclass(frozen=True, slots=True)
class Identity:
    """What DAP_Info tells. ``texts`` holds the strings by ``InfoId``."""

    texts: dict[int, str]
    capabilities: Capabilities
    packet_size: int
    packet_count: int
    max_frequency_hz: int
    timestamp_hz: int = 0
    uart_buffer: int = 0
    swo_buffer: int = 0


class Firmware:
    """One probe's firmware.

    Attributes:
        leds: the two state LEDs by ``HostStatusType``, for whoever wants to look.
    """

    def __init__(
        self,
        identity: Identity,
        port: SwdPort,
        clock: ProbeClock,
        pins: Pins,
        transfers: Transfers,
        trace: TracePort | None,
        uart: UartBridge | None,
    ) -> None:
        self.identity = identity
        self.transfers = transfers
        self.leds = {HostStatusType.CONNECT: False, HostStatusType.RUNNING: False}
        self._port = port
        self._clock = clock
        self._pins = pins
        self._queue: list[bytes] = []
        self._atomic = bool(identity.capabilities.ATOMIC_COMMANDS)
        self._handlers: dict[int, Callable[[Any], Response]] = {
            Info.ID: self._info,
            HostStatus.ID: self._host_status,
            Connect.ID: self._connect,
            Disconnect.ID: self._disconnect,
            TransferConfigure.ID: self._transfer_configure,
            WriteABORT.ID: self._write_abort,
            Delay.ID: self._delay,
            ResetTarget.ID: self._reset_target,
            SWJ_Pins.ID: self._swj_pins,
            SWJ_Clock.ID: self._swj_clock,
            SWJ_Sequence.ID: self._swj_sequence,
            SWD_Configure.ID: self._swd_configure,
            SWD_Sequence.ID: self._swd_sequence,
            JTAG_Sequence.ID: self._jtag_sequence,
            JTAG_Configure.ID: self._jtag_configure,
            JTAG_IDCODE.ID: self._jtag_idcode,
        }
        if trace is not None:
            self._handlers |= {
                CommandId.SWO_Transport: trace.transport,
                CommandId.SWO_Mode: trace.mode,
                CommandId.SWO_Baudrate: trace.baudrate,
                CommandId.SWO_Control: trace.control,
                CommandId.SWO_Status: trace.status,
                CommandId.SWO_ExtendedStatus: trace.extended_status,
                CommandId.SWO_Data: trace.data,
            }
        if uart is not None:
            self._handlers |= {
                CommandId.UART_Transport: uart.transport,
                CommandId.UART_Configure: uart.configure,
                CommandId.UART_Control: uart.control,
                CommandId.UART_Status: uart.status,
                CommandId.UART_Transfer: uart.exchange,
            }

    # ---- packets

    def run(self, packet: bytes) -> Packets:
        """Interpret one packet; return its responses: one, or none, or those of a queue with it."""
        if packet[:1] == bytes((_ABORT,)):
            self.transfers.abort = True
            return []
        oversized = len(packet) > self.identity.packet_size
        if self._atomic and packet[:1] == bytes((_QUEUE,)) and not oversized:
            self._queue.append(packet)
            if len(self._queue) < self.identity.packet_count:
                return []
            return (yield from self._run_queue())  # no room for the packet that would start it
        responses = yield from self._run_queue()
        if not packet or oversized:
            responses.append(UNKNOWN_PACKET)
        else:
            responses.append((yield from self._run_packet(packet)))
        return responses

    def forget_queue(self) -> None:
        """Drop queued commands: whoever queued them is gone."""
        self._queue.clear()

    def _run_queue(self) -> Packets:
        queued, self._queue = self._queue, []
        responses = []
        for packet in queued:
            responses.append((yield from self._run_packet(packet)))
        return responses

    def _run_packet(self, packet: bytes) -> Generator[None, None, bytes]:
        try:
            if self._atomic and packet[0] in (_EXECUTE, _QUEUE):
                return (yield from self._run_list(packet))
            response, _ = yield from self._run_one(packet, 0, self.identity.packet_size)
        except WireError:
            return UNKNOWN_PACKET
        return response

    def _run_list(self, packet: bytes) -> Generator[None, None, bytes]:
        """Run the commands of DAP_ExecuteCommands as far as their responses fit the packet."""
        count = Reader(packet, 1).u8("command count")
        out = bytearray((_EXECUTE, 0))
        at = 2
        for _ in range(count):
            room = self.identity.packet_size - len(out)
            try:
                response, at = yield from self._run_one(packet, at, room)
            except WireError:
                break  # cut short: what was done is reported, the rest cannot even be found
            if len(response) > room:
                break
            out += response
            out[1] += 1
        return bytes(out)

    def _run_one(self, packet: bytes, at: int, room: int) -> One:
        code = Reader(packet, at).u8("the command byte")
        if code == _TRANSFER:
            return (yield from self._transfer(packet, at, room))
        if code == _BLOCK:
            return (yield from self._transfer_block(packet, at, room))
        handler = self._handlers.get(code)
        if handler is None:
            return UNKNOWN_PACKET, at + 1
        reader = Reader(packet, at + 1)
        command = SIMPLE_COMMANDS[code].read(reader)
        return handler(command).encode(), reader.offset

    # ---- transfers

    def _transfer(self, packet: bytes, at: int, room: int) -> One:
        _, operations, end = parse_transfer_request(packet, at)
        if 3 + 4 * sum(response_words(request) for request, _ in operations) > room:
            raise WireError("the response would not fit the packet")
        if not self._port.enabled:
            return bytes((_TRANSFER, 0, 0)), end
        count, response, data = yield from self.transfers.transfer(operations)
        return bytes((_TRANSFER, count, response)) + data, end

    def _transfer_block(self, packet: bytes, at: int, room: int) -> One:
        _, count, request, payload, end = parse_block_request(packet, at)
        if request & READ and 4 + 4 * count > room:
            raise WireError("the response would not fit the packet")
        if not self._port.enabled or not count:
            return encode_block_response(0, 0), end
        if request & READ:
            done, response, data = yield from self.transfers.read_block(request, count)
        else:
            done, response, data = yield from self.transfers.write_block(request, payload)
        return encode_block_response(done, response, data), end

    def _transfer_configure(self, command: TransferConfigure) -> Response:
        self._port.idle_cycles = command.idle_cycles
        self.transfers.wait_retry = command.wait_retry
        self.transfers.match_retry = command.match_retry
        return StatusResponse(command.ID)

    def _write_abort(self, command: WriteABORT) -> Response:
        if not self._port.enabled:
            return StatusResponse(command.ID, Status.ERROR)
        self._port.transfer(0x0, command.abort)  # whatever the ACK: the reference does not look
        return StatusResponse(command.ID)

    # ---- general

    def _info(self, command: Info) -> Response:
        identity = self.identity
        numbers = {
            InfoId.CAPABILITIES: (int(identity.capabilities), 2),
            InfoId.TEST_DOMAIN_TIMER: (identity.timestamp_hz, 4),
            InfoId.UART_RX_BUFFER_SIZE: (identity.uart_buffer, 4),
            InfoId.UART_TX_BUFFER_SIZE: (identity.uart_buffer, 4),
            InfoId.SWO_BUFFER_SIZE: (identity.swo_buffer, 4),
            InfoId.PACKET_COUNT: (identity.packet_count, 1),
            InfoId.PACKET_SIZE: (identity.packet_size, 2),
        }
        for info, (value, length) in numbers.items():
            if command.info == info:
                return InfoResponse.of_number(value, length) if value else InfoResponse()
        return InfoResponse.of_text(identity.texts.get(command.info))

    def _host_status(self, command: HostStatus) -> Response:
        for led in self.leds:
            if command.type == led:
                self.leds[led] = bool(command.status & 1)
                return StatusResponse(command.ID)
        return StatusResponse(command.ID, Status.ERROR)

    def _connect(self, command: Connect) -> Response:
        if command.port not in (Port.DEFAULT, Port.SWD):
            return ConnectResponse(0)
        self._clock.sync()
        self._pins.release()  # the port is set up with every pin high, nRESET too
        self._port.enabled = True
        return ConnectResponse(Port.SWD)

    def _disconnect(self, command: Disconnect) -> Response:
        self._clock.sync()
        self._pins.release()
        self._port.enabled = False
        return StatusResponse(command.ID)

    def _delay(self, command: Delay) -> Response:
        self._clock.spend_ns(command.delay_us * 1000)
        self._clock.sync()
        return StatusResponse(command.ID)

    def _reset_target(self, _command: ResetTarget) -> Response:
        return ResetTargetResponse(Status.OK, 0)  # no device-specific sequence is implemented

    # ---- SWJ and SWD

    def _swj_pins(self, command: SWJ_Pins) -> Response:
        return SWJ_PinsResponse(self._pins.drive(command.output, command.select, command.wait_us))

    def _swj_clock(self, command: SWJ_Clock) -> Response:
        if command.frequency_hz == 0:
            return StatusResponse(command.ID, Status.ERROR)
        fastest = self.identity.max_frequency_hz
        self._clock.set_frequency(max(MIN_FREQUENCY_HZ, min(command.frequency_hz, fastest)))
        return StatusResponse(command.ID)

    def _swj_sequence(self, command: SWJ_Sequence) -> Response:
        self._port.sequence(int.from_bytes(command.data, "little"), command.count)
        return StatusResponse(command.ID)

    def _swd_configure(self, command: SWD_Configure) -> Response:
        self._port.configure(turnaround=command.turnaround, data_phase=command.data_phase)
        return StatusResponse(command.ID)

    def _swd_sequence(self, command: SWD_Sequence) -> Response:
        captured = []
        for step in command.steps:
            if step.data is None:
                bits = self._port.capture(step.count)
                captured.append(bits.to_bytes((step.count + 7) // 8, "little"))
            else:
                self._port.sequence(int.from_bytes(step.data, "little"), step.count)
        return SWD_SequenceResponse(Status.OK, tuple(captured))

    # ---- JTAG: this probe has none, and says so as the reference does without it

    def _jtag_sequence(self, _command: JTAG_Sequence) -> Response:
        return JTAG_SequenceResponse(Status.ERROR)

    def _jtag_configure(self, command: JTAG_Configure) -> Response:
        return StatusResponse(command.ID, Status.ERROR)

    def _jtag_idcode(self, _command: JTAG_IDCODE) -> Response:
        return JTAG_IDCODEResponse(Status.ERROR)
