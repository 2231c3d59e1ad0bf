import pytest

from onchip.errors import WireError
from onchip.wire.cmsis_dap import (
    ExtendedStatusRequest,
    StatusResponse,
    SWO_Baudrate,
    SWO_BaudrateResponse,
    SWO_Control,
    SWO_Data,
    SWO_DataResponse,
    SWO_ExtendedStatus,
    SWO_ExtendedStatusResponse,
    SWO_Mode,
    SWO_Status,
    SWO_StatusResponse,
    SWO_Transport,
    TraceControl,
    TraceMode,
    TraceStatus,
    TraceTransport,
)

from .golden import Exchange, check_exchange

ACTIVE = TraceStatus(0x01)

GOLDEN = [
    Exchange(SWO_Transport(1), "17 01", StatusResponse(0x17, 0), "17 00"),
    Exchange(SWO_Transport(2), "17 02", StatusResponse(0x17, 0xFF), "17 ff"),
    Exchange(SWO_Mode(1), "18 01", StatusResponse(0x18, 0), "18 00"),
    Exchange(
        SWO_Baudrate(2_000_000), "19 80 84 1e 00", SWO_BaudrateResponse(1_996_800), "19 00 78 1e 00"
    ),
    Exchange(SWO_Baudrate(1), "19 01 00 00 00", SWO_BaudrateResponse(0), "19 00 00 00 00"),
    Exchange(SWO_Control(1), "1a 01", StatusResponse(0x1A, 0), "1a 00"),
    Exchange(SWO_Status(), "1b", SWO_StatusResponse(ACTIVE, 0x1234), "1b 01 34 12 00 00"),
    Exchange(SWO_Status(), "1b", SWO_StatusResponse(TraceStatus(0xC0), 0), "1b c0 00 00 00 00"),
    Exchange(
        SWO_Data(0x0200),
        "1c 00 02",
        SWO_DataResponse(ACTIVE, b"\x01A\x01B"),
        "1c 01 04 00 01 41 01 42",
    ),
    Exchange(SWO_Data(4), "1c 04 00", SWO_DataResponse(ACTIVE, b""), "1c 01 00 00"),
    Exchange(SWO_ExtendedStatus(0), "1e 00", SWO_ExtendedStatusResponse(), "1e"),
    Exchange(SWO_ExtendedStatus(1), "1e 01", SWO_ExtendedStatusResponse(ACTIVE), "1e 01"),
    Exchange(SWO_ExtendedStatus(2), "1e 02", SWO_ExtendedStatusResponse(count=9), "1e 09 00 00 00"),
    Exchange(
        SWO_ExtendedStatus(4),
        "1e 04",
        SWO_ExtendedStatusResponse(index=3, timestamp=0x11223344),
        "1e 03 00 00 00 44 33 22 11",
    ),
    Exchange(
        SWO_ExtendedStatus(7),
        "1e 07",
        SWO_ExtendedStatusResponse(TraceStatus(0x81), 16, 2, 0x01020304),
        "1e 81 10 00 00 00 02 00 00 00 04 03 02 01",
    ),
]


@pytest.mark.parametrize("exchange", GOLDEN, ids=lambda e: e.request_hex)
def test_golden(exchange: Exchange) -> None:
    check_exchange(exchange)


def test_values_are_those_of_the_tables() -> None:
    assert [(t.name, t.value) for t in TraceTransport] == [
        ("NONE", 0), ("COMMAND", 1), ("ENDPOINT", 2),
    ]  # fmt: skip
    assert [(m.name, m.value) for m in TraceMode] == [("OFF", 0), ("UART", 1), ("MANCHESTER", 2)]
    assert (TraceControl.STOP, TraceControl.START) == (0, 1)
    assert [(r.name, r.value) for r in ExtendedStatusRequest] == [
        ("STATUS", 1), ("COUNT", 2), ("TIMESTAMP", 4),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), [("ACTIVE", 1), ("PAUSED", 2), ("STREAM_ERROR", 0x40), ("OVERRUN", 0x80)]
)
def test_trace_status_bits(name: str, value: int) -> None:
    assert TraceStatus.build(**{name: 1}) == value


@pytest.mark.parametrize(
    "message",
    [
        SWO_Transport(256),
        SWO_Mode(256),
        SWO_Baudrate(1 << 32),
        SWO_BaudrateResponse(1 << 32),
        SWO_Control(256),
        SWO_StatusResponse(TraceStatus(256), 0),
        SWO_StatusResponse(ACTIVE, 1 << 32),
        SWO_Data(65536),
        SWO_DataResponse(ACTIVE, bytes(65536)),
        SWO_ExtendedStatus(256),
        SWO_ExtendedStatusResponse(index=1 << 32),
    ],
    ids=lambda m: repr(m)[:60],
)
def test_what_does_not_fit_is_refused(message) -> None:
    with pytest.raises(WireError):
        message.encode()
