"""OpenOCD, unmodified, at what only some chips and probes have: FPU, locks, trace, two drivers."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from tests.judges.openocd_chips import CHIPS
from tests.support.boards import running_board
from tests.support.openocd import OpenOcd

pytestmark = pytest.mark.tools


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
