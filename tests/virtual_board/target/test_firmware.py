"""Programs on the virtual chips: the shipped sample on each, and busy loops that cost no time."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.tools import require
from tests.virtual_board.target.bench import MS, SAMPLES, Bench, symbol

ALL = ("lpc1768", "nrf51822", "nrf52840", "stm32f407")
FIRMWARE = Path(__file__).parents[3] / "firmware"
CFSR, BFAR, DHCSR = 0xE000_ED28, 0xE000_ED38, 0xE000_EDF0


@pytest.mark.parametrize("name", ALL)
def test_the_sample_says_hello_counts_and_keeps_time(name: str) -> None:
    elf = SAMPLES / f"{name}.elf"
    bench = Bench(name, running=True)
    bench.load(elf)
    bench.advance(1000 * MS)
    assert bytes(bench.sent).startswith(f"hello from {name}\r\nfibonacci(11) = 89\r\n".encode())
    assert bench.read(symbol(elf, "counter")) in range(99, 102)
    assert bench.read(symbol(elf, "milliseconds")) in range(998, 1001)
    assert bench.chip.core.sleeping


@pytest.mark.parametrize("name", ALL)
def test_the_sample_listens_and_crashes_on_demand(name: str) -> None:
    elf = SAMPLES / f"{name}.elf"
    bench = Bench(name, running=True)
    bench.load(elf)
    bench.advance(30 * MS)
    bench.chip.uart.feed(b"?")
    bench.advance(30 * MS)
    assert b"f: take a bus fault\r\n" in bench.sent
    bench.chip.uart.feed(b"f")
    bench.advance(30 * MS)
    assert bytes(bench.sent).split(b"\r\n")[-1].startswith(b"sample ")
    stuck = bench.read(symbol(elf, "counter"))
    bench.advance(100 * MS)
    assert bench.read(symbol(elf, "counter")) == stuck
    if name != "nrf51822":  # ARMv6-M has no fault status
        assert bench.read(CFSR) == 0x8200  # BFARVALID, PRECISERR
        assert bench.read(BFAR) == 0x6000_0000


@pytest.mark.tools
def test_the_shipped_samples_are_what_the_source_gives(tmp_path: Path) -> None:
    require("arm-none-eabi-gcc")
    copy = tmp_path / "elsewhere" / "firmware"
    shutil.copytree(FIRMWARE, copy, ignore=shutil.ignore_patterns("build"))
    subprocess.run([require("make"), "-s", "-C", str(copy)], check=True)
    for name in ALL:
        built = (copy / "build" / f"{name}.elf").read_bytes()
        assert built == (SAMPLES / f"{name}.elf").read_bytes(), name


@pytest.mark.parametrize("name", ALL)
def test_no_path_of_the_builder_leaks(name: str) -> None:
    content = (SAMPLES / f"{name}.elf").read_bytes()
    for path in (b"/work", b"/home", b"/build", b"/tmp", b"/usr/"):
        assert path not in content


# What follows is Thumb code in RAM that polls a flag until it changes, then stops.

RAM = 0x2000_0100


def poll_program(address: int, mask: int, *, until_set: bool) -> bytes:
    """ldr r0,=address; ldr r2,=mask; loop: ldr r1,[r0]; tst r1,r2; b<cond> loop; bkpt; b ."""
    branch = 0xD0FC if until_set else 0xD1FC  # beq / bne to the load
    halfwords = [0x4803, 0x4A04, 0x6801, 0x4211, branch, 0xBE00, 0xE7FE, 0xBF00]
    code = b"".join(h.to_bytes(2, "little") for h in halfwords)
    return code + address.to_bytes(4, "little") + mask.to_bytes(4, "little")


def run_from_ram(bench: Bench, code: bytes) -> None:
    """Halt the core, put ``code`` into RAM and start it there."""
    bench.write(DHCSR, 0xA05F_0003)
    bench.advance(MS)
    bench.bus.write_block(RAM, code)
    for number, value in ((13, RAM + 0x1000), (15, RAM), (16, 1 << 24)):
        bench.write(0xE000_EDF8, value)
        bench.write(0xE000_EDF4, number | 1 << 16)
        bench.advance(1000)
    bench.write(DHCSR, 0xA05F_0001)


def start_mass_erase(bench: Bench) -> int:
    """Start the longest erase there is and return how long it takes."""
    if bench.chip.name == "stm32f407":
        run_from_ram(bench, poll_program(0x4002_3C0C, 1 << 16, until_set=False))
        bench.write(0x4002_3C04, 0x4567_0123)
        bench.write(0x4002_3C04, 0xCDEF_89AB)
        bench.write(0x4002_3C10, 4 | 2 << 8 | 1 << 16)
        return 8000 * MS
    run_from_ram(bench, poll_program(0x4001_E400, 1, until_set=True))
    bench.write(0x4001_E504, 2)
    bench.write(0x4001_E50C, 1)
    return 169 * MS if bench.chip.name == "nrf52840" else 22_300_000


@pytest.mark.parametrize("name", ["stm32f407", "nrf52840", "nrf51822"])
def test_polling_a_busy_flag_costs_no_wall_time(name: str) -> None:
    bench = Bench(name, running=True)
    duration = start_mass_erase(bench)
    began, wall = bench.timeline.now_ns, time.process_time()
    bench.timeline.advance_to(began + 10_000 * MS, until=lambda: bench.chip.core.halted)
    wall = time.process_time() - wall
    assert bench.chip.core.halted
    assert duration <= bench.timeline.now_ns - began < duration + MS
    assert wall < 0.5


def test_looking_at_one_flag_after_the_other_is_no_busy_wait() -> None:
    bench = Bench("nrf51822", running=True)
    timer = 0x4000_8000
    # ldr r0, =EVENTS; ldr r1, [r0, #0x40] ... #0x4C: four events, once each; bkpt
    halfwords = [0x4803, 0x6C01, 0x6C41, 0x6C81, 0x6CC1, 0xBE00, 0xE7FE, 0xBF00]
    code = b"".join(h.to_bytes(2, "little") for h in halfwords)
    bench.write(timer + 0x540, 6000)  # CC[0]: in 6 ms
    run_from_ram(bench, code + (timer + 0x100).to_bytes(4, "little"))
    bench.write(timer, 1)
    bench.advance(10_000)
    assert bench.chip.core.halted


def test_polling_a_counter_does_not_skip_what_is_waited_for() -> None:
    bench = Bench("stm32f407", running=True)
    timer = 0x4000_1000  # TIM6: counts microseconds to 65,535; bit 6 of CNT is set at 64
    run_from_ram(bench, poll_program(timer + 0x24, 1 << 6, until_set=True))
    bench.write(timer + 0x28, 15)
    bench.write(timer + 0x14, 1)
    bench.write(timer, 1)
    began = bench.timeline.now_ns
    bench.timeline.advance_to(began + 100 * MS, until=lambda: bench.chip.core.halted)
    assert 64_000 <= bench.timeline.now_ns - began < 66_000


@pytest.mark.parametrize("name", ["stm32f407", "nrf52840", "nrf51822"])
def test_stores_of_the_core_program_the_flash_as_the_controller_says(name: str) -> None:
    """str r1,[r0]; ldr r2,[r0]; bkpt: twice onto one word, then once with the flash closed."""
    bench = Bench(name, running=True)
    word = 0x0800_8000 if name == "stm32f407" else 0x8000
    code = bytes.fromhex("03480449 0160 0268 00be fee7 00bf 00bf".replace(" ", ""))
    if name == "stm32f407":
        bench.write(0x4002_3C04, 0x4567_0123)
        bench.write(0x4002_3C04, 0xCDEF_89AB)
        bench.write(0x4002_3C10, 1 | 2 << 8)
    else:
        bench.write(0x4001_E504, 1)
    for value, expected in ((0xFFFF_00F0, 0xFFFF_00F0), (0x0F0F_0FFF, 0x0F0F_00F0)):
        run_from_ram(bench, code + word.to_bytes(4, "little") + value.to_bytes(4, "little"))
        bench.advance(MS)
        assert bench.chip.core.halted
        assert bench.read(word) == expected
