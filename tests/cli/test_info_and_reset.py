"""`onchip info` and `onchip reset`, on every chip."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.images import FLASH_START, write_bin

from .conftest import Onchip

CORES = {
    "lpc1768": ("Cortex-M3", False),
    "stm32f407": ("Cortex-M4F", True),
    "nrf52840": ("Cortex-M4F", True),
    "nrf51822": ("Cortex-M0", False),
}


@pytest.mark.parametrize("chip", CORES)
def test_info_as_data(onchip: Onchip, chip: str) -> None:
    outcome = onchip("info", "--probe", f"virtual:{chip}", "--json")
    assert outcome.code == 0, outcome.err
    facts = json.loads(outcome.out)
    name, fpu = CORES[chip]
    assert (facts["core"]["name"], facts["core"]["fpu"]) == (name, fpu)
    assert facts["chip"]["name"] == chip
    assert facts["probe"]["where"].startswith("virtual:")
    assert facts["probe"]["packet_size"] == 512
    assert facts["aps"][0]["index"] == 0
    assert facts["rom_table"]["children"]
    kinds = {region["kind"] for region in facts["chip"]["memory"]}
    assert {"flash", "ram"} <= kinds


def test_info_for_people(onchip: Onchip) -> None:
    outcome = onchip("info", "--probe", "virtual:stm32f407/hid-64x1")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    for part in (
        "1 packets of 64 bytes",
        "DP     IDR 0x2ba0_1477, DPv1",
        "AP 0   IDR 0x2477_0011",
        "core   Cortex-M4F, ",
        "chip   stm32f407: STMicroelectronics",
        "0x0800_0000",
        "FPB",
        "DWT",
    ):
        assert part in outcome.out


@pytest.mark.parametrize("chip", CORES)
@pytest.mark.parametrize("kind", ["system", "hardware"])
def test_reset_and_halt_stops_at_the_reset_handler(
    onchip: Onchip, tmp_path: Path, chip: str, kind: str
) -> None:
    board = ("--probe", f"virtual:{chip}@{tmp_path / 'flash'}")
    assert onchip("flash", write_bin(tmp_path, chip), *board).code == 0
    outcome = onchip("reset", kind, "--halt", *board)
    assert outcome.code == 0, outcome.err
    pc = FLASH_START[chip] + 0x100
    assert outcome.out == (
        f"reset ({kind}); {CORES[chip][0]} halted at pc 0x{pc >> 16:04x}_{pc & 0xFFFF:04x}\n"
    )


def test_reset_and_run(onchip: Onchip) -> None:
    outcome = onchip("reset", "--probe", "virtual:stm32f407")
    assert (outcome.code, outcome.out) == (0, "reset (system); Cortex-M4F runs\n")


def test_a_core_reset_where_there_is_none_says_so(onchip: Onchip) -> None:
    outcome = onchip("reset", "core", "--probe", "virtual:nrf51822")
    assert outcome.code == 4
    assert "VECTRESET" in outcome.err


def test_an_unknown_kind_of_reset_is_refused(onchip: Onchip) -> None:
    assert onchip("reset", "cold", "--probe", "virtual:stm32f407").code == 2


@pytest.mark.parametrize("mode", ["attach", "halt", "under-reset"])
def test_every_way_to_connect(onchip: Onchip, mode: str) -> None:
    outcome = onchip("info", "--connect", mode, "--probe", "virtual:stm32f407", "--json")
    assert outcome.code == 0, outcome.err
    state = json.loads(outcome.out)["core"]["state"]
    assert (state == "halted") == (mode != "attach")


def test_the_clock_is_passed_on(onchip: Onchip) -> None:
    assert onchip("info", "-f", "400k", "--probe", "virtual:stm32f407").code == 0


@pytest.mark.parametrize("chip", ["stm32f407", "nrf51822"])
def test_info_on_a_chip_whose_flash_is_closed(onchip: Onchip, chip: str) -> None:
    outcome = onchip("info", "--probe", f"virtual:{chip}+locked")
    assert outcome.code == 4, outcome.err
    assert "DP     IDR 0x" in outcome.out
    assert f"chip   {chip}" in outcome.out
    assert re.search("flash   flash .closed", outcome.out)
    assert f"locked {chip} is locked" in outcome.out
    assert "RAM, registers and peripherals can be read" in outcome.out
    assert "`onchip erase --chip` erases everything" in outcome.out


def test_info_on_a_chip_whose_core_is_closed(onchip: Onchip) -> None:
    outcome = onchip("info", "--probe", "virtual:nrf52840+locked", "--json")
    assert outcome.code == 4, outcome.err
    facts = json.loads(outcome.out)
    assert facts["dp"]["idr"] == 0x2BA0_1477
    assert [ap["kind"] for ap in facts["aps"]] == ["AHB3-AP", "CTRL-AP of nRF52"]
    assert facts["core"] is facts["chip"] is facts["rom_table"] is None
    assert "APPROTECT" in facts["locked"]["evidence"]
    outcome = onchip("info", "--probe", "virtual:nrf52840+locked")
    assert "closed: the core and all memory" in outcome.out


@pytest.mark.parametrize("mode", ["attach", "under-reset"])
def test_info_on_a_chip_that_is_silent_when_locked(onchip: Onchip, mode: str) -> None:
    words = ("info", "--probe", "virtual:lpc1768+locked", "--connect", mode)
    outcome = onchip(*words)
    assert outcome.code == 4
    assert "DP     does not answer" in outcome.out
    assert "serial virtual-lpc1768" in outcome.out
    assert "CRP" not in outcome.err  # nothing says which chip it is
    outcome = onchip(*words, "--target", "lpc1768")
    assert outcome.code == 4
    assert "code read protection" in outcome.err


def test_the_probe_may_know_which_chip_is_silent(
    onchip: Onchip, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onchip import registry

    build = registry.build_board
    monkeypatch.setattr(
        registry, "build_board", lambda spec: build(spec, serial="10100000000000000000")
    )
    assert "code read protection" in onchip("info", "--probe", "virtual:lpc1768+locked").err
