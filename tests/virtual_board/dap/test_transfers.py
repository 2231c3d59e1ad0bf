"""DAP_Transfer and DAP_TransferBlock against a target that is RAM and nothing else."""

from __future__ import annotations

import time

import pytest

from ..wires import CLEAR_ABORT, SELECT_0, Wires, word

RAM = 0x2000_0000
NOWHERE = 0x3000_0000
CTRL_STAT = "05 00 01 06"


@pytest.fixture
def wires() -> Wires:
    wires = Wires()
    wires.attach()
    return wires


def peek(wires: Wires, offset: int) -> int:
    return wires.board.bus.read(RAM + offset, 4)


def poke(wires: Wires, offset: int, value: int) -> None:
    wires.board.bus.write(RAM + offset, 4, value)


def tar(wires: Wires, address: int) -> None:
    assert wires(f"05 00 01 05 {word(address)}") == "05 01 01"


def test_write_and_read_a_word(wires: Wires) -> None:
    assert wires("05 00 02 05 10 00 00 20 0d ef be ad de") == "05 02 01"
    assert peek(wires, 0x10) == 0xDEADBEEF
    assert wires("05 00 02 05 10 00 00 20 0f") == "05 02 01 ef be ad de"


def test_posted_reads_between_other_transfers(wires: Wires) -> None:
    poke(wires, 0, 0x11111111)
    poke(wires, 4, 0x22222222)
    poke(wires, 8, 0x33333333)
    tar(wires, RAM)
    # AP, AP, DP DPIDR, AP, write TAR, AP: each keeps its place in the response.
    assert wires("05 00 06 0f 0f 02 0f 05 04 00 00 20 0f") == (
        "05 06 01 11 11 11 11 22 22 22 22 77 14 a0 2b 33 33 33 33 22 22 22 22"
    )


def test_a_read_that_faults_is_counted_but_has_no_data(wires: Wires) -> None:
    assert wires(f"05 00 02 05 {word(NOWHERE)} 0f") == "05 02 04"
    assert wires(CTRL_STAT) == "05 01 01 20 00 00 f0"  # STICKYERR
    assert wires("05 00 01 0f") == "05 00 04"  # and so on until ABORT
    assert wires(SELECT_0) == "05 00 04"
    assert wires("05 00 01 02") == "05 01 01 77 14 a0 2b"  # DPIDR stays open
    assert wires(CLEAR_ABORT) == "08 00"
    assert wires(CTRL_STAT) == "05 01 01 00 00 00 f0"
    assert wires(SELECT_0) == "05 01 01"


def test_a_read_that_faults_stops_the_next(wires: Wires) -> None:
    poke(wires, 0, 0xAAAA5555)
    # TAR to RAM, read, TAR to nowhere, read, read: the fault shows when the first of the two
    # would deliver its data.
    packet = f"05 00 05 05 {word(RAM)} 0f 05 {word(NOWHERE)} 0f 0f"
    assert wires(packet) == "05 04 04 55 55 aa aa"


def test_a_write_that_faults_shows_in_its_own_packet(wires: Wires) -> None:
    assert wires(f"05 00 02 05 {word(NOWHERE)} 0d 00 00 00 00") == "05 02 04"
    wires(CLEAR_ABORT)
    # Behind it a write that must not happen.
    packet = f"05 00 04 05 {word(NOWHERE)} 0d 00 00 00 00 05 {word(RAM)} 0d 99 99 99 99"
    assert wires(packet) == "05 02 04"
    assert peek(wires, 0) == 0


def test_blocks(wires: Wires) -> None:
    data = bytes(range(4 * 120 % 256)) + bytes(range(256))
    data = data[: 4 * 64]
    tar(wires, RAM + 0x100)
    assert wires(f"06 00 40 00 0d {data.hex(' ')}") == "06 40 00 01"
    assert wires.board.bus.read_block(RAM + 0x100, 256) == data
    tar(wires, RAM + 0x100)
    assert wires("06 00 40 00 0f") == f"06 40 00 01 {data.hex(' ')}"
    assert wires("05 00 01 07") == f"05 01 01 {word(RAM + 0x200)}"


def test_blocks_of_one_and_of_none(wires: Wires) -> None:
    tar(wires, RAM)
    assert wires("06 00 01 00 0d 78 56 34 12") == "06 01 00 01"
    tar(wires, RAM)
    assert wires("06 00 01 00 0f") == "06 01 00 01 78 56 34 12"
    assert wires("06 00 00 00 0f") == "06 00 00 00"
    assert wires("05 00 00") == "05 00 00"


def test_block_of_a_dp_register(wires: Wires) -> None:
    assert wires("06 00 02 00 02") == "06 02 00 01 77 14 a0 2b 77 14 a0 2b"


