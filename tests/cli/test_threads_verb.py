"""`onchip threads`, and threads in `onchip fault` and `onchip dump`: FreeRTOS on a board."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from onchip.cli.tour import sample_path
from tests.support.boards import running_board
from tests.support.firmware import Layout
from tests.support.freertos import build_freertos

from .conftest import Onchip

pytestmark = pytest.mark.tools


@pytest.fixture(scope="module")
def elf() -> Path:
    return build_freertos("m4f", Layout(flash=0x0800_0000, ram_length=0x8000)).path


@pytest.fixture(scope="module")
def board(elf: Path) -> Iterator[tuple[str, str]]:
    with running_board("stm32f407") as board:
        yield "--probe", f"tcp:{board.address}"


def test_a_table_and_backtraces_and_json(
    onchip: Onchip, board: tuple[str, str], elf: Path, tmp_path: Path
) -> None:
    assert onchip("flash", elf, *board).code == 0
    running = onchip("threads", elf, *board)
    assert running.code == 0
    assert "halted" not in onchip("info", *board).out.replace("not halted", "")
    # where no task is just being moved from list to list: this board runs in real time
    stop = "break handle_interrupt; go; wait; halt"
    assert onchip("shell", "-c", f"halt; {stop}", elf, *board).code == 0
    table = onchip("threads", elf, *board)
    assert table.code == 0, table.err
    assert table.out.startswith("FreeRTOS, 9 threads\nthe core handles interrupt 3: handle_interr")
    assert "sensor    blocked (to receive from the queue 0x2" in table.out
    assert table.out.count("\n*") == 1
    assert "vTaskDelay+16 at tasks.c:" in table.out
    calls = onchip("threads", elf, "--backtrace", *board).out
    assert "#1  wait_for_sample+" in calls
    assert "freertos/app.c:" in calls
    data = json.loads(onchip("threads", elf, "--json", "--backtrace", *board).out)
    assert data["kernel"] == "FreeRTOS"
    (sensor,) = (thread for thread in data["threads"] if thread["name"] == "sensor")
    assert sensor["stack"]["size"] == 640
    assert sensor["priority"] == 4
    assert sensor["backtrace"][1].startswith("wait_for_sample+")
    report = onchip("fault", elf, *board).out
    assert "\nthreads\n  FreeRTOS, 9 threads\n" in report
    assert "FreeRTOS, 9 threads" in onchip("fault", elf, "--markdown", *board).out
    assert json.loads(onchip("fault", elf, "--json", *board).out)["threads"]["started"] is True
    dumped = onchip("dump", tmp_path / "core.elf", elf, *board).out
    assert "  thread 2 is " in dumped
    assert " is sensor\n" in dumped
    shell = onchip("shell", "-c", "threads; threads calls", elf, *board)
    assert shell.code == 0, shell.err
    assert shell.out.count("FreeRTOS, 9 threads") == 2
    assert "wait_for_sample+" in shell.out
    assert onchip("shell", "-c", "halt; threads", *board).code == 2


def test_a_program_without_a_kernel(onchip: Onchip, board: tuple[str, str]) -> None:
    assert onchip("flash", sample_path(), *board).code == 0
    outcome = onchip("threads", sample_path(), *board)
    assert outcome.code == 0
    assert outcome.out == "no kernel that onchip knows: FreeRTOS, Zephyr, RTX5, ThreadX\n"
    assert "threads" not in onchip("fault", sample_path(), *board).out
