"""What a notebook shows of the things that a session gives."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from onchip.cortex_m import PointOwner
from onchip.errors import OnchipError
from onchip.services.commands import COMMANDS, Interpreter, SessionMachine
from onchip.services.gdb import GdbServer
from onchip.session import open_session
from onchip.virtual_board.board import VirtualBoard
from tests.session.conftest import board_with_a_loop

LOOP = 0x0800_0102


@pytest.fixture(scope="module")
def board() -> Iterator[VirtualBoard]:
    """One board for all: a session leaves it as it was."""
    with board_with_a_loop() as board:
        yield board


def test_a_session_and_what_belongs_to_it(board: VirtualBoard) -> None:
    assert repr(board.faults).startswith("<Faults: 0 pending, ")
    with open_session(board.link(), frequency_hz=2_000_000) as session:
        assert repr(session.link) == f"<BoardLink {session.link.description}>"
        assert repr(session.client) == f"<DapClient {session.link.description}, 2 MHz>"
        assert repr(session.uart) == "<ComPort 115200 baud>"
        table = "<Component 0xe00ff000: ROM table, part 0x413, STMicroelectronics, 6 below>"
        assert repr(session.rom_table) == table
        flash = session.memory_map.flash[0]
        assert repr(flash) == "<FlashRegion flash (0x08000000-0x080FFFFF), flash>"
        (sector,) = session.plan_flash(bytes(16), format="bin")
        assert repr(sector).startswith("<SectorOutline 0x08000000+0x4000: differs, erase")


def test_a_stop_and_who_wanted_it(board: VirtualBoard) -> None:
    with open_session(board.link()) as session:
        core = session.core
        core.halt()
        assert repr(core.breakpoints.set(LOOP)) == "<Breakpoint 0x08000102, hardware>"
        watch = core.watchpoints.set(0x2000_0000, 4, value=5)
        assert repr(watch) == "<Write watchpoint on 4 bytes at 0x20000000 for the value 0x5>"
        core.resume()
        stop = "<HaltReason breakpoint at 0x08000102: hardware breakpoint>"
        assert repr(core.wait_halted(1)) == stop
        assert repr(PointOwner("my tool")) == "<PointOwner my tool>"


def test_a_batch_and_its_results(board: VirtualBoard) -> None:
    with open_session(board.link()) as session:
        session.core.halt()
        batch = session.core.batch()
        good = session.memory.queue_read_u32(batch, 0x0800_0000)
        text = session.memory.queue_read(batch, 0x0800_0000, 2)
        assert repr(batch) == "<Batch of 2 operations, has not run>"
        assert repr(good) == "<Result: the batch of this result has not run yet>"
        batch.run()
        assert (repr(good), repr(text)) == ("<Result 0x20004000>", "<Result b'\\x00@'>")
        assert repr(batch) == "<Batch of 2 operations, has run>"
        batch = session.core.batch()
        bad = session.memory.queue_read_u32(batch, 0x6000_0000)
        with pytest.raises(OnchipError):
            batch.run()
        assert repr(batch) == "<Batch of 1 operations, failed>"
        assert re.match("<Result: read DRW at 0x60000000: .*FAULT", repr(bad))


def test_services(board: VirtualBoard) -> None:
    with open_session(board.link()) as session:
        machine = SessionMachine(session)
        assert repr(machine) == "<SessionMachine: stm32f407, without names>"
        assert repr(Interpreter(machine)).endswith(f" commands for {machine!r}>")
        assert repr(COMMANDS[0]) == "<Command halt: stop the core>"
        server = GdbServer(session, 0)
        assert repr(server) == "<GdbServer on port 0, not serving>"
