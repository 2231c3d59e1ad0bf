"""LPC1768: boot ROM, IAP through its real entry point on the core, code read protection."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

import onchip.virtual_board.target as target
from onchip.arch.scs import DHCSR
from onchip.virtual_board.target.chip import FlashFault, FlashFaultKind
from tests.support.tools import require
from tests.virtual_board.target.bench import MS, SAMPLES, Bench

IAP_ENTRY = 0x1FFF_1FF1
RAM = 0x1000_0000
TABLE, RESULT, BUFFER, STACK, CODE = RAM, RAM + 0x20, RAM + 0x1000, RAM + 0x7000, RAM + 0x40
MEMMAP = 0x400F_C040
DHCSR_ADDRESS, DCRSR, DCRDR = 0xE000_EDF0, 0xE000_EDF4, 0xE000_EDF8
DBGKEY = 0xA05F_0000
HALT, RUN = DBGKEY | 3, DBGKEY | 1
S_HALT = 1 << 17
SUCCESS, INVALID_COMMAND, SRC_ADDR, DST_ADDR, SRC_MAP, DST_MAP, COUNT = range(7)
INVALID_SECTOR, NOT_BLANK, NOT_PREPARED, COMPARE = range(7, 11)


class IapBench(Bench):
    """Calls IAP as a debugger does: registers set, core run until the breakpoint in LR."""

    def __init__(self, *, locked: bool = False) -> None:
        super().__init__("lpc1768", locked=locked, running=True)
        self.write(DHCSR_ADDRESS, HALT)
        self.advance(MS)
        self.write(MEMMAP, 1)
        self.write(CODE, 0xBE00, 2)

    def register(self, number: int, value: int) -> None:
        self.write(DCRDR, value)
        self.write(DCRSR, number | 1 << 16)
        self.advance(1000)

    def iap(self, *command: int, limit_ms: int = 5000) -> list[int] | None:
        for n, word in enumerate(command):
            self.write(TABLE + 4 * n, word)
        for n in range(5):
            self.write(RESULT + 4 * n, 0xEEEE_EEEE)
        registers = {0: TABLE, 1: RESULT, 13: STACK, 14: CODE | 1, 15: IAP_ENTRY & ~1, 16: 1 << 24}
        for number, value in registers.items():
            self.register(number, value)
        self.write(DHCSR_ADDRESS, RUN)
        began = self.timeline.now_ns
        self.timeline.advance_to(began + limit_ms * MS, until=lambda: self.chip.core.halted)
        self.took_ns = self.timeline.now_ns - began
        if not DHCSR(self.read(DHCSR_ADDRESS)) & S_HALT:
            self.write(DHCSR_ADDRESS, HALT)
            return None
        return [self.read(RESULT + 4 * n) for n in range(5)]

    def status(self, *command: int) -> int:
        results = self.iap(*command)
        assert results is not None
        return results[0]

    def put(self, data: bytes) -> None:
        self.bus.write_block(BUFFER, data)


@pytest.fixture
def bench() -> IapBench:
    return IapBench()


@pytest.mark.tools
def test_the_rom_is_its_source(tmp_path: Path) -> None:
    source = Path(target.__path__[0]) / "chips" / "lpc1768_boot_rom.s"
    linked = tmp_path / "rom.o"
    image = tmp_path / "rom.bin"
    subprocess.run([require("arm-none-eabi-as"), "-o", linked, source], check=True)
    copy = [require("arm-none-eabi-objcopy"), "-O", "binary", linked, image]
    subprocess.run(copy, check=True)
    rom = bytes(Bench("lpc1768").bus.read_block(0x1FFF_0000, 0x2000))
    assert rom == image.read_bytes().ljust(0x2000, b"\0")


def test_a_blank_chip_waits_in_the_rom() -> None:
    bench = Bench("lpc1768", running=True)
    bench.advance(10 * MS)
    assert bench.read(MEMMAP) == 0
    assert bench.read(4) == bench.read(0x1FFF_0004)
    assert bench.chip.core.sleeping


def test_user_code_with_a_right_checksum_starts() -> None:
    bench = Bench("lpc1768", running=True)
    bench.load(SAMPLES / "lpc1768.elf")
    bench.advance(20 * MS)
    assert bench.read(MEMMAP) == 1
    assert bytes(bench.sent).startswith(b"hello from lpc1768")


def test_user_code_with_a_wrong_checksum_does_not() -> None:
    bench = Bench("lpc1768", running=True)
    bench.load(SAMPLES / "lpc1768.elf")
    bench.chip.flash_memories[0].data[0x1C] ^= 1
    bench.chip.reset("power-on")
    bench.advance(20 * MS)
    assert not bench.sent
    assert bench.read(MEMMAP) == 0


def test_memmap_and_its_reset(bench: IapBench) -> None:
    assert bench.read(0) == 0xFFFF_FFFF
    bench.write(MEMMAP, 0)
    assert bench.read(0) == 0x1000_1FFC
    assert bench.read(0x2000) == 0xFFFF_FFFF
    bench.write(MEMMAP, 1)
    bench.chip.reset_peripherals("system")
    assert bench.read(0) == 0x1000_1FFC


def test_the_bus_cannot_write_the_flash(bench: IapBench) -> None:
    bench.write(0x100, 0)
    assert bench.read(0x100) == 0xFFFF_FFFF


def test_identity(bench: IapBench) -> None:
    assert bench.iap(54)[:2] == [SUCCESS, 0x2601_3F37]
    assert bench.iap(55)[:2] == [SUCCESS, 0x0402]
    assert bench.iap(58)[0] == SUCCESS
    assert bench.iap(58)[1:] != [0xEEEE_EEEE] * 4


@pytest.mark.parametrize("code", [0, 49, 57, 59, 60, 0xFFFF_FFFF])
def test_unknown_commands(bench: IapBench, code: int) -> None:
    assert bench.status(code) == INVALID_COMMAND


@pytest.mark.parametrize("size", [256, 512, 1024, 4096])
def test_prepare_copy_compare(bench: IapBench, size: int) -> None:
    data = bytes(n * 7 & 0xFF for n in range(size))
    bench.put(data)
    assert bench.status(50, 1, 1) == SUCCESS
    assert bench.status(51, 0x1000, BUFFER, size, 4000) == SUCCESS
    assert size // 256 * MS <= bench.took_ns <= size // 256 * MS + 100_000
    assert bench.bus.read_block(0x1000, size) == data
    assert bench.status(56, 0x1000, BUFFER, size) == SUCCESS
    bench.put(data[:8] + b"!")
    assert bench.iap(56, 0x1000, BUFFER, size)[:2] == [COMPARE, 8]


def test_copying_needs_prepared_sectors_each_time(bench: IapBench) -> None:
    assert bench.status(51, 0x1000, BUFFER, 256, 4000) == NOT_PREPARED
    assert bench.status(50, 2, 3) == SUCCESS
    assert bench.status(51, 0x1000, BUFFER, 256, 4000) == NOT_PREPARED
    assert bench.status(50, 0, 29) == SUCCESS
    assert bench.status(51, 0x1000, BUFFER, 256, 4000) == SUCCESS
    assert bench.status(51, 0x1100, BUFFER, 256, 4000) == NOT_PREPARED


@pytest.mark.parametrize(
    ("destination", "source", "count", "status"),
    [
        (0x1000, BUFFER + 2, 256, SRC_ADDR),
        (0x1080, BUFFER, 256, DST_ADDR),
        (0x1000, BUFFER, 128, COUNT),
        (0x1000, BUFFER, 2048, COUNT),
        (0x1000, 0x3000_0000, 256, SRC_MAP),
        (0x1000, 0x2000, 256, SRC_MAP),
        (0x1000, RAM + 0x7F80, 256, SRC_MAP),
        (0x8_0000, BUFFER, 256, DST_MAP),
        (0x7_F000, BUFFER, 4096, SUCCESS),
    ],
)
def test_copy_checks_its_arguments(
    bench: IapBench, destination: int, source: int, count: int, status: int
) -> None:
    assert bench.status(50, 0, 29) == SUCCESS
    assert bench.status(51, destination, source, count, 4000) == status


@pytest.mark.parametrize("command", [50, 53])
@pytest.mark.parametrize(("start", "end"), [(0, 30), (3, 2), (30, 30)])
def test_sectors_must_exist(bench: IapBench, command: int, start: int, end: int) -> None:
    assert bench.status(command, start, end) == INVALID_SECTOR


def test_erase_and_blank_check(bench: IapBench) -> None:
    bench.chip.flash_memories[0].data[0xF000:0x1_0000] = bytes(0x1000)
    bench.chip.flash_memories[0].data[0x1_0010] = 0
    assert bench.iap(53, 14, 16)[:3] == [NOT_BLANK, 0x1000, 0]
    assert bench.iap(53, 16, 16)[:3] == [NOT_BLANK, 0x10, 0xFFFF_FF00]
    assert bench.status(52, 15, 16, 4000) == NOT_PREPARED
    assert bench.status(50, 15, 16) == SUCCESS
    assert bench.status(52, 15, 16, 4000) == SUCCESS
    assert 100 * MS <= bench.took_ns < 101 * MS
    assert bench.status(53, 0, 29) == SUCCESS
    assert bench.status(50, 15, 16) == SUCCESS
    assert bench.status(52, 15, 30, 4000) == INVALID_SECTOR


@pytest.mark.parametrize(
    ("first", "second", "count", "status"),
    [
        (2, BUFFER, 4, DST_ADDR),
        (0, BUFFER + 1, 4, SRC_ADDR),
        (0, BUFFER, 6, COUNT),
        (0x3000_0000, BUFFER, 4, DST_MAP),
        (0, 0x3000_0000, 4, SRC_MAP),
    ],
)
def test_compare_checks_its_arguments(
    bench: IapBench, first: int, second: int, count: int, status: int
) -> None:
    assert bench.status(56, first, second, count) == status


def test_iap_uses_the_top_of_the_ram(bench: IapBench) -> None:
    bench.write(RAM + 0x7FE0, 0x1234_5678)
    bench.write(RAM + 0x7FDC, 0x1234_5678)
    bench.iap(54)
    assert bench.read(RAM + 0x7FE0) != 0x1234_5678
    assert bench.read(RAM + 0x7FDC) == 0x1234_5678


def test_a_wrong_clock_makes_weak_pulses(bench: IapBench) -> None:
    bench.put(bytes(256))
    bench.status(50, 1, 1)
    assert bench.status(51, 0x1000, BUFFER, 256, 900) == SUCCESS
    assert bench.read(0x1000) == 0x5555_5555


def test_faults(bench: IapBench) -> None:
    bench.put(bytes(256))
    faults = bench.chip.flash_faults
    faults.add(FlashFault(FlashFaultKind.WRITE_PROTECTED))
    bench.status(50, 1, 1)
    assert bench.status(51, 0x1000, BUFFER, 256, 4000) == NOT_PREPARED
    faults.add(FlashFault(FlashFaultKind.PROGRAM_FAILS))
    bench.status(50, 1, 1)
    assert bench.status(51, 0x1000, BUFFER, 256, 4000) == SUCCESS
    assert bench.read(0x1000) == 0xFFFF_FFFF
    faults.add(FlashFault(FlashFaultKind.STUCK_BUSY))
    bench.status(50, 1, 1)
    assert bench.iap(51, 0x1000, BUFFER, 256, 4000, limit_ms=2000) is None
    bench.chip.reset("power-on")
    assert struct.unpack("<I", bench.bus.read_block(0x10FC, 4)) in [(0xFFFF_FFFF,), (0,)]


@pytest.mark.parametrize("word", [0x1234_5678, 0x8765_4321, 0x4321_8765])
def test_code_read_protection_counts_from_the_next_reset(word: int) -> None:
    bench = Bench("lpc1768")
    bench.chip.flash_memories[0].data[0x2FC:0x300] = word.to_bytes(4, "little")
    assert bench.chip.debug_access()
    bench.chip.reset("power-on")
    assert not bench.chip.debug_access()


def test_no_isp_leaves_the_debugger_in() -> None:
    bench = Bench("lpc1768")
    bench.chip.flash_memories[0].data[0x2FC:0x300] = (0x4E69_7370).to_bytes(4, "little")
    bench.chip.reset("power-on")
    assert bench.chip.debug_access()


def test_locked_chip_does_not_answer() -> None:
    assert not Bench("lpc1768", locked=True).chip.debug_access()
