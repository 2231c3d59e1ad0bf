"""Targets whose flash algorithm is a table, and `Flash` subclasses in ``FLASH``."""

from __future__ import annotations

import struct
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from onchip.errors import AlgorithmError, UsageError
from onchip.flash.algorithm import FlashAlgorithm
from pyOCD.board import MbedBoard
from pyOCD.flash import FLASH, Flash
from pyOCD.target import TARGET, FlashRegion, MemoryMap, RamRegion, Target
from tests.support.images import counting_loop

START = 0x0800_0000
LOAD = 0x2000_0000
HEADER = 0x20


def table(**changes: Any) -> dict[str, Any]:
    """Lay our own algorithm out as such tables are: with a BKPT at the front."""
    path = resources.files("onchip.flash").joinpath("algorithms/stm32f407.FLM")
    algorithm = FlashAlgorithm.parse(path.read_bytes())
    code = b"\x00\xbe\xfd\xe7".ljust(HEADER, b"\0") + algorithm.blob
    entry = {name: LOAD + HEADER + at + 1 for name, at in algorithm.functions.items()}
    return {
        "load_address": LOAD,
        "instructions": list(struct.unpack(f"<{len(code) // 4}I", code)),
        "pc_init": entry["Init"],
        "pc_unInit": entry["UnInit"],
        "pc_eraseAll": entry["EraseChip"],
        "pc_erase_sector": entry["EraseSector"],
        "pc_program_page": entry["ProgramPage"],
        "static_base": LOAD + HEADER + algorithm.static_base,
        "begin_stack": LOAD + 0x1800,
        "begin_data": LOAD + 0x2000,
        "page_buffers": [LOAD + 0x2000, LOAD + 0x2400],
        "min_program_length": 4,
        **changes,
    }


class OwnTarget(Target):
    """A chip that only its table knows how to program."""

    memoryMap = MemoryMap(
        FlashRegion(START, length=0x1_0000, blocksize=0x4000), RamRegion(LOAD, length=0x2_0000)
    )


class OwnFlash(Flash):
    """Its flash."""

    def __init__(self, target: Target) -> None:
        super().__init__(target, table())


@pytest.fixture
def own_board(monkeypatch: pytest.MonkeyPatch) -> MbedBoard:
    monkeypatch.setitem(TARGET, "own", OwnTarget)
    monkeypatch.setitem(FLASH, "own", OwnFlash)
    board = MbedBoard.chooseBoard(target_override="own")
    assert board is not None
    return board


def test_jobs_run_the_table(own_board: MbedBoard, tmp_path: Path) -> None:
    image = counting_loop("stm32f407", length=3000)
    (tmp_path / "image.bin").write_bytes(image)
    with own_board as board:
        assert isinstance(board.flash, OwnFlash)
        assert board.flash.minimumProgramLength == 4
        board.flash.flashBinary(str(tmp_path / "image.bin"))
        assert bytes(board.target.readBlockMemoryUnaligned8(START, 3000)) == image
        assert board.session.algorithm is not None
        board.flash.erasePage(START)
        assert board.target.read32(START) == 0xFFFF_FFFF
        board.flash.programPage(START + 0x4000, [1, 2, 3, 4])
        assert board.target.read32(START + 0x4000) == 0x0403_0201


def test_single_functions(own_board: MbedBoard) -> None:
    with own_board as board:
        flash, algo = board.flash, table()
        assert flash.callFunctionAndWait(algo["pc_init"], START, 16_000_000, 1, init=True) == 0
        assert flash.callFunctionAndWait(algo["pc_erase_sector"], START) == 0
        board.target.writeBlockMemoryUnaligned8(algo["begin_data"], list(range(64)))
        flash.callFunction(algo["pc_program_page"], START, 64, algo["begin_data"])
        assert flash.waitForCompletion() == 0
        assert board.target.readBlockMemoryUnaligned8(START, 64) == list(range(64))
        assert flash.callFunctionAndWait(algo["pc_program_page"], 0x0900_0000, 4, LOAD) != 0
        assert flash.waitForCompletion() == 0


def test_without_a_table_there_is_nothing_to_call(board: MbedBoard) -> None:
    with pytest.raises(UsageError, match="no flash_algo table"):
        board.flash.callFunction(0x2000_0001)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"instructions": None}, "cannot be used"),
        ({"pc_init": LOAD + 0x10_0000}, "cannot be used"),
        ({"pc_program_page": None}, "no pc_program_page"),
        ({"static_base": LOAD - 4}, "away from the code"),
    ],
)
def test_a_table_that_cannot_be_used(
    board: MbedBoard, changes: dict[str, Any], message: str
) -> None:
    flash = Flash(board.target, table(**changes))
    with pytest.raises(AlgorithmError, match=message):
        flash.eraseAll()


def test_entries_may_be_offsets(board: MbedBoard) -> None:
    algo = table()
    offsets = {name: value - LOAD for name, value in algo.items() if name.startswith("pc_")}
    flash = Flash(board.target, {**algo, **offsets, "page_size": 256})
    flash.erasePage(START)
    assert board.target.read32(START) == 0xFFFF_FFFF


def test_a_target_without_flash_needs_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FLASH, "cortex_m", OwnFlash)
    board = MbedBoard.chooseBoard(target_override="cortex_m")
    assert board is not None
    with board, pytest.raises(AlgorithmError, match="no flash"):
        board.flash.eraseAll()
