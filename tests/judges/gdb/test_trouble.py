"""What GDB's user sees when the probe or the chip goes away."""

from __future__ import annotations

import time

import pytest

from onchip.services.gdb import GdbServer
from onchip.session.connecting import open_session
from onchip.virtual_board.board import VirtualBoard
from tests.support.gdb import Gdb
from tests.support.images import counting_loop

pytestmark = pytest.mark.tools


def test_a_probe_unplugged_while_the_core_runs_is_said_so() -> None:
    log: list[str] = []
    board = VirtualBoard("stm32f407")
    session = open_session(board.link())
    session.memory.write(0x2000_0000, counting_loop("stm32f407")[0x100:0x108])
    server = GdbServer(session, 0, on_log=log.append)
    server.start()
    with Gdb() as gdb:
        gdb.do(f"target remote localhost:{server.port}")
        gdb.do("set var $pc = 0x20000000")
        gdb.type("continue")
        time.sleep(0.1)
        with session.lock:
            board.unplug()
        assert "Remote failure reply: E." in gdb.wait()
    server.join(5)
    assert not server.is_alive
    assert any("ends" in line for line in log)
    board.close()


def test_a_reset_button_pressed_while_the_core_runs_is_survived() -> None:
    board = VirtualBoard("stm32f407")
    with open_session(board.link()) as session:
        server = GdbServer(session, 0)
        server.start()
        with Gdb() as gdb:
            gdb.do(f"target remote localhost:{server.port}")
            gdb.type("continue")
            time.sleep(0.05)
            with session.lock:
                board.press_reset()
            time.sleep(0.05)
            gdb.interrupt()
            assert "SIG" in gdb.wait()
            gdb.expect("print $sp", "0x")
        server.stop()
    board.close()
