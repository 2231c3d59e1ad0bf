from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.images import write_bin

from .conftest import Onchip


@pytest.mark.parametrize("model", ["bulk-512x4", "hid-64x1-basic"])
def test_bench_measures_a_probe_beside_its_limit(onchip: Onchip, model: str) -> None:
    outcome = onchip("bench", "--probe", f"virtual:stm32f407/{model}", "-f", "4M", "--json")
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert found["frequency_hz"] == 4_000_000
    rows = {row["name"]: row for row in found["measured"]}
    assert rows["a packet among many in flight"]["seconds"] < rows["round trip"]["seconds"] + 1e-9
    for name in ("64 KiB of RAM read", "64 KiB of RAM written"):
        assert 0.99 < rows[name]["ratio"] < 1.1


def test_bench_prints_a_table(onchip: Onchip) -> None:
    outcome = onchip("bench", "--probe", "virtual:nrf51822")
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[0].startswith("Virtual CMSIS-DAP bulk-512x4: 4 packets of 512 bytes, 4 MHz")
    assert lines[1].split() == ["what", "time", "limit", "ratio"]
    assert lines[-1].startswith("16 KiB of RAM written")


def test_bench_measures_flash_when_it_is_asked_to(onchip: Onchip, tmp_path: Path) -> None:
    file = tmp_path / "flash"
    board = ("--probe", f"virtual:lpc1768@{file}")
    image = write_bin(tmp_path, "lpc1768")
    assert onchip("flash", image, *board).code == 0
    assert onchip("bench", *board).code == 0
    assert onchip("verify", image, *board).code == 0
    outcome = onchip("bench", "--flash", "--json", *board)
    assert outcome.code == 0, outcome.err
    rows = {row["name"]: row["seconds"] for row in json.loads(outcome.out)["measured"]}
    jobs = ("blank", "unchanged", "verified", "200 bytes changed", "erased")
    blank, unchanged, verified, changed, erased = (rows[f"64 KiB of flash, {j}"] for j in jobs)
    assert 0 < unchanged < changed < blank
    assert 0 < verified < erased
    assert onchip("verify", image, *board).code == 1
