"""Every fault that can be scripted, as it looks on the wire."""

from __future__ import annotations

import pytest

from onchip.errors import ProbeLost, ProbeTimeout
from onchip.virtual_board.board import BoardLink, VirtualBoard

from .wires import CLEAR_ABORT, IDLE, LINE_RESET, READ_DPIDR, Wires

READ_WORD = "05 00 02 05 00 00 00 20 0f"
GOOD = "05 02 01 00 00 00 00"
CTRL_STAT = "05 00 01 06"


@pytest.fixture
def wires() -> Wires:
    wires = Wires()
    wires.attach()
    return wires


@pytest.fixture
def link() -> BoardLink:
    return VirtualBoard("bare-ram").link()


def ask(link: BoardLink, packet: str = "00 fe", timeout_s: float = 1.0) -> str:
    link.write(bytes.fromhex(packet))
    return link.read(timeout_s).hex(" ")


# ---- on the line


def test_wait_within_the_retries(wires: Wires) -> None:
    wires.board.faults.wait(count=100)
    assert wires(READ_WORD) == GOOD
    assert wires.board.statistics.waits == 100
    assert wires.board.faults.pending == 0
    assert len(wires.board.faults.log) == 100


def test_wait_beyond_the_retries(wires: Wires) -> None:
    wires("04 00 05 00 00 00")
    wires.board.faults.wait(count=None)
    assert wires(READ_WORD) == "05 00 02"
    assert wires.board.statistics.waits == 6
    assert wires(READ_DPIDR) == "05 01 01 77 14 a0 2b"  # the AP is busy, the DP is not
    assert wires("08 00 01 00 00 00") == "08 00"  # DAPABORT
    assert wires(READ_WORD) == GOOD


def test_wait_after_some(wires: Wires) -> None:
    wires("04 00 00 00 00 00")
    wires.board.faults.wait(after=2)
    assert wires("05 00 04 05 00 00 00 20 0f 0f 0f") == "05 02 02"


def test_wait_in_a_block(wires: Wires) -> None:
    wires("04 00 03 00 00 00")
    wires.board.faults.wait(count=4, after=2, direction="read")
    assert wires("05 00 01 05 00 00 00 20") == "05 01 01"
    # post, first word; the second word's transfer waits too long
    assert wires("06 00 08 00 0f") == "06 01 00 02 00 00 00 00"
    wires.board.faults.wait(count=4, after=2, direction="write", address=0xC)
    wires("05 00 01 05 00 00 00 20")
    assert wires("06 00 04 00 0d" + " 11 00 00 00" * 4) == "06 02 00 02"


def test_fault(wires: Wires) -> None:
    wires.board.faults.fault(direction="write", address=0x4)
    assert wires(READ_WORD) == "05 00 04"
    assert wires(CTRL_STAT) == "05 01 01 60 00 00 f0"  # READOK speaks of an earlier read
    assert wires(READ_WORD) == "05 00 04"
    wires(CLEAR_ABORT)
    assert wires(READ_WORD) == GOOD


def test_parity_of_a_read(wires: Wires) -> None:
    wires.board.faults.parity()
    assert wires(READ_DPIDR) == "05 00 08"
    assert wires(READ_DPIDR) == "05 01 01 77 14 a0 2b"


def test_parity_of_a_write(wires: Wires) -> None:
    wires.board.faults.parity(direction="write", port="DP")
    assert wires("05 00 01 08 00 00 00 00") == "05 01 04"  # WDATAERR, seen by the closing RDBUFF
    assert wires(CTRL_STAT) == "05 01 01 80 00 00 f0"


def test_no_ack(wires: Wires) -> None:
    wires.board.faults.no_ack(count=2)
    assert wires(READ_DPIDR) == "05 00 07"
    assert wires(CTRL_STAT) == "05 00 07"
    assert wires(CTRL_STAT)[:8] == "05 01 01"  # a loose cable locks nothing


def test_faults_are_met_bit_by_bit_too(wires: Wires) -> None:
    wires.board.faults.no_ack()
    assert wires("1d 02 08 a5 84") == "1d 00 0f"
    wires.all(IDLE, LINE_RESET, IDLE)
    assert wires(READ_DPIDR) == "05 01 01 77 14 a0 2b"


def test_clear(wires: Wires) -> None:
    faults = wires.board.faults
    faults.no_ack(count=None)
    faults.lose_response()
    faults.reset_target(after_transfers=3)
    assert faults.pending == 3
    faults.clear()
    assert faults.pending == 0
    assert not faults.line_armed
    assert wires(READ_WORD) == GOOD


