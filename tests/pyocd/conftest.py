"""Scripts of the classic API find a virtual board by ONCHIP_PROBE."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyOCD.board import MbedBoard
from pyOCD.interface import OnchipInterface
from pyOCD.pyDAPAccess import DAPAccess
from tests.support.images import counting_loop

NAME = "virtual:stm32f407"
FLASH = 0x0800_0000
MARKS = (0x4000, 0x8000, 0xC000)
"""Where, besides the program, each other small sector of the programmed board holds b"UUUU"."""


@pytest.fixture(autouse=True)
def a_board_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCHIP_PROBE", NAME)


@pytest.fixture(scope="session")
def flash_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The flash of a board with the counting loop, alone (``plain``) and with `MARKS`."""
    folder = tmp_path_factory.mktemp("flash")
    files = {name: folder / name for name in ("plain", "marked")}
    for name, path in files.items():
        with MbedBoard(DAPAccess(f"{NAME}@{path}")) as board:
            board.init()
            builder = board.flash.getFlashBuilder()
            builder.addData(FLASH, list(counting_loop("stm32f407")))
            for mark in MARKS if name == "marked" else ():
                builder.addData(FLASH + mark, [0x55] * 4)
            builder.program()
    return files


@pytest.fixture
def marked_board(
    flash_files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The name of a board with `MARKS`, which the environment has too; its flash is kept."""
    spec = f"{NAME}@{shutil.copy(flash_files['marked'], tmp_path / 'board.flash')}"
    monkeypatch.setenv("ONCHIP_PROBE", spec)
    return spec


@pytest.fixture
def board(flash_files: dict[str, Path], tmp_path: Path) -> Iterator[MbedBoard]:
    """A connected board whose flash holds the counting loop, halted."""
    path = shutil.copy(flash_files["plain"], tmp_path / "board.flash")
    board = MbedBoard(DAPAccess(NAME, OnchipInterface(f"{NAME}@{path}", NAME)))
    board.init()
    board.target.resetStopOnReset()
    yield board
    board.uninit()
