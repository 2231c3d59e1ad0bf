import pytest

from onchip.errors import WireError
from onchip.wire.cmsis_dap import (
    JTAG_IDCODE,
    JTAG_Configure,
    JTAG_IDCODEResponse,
    JTAG_Sequence,
    JTAG_SequenceResponse,
    JtagStep,
    StatusResponse,
)

from .golden import Exchange, check_exchange

GOLDEN = [
    # to Run-Test/Idle: six clocks with TMS high, one with TMS low
    Exchange(
        JTAG_Sequence((JtagStep(6, b"\x00", tms=True), JtagStep(1, b"\x00"))),
        "14 02 46 00 01 00",
        JTAG_SequenceResponse(0),
        "14 00",
    ),
    # shift 64 clocks (written as 0) and capture; then 9 clocks, TMS high, and capture
    Exchange(
        JTAG_Sequence(
            (
                JtagStep(64, b"\xff" * 8, capture=True),
                JtagStep(9, b"\x34\x01", tms=True, capture=True),
            )
        ),
        "14 02 80 ff ff ff ff ff ff ff ff c9 34 01",
        JTAG_SequenceResponse(0, (b"\x77\x04\xa0\x4b\x00\x00\x00\x00", b"\xff\x01")),
        "14 00 77 04 a0 4b 00 00 00 00 ff 01",
    ),
    Exchange(
        JTAG_Sequence((JtagStep(8, b"\x00", capture=True),)),
        "14 01 88 00",
        JTAG_SequenceResponse(0xFF),
        "14 ff",
    ),
    Exchange(JTAG_Configure((4, 5)), "15 02 04 05", StatusResponse(0x15, 0), "15 00"),
    Exchange(JTAG_Configure(()), "15 00", StatusResponse(0x15, 0xFF), "15 ff"),
    Exchange(JTAG_IDCODE(1), "16 01", JTAG_IDCODEResponse(0, 0x4BA00477), "16 00 77 04 a0 4b"),
    # the reference firmware sends no IDCODE if it failed
    Exchange(JTAG_IDCODE(0), "16 00", JTAG_IDCODEResponse(0xFF), "16 ff"),
]


@pytest.mark.parametrize("exchange", GOLDEN, ids=lambda e: e.request_hex)
def test_golden(exchange: Exchange) -> None:
    check_exchange(exchange)


def test_ok_says_whether_it_worked() -> None:
    assert JTAG_IDCODEResponse(0, 1).ok
    assert not JTAG_IDCODEResponse(0xFF).ok
    assert JTAG_SequenceResponse(0).ok
    assert not JTAG_SequenceResponse(0xFF).ok


@pytest.mark.parametrize(
    "message",
    [
        JTAG_Sequence((JtagStep(0, b""),)),
        JTAG_Sequence((JtagStep(65, bytes(9)),)),
        JTAG_Sequence((JtagStep(9, b"\xff"),)),
        JTAG_Sequence((JtagStep(1, b"\xff"),) * 256),
        JTAG_SequenceResponse(-1),
        JTAG_Configure((256,)),
        JTAG_Configure((4,) * 256),
        JTAG_IDCODE(256),
        JTAG_IDCODEResponse(0, 1 << 32),
    ],
    ids=lambda m: repr(m)[:60],
)
def test_what_does_not_fit_is_refused(message) -> None:
    with pytest.raises(WireError):
        message.encode()
