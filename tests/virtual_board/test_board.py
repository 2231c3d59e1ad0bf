"""A whole board: resets, power, console, flash file, time, and a real chip behind the probe."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from onchip.errors import BoardError, ProbeTimeout
from onchip.virtual_board.board import VirtualBoard
from onchip.virtual_board.target.chip import FlashFault, FlashFaultKind, chip_names
from tests.support.images import FLASH_START, RAM_START, counting_loop

from .wires import CONNECT, READ_DPIDR, TO_SWD, Wires, word

DHCSR, DEMCR, DCRSR, DCRDR = 0xE000EDF0, 0xE000EDFC, 0xE000EDF4, 0xE000EDF8
AIRCR, CPUID = 0xE000ED0C, 0xE000ED00
HALT, RUN, OFF = 0xA05F0003, 0xA05F0001, 0xA05F0000
S_HALT, S_LOCKUP, S_RESET_ST = 1 << 17, 1 << 19, 1 << 25
RAM = 0x2000_0000


class Target(Wires):
    """A chip that was attached to; words are moved by packets."""

    def __init__(self, chip: str = "stm32f407", **options: bool) -> None:
        super().__init__(chip, **options)
        self.all(CONNECT, *TO_SWD)
        assert self(READ_DPIDR).startswith("05 01 01")
        self.all("05 00 01 04 00 00 00 50", "05 00 01 08 00 00 00 00", "05 00 01 01 52 00 00 23")

    def read(self, address: int) -> int:
        answer = bytes.fromhex(self(f"05 00 02 05 {word(address)} 0f"))
        assert answer[:3] == b"\x05\x02\x01", answer.hex(" ")
        return int.from_bytes(answer[3:7], "little")

    def write(self, address: int, value: int) -> None:
        assert self(f"05 00 02 05 {word(address)} 0d {word(value)}") == "05 02 01"

    def register(self, number: int) -> int:
        self.write(DCRSR, number)
        return self.read(DCRDR)

    def set_register(self, number: int, value: int) -> None:
        self.write(DCRDR, value)
        self.write(DCRSR, 1 << 16 | number)

    def load(self, address: int, *halfwords: int) -> None:
        data = struct.pack(f"<{len(halfwords)}H", *halfwords).ljust(4 * -(-len(halfwords) // 2))
        for n in range(0, len(data), 4):
            self.write(address + n, int.from_bytes(data[n : n + 4], "little"))

    def start(self, pc: int) -> None:
        self.set_register(15, pc)
        self.set_register(16, 1 << 24)
        self.write(DHCSR, RUN)


@pytest.fixture
def target() -> Iterator[Target]:
    target = Target()
    target.write(DHCSR, HALT)
    yield target
    target.board.close()


@pytest.mark.parametrize("chip", chip_names())
def test_every_chip_comes_up_and_runs_its_flash(chip: str, tmp_path: Path) -> None:
    image = counting_loop(chip)
    with VirtualBoard(chip, flash_file=tmp_path / "flash") as board:
        memory = board.chip.flash_memories[0]
        memory.data[: len(image)] = image
        board.bus.code_changed(memory.base, len(image))
        memory_start = memory.base
    assert memory_start == FLASH_START[chip]
    with VirtualBoard(chip, flash_file=tmp_path / "flash") as board:
        board.advance(0.01)
        assert not board.core.locked_up
        assert not board.core.halted


def test_attaching_does_not_disturb(target: Target) -> None:
    assert target.read(CPUID) == 0x410FC241
    assert target.read(DHCSR) & S_HALT


def test_a_program_in_ram_runs_as_long_as_time_says(target: Target) -> None:
    # ldr r1, [pc, #4]; adds r0, #1; str r0, [r1]; b back; the word is the counter's address
    target.load(RAM + 0x100, 0x4901, 0x3001, 0x6008, 0xE7FC, 0x0000, 0x2000)
    target.set_register(0, 0)
    target.start(RAM + 0x100)
    counted, moments = [], []
    for pause in ("09 00 00", "09 e8 03", "09 10 27"):  # DAP_Delay: none, 1 ms, 10 ms
        target(pause)
        counted.append(target.read(RAM))
        moments.append(target.board.clock.now_ns)
    for n in (1, 2):
        cycles = (moments[n] - moments[n - 1]) * 16e6 / 1e9  # 16 MHz; three in the loop
        assert counted[n] - counted[n - 1] == pytest.approx(cycles / 3, abs=2)


def test_match_wait_ends_with_the_halt(target: Target) -> None:
    """The probe repeats a read of DHCSR; it ends within a repeat or two of the core's halt."""
    # r0 counts down from 100,000: subs r0, #1; bne back; bkpt
    target.load(RAM + 0x100, 0x3801, 0xD1FD, 0xBE00)
    target.set_register(0, 100_000)
    target("04 00 64 00 ff ff")
    target("11 80 96 98 00")  # 10 MHz: 4.6 us a read
    target("05 00 01 05 f0 ed 00 e0")
    target.set_register(15, RAM + 0x100)
    target.set_register(16, 1 << 24)
    target.write(DHCSR, RUN)
    started = target.board.clock.now_ns
    target("05 00 01 01 42 00 00 23")  # no increment
    before, wall = target.board.statistics, time.perf_counter()
    assert target(f"05 00 03 20 {word(S_HALT)} 05 {word(DHCSR)} 1f {word(S_HALT)}") == "05 03 01"
    took = target.board.clock.now_ns - started
    assert took == pytest.approx(200_000 / 16e6 * 1e9, abs=20_000)
    reads = target.board.statistics.transfers - before.transfers
    assert reads == pytest.approx(12.5e-3 / 4.6e-6, rel=0.02)  # counted, not made
    assert time.perf_counter() - wall < 0.05


