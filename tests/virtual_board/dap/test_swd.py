"""Raw bits and pins: SWJ_Sequence, SWD_Sequence, SWD_Configure, SWJ_Pins."""

from __future__ import annotations

import pytest

from ..wires import CLEAR_ABORT, CONNECT, IDLE, LINE_RESET, READ_DPIDR, TO_SWD, Wires

# A packet request is start 1, APnDP, RnW, A2, A3, parity, stop 0, park 1: least significant first.
REQUEST_DPIDR = "a5"  # 1 0 1 00 1 0 1
REQUEST_ABORT = "81"  # 1 0 0 00 0 0 1
REQUEST_CTRL_STAT = "8d"  # 1 0 1 10 0 0 1
# DLCR.TURNROUND = 1, two cycles, written by hand: DAP_Transfer would go on with the old one to read
# RDBUFF. 0x00000100 has parity 1.
WRITE_DLCR = "1d 04 08 a9 85 21 00 01 00 00 01 02 00"


@pytest.fixture
def wires() -> Wires:
    wires = Wires()
    wires.all(CONNECT, *TO_SWD)
    return wires


def test_dpidr_bit_by_bit(wires: Wires) -> None:
    # 8 out; turnaround and ACK in: 1 (pulled up), then 1 0 0; 32 + parity + turnaround in.
    # 0x2BA01477 has 14 ones: even, parity 0; the turnaround reads 1.
    assert wires(f"1d 03 08 {REQUEST_DPIDR} 84 a2") == "1d 00 03 77 14 a0 2b 02"


def test_write_bit_by_bit(wires: Wires) -> None:
    wires(READ_DPIDR)
    wires("05 00 01 08 00 00 00 00")
    # ABORT = 0x1E (parity 0): 8 out, 1 + 3 + 1 in, 33 out; then two idle cycles.
    assert wires(f"1d 04 08 {REQUEST_ABORT} 85 21 1e 00 00 00 00 02 00") == "1d 00 13"
    assert wires("05 00 01 06") == "05 01 01 40 00 00 00"  # READOK is not ABORT's


def test_write_with_wrong_parity_sets_wdataerr(wires: Wires) -> None:
    wires(READ_DPIDR)
    assert wires(f"1d 04 08 {REQUEST_ABORT} 85 21 1e 00 00 00 01 02 00") == "1d 00 13"
    assert wires("05 00 01 06") == "05 01 01 80 00 00 00"
    assert wires("05 00 01 08 00 00 00 00") == "05 00 04"
    assert wires(CLEAR_ABORT) == "08 00"
    assert wires("05 00 01 08 00 00 00 00") == "05 01 01"


def test_fault_bit_by_bit(wires: Wires) -> None:
    wires(READ_DPIDR)
    wires(f"1d 04 08 {REQUEST_ABORT} 85 21 1e 00 00 00 01 02 00")  # WDATAERR
    # SELECT is refused: ACK 0 0 1 behind the turnaround, then the line is the host's again.
    assert wires("1d 02 08 b1 85") == "1d 00 19"
    assert wires(f"1d 03 08 {REQUEST_CTRL_STAT} 84 a2") == "1d 00 03 80 00 00 00 03"


@pytest.mark.parametrize(
    "request_",
    ["85", "e5", "25", "b5"],
    ids=["parity", "stop", "park", "parity-of-address"],
)
def test_malformed_request_silences_until_line_reset(wires: Wires, request_: str) -> None:
    wires(READ_DPIDR)
    assert wires(f"1d 02 08 {request_} 84") == "1d 00 0f"  # nobody drives: pulled up
    assert wires(READ_DPIDR) == "05 00 07"
    wires.all(LINE_RESET, IDLE)
    assert wires(READ_DPIDR) == "05 01 01 77 14 a0 2b"


def test_after_line_reset_only_dpidr(wires: Wires) -> None:
    assert wires("05 00 01 06") == "05 00 07"
    assert wires(READ_DPIDR) == "05 00 07"  # the wrong first transfer locked it
    wires.all(LINE_RESET, IDLE)
    assert wires("05 00 02 02 06") == "05 02 01 77 14 a0 2b 00 00 00 00"


def test_49_cycles_are_no_line_reset(wires: Wires) -> None:
    wires(READ_DPIDR)
    wires("1d 02 08 85 84")
    wires.all("12 08 00", "12 31 ff ff ff ff ff ff ff", IDLE)
    assert wires(READ_DPIDR) == "05 00 07"
    wires.all("12 32 ff ff ff ff ff ff ff", IDLE)
    assert wires(READ_DPIDR) == "05 01 01 77 14 a0 2b"


def test_line_reset_keeps_power_and_sticky_flags(wires: Wires) -> None:
    wires.attach()
    wires("05 00 02 05 00 00 00 30 0f")
    wires.all(LINE_RESET, IDLE)
    assert wires("05 00 02 02 06") == "05 02 01 77 14 a0 2b 20 00 00 f0"


