import pytest

from onchip.errors import WireError
from onchip.wire.cmsis_dap import (
    StatusResponse,
    SWD_Configure,
    SWD_Sequence,
    SWD_SequenceResponse,
    SwdStep,
)

from .golden import Exchange, check_exchange

GOLDEN = [
    Exchange(SWD_Configure(), "13 00", StatusResponse(0x13, 0), "13 00"),
    Exchange(SWD_Configure(4), "13 03", StatusResponse(0x13, 0), "13 00"),
    Exchange(SWD_Configure(2, data_phase=True), "13 05", StatusResponse(0x13, 0), "13 00"),
    # TARGETSEL of SWD v2: 8 bits out (request 0x99), 5 bits listened to, 33 bits out
    Exchange(
        SWD_Sequence(
            (SwdStep(8, b"\x99"), SwdStep(5), SwdStep(33, b"\x78\x56\x34\x12\x01")),
        ),
        "1d 03 08 99 85 21 78 56 34 12 01",
        SWD_SequenceResponse(0, (b"\x1f",)),
        "1d 00 1f",
    ),
    # 64 clocks are written as 0; each capture starts on a new byte
    Exchange(
        SWD_Sequence((SwdStep(64, b"\xff" * 8), SwdStep(64), SwdStep(9))),
        "1d 03 00 ff ff ff ff ff ff ff ff 80 89",
        SWD_SequenceResponse(0, (b"\x01\x02\x03\x04\x05\x06\x07\x08", b"\x55\x01")),
        "1d 00 01 02 03 04 05 06 07 08 55 01",
    ),
    Exchange(SWD_Sequence(()), "1d 00", SWD_SequenceResponse(0), "1d 00"),
    # a probe that failed sends no bits
    Exchange(SWD_Sequence((SwdStep(3),)), "1d 01 83", SWD_SequenceResponse(0xFF), "1d ff"),
]


@pytest.mark.parametrize("exchange", GOLDEN, ids=lambda e: e.request_hex)
def test_golden(exchange: Exchange) -> None:
    check_exchange(exchange)


def test_ok_says_whether_it_worked() -> None:
    assert SWD_SequenceResponse(0).ok
    assert not SWD_SequenceResponse(0xFF).ok


def test_reserved_bits_of_a_step_are_ignored() -> None:
    assert SWD_Sequence.decode(bytes.fromhex("1d 01 48 55")) == SWD_Sequence((SwdStep(8, b"\x55"),))


@pytest.mark.parametrize(
    "message",
    [
        SWD_Configure(0),
        SWD_Configure(5),
        SWD_Sequence((SwdStep(0, b""),)),
        SWD_Sequence((SwdStep(65),)),
        SWD_Sequence((SwdStep(9, b"\xff"),)),
        SWD_Sequence((SwdStep(1),) * 256),
        SWD_SequenceResponse(256),
    ],
    ids=lambda m: repr(m)[:60],
)
def test_what_does_not_fit_is_refused(message) -> None:
    with pytest.raises(WireError):
        message.encode()
