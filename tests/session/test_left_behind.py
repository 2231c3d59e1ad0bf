"""A session that was killed leaves opcodes in flash; the next one knows them and removes them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from onchip.arch.dwt import DWT_FUNCTION0
from onchip.arch.fpb import FP_COMP0
from onchip.arch.scs import DEMCR
from onchip.cli.main import main
from onchip.cortex_m import BreakpointKind, HaltKind
from onchip.cortex_m.vector_catch import ALL_CATCH_BITS
from onchip.probe import journal
from onchip.probe.journal import journals_directory, journals_of
from onchip.services.board import BoardServer
from onchip.session import Session
from onchip.session.connecting import open_session
from onchip.virtual_board.board import VirtualBoard
from tests.session.many_breakpoints import CODE, OFFSET, firmware, flash, opcodes, place, raw

HINT = "reads do not show them"


class Outside:
    """A link to a board that does not end with this process, as far as onchip knows."""

    def __init__(self, board: VirtualBoard) -> None:
        link = board.link()
        self.description = "tcp:somewhere"
        self.write, self.read, self.close = link.write, link.read, link.close
        self.now, self.sleep = link.now, link.sleep


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(journal.platformdirs, "user_state_dir", lambda *a, **k: str(tmp_path))
    return tmp_path


@pytest.fixture
def board() -> Iterator[VirtualBoard]:
    """A board on which a session was killed, with three breakpoints in flash."""
    with VirtualBoard("nrf51822") as board:
        session = connected(board)
        memory(board)[: len(firmware(session))] = firmware(session)
        session.reset(halt=True)
        for n in (3, 5, 9):
            session.core.breakpoints.set(place(session, n), BreakpointKind.FLASH)
        session.core.breakpoints.set(place(session, 12), BreakpointKind.HARDWARE)
        session.core.watchpoints.set(0x2000_0000, 4)
        session.core.vector_catch = {"hardfault"}
        session.core.resume()
        assert session.core.wait_halted(5.0).pc == place(session, 3)
        assert opcodes(session) == 3
        assert armed(session) == [True, True, True]
        session.link.close()  # and nothing else
        yield board


def memory(board: VirtualBoard) -> bytearray:
    """Return the cells of the chip's flash."""
    window = board.core.bus.find(0)
    assert window is not None
    assert window.memory is not None
    return window.memory.data


def armed(session: Session) -> list[bool]:
    """Return whether a comparator of the FPB, one of the DWT and a vector catch are armed."""
    read = session.core.ap.read_u32
    return [
        any(read(FP_COMP0 + 4 * n) & 1 for n in range(4)),
        any(read(DWT_FUNCTION0 + 16 * n) & 0xF for n in range(2)),
        bool(read(DEMCR.address) & ALL_CATCH_BITS),
    ]


def connected(board: VirtualBoard) -> Session:
    return open_session(Outside(board))


def test_reads_show_the_program_and_the_end_puts_it_back(board: VirtualBoard) -> None:
    with connected(board) as session:
        assert HINT in session.left_behind
        assert f"{place(session, 5):#010x}" in session.left_behind
        assert opcodes(session) == 3  # connecting programs nothing
        assert session.memory.read(flash(session) + OFFSET, len(CODE)) == CODE
        assert len(session.core.breakpoints) == 0
    assert not journals_of("nrf51822")
    with connected(board) as session:
        assert session.left_behind == ""
        assert raw(session) == CODE


def test_connecting_disarms_what_nobody_holds(board: VirtualBoard) -> None:
    with connected(board) as session:
        assert armed(session) == [False, False, False]


def test_a_job_on_flash_finds_the_program(board: VirtualBoard) -> None:
    with connected(board) as session:
        session.verify(session.image([(flash(session), firmware(session))]))
        assert raw(session) == CODE
        assert not journals_of("nrf51822")


