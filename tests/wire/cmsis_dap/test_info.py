import pytest

from onchip.errors import WireError
from onchip.wire.cmsis_dap import Capabilities, Info, InfoId, InfoResponse

from .golden import Exchange, check_exchange

STRINGS = [
    # id typed as a number: the identifiers themselves are under test
    Exchange(Info(0x01), "00 01", InfoResponse(b"ARM\0"), "00 04 41 52 4d 00"),
    Exchange(Info(0x02), "00 02", InfoResponse(b"DAPLink\0"), "00 08 44 41 50 4c 69 6e 6b 00"),
    Exchange(Info(0x03), "00 03", InfoResponse(b"0240\0"), "00 05 30 32 34 30 00"),
    Exchange(Info(0x04), "00 04", InfoResponse(b"2.1.0\0"), "00 06 32 2e 31 2e 30 00"),
    Exchange(Info(0x05), "00 05", InfoResponse(b"ST\0"), "00 03 53 54 00"),
    Exchange(Info(0x06), "00 06", InfoResponse(b"F407\0"), "00 05 46 34 30 37 00"),
    Exchange(Info(0x07), "00 07", InfoResponse(b"NXP\0"), "00 04 4e 58 50 00"),
    Exchange(Info(0x08), "00 08", InfoResponse(b"mbed\0"), "00 05 6d 62 65 64 00"),
    Exchange(Info(0x09), "00 09", InfoResponse(b"v1\0"), "00 03 76 31 00"),
    Exchange(Info(0x01), "00 01", InfoResponse(b""), "00 00"),  # no information
    Exchange(Info(0x01), "00 01", InfoResponse(b"\0"), "00 01 00"),  # an empty string
]

NUMBERS = [
    Exchange(Info(0xF0), "00 f0", InfoResponse(b"\x13"), "00 01 13"),
    Exchange(Info(0xF0), "00 f0", InfoResponse(b"\xf5\x01"), "00 02 f5 01"),
    Exchange(Info(0xF1), "00 f1", InfoResponse(b"\x00\xe1\xf5\x05"), "00 04 00 e1 f5 05"),
    Exchange(Info(0xFB), "00 fb", InfoResponse(b"\x00\x04\x00\x00"), "00 04 00 04 00 00"),
    Exchange(Info(0xFC), "00 fc", InfoResponse(b"\x00\x02\x00\x00"), "00 04 00 02 00 00"),
    Exchange(Info(0xFD), "00 fd", InfoResponse(b"\x00\x10\x00\x00"), "00 04 00 10 00 00"),
    Exchange(Info(0xFE), "00 fe", InfoResponse(b"\x04"), "00 01 04"),
    Exchange(Info(0xFF), "00 ff", InfoResponse(b"\x00\x02"), "00 02 00 02"),
]


@pytest.mark.parametrize("exchange", STRINGS + NUMBERS, ids=lambda e: e.response_hex)
def test_golden(exchange: Exchange) -> None:
    check_exchange(exchange)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VENDOR", 0x01),
        ("PRODUCT", 0x02),
        ("SERIAL_NUMBER", 0x03),
        ("PROTOCOL_VERSION", 0x04),
        ("TARGET_VENDOR", 0x05),
        ("TARGET_NAME", 0x06),
        ("BOARD_VENDOR", 0x07),
        ("BOARD_NAME", 0x08),
        ("FIRMWARE_VERSION", 0x09),
        ("CAPABILITIES", 0xF0),
        ("TEST_DOMAIN_TIMER", 0xF1),
        ("UART_RX_BUFFER_SIZE", 0xFB),
        ("UART_TX_BUFFER_SIZE", 0xFC),
        ("SWO_BUFFER_SIZE", 0xFD),
        ("PACKET_COUNT", 0xFE),
        ("PACKET_SIZE", 0xFF),
    ],
)
def test_identifiers_are_those_of_the_table(name: str, value: int) -> None:
    assert InfoId[name] == value
    assert len(InfoId) == 16


def test_no_information_is_not_an_empty_string() -> None:
    ask = Info(InfoId.TARGET_NAME)
    assert ask.decode_response(bytes.fromhex("00 00")).text is None
    assert ask.decode_response(bytes.fromhex("00 01 00")).text == ""
    assert InfoResponse.of_text(None).encode() == bytes.fromhex("00 00")
    assert InfoResponse.of_text("").encode() == bytes.fromhex("00 01 00")


def test_strings_are_utf_8() -> None:
    assert InfoResponse.of_text("µ").encode() == bytes.fromhex("00 03 c2 b5 00")
    assert Info(1).decode_response(bytes.fromhex("00 03 c2 b5 00")).text == "µ"


def test_a_string_without_its_nul_or_in_latin_1_is_still_read() -> None:
    assert Info(1).decode_response(bytes.fromhex("00 03 41 52 4d")).text == "ARM"
    assert Info(1).decode_response(bytes.fromhex("00 02 b5 00")).text == "\N{REPLACEMENT CHARACTER}"


def test_numbers() -> None:
    assert Info(InfoId.PACKET_SIZE).decode_response(bytes.fromhex("00 02 00 02")).number == 512
    assert Info(InfoId.PACKET_COUNT).decode_response(bytes.fromhex("00 01 04")).number == 4
    assert Info(InfoId.PACKET_SIZE).decode_response(bytes.fromhex("00 00")).number is None
    assert InfoResponse.of_number(512, 2).encode() == bytes.fromhex("00 02 00 02")


def test_the_timer_frequency_may_come_with_length_8() -> None:
    reply = bytes.fromhex("00 08 00 e1 f5 05 00 00 00 00")
    assert Info(InfoId.TEST_DOMAIN_TIMER).decode_response(reply).number == 100_000_000


def test_capabilities_of_one_byte_and_of_two() -> None:
    one = Info(InfoId.CAPABILITIES).decode_response(bytes.fromhex("00 01 13")).capabilities
    assert one == Capabilities.build(SWD=1, JTAG=1, ATOMIC_COMMANDS=1)
    two = Info(InfoId.CAPABILITIES).decode_response(bytes.fromhex("00 02 c0 01")).capabilities
    assert two == Capabilities.build(SWO_STREAMING=1, UART=1, USB_COM_PORT=1)
    assert not two.SWD


@pytest.mark.parametrize(
    ("name", "position"),
    [
        ("SWD", 0),
        ("JTAG", 1),
        ("SWO_UART", 2),
        ("SWO_MANCHESTER", 3),
        ("ATOMIC_COMMANDS", 4),
        ("TEST_DOMAIN_TIMER", 5),
        ("SWO_STREAMING", 6),
        ("UART", 7),
        ("USB_COM_PORT", 8),
    ],
)
def test_capability_bits(name: str, position: int) -> None:
    assert Capabilities.build(**{name: 1}) == 1 << position


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(WireError, match="NUL"):
        InfoResponse.of_text("a\0b")
    with pytest.raises(WireError, match="length"):
        InfoResponse(bytes(256)).encode()
    with pytest.raises(WireError, match="8 bits"):
        InfoResponse.of_number(256, 1)
    with pytest.raises(WireError, match="info id"):
        Info(256).encode()
