"""OpenOCD 0.12, unmodified, debugs and programs every chip: it must not tell board from silicon.

OpenOCD brings its own idea of each chip (target configuration, flash drivers and their loaders that
run on the chip); nothing here comes from our host.
"""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

import onchip
from tests.judges.openocd_chips import CHIPS, Chip
from tests.support.boards import RunningBoard, running_board
from tests.support.openocd import OpenOcd

pytestmark = pytest.mark.tools

SAMPLES = Path(onchip.__file__).parent / "cli" / "samples"


def symbols(elf: Path) -> dict[str, int]:
    """Return the addresses of an ELF's symbols, without the Thumb bit."""
    with elf.open("rb") as stream:
        table = ELFFile(stream).get_section_by_name(".symtab")
        return {
            symbol.name: symbol["st_value"] & ~(symbol["st_info"]["type"] == "STT_FUNC")
            for symbol in table.iter_symbols()
        }


@pytest.fixture(params=CHIPS, ids=lambda chip: chip.name)
def chip(request: pytest.FixtureRequest) -> Chip:
    return request.param


@pytest.fixture
def board(chip: Chip) -> Iterator[RunningBoard]:
    with running_board(chip.name) as running:
        yield running


CODE = 0x100  # of the test firmware, from the start of flash
LOOP, STORE, BRANCH = CODE + 4, CODE + 6, CODE + 8


def firmware(chip: Chip, length: int = 0x1800) -> bytes:
    """Return a vector table, a loop that counts in RAM, and random bytes to fill ``length``.

    ::

        100  4902  ldr  r1, [pc, #8]      108  e7fc  b 104
        102  2000  movs r0, #0            10a  bf00  nop
        104  3001  adds r0, #1            10c  .word first word of RAM
        106  6008  str  r0, [r1]
    """
    image = bytearray(random.Random(chip.name).randbytes(length))
    vectors = [chip.ram + chip.ram_length, chip.flash + CODE + 1] + [chip.flash + BRANCH + 1] * 46
    vectors[7] = 0
    vectors[7] = -sum(vectors[:8]) & 0xFFFF_FFFF  # LPC boot ROMs want a sum of 0; others ignore it
    struct.pack_into("<48I", image, 0, *vectors)
    code = (0x4902, 0x2000, 0x3001, 0x6008, 0xE7FC, 0xBF00)
    struct.pack_into("<6HI", image, CODE, *code, chip.ram)
    return bytes(image)


def test_examine_and_registers(chip: Chip, board: RunningBoard, openocd: OpenOcd, tmp_path) -> None:
    said = openocd.run(
        board.address,
        chip.config,
        """
        init
        halt
        say_state after
        say cpuid [read_memory 0xE000ED00 32 1]
        foreach {name value} {r0 0x11111111 r7 0x77777777 r12 0x12121212 lr 0xFFFFFFF1} {
            reg $name $value
        }
        set all {r0 r1 r7 r8 r12 sp lr pc xPSR msp psp primask control}
        say_registers now $all
        echo [reg]
        """,
        folder=tmp_path,
    )
    assert f"SWD DPIDR 0x{chip.idcode:08x}" in said.text
    assert said.values["after"] == "halted"
    assert said.number("cpuid") == chip.cpuid
    assert said.number("now.r0") == 0x11111111
    assert said.number("now.r7") == 0x77777777
    assert said.number("now.r12") == 0x12121212
    assert said.number("now.lr") == 0xFFFFFFF1
    assert said.number("now.sp") == said.number("now.msp")
    assert re.search(r"\(/32\): 0x77777777", said.text)
    assert ("fpscr" in said.text) == chip.fpu


def test_memory(chip: Chip, board: RunningBoard, openocd: OpenOcd, tmp_path: Path) -> None:
    """Words, halfwords, bytes; an image of an odd length at an odd address, there and back."""
    image = random.Random(7).randbytes(0x2FFD)
    (tmp_path / "image.bin").write_bytes(image)
    at = chip.ram + 0x101
    said = openocd.run(
        board.address,
        chip.config,
        f"""
        init
        halt
        mww {chip.ram:#x} 0x11223344 4
        mwh {chip.ram + 4:#x} 0xAABB
        mwb {chip.ram + 9:#x} 0xCC
        say_words words {chip.ram:#x} 4
        say bytes [read_memory {chip.ram + 3:#x} 8 7]
        say halves [read_memory {chip.ram + 2:#x} 16 3]
        echo [mdw {chip.ram:#x} 4]
        load_image image.bin {at:#x} bin
        verify_image image.bin {at:#x} bin
        dump_image dump.bin {at:#x} {len(image)}
        """,
        folder=tmp_path,
    )
    assert said.words("words") == [0x11223344, 0x1122AABB, 0x1122CC44, 0x11223344]
    assert said.words("bytes") == [0x11, 0xBB, 0xAA, 0x22, 0x11, 0x44, 0xCC]
    assert said.words("halves") == [0x1122, 0xAABB, 0x1122]
    assert f"0x{chip.ram:08x}: 11223344 1122aabb 1122cc44 11223344" in said.text
    assert (tmp_path / "dump.bin").read_bytes() == image


