"""Transfer commands as messages. The same in plain functions, for speed: ``fast``.

::

    DAP_TransferConfigure  > | 0x04 | idle | WAIT retry u16 | match retry u16 |  < | 0x04 | status |
    DAP_Transfer           > | 0x05 | index | n | n x ( request | value u32 if it needs one ) |
                           < | 0x05 | count | response | words u32 ... |
    DAP_TransferBlock      > | 0x06 | index | n u16 | request | values u32 ... |
                           < | 0x06 | count u16 | response | words u32 ... |
    DAP_TransferAbort      > | 0x07 |                       no response of its own

A transfer has a value in the request if it writes, or reads with VALUE_MATCH. It has a word in the
response if it reads without VALUE_MATCH; and, before that, one more if it asks for a TIMESTAMP.

**After a failure** the response does not quite say how many words it holds. AP reads are posted:
one that was counted as done may still lack its word, if what failed was the fetching of it. Then
both lengths are legal (``words_in_response``), and a HID report's padding hides which it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from ...errors import WireError
from .ids import ACK_MASK, CommandId, TransferAck, TransferRequest
from .packet import Command, Reader, Response, StatusCommand, check, pack

_RNW = int(TransferRequest.RnW)
_APNDP = int(TransferRequest.APnDP)
_MATCH = int(TransferRequest.VALUE_MATCH)
_MASK = int(TransferRequest.MATCH_MASK)
_TIMESTAMP = int(TransferRequest.TIMESTAMP)


def has_value(request: int) -> bool:
    """Return whether a transfer carries a value: it writes, or reads until a value matches."""
    return not request & _RNW or bool(request & _MATCH)


def is_plain_read(request: int) -> bool:
    """Return whether a transfer's read value comes back in the response."""
    return request & (_RNW | _MATCH) == _RNW


def response_words(request: int) -> int:
    """Return how many words a transfer that succeeds adds to the response: 0, 1 or 2.

    The reference firmware gives no timestamp for a match (which may not ask for one anyway).
    """
    words = 1 if is_plain_read(request) else 0
    if request & _TIMESTAMP and not is_match(request):
        words += 1
    return words


def is_match(request: int) -> bool:
    """Return whether a transfer is a match-wait or sets the match mask."""
    return bool(request & _MATCH) if request & _RNW else bool(request & _MASK)


def words_in_response(requests: Sequence[int], count: int, response: int) -> tuple[int, int]:
    """Return the least and the most words that a response of ``count`` transfers may hold.

    They differ (by one) only after a failure behind a posted AP read.
    """
    most = sum(map(response_words, requests[:count]))
    if response == TransferAck.OK or not 0 < count <= len(requests):
        return most, most
    last = requests[count - 1]
    posted = is_plain_read(last) and last & _APNDP
    return (most - 1 if posted else most), most


