"""Whose the debug registers are; addresses and values typed from the manuals."""

from __future__ import annotations

import pytest

from onchip.services.share.guard import Guard, Taken

FP_CTRL, FP_COMP0 = 0xE000_2000, 0xE000_2008
DWT_COMP0, DWT_MASK0, DWT_FUNCTION0 = 0xE000_1020, 0xE000_1024, 0xE000_1028
DHCSR, DCRSR, DEMCR, AIRCR = 0xE000_EDF0, 0xE000_EDF4, 0xE000_EDFC, 0xE000_ED0C
DEBUG, HALT, LEAVE = 0xA05F_0001, 0xA05F_0003, 0xA05F_0000
TRCENA, VC_HARDERR = 1 << 24, 1 << 10


def test_a_comparator_keeps_its_owners_value() -> None:
    guard = Guard()
    assert guard.screen("a", 0, FP_COMP0, 0x4800_0101) == 0x4800_0101
    assert guard.screen("b", 0, FP_COMP0, 0) == 0x4800_0101
    assert guard.screen("b", 0, FP_COMP0 + 4, 0) == 0
    with pytest.raises(Taken, match="0xe0002008 is armed by another client") as caught:
        guard.screen("b", 0, FP_COMP0, 9)
    assert caught.value.owner == "a"
    assert guard.screen("b", 1, FP_COMP0, 9) == 9, "of another core"
    assert guard.screen("a", 0, FP_COMP0, 0) == 0
    assert guard.screen("b", 0, FP_COMP0, 9) == 9


def test_a_watchpoint_is_three_registers() -> None:
    guard = Guard()
    for address, value in ((DWT_COMP0, 0x2000_0000), (DWT_MASK0, 2), (DWT_FUNCTION0, 6)):
        assert guard.screen("a", 0, address, value) == value
    assert guard.screen("b", 0, DWT_COMP0, 4) == 0x2000_0000
    assert guard.screen("b", 0, DWT_MASK0, 0) == 2
    assert guard.screen("b", 0, DWT_FUNCTION0, 0) == 6
    with pytest.raises(Taken):
        guard.screen("b", 0, DWT_FUNCTION0, 5)
    assert guard.screen("b", 0, DWT_COMP0 + 16, 4) == 4


def test_a_value_watch_takes_the_comparator_of_its_address_along() -> None:
    guard = Guard()
    guard.screen("a", 0, DWT_COMP0 + 32, 0x2000_0000)
    # comparator 1 matches a value; DATAVADDR0 and DATAVADDR1 name comparator 2
    guard.screen("a", 0, DWT_FUNCTION0 + 16, 6 | 1 << 8 | 2 << 12 | 2 << 16)
    assert guard.screen("b", 0, DWT_COMP0 + 32, 0) == 0x2000_0000
    with pytest.raises(Taken):
        guard.screen("b", 0, DWT_FUNCTION0 + 32, 5)


def test_demcr_is_joined() -> None:
    guard = Guard()
    assert guard.screen("a", 0, DEMCR, TRCENA | VC_HARDERR) == TRCENA | VC_HARDERR
    assert guard.screen("b", 0, DEMCR, TRCENA | 1) == TRCENA | VC_HARDERR | 1
    assert guard.screen("b", 0, DEMCR, 0) == TRCENA | VC_HARDERR
    assert guard.screen("a", 0, DEMCR, 0) == 0


def test_debug_ends_with_the_last() -> None:
    guard = Guard()
    for who in ("a", "b"):
        assert guard.screen(who, 0, DHCSR, DEBUG) == DEBUG
    assert guard.screen("a", 0, FP_CTRL, 2) == 0, "KEY and no ENABLE"
    assert guard.screen("a", 0, FP_CTRL, 3) == 3
    assert guard.screen("a", 0, DHCSR, LEAVE) == 0, "no DBGKEY: the core ignores it"
    assert guard.screen("b", 0, FP_CTRL, 2) == 2
    assert guard.screen("b", 0, DHCSR, LEAVE) == LEAVE


@pytest.mark.parametrize(
    ("address", "value", "disturbs"),
    [
        (DHCSR, HALT, True), (DHCSR, 3, False), (DCRSR, 1 << 16 | 15, True), (DCRSR, 15, False),
        (AIRCR, 0x05FA_0004, True), (AIRCR, 4, False), (DEMCR, TRCENA, False), (FP_COMP0, 1, False),
    ],
)  # fmt: skip
def test_what_disturbs_the_others(address: int, value: int, disturbs: bool) -> None:
    guard = Guard()
    assert guard.screen("a", 0, address, value) == value
    assert guard.disturbed is disturbs


def test_leaving_names_what_is_to_be_taken_out() -> None:
    guard = Guard()
    guard.screen("a", 0, FP_COMP0 + 8, 0x101)
    guard.screen("a", 1, DWT_FUNCTION0, 5)
    guard.screen("a", 0, DEMCR, TRCENA | VC_HARDERR)
    guard.screen("b", 0, DEMCR, TRCENA)
    assert sorted(guard.leave("a")) == [
        (0, FP_COMP0 + 8, 0), (0, DEMCR, TRCENA), (1, DWT_FUNCTION0, 0),
    ]  # fmt: skip
    assert guard.leave("a") == []


@pytest.mark.parametrize(
    ("address", "length", "concerned"),
    [
        (0x2000_0000, 0x1000, False), (0xE000_1000, 0x20, False), (0xE000_1000, 0x24, True),
        (FP_COMP0, 4, True), (0xE000_3000, 4, False), (AIRCR, 4, True), (DEMCR, 4, True),
        (0xE000_EE00, 4, False),
    ],
)  # fmt: skip
def test_where_the_registers_are(address: int, length: int, concerned: bool) -> None:
    assert Guard.concerns(address, length) is concerned