@pytest.mark.parametrize("slow", [False, True], ids=["burst", "word-by-word"])
def test_a_block_that_runs_off_the_end_of_memory(wires: Wires, slow: bool) -> None:
    """Bursts and single accesses must be told apart by nothing."""
    if slow:
        wires.board.faults.wait(after=10_000)  # armed, never hit: fast paths stand aside
    poke(wires, 0xFFF8, 0x11112222)
    poke(wires, 0xFFFC, 0x33334444)
    tar(wires, RAM + 0xFFF8)
    # 64 KiB end at 0x20010000, where TAR's own wrap (4 KiB) would turn back: so go off CSW's wrap
    # by starting a block in front of nothing instead.
    assert wires("06 00 02 00 0f") == "06 02 00 01 22 22 11 11 44 44 33 33"
    tar(wires, NOWHERE)
    assert wires("06 00 03 00 0f") == "06 00 00 04"
    assert wires(CTRL_STAT) == "05 01 01 20 00 00 f0"
    wires(CLEAR_ABORT)
    tar(wires, NOWHERE)
    # The first write is taken; that it failed shows with the second.
    assert wires("06 00 03 00 0d" + " 00 00 00 00" * 3) == "06 01 00 04"
    wires(CLEAR_ABORT)
    tar(wires, NOWHERE)
    assert wires("06 00 01 00 0d 00 00 00 00") == "06 01 00 04"


@pytest.mark.parametrize("slow", [False, True], ids=["burst", "word-by-word"])
def test_tar_wraps_in_a_block(wires: Wires, slow: bool) -> None:
    if slow:
        wires.board.faults.wait(after=10_000)
    tar(wires, RAM + 0x1FF8)
    assert wires("06 00 04 00 0d 01 00 00 00 02 00 00 00 03 00 00 00 04 00 00 00") == "06 04 00 01"
    assert [peek(wires, o) for o in (0x1FF8, 0x1FFC, 0x1000, 0x1004, 0x2000)] == [1, 2, 3, 4, 0]
    tar(wires, RAM + 0x1FFC)
    assert wires("06 00 02 00 0f") == "06 02 00 01 02 00 00 00 03 00 00 00"


def test_match_wait_that_is_true_at_once(wires: Wires) -> None:
    poke(wires, 0, 0x0001_0000)
    # mask 0x00010000, TAR, read DRW until it matches; then an ordinary read
    packet = "05 00 04 20 00 00 01 00 05 00 00 00 20 1f 00 00 01 00 02"
    assert wires(packet) == "05 04 01 77 14 a0 2b"


def test_match_wait_that_runs_out(wires: Wires) -> None:
    wires("04 00 64 00 0a 00")  # 10 repeats
    wires("05 00 01 01 42 00 00 23")  # no increment: the same word again and again
    before = wires.board.statistics.transfers
    packet = "05 00 04 20 ff ff ff ff 05 00 00 00 20 1f 01 00 00 00 02"
    assert wires(packet) == "05 02 11"
    # TAR, one to post, 1 + 10 reads; the DPIDR behind was never read
    assert wires.board.statistics.transfers - before == 13


def test_match_wait_ends_when_something_changes_the_word(wires: Wires) -> None:
    wires("04 00 64 00 ff ff")
    wires("05 00 01 01 42 00 00 23")
    due = wires.board.clock.now_ns + 50_000_000
    wires.board.timeline.at(due, lambda: poke(wires, 0, 5))
    assert wires("05 00 03 20 ff ff ff ff 05 00 00 00 20 1f 05 00 00 00") == "05 03 01"
    late = wires.board.clock.now_ns - due
    assert 0 <= late < 100_000  # what waits for an event alone is not late at all: two reads


def test_a_match_wait_for_a_byte_lane_looks_by_transfers(wires: Wires) -> None:
    wires("04 00 64 00 ff ff")
    wires("05 00 01 01 40 00 00 23")  # bytes, no increment
    due = wires.board.clock.now_ns + 50_000_000
    wires.board.timeline.at(due, lambda: poke(wires, 0, 5))
    assert wires("05 00 03 20 ff 00 00 00 05 00 00 00 20 1f 05 00 00 00") == "05 03 01"
    assert 0 <= wires.board.clock.now_ns - due < 0.02 * 50_000_000


def test_a_long_match_wait_costs_no_real_time(wires: Wires) -> None:
    """65,536 reads of 46 cycles at 3 MHz are a second of the board's time."""
    wires("11 c0 c6 2d 00")
    wires("04 00 64 00 ff ff")
    wires("05 00 01 01 42 00 00 23")
    started, before = time.perf_counter(), wires.board.statistics
    assert wires("05 00 03 20 ff ff ff ff 05 00 00 00 20 1f 05 00 00 00") == "05 02 11"
    after = wires.board.statistics
    assert after.time_s - before.time_s == pytest.approx(1.005, rel=0.001)
    assert after.transfers - before.transfers == 65_536 + 2
    assert time.perf_counter() - started < 0.25


def test_match_on_a_dp_register(wires: Wires) -> None:
    assert wires("05 00 02 20 00 00 00 f0 16 00 00 00 f0") == "05 02 01"


