"""The SW-DP register by register: ADIv5.2 B2 and B4."""

from __future__ import annotations

from onchip.virtual_board.coresight.access_port import AccessFault
from onchip.virtual_board.coresight.sw_dp import LineState, SwDp
from onchip.virtual_board.coresight.swd_line import SwdLine
from onchip.virtual_board.target.description import DebugPortDescription

OK, WAIT, FAULT, NONE = 1, 2, 4, 7
R, W, AP = 0x2, 0x0, 0x1
DPIDR_V1 = 0x2BA01477
DPIDR_V2 = 0x2BA02477
DPIDR_MINIMAL = 0x0BB11477
ORUNDETECT = 0x01
POWER = 0x50000000


class Registers:
    """An AP whose registers remember; offset 0xFC fails."""

    def __init__(self) -> None:
        self.values: dict[int, int] = {}

    def read_register(self, offset: int) -> int:
        if offset == 0xFC:
            raise AccessFault
        return self.values.get(offset, offset)

    def write_register(self, offset: int, value: int) -> None:
        if offset == 0xFC:
            raise AccessFault
        self.values[offset] = value


def ready(dpidr: int = DPIDR_V1, *, power: int = POWER, **ids: int) -> SwDp:
    dp = SwDp(DebugPortDescription(dpidr, protocol="swd", **ids), {0: Registers(), 3: Registers()})
    dp.line_reset()
    assert dp.transfer(R | 0x0) == (OK, dpidr, True)
    assert dp.transfer(W | 0x4, power) == (OK, 0, True)
    return dp


def read(dp: SwDp, address: int) -> int:
    ack, data, _ = dp.transfer(R | address)
    assert ack == OK
    return data


def test_silence_before_the_first_line_reset() -> None:
    dp = SwDp(DebugPortDescription(DPIDR_V1, protocol="swd"), {})
    assert dp.transfer(R)[0] == NONE
    dp.line_reset()
    assert dp.transfer(R)[0] == OK


def test_power_requests_are_acknowledged_one_by_one() -> None:
    dp = ready(power=0x1000_0000)
    assert read(dp, 0x4) == 0x3000_0000
    dp.transfer(W | 0x4, 0x4000_0000)
    assert read(dp, 0x4) == 0xC000_0000
    dp.transfer(W | 0x4, 0)
    assert read(dp, 0x4) == 0


def test_ap_access_without_power_faults() -> None:
    dp = ready(power=0)
    assert dp.transfer(AP | R | 0x0)[0] == FAULT
    assert read(dp, 0x4) == 0x20
    assert dp.transfer(AP | R | 0x0)[0] == FAULT
    dp.transfer(W | 0x0, 0x4)
    assert read(dp, 0x4) == 0


def test_ap_reads_are_posted() -> None:
    dp = ready()
    dp.transfer(W | 0x8, 0x0300_0010)  # APSEL 3, bank 1
    assert dp.transfer(AP | W | 0x4, 0xCAFE) == (OK, 0, True)
    dp.transfer(AP | R | 0x4)
    assert dp.transfer(AP | R | 0x8) == (OK, 0xCAFE, True)
    assert read(dp, 0xC) == 0x18
    assert read(dp, 0x8) == 0x18  # RESEND
    dp.transfer(W | 0x8, 0)
    dp.transfer(AP | R | 0x4)
    assert read(dp, 0xC) == 0x4  # AP 0 has a register of its own


def test_absent_ap_reads_zero() -> None:
    dp = ready()
    dp.transfer(W | 0x8, 0x7F00_00F0)
    assert dp.transfer(AP | W | 0x4, 1)[0] == OK
    dp.transfer(AP | R | 0xC)
    assert dp.transfer(R | 0xC) == (OK, 0, True)


