"""The bench: ``indirect`` parameters are a chip, or ``CHIP/PROBEMODEL``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import onchip
from onchip.services.gdb import GdbOptions, GdbServer

from .bench import CHIPS, Bench, build


@pytest.fixture(scope="session")
def elves(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return program.c, compiled for every chip."""
    folder = tmp_path_factory.mktemp("elf")
    return {chip: build(chip, folder / f"{chip}.elf") for chip in CHIPS}


@pytest.fixture
def bench(request: pytest.FixtureRequest, elves: dict[str, Path]) -> Iterator[Bench]:
    """Plug in a board and serve it."""
    board = getattr(request, "param", "stm32f407")
    options = GdbOptions()
    if isinstance(board, GdbOptions):
        board, options = "stm32f407", board
    chip = board.partition("/")[0]
    log: list[str] = []
    with onchip.connect(f"virtual:{board}") as session:
        server = GdbServer(session, 0, options=options, on_log=log.append)
        server.start()
        try:
            yield Bench(chip, session, server, elves[chip], log)
        finally:
            server.stop()
            assert not server.is_alive