def test_a_wrong_byte_is_found_by_verify(
    chip: Chip, board: RunningBoard, openocd: OpenOcd, tmp_path: Path
) -> None:
    at = chip.ram + 0x1000  # OpenOCD's checksum routine runs at the start of RAM
    (tmp_path / "image.bin").write_bytes(random.Random(8).randbytes(0x1000))
    said = openocd.run(
        board.address,
        chip.config,
        f"""
        init
        halt
        load_image image.bin {at:#x} bin
        mwb {at + 0xABC:#x} [expr {{[read_memory {at + 0xABC:#x} 8 1] ^ 1}}]
        say failed [fails {{ verify_image image.bin {at:#x} bin }}]
        """,
        folder=tmp_path,
    )
    assert said.values["failed"] == "1"
    assert f"diff 0 address 0x{at + 0xABC:08x}" in said.text


def test_a_hole_in_the_map_is_an_error_and_no_more(
    chip: Chip, board: RunningBoard, openocd: OpenOcd, tmp_path: Path
) -> None:
    """A bus fault comes back as one, and the next access works."""
    hole = 0x7000_0000
    said = openocd.run(
        board.address,
        chip.config,
        f"""
        init
        halt
        mww {chip.ram:#x} 0x5A5A1234
        say read [fails {{ read_memory {hole:#x} 32 1 }}]
        say_words between {chip.ram:#x} 1
        say write [fails {{ mww {hole:#x} 1 }}]
        say_words behind {chip.ram:#x} 1
        """,
        folder=tmp_path,
    )
    assert (said.values["read"], said.values["write"]) == ("1", "1")
    assert said.number("between") == said.number("behind") == 0x5A5A1234


def test_program_run_and_stop(
    chip: Chip, board: RunningBoard, openocd: OpenOcd, tmp_path: Path
) -> None:
    """OpenOCD's own flash driver programs; then reset, breakpoint, watchpoint, step, resume."""
    image = firmware(chip)
    (tmp_path / "image.bin").write_bytes(image)
    base = chip.flash
    said = openocd.run(
        board.address,
        chip.config,
        f"""
        init
        reset init
        flash write_image erase image.bin {base:#x} bin
        verify_image image.bin {base:#x} bin
        dump_image dump.bin {base:#x} {len(image)}

        reset init
        say_registers reset {{pc sp xPSR}}
        bp {base + STORE:#x} 2 hw
        resume
        wait_halt 1000
        say_registers bp1 {{pc r0}}
        resume
        wait_halt 1000
        say_registers bp2 {{pc r0}}
        rbp {base + STORE:#x}
        step
        say_registers step {{pc r0}}
        say_words stored {chip.ram:#x} 1
        wp {chip.ram:#x} 4 w
        resume
        wait_halt 1000
        say_registers wp {{pc r0}}
        say_words watched {chip.ram:#x} 1
        rwp {chip.ram:#x}

        resume
        say_state running
        wait_until {{[read_memory {chip.ram:#x} 32 1] > 100}}
        halt
        say_words counted {chip.ram:#x} 1
        say_registers halt {{pc}}
        mww {chip.ram:#x} 0
        reset run
        wait_until {{[read_memory {chip.ram:#x} 32 1] > 0}}
        say_state after_reset
        halt
        say_words again {chip.ram:#x} 1
        """,
        folder=tmp_path,
    )
    assert (tmp_path / "dump.bin").read_bytes() == image
    if chip.starts_in_rom:
        assert 0x1FFF_0000 <= said.number("reset.pc") < 0x1FFF_2000
    else:
        assert said.number("reset.pc") == base + CODE
        assert said.number("reset.sp") == chip.ram + chip.ram_length
    assert said.number("reset.xPSR") == 0x0100_0000
    assert (said.number("bp1.pc"), said.number("bp1.r0")) == (base + STORE, 1)
    assert (said.number("bp2.pc"), said.number("bp2.r0")) == (base + STORE, 2)
    assert (said.number("step.pc"), said.number("step.r0")) == (base + BRANCH, 2)
    assert said.number("stored") == 2
    assert said.number("wp.r0") == said.number("watched") == 3
    assert said.number("wp.pc") in (base + BRANCH, base + LOOP)  # ARMv7-M: imprecise by a few
    assert said.values["running"] == said.values["after_reset"] == "running"
    assert said.number("counted") > 100
    assert base + LOOP <= said.number("halt.pc") <= base + BRANCH
    assert 0 < said.number("again") < 1 << 31