def test_a_failing_read_shows_one_transfer_later() -> None:
    dp = ready()
    dp.transfer(W | 0x8, 0xF0)
    assert dp.transfer(AP | R | 0xC)[0] == OK
    assert dp.transfer(R | 0xC)[0] == FAULT
    assert read(dp, 0x4) & 0x60 == 0x20  # STICKYERR, no READOK
    assert dp.transfer(W | 0x8, 0)[0] == FAULT
    assert dp.transfer(W | 0x4, 0)[0] == FAULT
    assert dp.transfer(R | 0x8)[0] == FAULT
    assert dp.transfer(W | 0x0, 0x4)[0] == OK
    assert dp.transfer(R | 0xC)[0] == OK


def test_readok() -> None:
    dp = ready()
    assert read(dp, 0x4) & 0x40 == 0
    dp.transfer(AP | R | 0x0)
    assert read(dp, 0x4) & 0x40


def test_abort_clears_each_flag_alone() -> None:
    dp = ready()
    everything = 0xB2  # WDATAERR, STICKYERR, STICKYCMP, STICKYORUN
    for abort, left in [(0x02, 0xA2), (0x04, 0x92), (0x08, 0x32), (0x10, 0xB0), (0x1E, 0)]:
        dp.ctrl_stat = everything
        dp.transfer(W | 0x0, abort)
        assert dp.ctrl_stat == left


def test_wrong_parity_drops_the_write() -> None:
    dp = ready()
    dp.write(W | 0x8, 0x0300_0000, parity_ok=False)
    assert dp.select == 0
    assert read(dp, 0x4) & 0xFF == 0x80
    assert dp.transfer(AP | R)[0] == FAULT


def test_overrun_detection() -> None:
    dp = ready(power=POWER | ORUNDETECT)
    dp.faults.wait(count=1)
    assert dp.transfer(AP | R)[0] == WAIT
    assert read(dp, 0x4) & 0x03 == 0x03
    assert dp.transfer(AP | R)[0] == FAULT
    dp.transfer(W | 0x0, 0x10)
    assert dp.transfer(AP | R)[0] == OK


def test_pushed_verify_and_compare() -> None:
    dp = ready(power=POWER | 0xF00 | 0x4)  # all lanes, TRNMODE verify
    assert dp.transfer(AP | W | 0x4, 0x4)[0] == OK  # the register reads 4: equal
    assert read(dp, 0x4) & 0x10 == 0
    dp.transfer(AP | W | 0x4, 0x5)
    assert read(dp, 0x4) & 0x10
    assert dp.transfer(AP | R)[0] == FAULT
    dp.transfer(W | 0x0, 0x2)
    dp.transfer(W | 0x4, POWER | 0x200 | 0x8)  # lane 1 only, compare: a match sets the flag
    dp.transfer(AP | W | 0x4, 0xFFFF_00FF)
    assert read(dp, 0x4) & 0x10


def test_minimal_dp_has_no_pushed_operations() -> None:
    dp = ready(DPIDR_MINIMAL, power=POWER | 0xF00 | 0x4)
    assert read(dp, 0x4) & 0xFFF == 0
    assert dp.transfer(AP | W | 0x4, 77)[0] == OK
    dp.transfer(AP | R | 0x4)
    assert read(dp, 0xC) == 77


def test_banks_of_a_version_1_dp() -> None:
    dp = ready()
    dp.transfer(W | 0x8, 0x1)
    assert read(dp, 0x4) == 0
    dp.transfer(W | 0x8, 0x2)
    assert read(dp, 0x4) == 0
    dp.transfer(W | 0x8, 0x0)
    assert read(dp, 0x4) & 0xF000_0000 == 0xF000_0000


def test_banks_of_a_version_2_dp() -> None:
    dp = ready(DPIDR_V2, targetid=0x0100_1927, dlpidr=0x1000_0001)
    for bank, value in [(1, 0), (2, 0x0100_1927), (3, 0x1000_0001), (4, 0)]:
        dp.transfer(W | 0x8, bank)
        assert read(dp, 0x4) == value