@dataclass(frozen=True, slots=True)
class TransferConfigure(StatusCommand):
    """DAP_TransferConfigure: idle clocks after each transfer, retries on WAIT and on mismatch."""

    ID: ClassVar[CommandId] = CommandId.TransferConfigure
    idle_cycles: int = 0
    wait_retry: int = 100
    match_retry: int = 0

    def encode_fields(self) -> bytes:
        """Return idle cycles and both retries."""
        return (
            pack(self.idle_cycles, 1, "idle cycles")
            + pack(self.wait_retry, 2, "WAIT retry")
            + pack(self.match_retry, 2, "match retry")
        )

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume idle cycles and both retries."""
        return cls(reader.u8("idle cycles"), reader.u16("WAIT retry"), reader.u16("match retry"))


@dataclass(frozen=True, slots=True)
class TransferOperation:
    """One transfer: a request byte of ``TransferRequest`` bits, and a value if it needs one."""

    request: int
    value: int | None = None


@dataclass(frozen=True, slots=True)
class _Acknowledged(Response):
    """How many transfers were done, and the last acknowledge."""

    count: int
    response: int

    @property
    def ack(self) -> int:
        """Return the acknowledge: a ``TransferAck`` up to NO_ACK, or what the probe made up."""
        return self.response & ACK_MASK

    @property
    def ok(self) -> bool:
        """Return whether nothing failed."""
        return self.response == TransferAck.OK


@dataclass(frozen=True, slots=True)
class TransferResponse(_Acknowledged):
    """How many transfers were done, the last acknowledge, and the words read.

    ``count`` < the request's: transfer number ``count`` failed, with ``response``. All of them and
    ``response`` not OK: the check behind the last write failed.
    """

    ID: ClassVar[CommandId] = CommandId.Transfer
    words: tuple[int, ...] = ()

    def encode(self) -> bytes:
        """Return the packet. Raises WireError if a field does not fit."""
        head = bytes((self.ID,)) + pack(self.count, 1, "count") + pack(self.response, 1, "response")
        return head + b"".join(pack(word, 4, "transfer data") for word in self.words)


@dataclass(frozen=True, slots=True)
class Transfer(Command[TransferResponse]):
    """DAP_Transfer: 1 to 255 reads and writes of DP and AP registers, until one fails."""

    ID: ClassVar[CommandId] = CommandId.Transfer
    index: int
    operations: tuple[TransferOperation, ...]

    def encode_fields(self) -> bytes:
        """Return index, count and transfers.

        Raises:
            WireError: none or too many, or a value where none belongs or none where one does.
        """
        count = check(len(self.operations), 1, 255, "transfer count")
        out = bytearray(pack(self.index, 1, "index"))
        out.append(count)
        for operation in self.operations:
            out += pack(operation.request, 1, "transfer request")
            if has_value(operation.request) != (operation.value is not None):
                raise WireError(f"transfer request {operation.request:#04x}: value or none?")
            if operation.value is not None:
                out += pack(operation.value, 4, "transfer data")
        return bytes(out)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume index, count and transfers."""
        index = reader.u8("index")
        operations = []
        for _ in range(reader.u8("transfer count")):
            request = reader.u8("transfer request")
            value = reader.u32("transfer data") if has_value(request) else None
            operations.append(TransferOperation(request, value))
        return cls(index, tuple(operations))

    def read_response(self, reader: Reader) -> TransferResponse:
        """Consume count, response and words; after a failure, as many words as may be there.

        Raises:
            WireError: cut short, or more transfers done than were asked for.
        """
        shortest, longest = self.response_lengths(reader)
        length = longest if reader.remaining >= longest else shortest
        return self.read_response_of(reader, length)

    def response_lengths(self, reader: Reader) -> tuple[int, int]:
        """Return the least and greatest length of the response after its command byte.

        The reader is not moved. Raises WireError as ``read_response`` does.
        """
        ahead = Reader(reader.packet, reader.offset)
        count, response = ahead.u8("transfer count"), ahead.u8("transfer response")
        if count > len(self.operations):
            raise WireError(f"{count} transfers done, {len(self.operations)} asked for")
        requests = [operation.request for operation in self.operations]
        least, most = words_in_response(requests, count, response)
        return 2 + 4 * least, 2 + 4 * most

    def read_response_of(self, reader: Reader, length: int) -> TransferResponse:
        """Consume a response known to be of ``length`` bytes after its command byte."""
        body = Reader(reader.take(length, "transfer response"))
        count, response = body.u8("transfer count"), body.u8("transfer response")
        words = tuple(body.u32("transfer data") for _ in range(body.remaining // 4))
        return TransferResponse(count, response, words)


@dataclass(frozen=True, slots=True)
class TransferBlockResponse(_Acknowledged):
    """How many words were moved, the last acknowledge, and what was read, low byte first."""

    ID: ClassVar[CommandId] = CommandId.TransferBlock
    data: bytes = b""

    def encode(self) -> bytes:
        """Return the packet. Raises WireError if a field does not fit."""
        return (
            bytes((self.ID,))
            + pack(self.count, 2, "count")
            + pack(self.response, 1, "response")
            + self.data
        )


@dataclass(frozen=True, slots=True)
class TransferBlock(Command[TransferBlockResponse]):
    """DAP_TransferBlock: 1 to 65,535 words through one register.

    A write's ``data`` holds ``count`` words, low byte first; a read has none.
    """

    ID: ClassVar[CommandId] = CommandId.TransferBlock
    index: int
    count: int
    request: int
    data: bytes = b""

    def encode_fields(self) -> bytes:
        """Return index, count, request and words. Raises WireError if they contradict."""
        count = check(self.count, 1, 0xFFFF, "transfer count")
        wanted = 0 if self.request & _RNW else 4 * count
        if len(self.data) != wanted:
            raise WireError(f"{len(self.data)} bytes where {wanted} belong")
        return (
            pack(self.index, 1, "index")
            + pack(count, 2, "transfer count")
            + pack(self.request, 1, "transfer request")
            + self.data
        )

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume index, count, request and, for a write, words."""
        index, count = reader.u8("index"), reader.u16("transfer count")
        request = reader.u8("transfer request")
        data = b"" if request & _RNW else reader.take(4 * count, "transfer data")
        return cls(index, count, request, data)

    def read_response(self, reader: Reader) -> TransferBlockResponse:
        """Consume count, response and, for a read, words.

        Raises:
            WireError: cut short, or more words moved than were asked for.
        """
        count, response = reader.u16("transfer count"), reader.u8("transfer response")
        if count > self.count:
            raise WireError(f"{count} words moved, {self.count} asked for")
        data = reader.take(4 * count, "transfer data") if self.request & _RNW else b""
        return TransferBlockResponse(count, response, data)


@dataclass(frozen=True, slots=True)
class NoResponse(Response):
    """What is never sent."""

    def encode(self) -> bytes:
        """Return no bytes."""
        return b""


@dataclass(frozen=True, slots=True)
class TransferAbort(Command[NoResponse]):
    """DAP_TransferAbort: cut the running transfer short. It alone has no response."""

    ID: ClassVar[CommandId] = CommandId.TransferAbort

    def encode_fields(self) -> bytes:
        """Return nothing: the command byte is all."""
        return b""

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume nothing."""
        return cls()

    def read_response(self, reader: Reader) -> NoResponse:
        """Refuse: there is none. Raises WireError always."""
        raise WireError("DAP_TransferAbort has no response")