def test_a_step_and_a_resume_execute_the_program(board: VirtualBoard) -> None:
    with connected(board) as session:
        core = session.core
        assert core.read_register("pc") == place(session, 3)
        assert core.step().pc == place(session, 4)
        assert core.read_register("r0") == 4
        core.breakpoints.set(place(session, 9), BreakpointKind.FLASH)  # is wanted again
        core.resume()
        reason = core.wait_halted(5.0)
        assert (reason.pc, core.read_register("r0")) == (place(session, 9), 9)
        assert opcodes(session) == 1


def test_a_core_that_meets_one_runs_on(board: VirtualBoard) -> None:
    with connected(board) as session:
        core = session.core
        assert core.read_register("pc") == place(session, 3)
        core.write_register("pc", place(session, 4))
        core.queue_resume(batch := core.batch())  # as it runs when nobody puts flash back first
        batch.run()
        core.sleep(0.001)
        assert core.poll() is None
        assert raw(session) == CODE
        assert core.halt().kind is HaltKind.REQUEST


def test_another_program_is_left_alone(board: VirtualBoard) -> None:
    """Somebody without a journal programmed it, and it has a BKPT where ours were."""
    code = CODE[:4] + b"\x05\x30" + CODE[6:8] + b"\x00\xbe" + CODE[10:]
    memory(board)[OFFSET : OFFSET + len(code)] = code
    with connected(board) as session:
        assert session.left_behind == ""
        assert raw(session) == code
    with connected(board) as session:
        assert raw(session) == code
    assert not journals_of("nrf51822")


def test_a_kill_while_flash_was_programmed(board: VirtualBoard) -> None:
    (file,) = journals_directory().iterdir()
    facts = json.loads(file.read_text())
    file.write_text(json.dumps(facts | {"changing": True}))
    memory(board)[:0x400] = b"\xff" * 0x400
    with connected(board) as session:
        assert "program the firmware again" in session.left_behind
        assert HINT not in session.left_behind
    with connected(board) as session:
        assert session.left_behind == ""


def test_a_board_of_this_process_needs_no_journal() -> None:
    with VirtualBoard("nrf51822") as board, open_session(board.link()) as session:
        memory(board)[: len(firmware(session))] = firmware(session)
        session.reset(halt=True)
        session.core.breakpoints.set(place(session, 3), BreakpointKind.FLASH)
        session.core.resume()
        assert opcodes(session) == 1
        assert not journals_of("nrf51822")
        session.core.halt()


VICTIM = """
import sys, time
import onchip
from onchip.cortex_m import BreakpointKind
session = onchip.connect(sys.argv[1])
session.reset(halt=True)
for address in sys.argv[2:]:
    session.core.breakpoints.set(int(address), BreakpointKind.FLASH)
session.core.resume()
print("armed", flush=True)
time.sleep(60)
"""


def test_sigkill(
    own_state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("XDG_STATE_HOME", str(own_state))
    with VirtualBoard("nrf51822") as board, BoardServer(board, port=0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            held = memory(board)
            image = own_state / "firmware.bin"
            vectors = (0x2000_2000).to_bytes(4, "little") + (OFFSET + 1).to_bytes(4, "little")
            image.write_bytes(vectors + bytes(OFFSET - 8) + CODE)
            held[: image.stat().st_size] = image.read_bytes()
            probe = f"tcp:127.0.0.1:{server.port}"
            places = [str(OFFSET + 2 + 2 * n) for n in (3, 7)]
            with subprocess.Popen(
                [sys.executable, "-c", VICTIM, probe, *places],
                stdout=subprocess.PIPE,
                env=os.environ,
            ) as victim:
                assert victim.stdout is not None
                assert victim.stdout.readline() == b"armed\n"
                victim.send_signal(signal.SIGKILL)
            assert held[OFFSET + 8 : OFFSET + 10] == b"\x00\xbe"
            assert main(["verify", str(image), "--probe", probe]) == 0
            assert "0x00000108, 0x00000110" in capsys.readouterr().err
            assert bytes(held[: image.stat().st_size]) == image.read_bytes()
            assert main(["info", "--probe", probe]) == 0
            assert HINT not in capsys.readouterr().err
        finally:
            server.stop()
            thread.join(5)
