"""A board whose program runs, for sessions that come and go; sessions with many breakpoints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from onchip.registry import VirtualSpec, build_board
from onchip.session import Session, open_session
from onchip.virtual_board.board import VirtualBoard
from tests.session.many_breakpoints import CODE, connected, raw
from tests.support.images import counting_loop


@contextmanager
def board_with_a_loop() -> Iterator[VirtualBoard]:
    """An STM32F407 that runs the counting loop."""
    with build_board(VirtualSpec("stm32f407")) as board:
        session = open_session(board.link())
        session.flash(counting_loop("stm32f407"), format="bin")
        session.close()
        yield board


@pytest.fixture
def board() -> Iterator[VirtualBoard]:
    """An STM32F407 that runs the counting loop, of the test's own."""
    with board_with_a_loop() as board:
        yield board


def runs(board: VirtualBoard) -> bool:
    return not board.core.halted


@pytest.fixture
def fresh() -> Iterator[Session]:
    with connected("nrf51822") as session:
        yield session


@pytest.fixture(scope="module")
def shared() -> Iterator[Session]:
    with connected("nrf51822") as session:
        yield session


@pytest.fixture
def session(shared: Session) -> Iterator[Session]:
    """A session that others use too: flash is as it was, nothing is set."""
    shared.reset(halt=True)
    yield shared
    shared.core.halt()
    shared.core.breakpoints.clear()
    shared.core.watchpoints.clear()
    shared.flash_breakpoints = "auto"
    assert raw(shared) == CODE
