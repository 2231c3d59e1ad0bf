"""The simulated numbers of `make bench` but for flash jobs: none gets worse by much.

What flash jobs cost is held by `test_flash_budgets` in packets and by `test_speed` in time.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from benchmarks import run as benchmarks_run
from benchmarks.counted_board import CountedBoard
from benchmarks.peers.onchip_peer import OnchipHost, jobs_of

COMMITTED = Path(benchmarks_run.__file__).with_name("results.json")
SLACK = 1.05
"""The table is written anew now and then, not with each change; the budgets are exact."""


class HostInThisProcess:
    """onchip as a host, without a process of its own."""

    pid = os.getpid()
    cpu = staticmethod(time.process_time)

    def __init__(self, host: OnchipHost) -> None:
        self._host = host
        self._jobs = jobs_of(host)

    def __getattr__(self, name: str) -> Callable[..., object]:
        def order(*arguments: object) -> object:
            result = self._jobs[name](*arguments)
            if name != "close":
                self._host.wire.flush()
            return result

        return order


class Bench(benchmarks_run.Bench):
    def _start(self, name: str, board: CountedBoard) -> Any:
        frequency = str(benchmarks_run.FREQUENCIES[self.probe])
        return HostInThisProcess(OnchipHost(board.address, self.chip, frequency))


@pytest.mark.parametrize(("chip", "probe"), [("stm32f407", "bulk-512x4"), ("nrf52840", "hid-64x4")])
def test_no_job_costs_more_than_is_written_down(tmp_path: Path, chip: str, probe: str) -> None:
    committed = {
        row["job"]: row
        for row in json.loads(COMMITTED.read_text("utf-8"))["rows"]
        if (row["chip"], row["probe"], row["host"]) == (chip, probe, "onchip")
    }
    jobs = list(committed)[: list(committed).index("64 KiB RAM read") + 1]
    runs = Bench(chip, probe, tmp_path, 0x1_0000, "").run("onchip")
    rows = list(islice(runs, len(jobs)))
    runs.close()  # type: ignore[attr-defined]
    assert [row.job for row in rows] == jobs
    for row in rows:
        assert row.note == ""
        written = committed[row.job]
        assert row.packets <= SLACK * written["packets"] + 2, row.job
        assert row.round_trips <= SLACK * written["round_trips"] + 2, row.job
        assert row.seconds <= SLACK * written["seconds"], row.job
