"""Agent expressions: vectors typed from the manual's table of opcodes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onchip.errors import ExpressionError, OnchipError, TransferFault, UsageError
from onchip.services.gdb.agent.expression import AgentExpression
from onchip.services.gdb.agent.printf import format_text, unescape

MINUS_ONE = (1 << 64) - 1


class Memory:
    """Sixteen known bytes at 0x20000000, registers that are ten times their number."""

    def __init__(self):
        self.printed = ""
        self.variables = {}
        self.collected = []
        self.data = bytes.fromhex("00112233445566778899aabbccddeeff") + b"onchip\0" + bytes(99)

    def read_memory(self, address, length):
        offset = address - 0x2000_0000
        if not 0 <= offset <= len(self.data) - length:
            raise TransferFault("FAULT", operation="read", address=address)
        return self.data[offset : offset + length]

    def read_register(self, number):
        return 10 * number

    def thread_id(self):
        return 7

    def print(self, text):
        self.printed += text

    def variable(self, number):
        return self.variables.get(number, 0)

    def set_variable(self, number, value):
        self.variables[number] = value

    def collect(self, address, length):
        self.collected.append((address, length))

    def collect_string(self, address, longest):
        self.collected.append((address, -longest))

    def collect_variable(self, number):
        self.collected.append(number)


def value(code, memory=None):
    return AgentExpression(bytes.fromhex(code)).evaluate(memory or Memory())


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        # the manual's own example: reg 1, reg 2, const32 z, ref32, ext 32, mul, add, end
        ("260001 260002 24 20000004 19 1620 04 02 27", 10 + 20 * 0x77665544),
        ("22 05 22 07 02 27", 12),
        ("22 05 22 07 03 27", MINUS_ONE - 1),
        ("22 05 22 07 04 27", 35),
        ("22 f9 16 08 22 02 05 27", MINUS_ONE - 2),  # -7 / 2 is -3 in C
        ("22 f9 16 08 22 02 07 27", MINUS_ONE),  # and leaves -1
        ("22 f9 22 02 06 27", 124),
        ("22 f9 22 02 08 27", 1),
        ("22 01 22 04 09 27", 16),
        ("22 01 22 40 09 27", 0),
        ("22 80 16 08 22 04 0a 27", MINUS_ONE - 7),
        ("22 80 16 08 22 ff 0a 27", MINUS_ONE),
        ("22 80 22 04 0b 27", 8),
        ("22 00 0e 27", 1),
        ("22 03 0e 27", 0),
        ("22 0c 22 0a 0f 27", 8),
        ("22 0c 22 0a 10 27", 14),
        ("22 0c 22 0a 11 27", 6),
        ("22 00 12 27", MINUS_ONE),
        ("22 05 22 05 13 27", 1),
        ("22 ff 16 08 22 01 14 27", 1),
        ("22 ff 16 08 22 01 15 27", 0),
        ("22 80 16 08 27", MINUS_ONE - 127),
        ("22 80 16 40 27", 128),
        ("22 80 16 ff 27", 128),
        ("23 1234 2a 08 27", 0x34),
        ("24 20000001 17 27", 0x11),
        ("24 20000001 18 27", 0x2211),
        ("24 20000001 19 27", 0x44332211),
        ("24 20000000 1a 27", 0x7766554433221100),
        ("25 0123456789abcdef 27", 0x0123456789ABCDEF),
        ("22 01 20 0007 22 09 27", 0),  # jumps to the end, over const8 9: nothing is left
        ("22 00 20 0008 22 09 27 27", 9),
        ("21 0005 22 09 22 03 27", 3),
        ("22 05 28 02 27", 10),
        ("22 05 22 06 29 27", 5),
        ("22 05 22 06 2b 03 27", 1),
        ("22 05 22 06 22 07 32 02 27", 5),
        ("22 01 22 02 22 03 33 29 03 27", 1),  # c b a without a: 3 - 2
        ("22 05 2d 0003 29 2c 0003 27", 5),
        ("2c 0009 27", 0),
        ("35 27", 7),
        ("22 01 22 02 22 04 0c 27", 1),
        ("22 01 0d 04 2e 0001 30 0100 27", 1),
        ("22 01 22 02 22 04 2f 27", 1),
        ("22 01", 1),
        ("27", 0),
    ],
)
def test_every_opcode(code, expected):
    assert value(code) == expected


@pytest.mark.parametrize(
    "code",
    ["01 02 27", "1b 27", "1e", "31", "ff", "22", "24 000000", "21 0002 27", "20 ffff 27",
     "34 00 0004 616263", "34 00 0003 616263", "34 00 00"],
)  # fmt: skip
def test_what_is_wrong_with_a_program_is_refused_before_it_runs(code):
    with pytest.raises(UsageError):
        AgentExpression(bytes.fromhex(code))


def test_a_program_without_end_is_too_long():
    with pytest.raises(UsageError, match="too long"):
        AgentExpression(b"\x28" * 0x10001)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("02 27", "more values"),
        ("22 01 32 01 27", "more values"),
        ("22 01 22 00 05", "division"),
        ("22 01 22 00 08", "division"),
        ("21 0000", "steps"),
        ("22 01 21 0000", "256 values"),
        ("22 01 34 00 0001 00", "more values"),
    ],
)
def test_what_goes_wrong_while_it_runs(code, words):
    with pytest.raises(ExpressionError, match=words):
        value(code)


def test_memory_that_is_not_there():
    with pytest.raises(TransferFault):
        value("24 30000000 19 27")


@settings(max_examples=80)
@given(st.binary(min_size=1, max_size=40))
def test_any_bytes_are_refused_or_end(code):
    try:
        result = AgentExpression(code).evaluate(Memory())
    except OnchipError:
        return
    assert 0 <= result < 1 << 64


def test_printf():
    memory = Memory()
    text = rb"%d of %s is 0x%08x\n".hex() + "00"
    length = f"{len(text) // 2:04x}"
    # in reverse order: 0xbeef, the string's address, -3; then channel and function
    code = f"23 beef 24 20000010 22 fd 1608 22 00 22 00 34 03 {length} {text} 27"
    value(code, memory)
    assert memory.printed == "-3 of onchip is 0x0000beef\n"


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        (b"plain", [], "plain"),
        (b"100%%", [], "100%"),
        (b"%5d|%-5d|%+d|% d", [1, 2, 3, 4], "    1|2    |+3| 4"),
        (b"%u", [0xFFFF_FFFF], "4294967295"),
        (b"%hhd %hd %ld %lld", [0xFF, 0xFFFF, 0xFFFF_FFFF, MINUS_ONE], "-1 -1 -1 -1"),
        (b"%llu", [MINUS_ONE], "18446744073709551615"),
        (b"%x %X %#x %o", [255, 255, 255, 8], "ff FF 0xff 10"),
        (b"%c%c", [0x68, 0x69], "hi"),
        (b"%p", [0x2000_0000], "0x20000000"),
        (b"%.2f", [0x4009_21FB_5444_2D18], "3.14"),
        (b"%.3s", [0x2000_0010], "onc"),
        (b"%s", [0x3000_0000], "<unreadable>"),
    ],
)
def test_formats(text, values, expected):
    assert format_text(text, values, Memory().read_memory) == expected


@pytest.mark.parametrize("text", [b"%d", b"%", b"%n", b"%q"])
def test_formats_that_are_none(text):
    with pytest.raises(ExpressionError):
        format_text(text, [], Memory().read_memory)


def test_escapes_of_c():
    assert unescape(rb"\t%d\n\"\\\101\x41\e") == b'\t%d\n"\\AA\x1b'