def test_timestamps(wires: Wires) -> None:
    before = int(wires.board.statistics.time_s * 1e6)
    answer = bytes.fromhex(wires("05 00 03 82 85 00 00 00 20 8f"))
    assert answer[:3] == bytes((5, 3, 1))
    words = [int.from_bytes(answer[n : n + 4], "little") for n in range(3, len(answer), 4)]
    stamp_dpidr, dpidr, stamp_write, stamp_read, data = words
    assert (dpidr, data) == (0x2BA01477, 0)
    assert before <= stamp_dpidr <= stamp_write <= stamp_read < before + 1000


def test_a_probe_without_a_timer_gives_no_timestamp() -> None:
    wires = Wires(model="hid-64x4")
    wires.all("02 01", "12 38 ff ff ff ff ff ff ff", "12 10 9e e7")
    wires.all("12 38 ff ff ff ff ff ff ff", "12 08 00")
    assert wires("05 00 01 82").startswith("05 01 01 77 14 a0 2b 00 00 00 00")


def test_what_a_transfer_costs(wires: Wires) -> None:
    wires("04 08 64 00 00 00")  # 8 idle cycles
    before = wires.board.statistics.swclk_cycles
    wires("05 00 02 02 02")
    assert wires.board.statistics.swclk_cycles - before == 2 * (46 + 8)
    wires("04 00 64 00 00 00")
    tar(wires, RAM)
    for packet, transfers in [
        ("06 00 10 00 0f", 17),  # n + 1 for n words: the first is posted
        ("06 00 02 00 0d 00 00 00 00 00 00 00 00", 3),  # and RDBUFF looks whether all went well
    ]:
        before = wires.board.statistics.swclk_cycles
        wires(packet)
        assert wires.board.statistics.swclk_cycles - before == 46 * transfers


def test_64_kib_within_milliseconds() -> None:
    wires = Wires()
    wires.attach()
    board = wires.board
    payload = bytes(range(256)) * 2
    write = bytes.fromhex("06 00 7e 00 0d") + payload[: 4 * 126]
    read = bytes.fromhex("06 00 7e 00 0f")
    started = time.perf_counter()
    for n in range(130):
        board.exchange(bytes.fromhex(f"05 00 01 05 {word(RAM + (n * 504) % 0xF000)}"))
        board.exchange(write)
    for n in range(130):
        board.exchange(bytes.fromhex(f"05 00 01 05 {word(RAM + (n * 504) % 0xF000)}"))
        board.exchange(read)
    assert time.perf_counter() - started < 0.1  # twice 64 KiB; 50 ms each were too much


@pytest.mark.parametrize("slow", [False, True], ids=["burst", "word-by-word"])
def test_runs_within_a_transfer(wires: Wires, slow: bool) -> None:
    if slow:
        wires.board.faults.wait(after=10_000)
    writes = "".join(f" 0d {word(n)}" for n in range(1, 7))
    # A posted read, a run of writes behind it, a DP read, a run of reads, one more, a write.
    assert wires(f"05 00 0a 05 {word(RAM)} 0f 05 {word(RAM + 0x40)}{writes} 02") == (
        "05 0a 01 00 00 00 00 77 14 a0 2b"
    )
    before = wires.board.statistics.swclk_cycles
    answer = wires(f"05 00 0b 05 {word(RAM + 0x3C)} 0f 07 0f 0f 0f 0f 0f 0f 02 05 {word(RAM)}")
    assert (
        answer
        == "05 0b 01 00 00 00 00 40 00 00 20"
        + "".join(" " + word(n) for n in range(1, 7))
        + " 77 14 a0 2b"
    )
    # 11 transfers, RDBUFF once before DPIDR, and RDBUFF to check the write at the end
    assert wires.board.statistics.swclk_cycles - before == 46 * 13


@pytest.mark.parametrize("slow", [False, True], ids=["burst", "word-by-word"])
def test_runs_that_fault(wires: Wires, slow: bool) -> None:
    if slow:
        wires.board.faults.wait(after=10_000)
    # 0x0000_0FF8 is ROM up to 0x1000; TAR wraps there, so a device is put in the way.
    wires.board.bus.add_device("short", 0x4000_0000, 8, Zeros())
    assert wires(f"05 00 07 05 {word(0x4000_0000)} 0f 0f 0f 0f 0f 02") == (
        "05 04 04 00 00 00 00 00 00 00 00"
    )
    wires(CLEAR_ABORT)
    writes = " 0d 00 00 00 00" * 5
    assert wires(f"05 00 06 05 {word(0x4000_0000)}{writes}") == "05 04 04"
    wires(CLEAR_ABORT)
    assert wires(f"05 00 06 05 {word(0x4000_0000)} 0f 0f 0f 0f 07") == (
        "05 04 04 00 00 00 00 00 00 00 00"
    )


class Zeros:
    def read(self, offset: int, size: int) -> int:
        return 0

    def write(self, offset: int, size: int, value: int) -> None:
        pass

    def reset(self) -> None:
        pass
