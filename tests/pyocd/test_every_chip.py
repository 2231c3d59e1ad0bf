"""What scripts of the first versions do to a board, on every chip and the slowest probe."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from pyOCD.board import MbedBoard
from pyOCD.gdbserver import GDBServer
from pyOCD.target import Target, cortex_m
from tests.pyocd.gdb_client import Client
from tests.support.images import FLASH_START, RAM_START, counting_loop


@pytest.fixture(params=list(FLASH_START), scope="module")
def chip(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def board(chip: str) -> Iterator[MbedBoard]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ONCHIP_PROBE", f"virtual:{chip}/hid-64x1")
        board = MbedBoard.chooseBoard("cmsis_dap", False, True)
        assert board is not None
        board.flash.flashBlock(FLASH_START[chip], list(counting_loop(chip)), True, False)
        yield board
        board.uninit()


@pytest.fixture(autouse=True)
def halted_at_the_start(board: MbedBoard) -> None:
    board.target.resetStopOnReset()


def test_the_names_of_the_first_versions(board: MbedBoard, chip: str) -> None:
    assert board.transport is board.link
    assert board.interface is board.link.interface
    assert board.getTargetType() == chip
    assert (cortex_m.RUNNING, cortex_m.HALTED) == (Target.TARGET_RUNNING, Target.TARGET_HALTED)


def test_it_stops_at_the_programs_first_instruction(board: MbedBoard, chip: str) -> None:
    assert board.target.readCoreRegister("pc") == FLASH_START[chip] + 0x100


def test_memory_of_every_size_and_alignment(board: MbedBoard, chip: str) -> None:
    target, ram = board.target, RAM_START[chip]
    for size in (1, 2, 3, 4, 7, 64, 1030):
        for offset in range(4):
            data = [(size + offset + index) & 0xFF for index in range(size)]
            target.writeBlockMemoryUnaligned8(ram + offset, data)
            assert target.readBlockMemoryUnaligned8(ram + offset, size) == data
    later = [target.readMemory(ram + index, 8, now=False) for index in range(4)]
    assert [fetch() for fetch in later] == target.readBlockMemoryUnaligned8(ram, 4)


def test_registers(board: MbedBoard) -> None:
    for name in (*(f"r{n}" for n in range(13)), "lr", "psp", "primask"):
        before = board.target.readCoreRegister(name)
        value = 4 if name == "psp" else 1  # the last two bits of a stack pointer read as zero
        board.target.writeCoreRegister(name, value)
        assert board.target.readCoreRegister(name) == value
        board.target.writeCoreRegister(name, before)


def test_breakpoints_and_steps(board: MbedBoard, chip: str) -> None:
    target, loop = board.target, FLASH_START[chip] + 0x102
    assert target.setBreakpoint(loop)
    target.resume()
    board.session.core.wait_halted(1.0)
    assert target.readCoreRegister("pc") == loop
    target.step()
    assert target.readCoreRegister("pc") == loop + 2
    target.removeBreakpoint(loop)


def test_flash(board: MbedBoard, chip: str) -> None:
    region = board.session.memory_map.flash[0]
    page = board.flash.getPageInfo(region.end - 1)
    assert page is not None
    assert page.base_addr is not None
    board.flash.init()
    board.flash.programPage(page.base_addr, [1, 2, 3, 4])
    assert board.target.read32(page.base_addr) == 0x0403_0201
    board.flash.erasePage(page.base_addr)
    assert board.target.read32(page.base_addr) == 0xFFFF_FFFF
    assert len(board.flash.computeCrcs([(region.start, 1024)])) == 1


def test_what_the_core_cannot_catch_is_left_out(board: MbedBoard) -> None:
    board.target.setVectorCatch(Target.CATCH_ALL)
    caught = board.target.getVectorCatch()
    assert caught == (0x81 if board.session.core.identity.baseline else 0xFF)
    board.target.setVectorCatch(Target.CATCH_NONE)


def test_a_gdb_server_that_catches_everything(board: MbedBoard) -> None:
    server = GDBServer(board, 0, {"vector_catch": Target.CATCH_ALL, "persist": True})
    client = Client(server.port)
    assert client.ask(b"?").startswith(b"T")
    assert client.ask(b"D") == b"OK"
    client.close()
    server.stop()
    board.target.halt()


def test_mass_erase(board: MbedBoard, chip: str) -> None:
    assert board.target.massErase()
    assert board.target.read32(FLASH_START[chip] + 0x100) == 0xFFFF_FFFF
    board.flash.flashBlock(FLASH_START[chip], list(counting_loop(chip)))


def test_the_commands_are_installed() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    scripts = {k: v for k, v in project["project"]["scripts"].items() if k.startswith("pyocd-")}
    assert set(scripts) == {"pyocd-gdbserver", "pyocd-flashtool", "pyocd-tool"}
    for place in scripts.values():
        module, _, name = place.partition(":")
        assert callable(getattr(import_module(module), name))
