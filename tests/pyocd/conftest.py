"""Scripts of the classic API find a virtual board by ONCHIP_PROBE."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pyOCD.board import MbedBoard
from tests.support.images import counting_loop


@pytest.fixture(autouse=True)
def a_board_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCHIP_PROBE", "virtual:stm32f407")


@pytest.fixture
def board() -> Iterator[MbedBoard]:
    """A connected board whose flash holds the counting loop, halted."""
    board = MbedBoard.chooseBoard()
    assert board is not None
    board.flash.flashBlock(0x0800_0000, list(counting_loop("stm32f407")))
    board.target.resetStopOnReset()
    yield board
    board.uninit()