def test_software_breakpoint_and_steps_in_ram(
    chip: Chip, board: RunningBoard, openocd: OpenOcd, tmp_path: Path
) -> None:
    code, cell = chip.ram + 0x100, chip.ram
    (tmp_path / "code.bin").write_bytes(firmware(chip)[CODE : CODE + 16])
    said = openocd.run(
        board.address,
        chip.config,
        f"""
        init
        reset halt
        load_image code.bin {code:#x} bin
        mww {cell:#x} 0
        reg pc {code:#x}
        reg xPSR 0x01000000
        reg primask 1
        foreach n {{1 2 3 4 5}} {{ step; say_registers step$n {{pc}} }}
        bp {code + 6:#x} 2
        resume
        wait_halt 1000
        say_registers bp {{pc r0}}
        resume
        wait_halt 1000
        say_registers again {{pc r0}}
        rbp {code + 6:#x}
        say half [read_memory {code + 6:#x} 16 1]
        """,
        folder=tmp_path,
    )
    steps = [said.number(f"step{n}.pc") - code for n in (1, 2, 3, 4, 5)]
    assert steps == [2, 4, 6, 8, 4]
    assert said.number("bp.pc") == said.number("again.pc") == code + 6
    assert said.number("again.r0") == said.number("bp.r0") + 1
    assert said.number("half") == 0x6008


def test_flash_erase(chip: Chip, board: RunningBoard, openocd: OpenOcd, tmp_path: Path) -> None:
    """An erased sector reads as ones again."""
    (tmp_path / "image.bin").write_bytes(firmware(chip))
    said = openocd.run(
        board.address,
        chip.config,
        f"""
        init
        reset init
        flash write_image erase image.bin {chip.flash:#x} bin
        say_words programmed {chip.flash:#x} 2
        flash erase_sector 0 0 0
        say_words erased {chip.flash:#x} 2
        """,
        folder=tmp_path,
    )
    image = firmware(chip)
    assert said.words("programmed") == list(struct.unpack_from("<2I", image))
    assert said.words("erased") == [0xFFFF_FFFF, 0xFFFF_FFFF]


def test_firmware_made_by_a_compiler(
    chip: Chip, board: RunningBoard, openocd: OpenOcd, tmp_path: Path
) -> None:
    """The shipped sample: OpenOCD programs the ELF, follows its symbols, and sees it fault."""
    elf = SAMPLES / f"{chip.name}.elf"
    symbol = symbols(elf)
    said = openocd.run(
        board.address,
        chip.config,
        f"""
        init
        program {elf} verify
        reset init
        bp {symbol["main"]:#x} 2 hw
        resume
        wait_halt 2000
        say_registers main {{pc}}
        rbp {symbol["main"]:#x}
        wp {symbol["counter"]:#x} 4 w
        resume
        wait_halt 2000
        say_words first {symbol["counter"]:#x} 1
        resume
        wait_halt 2000
        say_words second {symbol["counter"]:#x} 1
        rwp {symbol["counter"]:#x}
        resume
        wait_until {{[read_memory {symbol["counter"]:#x} 32 1] > 2}}
        say_words early {symbol["counter"]:#x} 1
        wait_until {{[read_memory {symbol["counter"]:#x} 32 1] > 20}}
        say_words late {symbol["counter"]:#x} 1
        say_state state
        cortex_m vector_catch hard_err
        mww {symbol["fault_request"]:#x} 1
        wait_halt 2000
        say_registers fault {{pc xPSR sp}}
        say_words status 0xE000ED28 5
        say_words frame [dict get [[target current] get_reg sp] sp] 8
        """,
        folder=tmp_path,
    )
    assert said.number("main.pc") == symbol["main"]
    assert (said.number("first"), said.number("second")) == (1, 2)
    assert said.values["state"] == "running"
    assert 2 < said.number("early") < said.number("late")
    assert said.number("fault.pc") == symbol["HardFault_Handler"]
    assert said.number("fault.xPSR") & 0x1FF == 3
    stacked_pc = said.words("frame")[6]
    assert symbol["read_sensor"] <= stacked_pc < symbol["read_sensor"] + 4
    cfsr, hfsr, _, _, bfar = said.words("status")
    if chip.name != "nrf51822":  # ARMv6-M has no fault status registers but DFSR
        assert (cfsr, hfsr, bfar) == (0x8200, 0x4000_0000, 0x6000_0000)
    assert "halted due to breakpoint, current mode: Handler HardFault" in said.text
    assert f"hello from {chip.name}" in "".join(board.lines).lower()


def test_connect_under_reset(
    chip: Chip, board: RunningBoard, openocd: OpenOcd, tmp_path: Path
) -> None:
    """OpenOCD holds nRESET while it connects; the core stops before its first instruction."""
    said = openocd.run(
        board.address,
        chip.config,
        f"""
        reset_config srst_only srst_nogate connect_assert_srst
        init
        reset init
        mww {chip.ram:#x} 0xC0FFEE
        reset halt
        say_state state
        say_words cell {chip.ram:#x} 1
        say_words dfsr 0xE000ED30 1
        """,
        folder=tmp_path,
    )
    assert said.values["state"] == "halted"
    assert said.number("cell") == 0xC0FFEE  # a reset leaves RAM alone
