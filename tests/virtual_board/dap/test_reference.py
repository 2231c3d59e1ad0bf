"""What Arm's reference firmware answered on the same bits, where the specification leaves it open.

Its sources, compiled for this machine and driven at the same target bit by bit, gave these bytes.
"""

from __future__ import annotations

from ..wires import IDLE, LINE_RESET, READ_DPIDR, Wires

_TO_WORD = "05 00 01 05 00 00 00 20"  # TAR = 0x2000_0000


def attached() -> Wires:
    wires = Wires()
    wires.attach()
    return wires


def test_a_half_sent_request_spoils_the_transfer_behind_it() -> None:
    wires = attached()
    wires("12 01 01")  # a start bit
    assert wires(READ_DPIDR) == "05 00 07"
    wires.all(LINE_RESET, IDLE)
    assert wires(READ_DPIDR) == "05 01 01 77 14 a0 2b"


def test_a_data_phase_that_the_target_does_not_expect_loses_it() -> None:
    wires = attached()
    wires.all(_TO_WORD, "13 04")  # always a data phase, but ORUNDETECT is 0
    assert wires("05 00 01 0f").startswith("05 01 01")  # no matter as long as all goes well
    wires.board.faults.fault()
    assert wires("05 00 01 0f") == "05 00 04"
    assert wires(READ_DPIDR) == "05 00 07"


def test_a_match_wait_that_faults_compares_all_the_same() -> None:
    wires = attached()
    wires.all(_TO_WORD, "05 00 01 20 ff ff ff ff")
    wires.board.faults.fault()
    assert wires("05 00 01 1f 01 00 00 00") == "05 00 04"  # the read that posts
    wires("08 00 1e 00 00 00")
    wires.board.faults.fault(after=1)
    assert wires("05 00 01 1f 01 00 00 00") == "05 00 14"


def test_the_timestamp_is_of_the_end_of_the_data() -> None:
    wires = attached()
    wires.all("04 ff 64 00 00 00", "11 10 27 00 00")  # 255 idle cycles at 10 kHz: 25.5 ms

    def stamp() -> int:
        return int.from_bytes(bytes.fromhex(wires("05 00 01 82"))[3:7], "little")

    before = wires.board.clock.now_ns
    assert stamp() * 1000 - before < 5_000_000  # 46 cycles: 4.6 ms


def test_swclk_moves_before_swdio() -> None:
    wires = Wires()
    wires.all("02 01", LINE_RESET, "12 10 9e e7", LINE_RESET, IDLE)
    for bit in "10100101":  # DPIDR's request; the line is low, the edge takes what it was before
        wires(f"10 0{2 * int(bit)} 03 00 00 00 00")  # SWCLK low, SWDIO = bit
        wires("10 01 03 00 00 00 00")  # SWCLK high and SWDIO low in one command
    # turnaround 1, ACK 1 0 0, then 0x2BA01477 from bit 4 on, with parity 0
    assert wires("1d 01 a5") == "1d 00 73 47 01 ba 02"


def test_swdio_reads_as_the_probe_left_it_or_as_the_target_drives_it() -> None:
    wires = attached()
    wires("12 08 00")
    assert wires("10 00 00 00 00 00 00") == "10 ad"
    wires("12 08 a5")  # DPIDR's request; then the target drives its ACK
    wires("1d 01 81")  # turnaround
    assert wires("10 00 00 00 00 00 00") == "10 af"
    wires("1d 01 81")  # ACK[0] = 1
    assert wires("10 00 00 00 00 00 00") == "10 ad"


def test_uart_commands_in_the_wrong_state() -> None:
    wires = Wires()
    assert wires("20 00 00 c2 01 00") == "20 07 00 00 00 00"  # the COM port has it
    assert wires("1f 02") == "1f 00"
    assert wires("20 00 00 c2 01 00") == "20 00 00 c2 01 00"
    assert wires("22 11") == "22 00"
    assert wires("1f 02") == "1f 00"  # asked for again: nothing changes
    assert wires("23") == "23 11 00 00 00 00 00 00 00 00"
    assert wires("22 33") == "22 00"  # disable goes before enable
    assert wires("20 00 00 00 00 00") == "20 00 00 00 00 00"  # no rate: not configured
    assert wires("22 10") == "22 ff"
    assert wires("23") == "23 00 00 00 00 00 00 00 00 00"


def test_swo_mode_forgets_the_rate() -> None:
    wires = Wires()
    wires.all("17 01", "18 01", "19 00 c2 01 00", "18 01")
    assert wires("1a 01") == "1a ff"
    wires("19 00 c2 01 00")
    assert wires("1a 01") == "1a 00"
