import pytest

from onchip.errors import WireError
from onchip.wire.cmsis_dap import (
    MAX_PIN_WAIT_US,
    Pin,
    StatusResponse,
    SWJ_Clock,
    SWJ_Pins,
    SWJ_PinsResponse,
    SWJ_Sequence,
)

from .golden import Exchange, check_exchange

GOLDEN = [
    # hold nRESET low, wait 1000 us
    Exchange(SWJ_Pins(0, 0x80, 1000), "10 00 80 e8 03 00 00", SWJ_PinsResponse(0x03), "10 03"),
    Exchange(
        SWJ_Pins(0x80, 0xA3, 3_000_000), "10 80 a3 c0 c6 2d 00", SWJ_PinsResponse(0xAF), "10 af"
    ),
    Exchange(SWJ_Clock(1_000_000), "11 40 42 0f 00", StatusResponse(0x11, 0), "11 00"),
    Exchange(SWJ_Clock(0), "11 00 00 00 00", StatusResponse(0x11, 0xFF), "11 ff"),
    # JTAG-to-SWD: 16 bits, 0xE79E, least significant bit first
    Exchange(SWJ_Sequence(16, b"\x9e\xe7"), "12 10 9e e7", StatusResponse(0x12, 0), "12 00"),
    # line reset: 51 bits take 7 bytes
    Exchange(
        SWJ_Sequence(51, b"\xff" * 6 + b"\x07"),
        "12 33 ff ff ff ff ff ff 07",
        StatusResponse(0x12, 0),
        "12 00",
    ),
    Exchange(SWJ_Sequence(1, b"\x00"), "12 01 00", StatusResponse(0x12, 0), "12 00"),
    # 256 bits are written as 0
    Exchange(SWJ_Sequence(256, b"\xa5" * 32), "12 00" + "a5" * 32, StatusResponse(0x12), "12 00"),
]


@pytest.mark.parametrize("exchange", GOLDEN, ids=lambda e: e.request_hex)
def test_golden(exchange: Exchange) -> None:
    check_exchange(exchange)


def test_pin_bits() -> None:
    table = {"SWCLK_TCK": 0, "SWDIO_TMS": 1, "TDI": 2, "TDO": 3, "nTRST": 5, "nRESET": 7}
    assert {pin.name: pin.value for pin in Pin} == {n: 1 << b for n, b in table.items()}
    assert MAX_PIN_WAIT_US == 3_000_000


@pytest.mark.parametrize(
    "message",
    [
        SWJ_Pins(256, 0, 0),
        SWJ_Pins(0, 256, 0),
        SWJ_Pins(0, 0, 1 << 32),
        SWJ_PinsResponse(256),
        SWJ_Clock(1 << 32),
        SWJ_Sequence(0, b""),
        SWJ_Sequence(257, bytes(33)),
        SWJ_Sequence(9, b"\xff"),
        SWJ_Sequence(8, b"\xff\xff"),
    ],
    ids=repr,
)
def test_what_does_not_fit_is_refused(message) -> None:
    with pytest.raises(WireError):
        message.encode()
