"""OpenOCD 0.12, unmodified, debugs and programs every chip: it must not tell board from silicon.

OpenOCD brings its own idea of each chip (target configuration, flash drivers and their loaders that
run on the chip); nothing here comes from our host.
"""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

import onchip
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


@dataclass(frozen=True)
class Chip:
    """What OpenOCD's user has to know of a chip."""

    name: str
    config: str
    flash: int
    ram: int
    ram_length: int
    cpuid: int
    idcode: int
    fpu: bool = False
    starts_in_rom: bool = False
    """The core leaves reset in a boot ROM, which lies over the flash until it starts the firmware.

    OpenOCD's `reset init` takes it away (MEMMAP).
    """


CHIPS = [
    Chip(
        "stm32f407", "target/stm32f4x.cfg", 0x0800_0000, 0x2000_0000, 0x8000,
        0x410F_C241, 0x2BA0_1477, fpu=True,
    ),
    Chip(
        "nrf52840", "target/nrf52.cfg", 0, 0x2000_0000, 0x8000,
        0x410F_C241, 0x2BA0_1477, fpu=True,
    ),
    Chip(
        "lpc1768", "target/lpc17xx.cfg", 0, 0x1000_0000, 0x8000,
        0x412F_C230, 0x2BA0_1477, starts_in_rom=True,
    ),
    Chip("nrf51822", "target/nrf51.cfg", 0, 0x2000_0000, 0x4000, 0x410C_C200, 0x0BB1_1477),
]  # fmt: skip


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


@pytest.mark.parametrize("name", ["stm32f407", "nrf52840", "nrf51822"])
def test_programming_only_clears_bits(name: str, openocd: OpenOcd, tmp_path: Path) -> None:
    """OpenOCD's loader runs on the core: what it stores is ANDed with what the cells hold."""
    chip = next(chip for chip in CHIPS if chip.name == name)
    at = chip.flash + 0x400
    with running_board(name) as board:
        said = openocd.run(
            board.address,
            chip.config,
            f"""
            init
            reset halt
            flash fillw {at:#x} 0xFFFF0FF0 4
            say again [fails {{ flash fillw {at:#x} 0x12345678 4 }}]
            say_words cells {at:#x} 4
            """,
            folder=tmp_path,
        )
    assert said.values["again"] == "1"  # OpenOCD reads back what it wrote
    assert said.words("cells") == [0xFFFF0FF0 & 0x12345678] * 4


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


@pytest.mark.parametrize("name", ["stm32f407", "nrf52840"])
def test_fpu_registers(name: str, openocd: OpenOcd, tmp_path: Path) -> None:
    with running_board(name) as board:
        said = openocd.run(
            board.address,
            next(chip.config for chip in CHIPS if chip.name == name),
            """
            init
            reset halt
            mww 0x20000000 0xBF00BF00
            reg pc 0x20000000
            reg xPSR 0x01000000
            reg d0 0x3FF0000012345678
            reg d15 0xFEDCBA9876543210
            reg fpscr 0x00400000
            step
            say_registers now {d0 d1 d15 fpscr pc}
            """,
            folder=tmp_path,
        )
    assert said.number("now.d0") == 0x3FF0000012345678
    assert said.number("now.d15") == 0xFEDCBA9876543210
    assert said.number("now.fpscr") == 0x00400000
    assert said.number("now.pc") == 0x20000002


def test_a_locked_nrf52_is_recovered(openocd: OpenOcd, tmp_path: Path) -> None:
    """APPROTECT closes the AHB-AP at the next reset; the CTRL-AP erases everything and opens it."""
    with running_board("nrf52840") as board:
        said = openocd.run(
            board.address,
            "target/nrf52.cfg",
            """
            init
            reset halt
            flash fillw 0 0x12345678 4
            flash fillw 0x10001208 0xFFFFFF00 1
            say_words flash_before 0 1
            say halt [fails { reset halt }]
            say read [fails { read_memory 0x20000000 32 1 }]
            say idr [string trim [[[target current] cget -dap] apreg 1 0xfc]]
            say status [string trim [[[target current] cget -dap] apreg 1 0xc]]
            nrf52_recover
            halt
            say_words flash_after 0 1
            say_words uicr 0x10001208 1
            """,
            folder=tmp_path,
        )
    assert said.number("flash_before") == 0x12345678
    assert (said.values["halt"], said.values["read"]) == ("1", "1")
    assert said.number("idr") == 0x0288_0000
    assert said.number("status") == 0
    assert "successfully erased and unlocked" in said.text
    assert said.number("flash_after") == said.number("uicr") == 0xFFFF_FFFF


