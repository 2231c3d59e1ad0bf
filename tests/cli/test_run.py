"""`onchip run`: what it prints, and above all with which exit code it ends."""

from __future__ import annotations

import io
import os
import struct
import sys
from pathlib import Path

import pytest

from onchip.cli.tour import sample_path
from onchip.cli.verbs.run import _Input
from tests.support.thumb import APPLICATION_EXIT, BKPT, UDF, Program

from .conftest import Onchip

CHIPS = ["stm32f407", "nrf52840", "nrf51822", "lpc1768"]


def run(onchip: Onchip, program: Program, folder: Path, *words: object):
    return onchip("run", program.write_bin(folder), "--probe", f"virtual:{program.chip}", *words)


@pytest.mark.parametrize("chip", CHIPS)
def test_it_prints_and_returns_the_exit_code(onchip: Onchip, tmp_path: Path, chip: str) -> None:
    outcome = run(onchip, Program(chip).write0("hello, ").write0("world\n").exit(42), tmp_path)
    assert (outcome.code, outcome.out) == (42, "hello, world\n")
    assert "exited with 42" in outcome.err


@pytest.mark.parametrize(
    ("reason", "code"), [(APPLICATION_EXIT, 0), (0x20023, 1), (0x20022, 1), (0, 1)]
)
def test_sys_exit(onchip: Onchip, tmp_path: Path, reason: int, code: int) -> None:
    assert run(onchip, Program().call(0x18, reason), tmp_path).code == code


def test_a_failure_is_never_taken_for_success(onchip: Onchip, tmp_path: Path) -> None:
    assert run(onchip, Program().exit(0x100), tmp_path).code == 255


@pytest.mark.parametrize("chip", CHIPS)
def test_a_fault_is_decoded(onchip: Onchip, tmp_path: Path, chip: str) -> None:
    outcome = run(onchip, Program(chip).write0("before\n").raw(UDF), tmp_path, "--timeout", 5)
    assert (outcome.code, outcome.out) == (139, "before\n")
    assert "the program faulted" in outcome.err
    assert "are no instruction" in outcome.err or "undefined on purpose" in outcome.err


def test_a_fault_handler_that_hangs_is_a_fault_too(onchip: Onchip, tmp_path: Path) -> None:
    enable_usage_fault = (  # ldr r0, =SHCSR; ldr r1, =USGFAULTENA; str r1, [r0]; udf
        struct.pack("<HHHHII", 0x4801, 0x4902, 0x6001, 0xDE00, 0xE000ED24, 1 << 18)
    )
    outcome = run(onchip, Program().raw(enable_usage_fault), tmp_path, "--timeout", 0.2)
    assert outcome.code == 139
    assert "UsageFault" in outcome.err


def test_a_lock_up(onchip: Onchip, tmp_path: Path) -> None:
    bad_vectors = bytearray(Program().image())
    bad_vectors[4:8] = struct.pack("<I", 0x6000_0001)  # the reset vector leads to no memory
    bad_vectors[12:16] = struct.pack("<I", 0x6000_0001)  # ... and HardFault's likewise
    (tmp_path / "bad.bin").write_bytes(bad_vectors)
    words = ("--probe", "virtual:stm32f407", "--timeout", 1)
    assert onchip("run", tmp_path / "bad.bin", *words).code == 139


def test_a_bkpt_of_its_own(onchip: Onchip, tmp_path: Path) -> None:
    outcome = run(onchip, Program().raw(BKPT), tmp_path)
    assert outcome.code == 139
    assert "BKPT of its own, " in outcome.err
    assert "pc 0x0800_0110" in outcome.err


def test_the_time_is_up(onchip: Onchip, tmp_path: Path) -> None:
    outcome = run(onchip, Program().write0("working\n"), tmp_path, "--timeout", 0.3)
    assert (outcome.code, outcome.out) == (124, "working\n")
    assert "still ran" in outcome.err


def test_uart_output(onchip: Onchip) -> None:
    words = ("--probe", "virtual:stm32f407", "--timeout", 0.2)
    outcome = onchip("run", sample_path(), *words)
    assert outcome.code == 124
    assert outcome.out.startswith("hello from stm32f407")


def test_files_only_below_the_directory(onchip: Onchip, tmp_path: Path) -> None:
    def writer() -> Program:
        program = Program()
        name = program.data(b"out.txt")
        program.call(0x01, program.block(name, 4, 7))
        program.call(0x05, program.block(4, program.data(b"data"), 4))
        return program.exit(0)

    assert run(onchip, writer(), tmp_path).code == 0
    assert not list(tmp_path.rglob("out.txt"))
    (tmp_path / "files").mkdir()
    run(onchip, writer(), tmp_path, "--semihosting-dir", tmp_path / "files")
    assert (tmp_path / "files/out.txt").read_bytes() == b"data"
    missing = run(onchip, writer(), tmp_path, "--semihosting-dir", tmp_path / "missing")
    assert missing.code == 2


def test_no_flash_runs_what_is_there(onchip: Onchip, tmp_path: Path) -> None:
    path = Program().write0("old\n").exit(3).write_bin(tmp_path)
    board = ("--probe", f"virtual:stm32f407@{tmp_path / 'board.flash'}")
    assert onchip("run", path, *board).code == 3
    newer = tmp_path / "newer"
    newer.mkdir()
    path = Program().write0("new\n").exit(4).write_bin(newer)
    outcome = onchip("run", path, "--no-flash", *board)
    assert (outcome.code, outcome.out) == (3, "old\n")
    assert onchip("run", tmp_path / "missing.elf", "--no-flash", *board).code == 1


def test_after_a_fault_the_core_stays_halted_for_a_look(onchip: Onchip, tmp_path: Path) -> None:
    import onchip as library
    from onchip.services.firmware_run import Ending, FirmwareRun
    from onchip.services.semihosting import Semihosting

    printed: list[bytes] = []
    with library.connect("virtual:stm32f407") as session:
        session.flash(Program().raw(UDF).write_bin(tmp_path), reset=False)
        semihosting = Semihosting(lambda stream, data: printed.append(data))
        report = FirmwareRun(session, semihosting, printed.append).go(timeout_s=1)
        assert report.ending is Ending.FAULT
        assert report.exit_code is None
        assert session.core.halted
        assert session.resume_on_close is False


def test_a_program_in_ram(onchip: Onchip, tmp_path: Path) -> None:
    program = Program()
    program.base = 0x2000_0000
    program.write0("from RAM\n").exit(5)
    path = program.write_bin(tmp_path)
    words = ("--base", "0x2000_0000", "--probe", "virtual:stm32f407", "--timeout", 1)
    outcome = onchip("run", path, *words)
    assert (outcome.code, outcome.out) == (5, "from RAM\n"), outcome.err


@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan"])
def test_a_time_that_is_none(onchip: Onchip, text: str) -> None:
    outcome = onchip("run", "x.elf", f"--timeout={text}")
    assert outcome.code == 2
    assert "seconds" in outcome.err


def test_input_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        read = _Input(0.01)
        os.write(writer, b"abc")
        assert read(2) == b"ab"
        assert read(2) == b"c"
        assert read(2) == b""  # nothing came in time
        os.close(writer)
        assert read(2) == b""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert _Input(None)(1) == b""
