"""What is said of the target when the probe goes."""

from __future__ import annotations

import pytest

from onchip.errors import ProbeLost
from onchip.session import open_session
from onchip.virtual_board.board import VirtualBoard
from tests.support.images import counting_loop


def _hint(error: ProbeLost) -> str:
    assert error.target_state in (error.hint or "")
    return error.target_state


def test_a_halted_core_with_breakpoints() -> None:
    with VirtualBoard("stm32f407") as board:
        session = open_session(board.link())
        session.core.halt()
        session.core.breakpoints.set(0x0800_0100)
        board.unplug()
        with pytest.raises(ProbeLost) as caught:
            session.memory.read(0x2000_0000, 4)
        assert "the core was halted and stays so" in _hint(caught.value)
        assert "1 break- and watchpoints stay armed" in _hint(caught.value)
        with pytest.raises(ProbeLost) as caught:
            session.client.release_reset()
        assert "halted" in _hint(caught.value)


def test_a_running_core() -> None:
    with VirtualBoard("stm32f407") as board:
        session = open_session(board.link())
        session.flash(counting_loop("stm32f407", length=512))
        board.unplug()
        with pytest.raises(ProbeLost) as caught:
            session.core.poll()
        assert "the core was running and runs on" in _hint(caught.value)
        assert "armed" not in _hint(caught.value)


def test_in_the_middle_of_a_flash_job() -> None:
    with VirtualBoard("stm32f407") as board:
        session = open_session(board.link())
        board.faults.unplug(after_packets=30)
        with pytest.raises(ProbeLost) as caught:
            session.flash(counting_loop("stm32f407", length=16 << 10))
        assert "has to be programmed again" in _hint(caught.value)
