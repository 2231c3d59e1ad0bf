import pytest

from onchip.errors import WireError
from onchip.wire.cmsis_dap import (
    NoResponse,
    StatusResponse,
    Transfer,
    TransferAbort,
    TransferAck,
    TransferBlock,
    TransferBlockResponse,
    TransferConfigure,
    TransferOperation,
    TransferRequest,
    TransferResponse,
    has_value,
    is_plain_read,
    words_in_response,
)

from .golden import Exchange, check_exchange

Op = TransferOperation

GOLDEN = [
    Exchange(
        TransferConfigure(2, 0x0064, 0x1234), "04 02 64 00 34 12", StatusResponse(0x04, 0), "04 00"
    ),
    # read DPIDR: DP, RnW, A[3:2] = 0
    Exchange(
        Transfer(0, (Op(0x02),)),
        "05 00 01 02",
        TransferResponse(1, 0x01, (0x2BA01477,)),
        "05 01 01 77 14 a0 2b",
    ),
    # write SELECT (A3), write TAR (APnDP, A2), read DRW (APnDP, RnW, A2, A3) twice, read CTRL/STAT
    Exchange(
        Transfer(
            0,
            (Op(0x08, 0x0), Op(0x05, 0x2000_0000), Op(0x0F), Op(0x0F), Op(0x06)),
        ),
        "05 00 05 08 00 00 00 00 05 00 00 00 20 0f 0f 06",
        TransferResponse(5, 0x01, (0x11223344, 0x55667788, 0xF0000040)),
        "05 05 01 44 33 22 11 88 77 66 55 40 00 00 f0",
    ),
    # match mask 0x0001_0000, then read DRW until (value & mask) == 0x0001_0000: no data back
    Exchange(
        Transfer(3, (Op(0x20, 0x0001_0000), Op(0x1F, 0x0001_0000))),
        "05 03 02 20 00 00 01 00 1f 00 00 01 00",
        TransferResponse(2, 0x01),
        "05 02 01",
    ),
    # ... and it never matched: one done (the mask), value mismatch
    Exchange(
        Transfer(3, (Op(0x20, 0x0001_0000), Op(0x1F, 0x0001_0000))),
        "05 03 02 20 00 00 01 00 1f 00 00 01 00",
        TransferResponse(1, 0x11),
        "05 01 11",
    ),
    # timestamps: one before a read's data, one alone for a write
    Exchange(
        Transfer(0, (Op(0x8F), Op(0x85, 0x44), Op(0x82))),
        "05 00 03 8f 85 44 00 00 00 82",
        TransferResponse(3, 0x01, (0x1000, 0xAABBCCDD, 0x1001, 0x1002, 0x2BA01477)),
        "05 03 01 00 10 00 00 dd cc bb aa 01 10 00 00 02 10 00 00 77 14 a0 2b",
    ),
    # the second of two writes FAULTs
    Exchange(
        Transfer(0, (Op(0x05, 1), Op(0x0D, 2))),
        "05 00 02 05 01 00 00 00 0d 02 00 00 00",
        TransferResponse(1, 0x04),
        "05 01 04",
    ),
    # nothing answers at all
    Exchange(Transfer(0, (Op(0x02),)), "05 00 01 02", TransferResponse(0, 0x07), "05 00 07"),
    # a DP read, which is not posted, then a WAIT
    Exchange(
        Transfer(0, (Op(0x06), Op(0x0F))),
        "05 00 02 06 0f",
        TransferResponse(1, 0x02, (0xF0000040,)),
        "05 01 02 40 00 00 f0",
    ),
    Exchange(
        TransferBlock(0, 2, 0x0D, b"\x01\x02\x03\x04\x05\x06\x07\x08"),
        "06 00 02 00 0d 01 02 03 04 05 06 07 08",
        TransferBlockResponse(2, 0x01),
        "06 02 00 01",
    ),
    Exchange(
        TransferBlock(1, 2, 0x0F),
        "06 01 02 00 0f",
        TransferBlockResponse(2, 0x01, b"\x44\x33\x22\x11\x88\x77\x66\x55"),
        "06 02 00 01 44 33 22 11 88 77 66 55",
    ),
    Exchange(
        TransferBlock(0, 0x0102, 0x0F),
        "06 00 02 01 0f",
        TransferBlockResponse(1, 0x04, b"\x44\x33\x22\x11"),
        "06 01 00 04 44 33 22 11",
    ),
]


@pytest.mark.parametrize("exchange", GOLDEN, ids=lambda e: e.request_hex + "/" + e.response_hex[:8])
def test_golden(exchange: Exchange) -> None:
    check_exchange(exchange)


