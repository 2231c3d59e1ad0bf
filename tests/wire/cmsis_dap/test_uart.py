import pytest

from onchip.errors import WireError
from onchip.wire.cmsis_dap import (
    Parity,
    StatusResponse,
    UART_Configure,
    UART_ConfigureResponse,
    UART_Control,
    UART_Status,
    UART_StatusResponse,
    UART_Transfer,
    UART_TransferResponse,
    UART_Transport,
    UartConfigureError,
    UartControl,
    UartLine,
    UartStatus,
    UartTransport,
)

from .golden import Exchange, check_exchange

BOTH = UartStatus(0x11)

GOLDEN = [
    Exchange(UART_Transport(2), "1f 02", StatusResponse(0x1F, 0), "1f 00"),
    Exchange(UART_Transport(1), "1f 01", StatusResponse(0x1F, 0xFF), "1f ff"),
    # 115200 8N1
    Exchange(
        UART_Configure(UartLine(0), 115200),
        "20 00 00 c2 01 00",
        UART_ConfigureResponse(UartConfigureError(0), 115200),
        "20 00 00 c2 01 00",
    ),
    # 9600 7O2 refused for its parity
    Exchange(
        UART_Configure(UartLine(0x67), 9600),
        "20 67 80 25 00 00",
        UART_ConfigureResponse(UartConfigureError(0x02), 0),
        "20 02 00 00 00 00",
    ),
    Exchange(UART_Control(UartControl(0x11)), "22 11", StatusResponse(0x22, 0), "22 00"),
    Exchange(UART_Control(UartControl(0x66)), "22 66", StatusResponse(0x22, 0), "22 00"),
    Exchange(
        UART_Status(), "23", UART_StatusResponse(BOTH, 5, 0x102), "23 11 05 00 00 00 02 01 00 00"
    ),
    # the request counts rx before tx, the response tx before rx
    Exchange(
        UART_Transfer(0x0140, b"hi"),
        "21 40 01 02 00 68 69",
        UART_TransferResponse(BOTH, 2, b"yes"),
        "21 11 02 00 03 00 79 65 73",
    ),
    Exchange(
        UART_Transfer(0), "21 00 00 00 00", UART_TransferResponse(UartStatus(0), 0, b""),
        "21 00 00 00 00 00",
    ),
]  # fmt: skip


@pytest.mark.parametrize("exchange", GOLDEN, ids=lambda e: e.request_hex)
def test_golden(exchange: Exchange) -> None:
    check_exchange(exchange)


def test_line_fields() -> None:
    line = UartLine.build(DATA_BITS=7, PARITY=Parity.ODD, STOP_BITS=1)
    assert line == 0x67
    assert UartLine.build(PARITY=Parity.EVEN) == 0x10
    assert [(t.name, t.value) for t in UartTransport] == [
        ("NONE", 0), ("USB_COM_PORT", 1), ("COMMAND", 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("register", "name", "value"),
    [
        (UartConfigureError, "DATA_BITS", 0x01),
        (UartConfigureError, "PARITY", 0x02),
        (UartConfigureError, "STOP_BITS", 0x04),
        (UartControl, "RX_ENABLE", 0x01),
        (UartControl, "RX_DISABLE", 0x02),
        (UartControl, "RX_FLUSH", 0x04),
        (UartControl, "TX_ENABLE", 0x10),
        (UartControl, "TX_DISABLE", 0x20),
        (UartControl, "TX_FLUSH", 0x40),
        (UartStatus, "RX_ENABLED", 0x01),
        (UartStatus, "RX_DATA_LOST", 0x02),
        (UartStatus, "FRAMING_ERROR", 0x04),
        (UartStatus, "PARITY_ERROR", 0x08),
        (UartStatus, "TX_ENABLED", 0x10),
    ],
)
def test_bits_are_those_of_the_tables(register, name: str, value: int) -> None:
    assert register.build(**{name: 1}) == value


def test_ok_needs_a_rate() -> None:
    assert UART_ConfigureResponse(UartConfigureError(0), 9600).ok
    assert not UART_ConfigureResponse(UartConfigureError(0), 0).ok
    assert not UART_ConfigureResponse(UartConfigureError(4), 9600).ok


@pytest.mark.parametrize(
    "message",
    [
        UART_Transport(256),
        UART_Configure(UartLine(256), 0),
        UART_Configure(UartLine(0), 1 << 32),
        UART_ConfigureResponse(UartConfigureError(256), 0),
        UART_Control(UartControl(256)),
        UART_StatusResponse(BOTH, 1 << 32, 0),
        UART_Transfer(65536),
        UART_Transfer(0, bytes(65536)),
        UART_TransferResponse(BOTH, 65536, b""),
        UART_TransferResponse(BOTH, 0, bytes(65536)),
    ],
    ids=lambda m: repr(m)[:60],
)
def test_what_does_not_fit_is_refused(message) -> None:
    with pytest.raises(WireError):
        message.encode()
