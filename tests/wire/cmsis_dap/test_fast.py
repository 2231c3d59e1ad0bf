"""The plain functions agree with the hand-typed bytes, with the objects, and with the clock."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onchip.errors import WireError
from onchip.wire.cmsis_dap import (
    Transfer,
    TransferBlock,
    TransferOperation,
    TransferResponse,
    encode_block_read,
    encode_block_response,
    encode_block_write,
    encode_transfer,
    encode_transfer_response,
    has_value,
    parse_block,
    parse_block_read,
    parse_block_request,
    parse_transfer,
    parse_transfer_request,
)

WORD = st.integers(0, 0xFFFF_FFFF)
BYTE = st.integers(0, 255)
OPERATION = BYTE.flatmap(
    lambda r: WORD.map(lambda v: (r, v)) if has_value(r) else st.just((r, None))
)
OPERATIONS = st.lists(OPERATION, min_size=1, max_size=255)
PREFIX = st.binary(max_size=5)


def test_transfer_golden() -> None:
    packed = encode_transfer(0, [(0x05, 0x2000_0000), (0x0F, None)])
    assert packed == bytes.fromhex("05 00 02 05 00 00 00 20 0f")
    assert parse_transfer_request(packed) == (0, [(0x05, 0x2000_0000), (0x0F, None)], 9)
    response = bytes.fromhex("05 02 01 44 33 22 11")
    assert parse_transfer(response, 2, 1) == (2, 1, (0x11223344,))
    assert encode_transfer_response(2, 1, [0x11223344]) == response


def test_block_golden() -> None:
    assert encode_block_read(0, 0x0F, 0x0102) == bytes.fromhex("06 00 02 01 0f")
    write = bytes.fromhex("06 03 01 00 0d 04 03 02 01")
    assert encode_block_write(3, 0x0D, b"\x04\x03\x02\x01") == write
    assert parse_block_request(write) == (3, 1, 0x0D, b"\x04\x03\x02\x01", 9)
    assert parse_block(bytes.fromhex("06 01 00 01"), 1) == (1, 1)
    reply = bytes.fromhex("06 01 00 01 04 03 02 01")
    assert parse_block_read(reply, 2) == (1, 1, b"\x04\x03\x02\x01")
    assert encode_block_response(1, 1, b"\x04\x03\x02\x01") == reply
    assert encode_block_response(1, 1) == bytes.fromhex("06 01 00 01")


@given(BYTE, OPERATIONS, PREFIX, PREFIX)
def test_transfer_requests_agree_with_the_objects(index, operations, before, after) -> None:
    packet = encode_transfer(index, operations)
    objects = Transfer(index, tuple(TransferOperation(*pair) for pair in operations))
    assert packet == objects.encode()
    end = len(before) + len(packet)
    assert parse_transfer_request(before + packet + after, len(before)) == (index, operations, end)


@given(st.lists(WORD, max_size=255), PREFIX)
def test_transfer_responses_agree_with_the_objects(words, before) -> None:
    packet = encode_transfer_response(len(words), 1, words)
    assert packet == TransferResponse(len(words), 1, tuple(words)).encode()
    got = parse_transfer(before + packet + bytes(7), len(words), len(words), len(before))
    assert got == (len(words), 1, tuple(words))


@given(BYTE, BYTE, st.binary(min_size=4, max_size=512), PREFIX)
def test_blocks_agree_with_the_objects(index, request, data, before) -> None:
    data = data[: len(data) & ~3]
    count = len(data) // 4
    at = len(before)
    if request & 2:
        packet = encode_block_read(index, request, count)
        assert packet == TransferBlock(index, count, request).encode()
        data = b""
    else:
        packet = encode_block_write(index, request, data)
        assert packet == TransferBlock(index, count, request, data).encode()
    parsed = parse_block_request(before + packet + b"\xee", at)
    assert parsed == (index, count, request, data, at + len(packet))


@given(st.binary(max_size=64), st.integers(0, 70), st.integers(0, 300), st.integers(0, 300))
def test_hostile_bytes_give_a_wire_error_or_a_value(junk, offset, expected, words) -> None:
    for head in (b"", b"\x05", b"\x06"):
        packet = head + junk
        for parse in (
            lambda p: parse_transfer(p, expected, words, offset),
            lambda p: parse_block(p, expected, offset),
            lambda p: parse_block_read(p, expected, offset),
            lambda p: parse_transfer_request(p, offset),
            lambda p: parse_block_request(p, offset),
        ):
            try:
                parse(packet)
            except WireError:
                continue


def test_a_failed_transfer_gives_what_words_there_are() -> None:
    assert parse_transfer(bytes.fromhex("05 01 04"), 3, 3) == (1, 4, ())
    assert parse_transfer(bytes.fromhex("05 01 04 44 33 22 11"), 3, 3) == (1, 4, (0x11223344,))
    padded = bytes.fromhex("05 01 04 44 33 22 11") + bytes(57)
    assert parse_transfer(padded, 3, 3) == (1, 4, (0x11223344, 0, 0))


@pytest.mark.parametrize(
    ("packet", "words"),
    [
        ("", 0),
        ("05 01", 0),
        ("06 01 01", 0),
        ("ff", 0),
        ("05 02 01", 0),  # more done than asked for
        ("05 01 01 00 00 00", 1),  # the word is cut short
    ],
)
def test_bad_transfer_responses(packet: str, words: int) -> None:
    with pytest.raises(WireError):
        parse_transfer(bytes.fromhex(packet), 1, words)


@pytest.mark.parametrize("packet", ["", "06 01 00", "05 01 00 01", "ff 01 00 01", "06 02 00 01"])
def test_bad_block_responses(packet: str) -> None:
    with pytest.raises(WireError):
        parse_block(bytes.fromhex(packet), 1)
    with pytest.raises(WireError):
        parse_block_read(bytes.fromhex(packet), 1)


def test_a_block_read_that_is_cut_short() -> None:
    with pytest.raises(WireError, match="counted 2 words, sent 5 bytes"):
        parse_block_read(bytes.fromhex("06 02 00 01 01 02 03 04 05"), 2)


@pytest.mark.parametrize("packet", ["", "05 00", "06 00 01", "05 00 01", "05 00 01 05 01 02 03"])
def test_bad_transfer_requests(packet: str) -> None:
    with pytest.raises(WireError):
        parse_transfer_request(bytes.fromhex(packet))


@pytest.mark.parametrize("packet", ["", "06 00 01 00", "05 00 01 00 0f", "06 00 01 00 0d 01 02 03"])
def test_bad_block_requests(packet: str) -> None:
    with pytest.raises(WireError):
        parse_block_request(bytes.fromhex(packet))


@pytest.mark.parametrize(
    "call",
    [
        lambda: encode_transfer(0, []),
        lambda: encode_transfer(0, [(0x02, None)] * 256),
        lambda: encode_transfer(0, [(0x05, 1 << 32)]),
        lambda: encode_transfer(0, [(0x105, 1)]),
        lambda: encode_transfer(0, [(0x102, None)]),
        lambda: encode_transfer(0, [(-1, None)]),
        lambda: encode_transfer(256, [(0x02, None)]),
        lambda: encode_block_read(0, 0x0F, 0),
        lambda: encode_block_read(0, 0x0F, 65536),
        lambda: encode_block_read(0, 0x10F, 1),
        lambda: encode_block_write(0, 0x0D, b""),
        lambda: encode_block_write(0, 0x0D, b"\x01\x02\x03"),
        lambda: encode_transfer_response(256, 1, []),
        lambda: encode_transfer_response(1, 1, [1 << 32]),
        lambda: encode_block_response(65536, 1),
    ],
)
def test_what_does_not_fit_is_refused(call) -> None:
    with pytest.raises(WireError):
        call()


def best_of(call) -> float:
    """Return the shortest of many runs, in microseconds: the machine's noise only ever adds."""
    best = float("inf")
    for _ in range(200):
        start = time.perf_counter_ns()
        call()
        best = min(best, time.perf_counter_ns() - start)
    return best / 1000


def test_speed() -> None:
    words = list(range(127))
    response = encode_transfer_response(127, 1, words)
    block = encode_block_response(127, 1, bytes(508))
    payload = bytes(504)
    operations = [(0x05, 0x2000_0000), (0x0F, None)]
    one_word = encode_transfer_response(2, 1, [1])
    measured = {
        "parse 127 words": best_of(lambda: parse_transfer(response, 127, 127)),
        "parse a block of 127 words": best_of(lambda: parse_block_read(block, 127)),
        "pack a block of 126 words": best_of(lambda: encode_block_write(0, 0x0D, payload)),
        "pack TAR and DRW": best_of(lambda: encode_transfer(0, operations)),
        "parse one word": best_of(lambda: parse_transfer(one_word, 2, 1)),
    }
    print(measured)
    assert measured.pop("parse 127 words") < 40
    assert max(measured.values()) < 15, measured