def test_without_the_switch_a_swj_dp_stays_in_jtag() -> None:
    wires = Wires()
    wires.all(CONNECT, LINE_RESET, IDLE)
    assert wires(READ_DPIDR) == "05 00 07"
    wires.all(LINE_RESET, "12 10 9e e6", LINE_RESET, IDLE)  # one bit wrong
    assert wires(READ_DPIDR) == "05 00 07"
    wires.all(*TO_SWD)
    assert wires(READ_DPIDR) == "05 01 01 77 14 a0 2b"


def test_back_to_jtag(wires: Wires) -> None:
    wires(READ_DPIDR)
    wires.all(LINE_RESET, "12 10 3c e7", LINE_RESET, IDLE)
    assert wires(READ_DPIDR) == "05 00 07"
    wires.all(*TO_SWD)
    assert wires(READ_DPIDR) == "05 01 01 77 14 a0 2b"


def test_turnaround_must_agree(wires: Wires) -> None:
    wires.attach()
    wires("05 00 01 08 01 00 00 00")  # DPBANKSEL 1
    wires(WRITE_DLCR)
    assert wires(READ_DPIDR) == "05 00 03"  # 1 (pulled up), then the first two bits of ACK 1 0 0
    wires("13 01")
    wires.all(LINE_RESET, IDLE)  # which resets DLCR: now the probe is the one out of step
    assert wires(READ_DPIDR) == "05 00 04"  # the rest of the ACK, and the data's first bit
    wires("13 00")
    wires.all(LINE_RESET, LINE_RESET, IDLE)  # the first finds the target still sending data
    assert wires(READ_DPIDR) == "05 01 01 77 14 a0 2b"


def test_two_cycles_of_turnaround(wires: Wires) -> None:
    wires.attach()
    wires.all("05 00 01 08 01 00 00 00", WRITE_DLCR, "13 01")
    before = wires.board.statistics.swclk_cycles
    assert wires("05 00 01 06") == "05 01 01 00 01 00 00"
    assert wires.board.statistics.swclk_cycles - before == 48


def test_data_phase_costs_33_cycles(wires: Wires) -> None:
    wires.attach()
    wires("05 00 02 05 00 00 00 30 0f")
    costs = []
    for configuration in ("00", "04"):
        wires(f"13 {configuration}")
        before = wires.board.statistics.swclk_cycles
        assert wires("05 00 01 0f") == "05 00 04"
        costs.append(wires.board.statistics.swclk_cycles - before)
    assert costs == [13, 46]


def test_reset_pin() -> None:
    wires = Wires()
    wires(CONNECT)
    assert wires("10 00 80 00 00 00 00") == "10 2f"
    assert wires.board.reset_line.low
    assert wires("10 80 80 00 00 00 00") == "10 af"
    assert not wires.board.reset_line.low


def test_pin_wait_ends_when_the_line_rises() -> None:
    wires = Wires()
    wires(CONNECT)
    board = wires.board
    board.reset_line.hold("supervisor", low=True)
    board.timeline.at(5_000_000, lambda: board.reset_line.hold("supervisor", low=False))
    assert wires("10 80 80 e8 03 00 00") == "10 2f"  # 1 ms was not enough
    assert board.statistics.time_s == pytest.approx(1e-3, rel=0.05)
    assert wires("10 80 80 40 42 0f 00") == "10 af"  # of 1 s, 5 ms were needed
    assert board.statistics.time_s == pytest.approx(5e-3, rel=0.05)


def test_pin_wait_is_at_most_three_seconds() -> None:
    wires = Wires()
    wires(CONNECT)
    wires.board.reset_line.hold("supervisor", low=True)
    assert wires("10 80 80 ff ff ff ff") == "10 2f"
    assert wires.board.statistics.time_s == pytest.approx(3.0, rel=0.01)


@pytest.mark.parametrize("command", ["03", CONNECT])
def test_connect_and_disconnect_let_go_of_reset(wires: Wires, command: str) -> None:
    wires("10 00 80 00 00 00 00")
    assert wires.board.reset_line.low
    wires(command)
    assert not wires.board.reset_line.low


def test_power_lost_in_the_middle_of_a_transfer_by_hand(wires: Wires) -> None:
    wires(f"1d 02 08 {REQUEST_DPIDR} 88")  # the target is sending its data
    wires.board.power_cycle()
    wires.all(CONNECT, *TO_SWD)
    assert wires(READ_DPIDR) == "05 01 01 77 14 a0 2b"


def test_line_reset_by_hand_on_the_pins(wires: Wires) -> None:
    wires(READ_DPIDR)
    wires("1d 02 08 85 84")  # lock it
    for _ in range(56):
        wires("10 02 03 00 00 00 00")
        wires("10 03 03 00 00 00 00")
    for _ in range(4):
        wires("10 00 03 00 00 00 00")
        wires("10 01 03 00 00 00 00")
    assert wires(READ_DPIDR) == "05 01 01 77 14 a0 2b"