def test_request_and_response_bits_are_those_of_the_tables() -> None:
    assert {bit.name: bit.value for bit in TransferRequest} == {
        "APnDP": 1 << 0, "RnW": 1 << 1, "A2": 1 << 2, "A3": 1 << 3,
        "VALUE_MATCH": 1 << 4, "MATCH_MASK": 1 << 5, "TIMESTAMP": 1 << 7,
    }  # fmt: skip
    assert {bit.name: bit.value for bit in TransferAck} == {
        "OK": 1, "WAIT": 2, "FAULT": 4, "NO_ACK": 7, "PROTOCOL_ERROR": 1 << 3,
        "VALUE_MISMATCH": 1 << 4,
    }  # fmt: skip


def test_abort_has_a_request_and_no_response() -> None:
    assert TransferAbort().encode() == bytes.fromhex("07")
    assert TransferAbort.decode(bytes.fromhex("07") + bytes(63)) == TransferAbort()
    assert NoResponse().encode() == b""
    with pytest.raises(WireError, match="no response"):
        TransferAbort().decode_response(bytes.fromhex("07 00"))


@pytest.mark.parametrize(
    ("request_byte", "value", "plain"),
    [
        (0x00, True, False),  # write ABORT
        (0x02, False, True),  # read DPIDR
        (0x12, True, False),  # match on DPIDR
        (0x20, True, False),  # match mask
        (0x22, False, True),  # MATCH_MASK means nothing on a read
        (0x0D, True, False),  # write DRW
        (0x8F, False, True),  # read DRW with a timestamp
    ],
)
def test_what_carries_a_value(request_byte: int, value: bool, plain: bool) -> None:
    assert has_value(request_byte) is value
    assert is_plain_read(request_byte) is plain


def test_a_failure_behind_a_posted_read_leaves_two_lengths() -> None:
    requests = (0x0F, 0x0F, 0x0D)
    assert words_in_response(requests, 3, 0x01) == (2, 2)
    assert words_in_response(requests, 2, 0x04) == (1, 2)
    assert words_in_response(requests, 1, 0x02) == (0, 1)
    assert words_in_response(requests, 0, 0x04) == (0, 0)
    assert words_in_response((0x02, 0x0F), 1, 0x04) == (1, 1)  # a DP read is not posted
    assert words_in_response((0x8F, 0x0F), 1, 0x04) == (1, 2)  # timestamp there, data perhaps


def test_a_failed_read_takes_the_words_that_are_there() -> None:
    ask = Transfer(0, (Op(0x0F), Op(0x0F)))
    longer = ask.decode_response(bytes.fromhex("05 01 04 44 33 22 11"))
    assert longer == TransferResponse(1, 0x04, (0x11223344,))
    assert not longer.ok
    shorter = ask.decode_response(bytes.fromhex("05 01 04"))
    assert shorter == TransferResponse(1, 0x04)


def test_flags_stand_beside_the_acknowledge() -> None:
    response = TransferResponse(0, 0x11)
    assert (response.ack, response.ok) == (TransferAck.OK, False)
    assert TransferResponse(1, 0x01).ok
    assert TransferResponse(0, 0x0F).ack == TransferAck.NO_ACK
    block = TransferBlockResponse(0, 0x0C)
    assert (block.ack, block.ok) == (TransferAck.FAULT, False)
    assert TransferBlockResponse(0, 0x01).ok


def test_more_done_than_asked_for_is_refused() -> None:
    with pytest.raises(WireError, match="2 transfers done, 1 asked for"):
        Transfer(0, (Op(0x02),)).decode_response(bytes.fromhex("05 02 01 00 00 00 00"))
    with pytest.raises(WireError, match="3 words moved, 2 asked for"):
        TransferBlock(0, 2, 0x0F).decode_response(bytes.fromhex("06 03 00 01") + bytes(12))


@pytest.mark.parametrize(
    "message",
    [
        TransferConfigure(256, 0, 0),
        TransferConfigure(0, 65536, 0),
        TransferConfigure(0, 0, 65536),
        Transfer(0, ()),
        Transfer(0, (Op(0x02),) * 256),
        Transfer(256, (Op(0x02),)),
        Transfer(0, (Op(0x100),)),
        Transfer(0, (Op(0x00),)),
        Transfer(0, (Op(0x02, 1),)),
        Transfer(0, (Op(0x00, 1 << 32),)),
        TransferResponse(256, 1),
        TransferResponse(1, 1, (1 << 32,)),
        TransferBlock(0, 0, 0x0F),
        TransferBlock(0, 65536, 0x0F),
        TransferBlock(0, 1, 0x0F, b"\0\0\0\0"),
        TransferBlock(0, 1, 0x0D, b"\0\0\0"),
        TransferBlockResponse(65536, 1),
    ],
    ids=lambda m: repr(m)[:60],
)
def test_what_does_not_fit_is_refused(message) -> None:
    with pytest.raises(WireError):
        message.encode()