@pytest.mark.parametrize("loops", [*range(1, 60, 3), 400, 3000])
def test_a_wait_for_a_halt_is_never_late(target: Target, loops: int) -> None:
    """Above all if the core halts between the look that misses it and the next."""
    target.load(RAM + 0x100, 0x3801, 0xD1FD, 0xBE00)
    target.set_register(0, loops)
    target.all("04 00 64 00 ff ff", "11 80 96 98 00")
    target.set_register(15, RAM + 0x100)
    target.set_register(16, 1 << 24)
    target("05 00 01 01 42 00 00 23")
    started = target.board.clock.now_ns
    answer = target(
        f"05 00 05 05 {word(DHCSR)} 0d {word(RUN)} 20 {word(S_HALT)} 1f {word(S_HALT)} 02"
    )
    assert answer[:8] == "05 05 01"
    assert target.board.clock.now_ns - started < loops * 2 / 16e6 * 1e9 + 60_000


@pytest.mark.parametrize("address", [DHCSR, RAM], ids=["halt", "any-word"])
def test_a_wait_can_be_given_up(address: int) -> None:
    """The host's time-out comes in the middle of a wait that the core will never end."""
    target = Target()
    target.write(DHCSR, HALT)
    target.load(RAM + 0x100, 0xE7FE)
    target.start(RAM + 0x100)
    target.all("05 00 01 01 42 00 00 23", "04 00 64 00 ff ff")
    link = target.board.link()
    started = link.now()
    wait = f"05 00 03 20 {word(S_HALT)} 05 {word(address)} 1f {word(S_HALT)}"
    link.write(bytes.fromhex(wait))
    with pytest.raises(ProbeTimeout):
        link.read(0.1)
    assert link.now() - started == pytest.approx(0.1)
    link.write(b"\x07")
    assert link.read(0.1)[:3] == b"\x05\x02\x11"
    assert link.now() - started < 0.11
    target.board.close()


def test_a_second_of_waiting_for_a_sleeping_core_costs_milliseconds(target: Target) -> None:
    target.load(RAM + 0x100, 0xBF30, 0xE7FD)  # wfi; b back
    target.start(RAM + 0x100)
    target("11 c0 c6 2d 00")  # 3 MHz
    target("04 00 64 00 ff ff")
    target("05 00 01 01 42 00 00 23")
    before, started = target.board.statistics, time.perf_counter()
    assert target(f"05 00 03 20 {word(S_HALT)} 05 {word(DHCSR)} 1f {word(S_HALT)}") == "05 02 11"
    assert target.board.statistics.time_s - before.time_s == pytest.approx(1.005, rel=0.01)
    assert time.perf_counter() - started < 0.5


def test_system_reset_keeps_debug(target: Target) -> None:
    target.write(DEMCR, 0x0100_0001)  # TRCENA, VC_CORERESET
    target.read(DHCSR)  # clears S_RESET_ST
    target.write(AIRCR, 0x05FA_0004)
    target.board.advance(0.001)
    assert target.read(DHCSR) & (S_HALT | S_RESET_ST) == S_HALT | S_RESET_ST
    assert target.read(DEMCR) == 0x0100_0001
    assert target("05 00 01 06")[-2:] == "f0"  # the DP is still powered up