@pytest.mark.parametrize(
    "plan",
    [
        lambda f: f.wait(count=0),
        lambda f: f.no_ack(after=-1),
        lambda f: f.lose_response(0),
        lambda f: f.reset_target(after_packets=1, after_transfers=1),
        lambda f: f.power_loss(after_packets=-1),
        lambda f: f.brown_out(duration_s=0),
    ],
)
def test_what_cannot_be_planned(wires: Wires, plan: object) -> None:
    with pytest.raises(ValueError):
        plan(wires.board.faults)  # type: ignore[operator]


# ---- on the cable


def test_lost_response(link: BoardLink) -> None:
    link.board.faults.lose_response(2)
    assert ask(link) == "00 01 04"
    before = link.now()
    with pytest.raises(ProbeTimeout, match="did not answer within"):
        ask(link, "09 0a 00", 0.5)
    assert link.now() - before == pytest.approx(0.5)
    assert link.board.statistics.packets == 2  # it was executed
    assert ask(link) == "00 01 04"


def test_lost_request(link: BoardLink) -> None:
    link.board.faults.lose_request()
    with pytest.raises(ProbeTimeout):
        ask(link, "02 01")
    assert link.board.statistics.packets == 0
    assert ask(link) == "00 01 04"


def test_late_response(link: BoardLink) -> None:
    link.board.faults.late_response(delay_s=2.0)
    with pytest.raises(ProbeTimeout):
        ask(link)
    link.write(bytes.fromhex("00 ff"))
    assert link.read(5.0).hex(" ") == "00 01 04"  # the stale one
    assert link.now() > 2.0
    assert link.read(5.0).hex(" ") == "00 02 00 02"


def test_repeated_response(link: BoardLink) -> None:
    link.board.faults.repeat_response()
    assert ask(link) == "00 01 04"
    assert ask(link, "00 ff") == "00 01 04"
    assert link.read(1.0).hex(" ") == "00 02 00 02"


def test_unplug(link: BoardLink) -> None:
    link.board.faults.unplug(after_packets=1)
    assert ask(link) == "00 01 04"
    with pytest.raises(ProbeLost, match="unplugged"):
        ask(link)
    with pytest.raises(ProbeLost):
        link.write(b"\x03")
    with pytest.raises(ProbeLost):
        link.read(1.0)
    link.board.plug_in()
    with pytest.raises(ProbeLost):
        link.write(b"\x03")
    assert ask(link.board.link()) == "00 01 04"


def test_unplug_with_packets_in_flight(link: BoardLink) -> None:
    link.board.faults.unplug(after_packets=2)
    for _ in range(4):
        link.write(bytes.fromhex("00 fe"))
    assert link.read(1.0) == link.read(1.0)
    with pytest.raises(ProbeLost):
        link.read(1.0)


# ---- on the board


def test_power_loss_and_power_cycle(wires: Wires) -> None:
    board = wires.board
    wires("05 00 02 05 00 00 00 20 0d 78 56 34 12")
    board.faults.power_loss(after_packets=1)
    assert wires(READ_DPIDR) == "05 01 01 77 14 a0 2b"
    assert wires(READ_DPIDR) == "05 00 07"
    assert not board.powered
    wires.all(LINE_RESET, IDLE)
    assert wires(READ_DPIDR) == "05 00 07"
    board.power_cycle()
    assert board.powered
    assert wires(READ_DPIDR) == "05 00 07"  # JTAG again
    wires.attach()
    assert board.bus.read(0x2000_0000, 4) != 0x12345678  # RAM is not what it was


def test_power_loss_within_a_packet(wires: Wires) -> None:
    wires.board.faults.power_loss(after_transfers=2)
    # TAR, the posted read; then RDBUFF finds nobody
    assert wires(READ_WORD) == "05 02 07"


def test_brown_out_ends_by_itself(wires: Wires) -> None:
    wires.board.faults.brown_out(duration_s=0.02)
    assert wires(READ_DPIDR) == "05 00 07"
    wires.board.advance(0.019)
    assert not wires.board.powered
    wires.board.advance(0.002)
    wires.attach()


def test_reset_behind_the_hosts_back(wires: Wires) -> None:
    wires.board.faults.reset_target(after_transfers=1)
    assert wires(READ_WORD) == GOOD  # the debug port is not reset
    assert wires("10 00 00 00 00 00 00") == "10 2f"  # somebody else holds nRESET low
    wires.board.advance(0.002)
    assert wires("10 00 00 00 00 00 00") == "10 af"
    assert [event.kind for event in wires.board.faults.log] == ["reset-target"]
