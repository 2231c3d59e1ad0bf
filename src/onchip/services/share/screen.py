"""One client's packet on its way to the probe, when it has company.

Commands that would take the probe from the others are answered here: DAP_Connect and DAP_Disconnect
of a port that others use. Values that would tear down what others have set up are changed
(`Guard`; the power-up requests in CTRL/STAT). What cannot be shared is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

from onchip.arch.adi import CTRL_STAT
from onchip.errors import ProbeBusy, WireError
from onchip.services.share.guard import Guard
from onchip.services.share.port_state import PortState
from onchip.wire.cmsis_dap import (
    AnyCommand,
    CommandId,
    Connect,
    ConnectResponse,
    Disconnect,
    ExecuteCommands,
    ExecuteCommandsResponse,
    Pin,
    Port,
    Response,
    StatusResponse,
    SWJ_Pins,
    Transfer,
    TransferBlock,
    TransferRequest,
    command_name,
    decode_request,
)

POWER = int(CTRL_STAT.build(CDBGPWRUPREQ=1, CSYSPWRUPREQ=1))
_SETTINGS = (CommandId.SWJ_Clock, CommandId.SWD_Configure, CommandId.TransferConfigure)
_LINE = (CommandId.SWJ_Sequence, CommandId.SWD_Sequence)
_NOT_SHARED = (
    CommandId.JTAG_Sequence,
    CommandId.JTAG_Configure,
    CommandId.JTAG_IDCODE,
    CommandId.SWD_Sequence,
    CommandId.QueueCommands,
)
_READ_DPIDR = int(TransferRequest.RnW)
_HARMLESS = (CommandId.Info, CommandId.HostStatus)


def is_harmless(packet: bytes) -> bool:
    """Tell whether a packet touches neither the target nor the probe's settings."""
    if not packet or packet[0] not in (*_HARMLESS, CommandId.ExecuteCommands):
        return False
    try:
        request = decode_request(packet)
    except WireError:
        return False
    commands = request.commands if isinstance(request, ExecuteCommands) else (request,)
    return all(command.code in _HARMLESS for command in commands)


@dataclass(frozen=True, slots=True)
class Passage:
    """What becomes of a packet: what is forwarded, if anything, and how its answer is made."""

    packet: bytes | None
    answer: Callable[[bytes], bytes]
    disconnects: bool = False
    resets: bool | None = None
    """True if it pulls nRESET low, False if it lets go of it."""
    line: bool | None = None
    """True if it ends in a sequence, after which DPIDR has to be read; False if it reads DPIDR."""


def _as_it_comes(response: bytes) -> bytes:
    return response


class Screen:
    """The packets of one client. ``state`` is ahead of the probe by what is in flight."""

    def __init__(self, who: Hashable, guard: Guard) -> None:
        self.state = PortState()
        self._who = who
        self._guard = guard
        self._resets: bool | None = None
        self._line: bool | None = None

    def passage(self, packet: bytes, *, company: bool, power: int) -> Passage:
        """Take a packet in. ``power`` are the power-up requests that others have made.

        Raises:
            ProbeBusy: it cannot be shared, and there is company.
        """
        try:
            request = decode_request(packet)
        except WireError:
            return Passage(packet, _as_it_comes)  # the probe's to answer
        commands = request.commands if isinstance(request, ExecuteCommands) else (request,)
        if isinstance(request, ExecuteCommands) and not commands:
            return Passage(packet, _as_it_comes)
        self._resets = self._line = None
        canned = [self._canned(command) if company else None for command in commands]
        passed = [self._command(command, power) for command in commands]
        last = commands[-1].code == CommandId.Disconnect
        if passed == list(commands) and not any(canned):
            return Passage(packet, _as_it_comes, last, self._resets, self._line)
        if not isinstance(request, ExecuteCommands):
            if canned[0] is not None:
                answer = canned[0].encode()
                return Passage(None, lambda _: answer, last)
            return Passage(passed[0].encode(), _as_it_comes, last, self._resets, self._line)
        left = ExecuteCommands(
            tuple(c for c, known in zip(passed, canned, strict=True) if known is None)
        )
        return Passage(
            left.encode() if left.commands else None,
            lambda response: _spliced(left, response, canned),
            last,
            self._resets,
            self._line,
        )

    # ---- one command

    def _canned(self, command: AnyCommand) -> Response | None:
        """Return the answer to a command that must not reach the probe."""
        if command.code in _NOT_SHARED:
            raise _not_shared(command)
        if isinstance(command, Connect):
            if command.port == Port.JTAG:
                raise _not_shared(command)
            return ConnectResponse(Port.SWD)
        return StatusResponse(command.code) if isinstance(command, Disconnect) else None

    def _command(self, command: AnyCommand, power: int) -> AnyCommand:
        """Take in one command, and return what is to be sent in its place."""
        if isinstance(command, Transfer):
            return self._transfer(command, power)
        if isinstance(command, TransferBlock):
            return self._block(command)
        if command.code in _LINE:
            self._line = True
        elif command.code in _SETTINGS:
            self.state.settings[command.code] = command.encode()
        elif isinstance(command, SWJ_Pins) and command.select & Pin.nRESET:
            self._resets = not command.output & Pin.nRESET
            self._guard.disturbed = True
        elif command.code == CommandId.ResetTarget:
            self._guard.disturbed = True
        return command

    def _transfer(self, command: Transfer, power: int) -> Transfer:
        operations = list(command.operations)
        if operations and operations[0].request == _READ_DPIDR:
            self._line = False
        for index, operation in enumerate(operations):
            request, value = operation.request, operation.value
            if self.state.is_read(request):
                self.state.advance(self.state.select >> 24, 1)
                continue
            if value is not None and not request & TransferRequest.RnW:
                access = self.state.memory(request)
                if self.state.is_ctrl_stat(request):
                    self.state.note(request, value)
                    operations[index] = replace(operation, value=value | power)
                    continue
                if access is not None and access.size == 4:
                    kept = self._guard.screen(self._who, access.ap, access.address, value)
                    if kept != value:
                        operations[index] = replace(operation, value=kept)
            self.state.note(request, value)
        return replace(command, operations=tuple(operations))

    def _block(self, command: TransferBlock) -> TransferBlock:
        access = self.state.memory(command.request)
        if access is None or not access.drw:
            return command
        reads = command.request & TransferRequest.RnW
        if not reads and access.size == 4 and Guard.concerns(access.address, len(command.data)):
            step = 4 if self.state.counts(access.ap) else 0
            words = struct.unpack(f"<{command.count}I", command.data)
            kept = [
                self._guard.screen(self._who, access.ap, access.address + step * n, word)
                for n, word in enumerate(words)
            ]
            command = replace(command, data=struct.pack(f"<{command.count}I", *kept))
        self.state.advance(access.ap, command.count)
        return command


def _spliced(left: ExecuteCommands, response: bytes, canned: list[Response | None]) -> bytes:
    """Put the answers made here between those of the probe."""
    if not left.commands:
        return ExecuteCommandsResponse(tuple(c for c in canned if c is not None)).encode()
    try:
        answers = list(left.decode_response(response).responses)
    except WireError:
        return response
    together = []
    for known in canned:
        if known is not None:
            together.append(known)
        elif answers:
            together.append(answers.pop(0))
    return ExecuteCommandsResponse(tuple(together)).encode()


def _not_shared(command: AnyCommand) -> ProbeBusy:
    return ProbeBusy(
        f"is in use by others, with whom {command_name(command.code)} cannot be shared"
    )