def test_reset_pin_holds_the_core(target: Target) -> None:
    target.write(DEMCR, 1)
    target.write(DHCSR, RUN)
    target.read(DHCSR)
    assert target("10 00 80 00 00 00 00") == "10 2f"
    assert target.board.core.in_reset
    assert target.read(DHCSR) & S_RESET_ST  # the debug port and the SCS still answer
    assert target("10 80 80 00 00 00 00") == "10 af"
    target.board.advance(0.001)
    assert target.read(DHCSR) & S_HALT  # caught at the reset vector
    assert target.read(DEMCR) == 1


def test_reset_resets_peripherals(target: Target) -> None:
    flash_acr = 0x4002_3C00
    target.write(flash_acr, 0x5)
    assert target.read(flash_acr) == 0x5
    target("10 00 80 00 00 00 00")
    target("10 80 80 00 00 00 00")
    assert target.read(flash_acr) == 0
    target.write(flash_acr, 0x5)
    target.board.press_reset()
    assert target.read(flash_acr) == 0


def test_power_cycle_resets_debug_too(target: Target) -> None:
    target.write(DEMCR, 0x0100_0001)
    target.write(RAM, 0x12345678)
    target.board.power_cycle()
    assert target(READ_DPIDR) == "05 00 07"
    target.all(*TO_SWD)
    assert target(READ_DPIDR).startswith("05 01 01")
    assert target("05 00 01 06")[-2:] == "00"
    target.all("05 00 01 04 00 00 00 50", "05 00 01 08 00 00 00 00", "05 00 01 01 52 00 00 23")
    assert target.read(DEMCR) == 0
    assert target.read(DHCSR) & 3 == 0
    assert target.read(RAM) != 0x12345678


def test_no_time_passes_for_a_chip_without_power(target: Target) -> None:
    target.load(RAM + 0x100, 0xE7FE)
    target.start(RAM + 0x100)
    target.board.power_off()
    target.board.power_off()
    target.board.advance(0.001)
    assert target.board.core.in_reset
    target.board.power_on()
    target.board.power_on()
    assert target.board.powered


def test_writing_flash_over_the_bus_does_nothing(target: Target) -> None:
    """A plain store to locked flash is no program operation; whatever the chip says, data stays."""
    target(f"05 00 02 05 {word(0x0800_0000)} 0d 00 00 00 00")
    target("08 00 1e 00 00 00")
    assert target.read(0x0800_0000) == 0xFFFF_FFFF


def unlock_and_program(target: Target) -> None:
    keyr, cr = 0x4002_3C04, 0x4002_3C10
    target.write(keyr, 0x4567_0123)
    target.write(keyr, 0xCDEF_89AB)
    target.write(cr, 0x201)  # PSIZE word, PG
    target.write(0x0800_0000, 0xCAFE_F00D)


def test_flash_file(tmp_path: Path) -> None:
    path = tmp_path / "board.flash"
    target = Target()
    target.board.close()
    target = Target()
    target.board.flash_file = path
    unlock_and_program(target)
    target.board.advance(0.001)
    assert target.read(0x0800_0000) == 0xCAFE_F00D
    target.board.close()
    target.board.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["board.flash"]
    with VirtualBoard("stm32f407", flash_file=path) as again:
        assert again.bus.read(0x0800_0000, 4) == 0xCAFE_F00D
    with pytest.raises(BoardError):
        VirtualBoard("nrf52840", flash_file=path)
    path.write_bytes(b"rubbish")
    with pytest.raises(BoardError, match=r"board\.flash: .*not a flash file"):
        VirtualBoard("stm32f407", flash_file=path)


def test_a_flash_file_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="there is no folder"):
        VirtualBoard("nrf51822", flash_file=tmp_path / "nowhere" / "flash")
    with pytest.raises(BoardError, match="directory"):
        VirtualBoard("nrf51822", flash_file=tmp_path)
    board = VirtualBoard("nrf51822", flash_file=tmp_path / "flash")
    (tmp_path / "flash.new").mkdir()
    with pytest.raises(BoardError, match="was not saved"):
        board.close()


def test_flash_faults_are_the_chips(target: Target) -> None:
    target.board.flash_faults.add(FlashFault(FlashFaultKind.STUCK_BIT, address=0x0800_0000, bits=2))
    unlock_and_program(target)
    target.board.advance(0.001)
    assert target.read(0x0800_0000) == 0xCAFE_F00F


def test_locked_chip_hides_its_memory() -> None:
    target = Target("nrf52840", locked=True)
    assert int.from_bytes(bytes.fromhex(target("05 00 01 03"))[3:], "little") & 0x40 == 0
    assert target(f"05 00 02 05 {word(RAM)} 0f") == "05 02 04"
    target("08 00 1e 00 00 00")
    target("05 00 01 08 f0 00 00 01")  # AP 1, the CTRL-AP, answers: its IDR
    assert target("05 00 01 0f")[:8] == "05 01 01"
    assert target("05 00 01 0f") != "05 01 01 00 00 00 00"
    target.board.close()


