"""One client's packets, alone and with company; packets typed by hand."""

from __future__ import annotations

import pytest

from onchip.errors import ProbeBusy
from onchip.services.share.guard import Guard
from onchip.services.share.screen import POWER, Screen, is_harmless

CONNECT, DISCONNECT, DELAY = "02 01", "03", "09 0a 00"
SELECT, CSW_WORDS = "08 00 00 00 00", "01 12 00 00 23"
TAR_COMP0, TAR_DHCSR = "05 08 20 00 e0", "05 f0 ed 00 e0"


def transfer(*operations: str) -> bytes:
    return bytes.fromhex(f"05 00 {len(operations):02x}" + "".join(operations))


@pytest.fixture
def guard() -> Guard:
    guard = Guard()
    guard.screen("other", 0, 0xE000_2008, 0x4800_0101)
    guard.screen("other", 0, 0xE000_EDF0, 0xA05F_0001)
    return guard


@pytest.fixture
def screen(guard: Guard) -> Screen:
    return Screen("me", guard)


def sent(screen: Screen, packet: bytes, power: int = 0) -> str | None:
    passage = screen.passage(packet, company=True, power=power)
    return None if passage.packet is None else passage.packet.hex(" ")


def test_alone_everything_passes(guard: Guard) -> None:
    screen = Screen("other", guard)
    for text in (CONNECT, DISCONNECT, "14 01 08 00", "7e 01 00 f0", "42", "7f 00"):
        packet = bytes.fromhex(text)
        passage = screen.passage(packet, company=False, power=0)
        assert passage.packet == packet
        assert passage.answer(b"x") == b"x"
        assert passage.disconnects is (text == DISCONNECT)


def test_connecting_and_leaving_are_answered_here(screen: Screen) -> None:
    for text, answer in ((CONNECT, "02 01"), (DISCONNECT, "03 00"), ("02 00", "02 01")):
        passage = screen.passage(bytes.fromhex(text), company=True, power=0)
        assert passage.packet is None
        assert passage.answer(b"").hex(" ") == answer


def test_in_a_list_the_answers_are_put_between_the_probes(screen: Screen) -> None:
    packet = bytes.fromhex(f"7f 03 {CONNECT} {DELAY} {DISCONNECT}")
    passage = screen.passage(packet, company=True, power=0)
    assert passage.packet == bytes.fromhex(f"7f 01 {DELAY}")
    assert passage.answer(bytes.fromhex("7f 01 09 00")).hex(" ") == "7f 03 02 01 09 00 03 00"
    assert passage.answer(b"\xff") == b"\xff"
    assert passage.disconnects
    passage = screen.passage(bytes.fromhex(f"7f 01 {CONNECT}"), company=True, power=0)
    assert passage.packet is None
    assert passage.answer(b"").hex(" ") == "7f 01 02 01"


@pytest.mark.parametrize("text", ["02 02", "14 01 08 00", "16 00", "1d 01 08 99", "7e 01 00 f0"])
def test_what_is_not_shared(screen: Screen, text: str) -> None:
    with pytest.raises(ProbeBusy, match="cannot be shared"):
        screen.passage(bytes.fromhex(text), company=True, power=0)


def test_another_ones_breakpoint_is_written_again(screen: Screen) -> None:
    single = transfer(SELECT, CSW_WORDS, TAR_COMP0, "0d 00 00 00 00")
    assert sent(screen, single) == transfer(SELECT, CSW_WORDS, TAR_COMP0, "0d 01 01 00 48").hex(" ")
    assert sent(screen, transfer(TAR_COMP0)) == transfer(TAR_COMP0).hex(" ")
    block = bytes.fromhex("06 00 02 00 0d" + "00" * 8)
    assert sent(screen, block) == "06 00 02 00 0d 01 01 00 48 00 00 00 00"


def test_debug_is_not_ended_by_a_banked_register(screen: Screen) -> None:
    bank1 = "08 10 00 00 00"
    packet = transfer(SELECT, CSW_WORDS, TAR_DHCSR, bank1, "01 00 00 5f a0")
    expected = transfer(SELECT, CSW_WORDS, TAR_DHCSR, bank1, "01 00 00 00 00")
    assert sent(screen, packet) == expected.hex(" ")


def test_power_up_requests_are_joined(screen: Screen) -> None:
    assert sent(screen, transfer(SELECT, "04 00 00 00 00"), POWER) == (
        transfer(SELECT, "04 00 00 00 50").hex(" ")
    )
    assert screen.state.ctrl_stat == 0
    dlcr = "08 01 00 00 00"  # DPBANKSEL 1: another register at that address
    assert sent(screen, transfer(dlcr, "04 00 00 00 00"), POWER) == (
        transfer(dlcr, "04 00 00 00 00").hex(" ")
    )


def test_reset_and_settings_are_noted(screen: Screen, guard: Guard) -> None:
    guard.disturbed = False
    low = screen.passage(bytes.fromhex("10 00 80 00 00 00 00"), company=True, power=0)
    high = screen.passage(bytes.fromhex("10 80 80 00 00 00 00"), company=True, power=0)
    other = screen.passage(bytes.fromhex("10 00 02 00 00 00 00"), company=True, power=0)
    assert (low.resets, high.resets, other.resets) == (True, False, None)
    assert guard.disturbed
    guard.disturbed = False
    screen.passage(b"\x0a", company=True, power=0)
    assert guard.disturbed
    clock = bytes.fromhex("11 40 42 0f 00")
    screen.passage(clock, company=True, power=0)
    assert screen.state.settings == {0x11: clock}


def test_a_line_that_was_reset_is_open_until_dpidr_is_read(screen: Screen) -> None:
    sequence = "12 08 ff"
    for text, line in (
        (sequence, True), ("05 00 01 02", False), (f"7f 02 {sequence} 05 00 01 02", False),
        ("05 00 01 06", None), (f"7f 02 05 00 01 02 {sequence}", True),
    ):  # fmt: skip
        assert screen.passage(bytes.fromhex(text), company=False, power=0).line is line


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("00 fe", True), ("01 00 01", True), ("7f 02 00 fe 00 ff", True), ("7f 02 00 fe 03", False),
        ("05 00 01 02", False), ("7f 02 00", False), ("", False),
    ],
)  # fmt: skip
def test_what_touches_nothing(text: str, harmless: bool) -> None:
    assert is_harmless(bytes.fromhex(text)) is harmless
