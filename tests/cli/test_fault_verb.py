"""`onchip fault`, on a board in a process of its own, where `onchip run` left a crash."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from onchip.cli.tour import sample_path
from tests.support.boards import running_board
from tests.support.thumb import UDF, Program

from .conftest import Onchip


@pytest.fixture(scope="module")
def board() -> Iterator[tuple[str, str]]:
    with running_board("stm32f407") as board:
        yield "--probe", f"tcp:{board.address}"


def test_what_run_left_can_be_looked_at(
    onchip: Onchip, board: tuple[str, str], tmp_path: Path
) -> None:
    crashed = onchip("run", Program().raw(UDF).write_bin(tmp_path), *board)
    assert crashed.code == 139
    for _ in range(2):  # looking changes nothing
        outcome = onchip("fault", *board)
        assert outcome.code == 0, outcome.err
        assert outcome.out.startswith("UsageFault: the bytes at 0x08000110 are no instruction")
        assert "(pc 0x08000110)" in outcome.out
    data = json.loads(onchip("fault", "--json", *board).out)
    assert data["fault"]["pc"] == 0x0800_0110
    assert onchip("fault", "--markdown", *board).out.startswith("### UsageFault: ")


def test_no_fault_in_a_running_program(onchip: Onchip, board: tuple[str, str]) -> None:
    onchip("flash", sample_path(), *board)
    outcome = onchip("fault", sample_path(), *board)
    assert outcome.code == 0
    assert outcome.out.startswith("No fault is recorded")
    assert "main.c:" in outcome.out
    assert "halted" not in onchip("info", *board).out.replace("not halted", "")


@pytest.mark.parametrize("name", ["missing.elf", "image.bin"])
def test_a_file_without_symbols(onchip: Onchip, tmp_path: Path, name: str) -> None:
    (tmp_path / "image.bin").write_bytes(bytes(64))
    outcome = onchip("fault", tmp_path / name, "--probe", "virtual:stm32f407")
    assert outcome.code == 1
    assert name in outcome.err


def test_run_with_an_elf_file_names_the_place(onchip: Onchip, tmp_path: Path) -> None:
    from onchip.symbols.dwarf import DebugInfo

    sample = bytearray(sample_path().read_bytes())
    debug = DebugInfo.load(sample_path())
    main = next(s.value & ~1 for s in debug.elf.symbols if s.name == "main")
    code = next(s for s in debug.elf.segments if s.physical_address <= main)
    offset = bytes(sample).index(code.data) + main - code.physical_address
    sample[offset : offset + 2] = UDF
    (tmp_path / "crash.elf").write_bytes(sample)
    words = ("--probe", "virtual:stm32f407", "--timeout", 1)
    outcome = onchip("run", tmp_path / "crash.elf", *words)
    assert outcome.code == 139
    assert "at main at " in outcome.err
    assert "firmware/main.c:" in outcome.err
    assert "Reset_Handler" in outcome.err