def test_no_power_no_answer() -> None:
    dp = ready()
    dp.powered = False
    assert dp.transfer(R)[0] == NONE
    dp.power_on()
    dp.powered = True
    assert dp.transfer(R)[0] == NONE  # wants a line reset first
    dp.line_reset()
    assert dp.transfer(R)[0] == OK
    assert read(dp, 0x4) == 0


def test_unreachable_no_answer() -> None:
    dp = ready()
    dp.reachable = lambda: False
    assert dp.transfer(R)[0] == NONE
    assert not dp.fast


# ---- selection sequences, bit by bit


def send(line: SwdLine, bits: int, count: int) -> None:
    for n in range(count):
        line.clock(bits >> n & 1)


def reset(line: SwdLine) -> None:
    send(line, (1 << 56) - 1, 56)
    send(line, 0, 8)


ALERT = 0x19BC0EA2E3DDAFE986852D956209F392


def test_dormant_to_swd() -> None:
    dp = SwDp(DebugPortDescription(DPIDR_V2, protocol="dormant"), {})
    line = SwdLine(dp)
    reset(line)
    assert dp.state is LineState.DORMANT
    send(line, 0xFF, 8)
    send(line, ALERT ^ 1 << 64, 128)  # one bit wrong
    send(line, 0x1A0, 12)
    assert dp.state is LineState.DORMANT
    send(line, 0xFF, 8)
    send(line, ALERT, 128)
    send(line, 0x1A0, 12)  # four low cycles, then the activation code 0x1A
    assert dp.state is LineState.LOCKED
    reset(line)
    assert dp.transfer(R) == (OK, DPIDR_V2, True)
    send(line, (1 << 56) - 1, 56)
    send(line, 0xE3BC, 16)  # and back to sleep
    assert dp.state is LineState.DORMANT


def test_jtag_to_dormant_to_swd() -> None:
    dp = SwDp(DebugPortDescription(DPIDR_V2, protocol="swj"), {})
    line = SwdLine(dp)
    assert dp.state is LineState.JTAG
    send(line, 0x1F, 5)
    send(line, 0x33BBBBBA, 31)
    assert dp.state is LineState.DORMANT
    send(line, 0xFF, 8)
    send(line, ALERT, 128)
    send(line, 0x1A0, 12)
    reset(line)
    assert dp.transfer(R)[0] == OK


def test_version_1_knows_no_dormant_state() -> None:
    dp = ready()
    line = SwdLine(dp)
    send(line, (1 << 56) - 1, 56)
    send(line, 0xE3BC, 16)
    assert dp.state is LineState.LOCKED
    reset(line)
    assert dp.transfer(R)[0] == OK


def select_target(line: SwdLine, value: int, parity: int) -> None:
    reset(line)
    send(line, 0x99, 8)  # TARGETSEL: start 1, DP, write, A = 3, parity 0, stop 0, park 1
    for _ in range(5):
        assert line.clock(None) == 1  # nobody acknowledges
    send(line, value | parity << 32, 33)
    send(line, 0, 2)


def test_multi_drop_selection() -> None:
    dp = SwDp(
        DebugPortDescription(DPIDR_V2, targetid=0x01002927, dlpidr=0x1000_0001, protocol="swd"), {}
    )
    line = SwdLine(dp)
    select_target(line, 0x0100_2927, 0)  # instance 0: another one
    assert dp.state is LineState.DESELECTED
    assert dp.transfer(R)[0] == NONE
    select_target(line, 0x1100_2927, 0)  # right, but it has nine ones: parity 1
    assert dp.transfer(R)[0] == NONE
    select_target(line, 0x1100_2927, 1)
    assert dp.transfer(R) == (OK, DPIDR_V2, True)


def test_targetsel_means_nothing_to_version_1() -> None:
    dp = ready()
    line = SwdLine(dp)
    select_target(line, 0, 0)
    assert dp.state is LineState.LOCKED
