from __future__ import annotations

import json

import pytest

from .conftest import Onchip


@pytest.mark.parametrize("model", ["bulk-512x4", "hid-64x4", "hid-64x1-basic"])
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
