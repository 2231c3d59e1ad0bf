"""The BKPT opcodes that a client has put into RAM: seen in its packets, for the day it vanishes.

Comparators can be cleared by whoever comes. An opcode in RAM hides what was under it, and only the
client knows that; but it had to read it first, through this server. So packets that went well are
read along: SELECT, CSW and TAR tell where a halfword was read and where a BKPT was written over it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, islice
from operator import attrgetter

from onchip.errors import WireError
from onchip.services.share.port_state import Access, PortState
from onchip.wire.cmsis_dap import (
    ExecuteCommands,
    Transfer,
    TransferBlock,
    TransferBlockResponse,
    TransferRequest,
    TransferResponse,
    decode_request,
)

_BKPT = 0xBE00
_SEMIHOSTING = 0xBEAB
_LONG = 16
"""A BKPT's place is read by itself, not in a run of more reads than that."""
_MOST_READ = 256
"""So many halfwords that were read are remembered: the BKPT follows close upon its read."""


def is_bkpt(halfword: int) -> bool:
    """Tell whether an opcode is BKPT, with whatever number."""
    return halfword & 0xFF00 == _BKPT


_request = attrgetter("request")


class Planted:
    """What one client has put where. ``originals`` maps addresses to the halfwords under BKPTs."""

    def __init__(self) -> None:
        self.originals: dict[int, int] = {}
        self._state = PortState()
        self._read: dict[int, int] = {}

    def saw(self, packet: bytes, response: bytes) -> None:
        """Read a packet and its response along. What is no such packet is passed over."""
        try:
            request = decode_request(packet)
            if isinstance(request, ExecuteCommands):
                answers = request.decode_response(response).responses
                for command, answer in zip(request.commands, answers, strict=False):
                    self._one(command, answer)
            elif isinstance(request, Transfer | TransferBlock):
                self._one(request, request.decode_response(response))
        except WireError:
            return

    def _one(self, command: object, answer: object) -> None:
        if isinstance(command, Transfer) and isinstance(answer, TransferResponse):
            words = iter(answer.words)
            for request, run in groupby(command.operations[: answer.count], _request):
                operations = list(run)
                if len(operations) > _LONG and self._state.is_read(request):
                    self._pass_by(request, len(operations))
                    next(islice(words, len(operations) - 1, None), None)
                    continue
                for operation in operations:
                    self._operation(request, operation.value, words)
        elif isinstance(command, TransferBlock) and isinstance(answer, TransferBlockResponse):
            self._pass_by(command.request, answer.count)

    def _operation(self, request: int, value: int | None, words: Iterator[int]) -> None:
        reads = bool(request & TransferRequest.RnW)
        word = value or 0
        if reads and not request & TransferRequest.VALUE_MATCH:
            word = next(words, 0)
        access = self._state.memory(request)
        if access is not None and access.drw and not request & TransferRequest.VALUE_MATCH:
            self._access(access, word, reads=reads)
        self._state.note(request, value)

    def _access(self, access: Access, word: int, *, reads: bool) -> None:
        address, size = access.address, access.size
        if size == 2:
            halfword = word >> 8 * (address & 2) & 0xFFFF
            if reads:
                self._remember(address, halfword)
            elif is_bkpt(halfword) and halfword != _SEMIHOSTING and address in self._read:
                self.originals.setdefault(address, self._read[address])
            else:
                self._overwritten(address, 2)
        elif reads and size == 4:
            self._remember(address, word & 0xFFFF)
            self._remember(address + 2, word >> 16)
        elif not reads:
            self._overwritten(address, size)

    def _pass_by(self, request: int, count: int) -> None:
        """Pass a block by; what it writes over is no longer ours to put back."""
        access = self._state.memory(request)
        if access is None or not access.drw:
            return
        if not request & TransferRequest.RnW:
            self._overwritten(access.address, count * access.size)
        self._state.advance(access.ap, count)

    def _remember(self, address: int, halfword: int) -> None:
        if is_bkpt(halfword):
            return  # ours, or the program's own: neither is to be put back
        self._read.pop(address, None)
        self._read[address] = halfword
        if len(self._read) > _MOST_READ:
            del self._read[next(iter(self._read))]

    def _overwritten(self, address: int, length: int) -> None:
        for place in [p for p in self.originals if p < address + length and address < p + 2]:
            del self.originals[place]