def test_a_locked_stm32_is_unlocked_and_blank(openocd: OpenOcd, tmp_path: Path) -> None:
    """Read-out protection level 1 hides the flash; going back to level 0 erases it."""
    with running_board("stm32f407") as board:
        said = openocd.run(
            board.address,
            "target/stm32f4x.cfg",
            """
            init
            reset halt
            flash fillw 0x08000000 0x12345678 4
            stm32f2x lock 0
            reset halt
            say locked [fails { read_memory 0x08000000 32 1 }]
            stm32f2x unlock 0
            reset halt
            say_words after 0x08000000 1
            """,
            folder=tmp_path,
        )
    assert said.values["locked"] == "1"
    assert "Device Security Bit Set" in said.text
    assert said.number("after") == 0xFFFF_FFFF


def test_trace_over_swo(openocd: OpenOcd, tmp_path: Path) -> None:
    """What is written to an ITM port reaches OpenOCD's trace file as ITM packets."""
    with running_board("stm32f407") as board:
        openocd.run(
            board.address,
            "target/stm32f4x.cfg",
            """
            init
            reset halt
            stm32f4x.tpiu configure -protocol uart -traceclk 16000000 -pin-freq 2000000
            stm32f4x.tpiu configure -output trace.bin
            stm32f4x.tpiu enable
            itm port 0 on
            mww 0xE0000000 0x44434241
            mwh 0xE0000000 0x4645
            mwb 0xE0000000 0x47
            mwb 0xE0000004 0x99   ;# port 1 is off
            wait_until {[file size trace.bin] >= 10}
            stm32f4x.tpiu disable
            """,
            folder=tmp_path,
        )
    expected = b"\x03ABCD" + b"\x02EF" + b"\x01G"  # source packets of port 0: 4, 2 and 1 bytes
    assert (tmp_path / "trace.bin").read_bytes() == expected


def test_semihosting(openocd: OpenOcd, tmp_path: Path) -> None:
    """BKPT 0xAB halts; OpenOCD reads the request, prints, and lets the core run on."""
    code = struct.pack(
        "<6HII16s",
        *(0x2004, 0x4902, 0xBEAB),  # movs r0, #4 (SYS_WRITE0); ldr r1, [pc, #8]: text; bkpt 0xab
        *(0x4A02, 0x6011, 0xE7FE),  # ldr r2, [pc, #8]: cell; str r1, [r2]; here: b here
        0x2000_0014,
        0x2000_0100,
        b"from target\n",
    )
    (tmp_path / "code.bin").write_bytes(code + b"\0")
    with running_board("stm32f407") as board:
        said = openocd.run(
            board.address,
            "target/stm32f4x.cfg",
            """
            init
            reset halt
            arm semihosting enable
            load_image code.bin 0x20000000 bin
            reg pc 0x20000000
            reg xPSR 0x01000000
            mww 0x20000100 0
            resume
            wait_until {[read_memory 0x20000100 32 1] == 0x20000014}
            say_state state
            """,
            folder=tmp_path,
        )
    assert "from target" in said.text
    assert said.values["state"] == "running"


@pytest.mark.parametrize("backend", ["openocd", "openocd_usb"])
@pytest.mark.parametrize("model", ["hid-64x1", "hid-64x4", "bulk-64x8", "bulk-512x4-basic"])
def test_every_probe_model_and_both_drivers(
    model: str, backend: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    image = random.Random(9).randbytes(0x1000)
    (tmp_path / "image.bin").write_bytes(image)
    with running_board("stm32f407", probe_model=model) as board:
        request.getfixturevalue(backend).run(
            board.address,
            "target/stm32f4x.cfg",
            """
            init
            halt
            load_image image.bin 0x20000000 bin
            dump_image dump.bin 0x20000000 0x1000
            """,
            folder=tmp_path,
        )
    assert (tmp_path / "dump.bin").read_bytes() == image


def test_one_board_serves_one_openocd_after_the_other(openocd: OpenOcd, tmp_path: Path) -> None:
    """A new connection finds the chip as the last one left it: halted, and with its memory."""
    script = "init\nsay_state state\nhalt\nsay_words cell 0x20000000 1\nmww 0x20000000 0x5AFE"
    with running_board("stm32f407") as board:
        openocd.run(board.address, "target/stm32f4x.cfg", script, folder=tmp_path)
        said = openocd.run(board.address, "target/stm32f4x.cfg", script, folder=tmp_path)
    assert said.number("cell") == 0x5AFE
    assert said.values["state"] == "halted"
