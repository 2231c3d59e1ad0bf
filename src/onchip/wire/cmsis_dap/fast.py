"""DAP_Transfer and DAP_TransferBlock without objects: a word read must cost microseconds.

Each function takes an ``offset``, so that the same bytes can stand inside DAP_ExecuteCommands.
``memory order`` means words low byte first, as they stand both on the wire and in the target's RAM.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from struct import Struct
from struct import error as struct_error

from ...errors import WireError
from .ids import CommandId

_TRANSFER = int(CommandId.Transfer)
_BLOCK = int(CommandId.TransferBlock)
_WITH_VALUE = Struct("<BI")
_SINGLE = {request: bytes((request,)) for request in range(256)}
_TRANSFER_HEAD = Struct("<BBB")
_BLOCK_HEAD = Struct("<BBHB")
_BLOCK_RESPONSE = Struct("<BHB")
_WRITES = tuple(not r & 0x02 or bool(r & 0x10) for r in range(256))


@cache
def _words(count: int) -> Struct:
    return Struct(f"<{count}I")


# ---- the host's side


def encode_transfer(index: int, operations: Sequence[tuple[int, int | None]]) -> bytes:
    """Pack a DAP_Transfer of (request, value or None) pairs.

    Raises:
        WireError: not 1 to 255 of them, or a field does not fit.
    """
    count = len(operations)
    if not 0 < count < 256:
        raise WireError(f"DAP_Transfer of {count} transfers")
    pair = _WITH_VALUE.pack
    single = _SINGLE
    try:
        parts = [_TRANSFER_HEAD.pack(_TRANSFER, index, count)]
        for request, value in operations:
            parts.append(single[request] if value is None else pair(request, value))
    except (struct_error, KeyError):
        raise WireError(f"index {index} or a transfer does not fit: {operations!r:.200}") from None
    return b"".join(parts)


def parse_transfer(
    packet: bytes, expected: int, words: int, offset: int = 0
) -> tuple[int, int, tuple[int, ...]]:
    """Return count, response byte and words of a DAP_Transfer response.

    ``expected`` transfers were asked for, and ``words`` words if all of them succeed. If the count
    is short or the response not OK, the words returned are all that the packet still holds, at most
    ``words``, padding included: ``words_in_response`` tells how many of them mean anything.

    Raises:
        WireError: not a response to DAP_Transfer, cut short, or more done than asked for.
    """
    if len(packet) < offset + 3 or packet[offset] != _TRANSFER:
        raise WireError(_not_a_response(packet, offset, "DAP_Transfer"))
    count, response = packet[offset + 1], packet[offset + 2]
    room = (len(packet) - offset - 3) // 4
    if count == expected and response == 1:
        if room < words:
            raise WireError(f"DAP_Transfer response holds {room} words, {words} were read")
    elif count > expected:
        raise WireError(f"DAP_Transfer did {count} transfers, {expected} were asked for")
    return count, response, _words(min(words, room)).unpack_from(packet, offset + 3)


def encode_block_read(index: int, request: int, count: int) -> bytes:
    """Pack a DAP_TransferBlock that reads ``count`` words. Raises WireError if it does not fit."""
    return _block_head(index, count, request)


def encode_block_write(index: int, request: int, payload: bytes) -> bytes:
    """Pack a DAP_TransferBlock that writes ``payload``, whole words in memory order.

    Raises:
        WireError: no words, too many, or a part of one.
    """
    count, odd = divmod(len(payload), 4)
    if odd:
        raise WireError(f"a block of {len(payload)} bytes is not whole words")
    return _block_head(index, count, request) + payload


def _block_head(index: int, count: int, request: int) -> bytes:
    if count == 0:
        raise WireError("DAP_TransferBlock of no words")
    try:
        return _BLOCK_HEAD.pack(_BLOCK, index, count, request)
    except struct_error:
        raise WireError(f"DAP_TransferBlock of {count} words by {request:#x}: too much") from None


def parse_block(packet: bytes, expected: int, offset: int = 0) -> tuple[int, int]:
    """Return count and response byte of a DAP_TransferBlock response.

    Raises:
        WireError: not a response to DAP_TransferBlock, cut short, or more done than asked for.
    """
    if len(packet) < offset + 4 or packet[offset] != _BLOCK:
        raise WireError(_not_a_response(packet, offset, "DAP_TransferBlock"))
    _, count, response = _BLOCK_RESPONSE.unpack_from(packet, offset)
    if count > expected:
        raise WireError(f"DAP_TransferBlock moved {count} words, {expected} were asked for")
    return count, response


def parse_block_read(packet: bytes, expected: int, offset: int = 0) -> tuple[int, int, bytes]:
    """Return count, response byte and data, in memory order, of a reading DAP_TransferBlock.

    Raises:
        WireError: as ``parse_block``, or fewer words than counted.
    """
    count, response = parse_block(packet, expected, offset)
    start = offset + 4
    data = packet[start : start + 4 * count]
    if len(data) != 4 * count:
        raise WireError(f"DAP_TransferBlock counted {count} words, sent {len(data)} bytes")
    return count, response, data


# ---- the probe's side


def parse_transfer_request(
    packet: bytes, offset: int = 0
) -> tuple[int, list[tuple[int, int | None]], int]:
    """Return index, (request, value or None) pairs, and the offset behind a DAP_Transfer request.

    Raises:
        WireError: another command, or cut short.
    """
    if len(packet) < offset + 3 or packet[offset] != _TRANSFER:
        raise WireError(_not_a_request(packet, offset, "DAP_Transfer"))
    operations: list[tuple[int, int | None]] = []
    at = offset + 3
    pair = _WITH_VALUE.unpack_from
    try:
        for _ in range(packet[offset + 2]):
            request = packet[at]
            if _WRITES[request]:
                operations.append(pair(packet, at))
                at += 5
            else:
                operations.append((request, None))
                at += 1
    except (IndexError, struct_error):
        raise WireError(f"DAP_Transfer cut short at byte {len(packet)}") from None
    return packet[offset + 1], operations, at


def encode_transfer_response(count: int, response: int, words: Iterable[int]) -> bytes:
    """Pack the response to DAP_Transfer. Raises WireError if a field does not fit."""
    values = tuple(words)
    try:
        return bytes((_TRANSFER, count, response)) + _words(len(values)).pack(*values)
    except (ValueError, struct_error):
        raise WireError(f"DAP_Transfer response {count}, {response:#x} does not fit") from None


def parse_block_request(packet: bytes, offset: int = 0) -> tuple[int, int, int, bytes, int]:
    """Return index, count, request, data and the offset behind a DAP_TransferBlock request.

    Raises:
        WireError: another command, or cut short.
    """
    if len(packet) < offset + 5 or packet[offset] != _BLOCK:
        raise WireError(_not_a_request(packet, offset, "DAP_TransferBlock"))
    _, index, count, request = _BLOCK_HEAD.unpack_from(packet, offset)
    start = end = offset + 5
    if not request & 0x02:
        end += 4 * count
        if end > len(packet):
            raise WireError(f"DAP_TransferBlock of {count} words in {len(packet)} bytes")
    return index, count, request, packet[start:end], end


def encode_block_response(count: int, response: int, data: bytes = b"") -> bytes:
    """Pack the response to DAP_TransferBlock. Raises WireError if a field does not fit."""
    try:
        return _BLOCK_RESPONSE.pack(_BLOCK, count, response) + data
    except struct_error:
        raise WireError(f"DAP_TransferBlock response {count}, {response:#x} too large") from None


def _not_a_response(packet: bytes, offset: int, name: str) -> str:
    shown = packet[offset : offset + 4].hex(" ") or "no bytes"
    return f"not a response to {name}: {shown}"


def _not_a_request(packet: bytes, offset: int, name: str) -> str:
    shown = packet[offset : offset + 4].hex(" ") or "no bytes"
    return f"not a whole {name} request: {shown}"