def test_console(target: Target) -> None:
    heard: list[bytes] = []
    target.board.console.on_output = heard.append
    target.board.chip.uart.transmit(b"abc")
    target.board.chip.uart.transmit(b"def")
    assert heard == [b"abc", b"def"]
    assert target.board.uart.read() == b"abcdef"
    assert target.board.uart.read() == b""


def test_uart_through_the_probe(target: Target) -> None:
    said: list[bytes] = []
    target.board.chip.uart.receivers.append(said.append)
    assert target("22 11") == "22 ff"  # not owned by DAP commands yet
    assert target("1f 02") == "1f 00"
    assert target("22 11") == "22 ff"  # not configured
    assert target("20 00 00 c2 01 00") == "20 00 00 c2 01 00"  # 115,200 8N1
    assert target("20 09 00 c2 01 00") == "20 01 00 00 00 00"
    assert target("20 00 00 c2 01 00") == "20 00 00 c2 01 00"
    assert target("22 11") == "22 00"
    target.board.chip.uart.transmit(b"hello")
    assert target("23") == "23 11 05 00 00 00 00 00 00 00"
    assert target("21 03 00 02 00 68 69") == "21 11 02 00 03 00 68 65 6c"
    assert said == [b"hi"]
    assert target("21 40 00 00 00") == "21 11 00 00 02 00 6c 6f"
    target.board.chip.uart.transmit(bytes(5000))  # beyond the buffer
    assert target("23") == "23 13 00 10 00 00 00 00 00 00"
    assert target("23") == "23 11 00 10 00 00 00 00 00 00"  # data lost is told once
    assert target("22 22") == "22 00"
    assert target("21 00 00 01 00 41") == "21 00 01 00 00 00"  # taken, and lost
    assert target("1f 01") == "1f 00"
    assert target("1f 03") == "1f ff"


def test_trace_through_the_probe(target: Target) -> None:
    assert target("1a 01") == "1a ff"  # nothing is set up
    assert target.all("17 01", "18 01") == ["17 00", "18 00"]
    assert target("18 02") == "18 ff"  # Manchester
    assert target("18 01") == "18 00"
    assert target("19 80 84 1e 00") == "19 80 84 1e 00"
    assert target("1a 01") == "1a 00"
    # ITM: TRCENA, TPIU to NRZ, unlock, TCR with ITM and SWO, stimulus port 0; a byte to port 0
    target.write(DEMCR, 0x0100_0000)
    target.write(0xE004_00F0, 2)
    target.write(0xE000_0FB0, 0xC5AC_CE55)
    target.write(0xE000_0E80, 0x0001_0001)
    target.write(0xE000_0E00, 1)
    target("05 00 01 01 50 00 00 23")  # bytes
    target(f"05 00 02 05 {word(0xE000_0000)} 0d 5a 00 00 00")
    target.board.advance(0.001)
    assert target("1b") == "1b 01 02 00 00 00"
    assert target("1e 03") == "1e 01 02 00 00 00"
    assert target("1c 40 00") == "1c 01 02 00 01 5a"  # source 0, one byte; then the byte
    assert target("1c 40 00") == "1c 01 00 00"
    target.board.probe.trace.feed(bytes(9000))  # type: ignore[union-attr]
    assert target("1b") == "1b 81 00 20 00 00"  # overrun, once
    assert target("1b") == "1b 01 00 20 00 00"
    assert target("1a 00") == "1a 00"
    assert target("17 02") == "17 ff"  # no endpoint of its own
    assert target("1b") == "1b 00 00 20 00 00"


def test_repr_and_unknown_chip() -> None:
    with VirtualBoard("bare-ram", "hid-64x4") as board:
        assert repr(board) == "<VirtualBoard bare-ram behind hid-64x4>"
    with pytest.raises(BoardError, match="no virtual chip called 'toaster'"):
        VirtualBoard("toaster")


def test_running_core_and_a_big_block(target: Target) -> None:
    """64 KiB of RAM moved while the core runs: still no more than a moment."""
    target.load(RAM + 0x1C000, 0xE7FE)
    target.start(RAM + 0x1C000)
    read = bytes.fromhex("06 00 7f 00 0f")[:2] + b"\x7e\x00\x0f"
    started = time.process_time()
    for n in range(130):
        target(f"05 00 01 05 {word(RAM + 504 * n)}")
        assert target.board.exchange(read)[:4] == b"\x06\x7e\x00\x01"
    assert time.process_time() - started < 0.3
    assert RAM_START["stm32f407"] == RAM
