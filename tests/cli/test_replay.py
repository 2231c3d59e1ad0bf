"""`onchip replay`: a command run again on what was recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from onchip.cli.verbs.replay import without_probe
from tests.support.images import write_bin

from .conftest import Onchip


@pytest.fixture
def recording(onchip: Onchip, tmp_path: Path) -> Path:
    path = tmp_path / "reset.rec"
    outcome = onchip("reset", "--halt", "--probe", "virtual:nrf51822", "--record", path)
    assert outcome.code == 0, outcome.err
    return path


def test_the_recorded_command_runs_again(onchip: Onchip, recording: Path) -> None:
    outcome = onchip("replay", recording)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("reset (system); Cortex-M0 halted at pc 0x")


def test_a_flash_job_runs_again(onchip: Onchip, tmp_path: Path) -> None:
    image, path = write_bin(tmp_path, "stm32f407"), tmp_path / "flash.rec"
    words = ("flash", image, "--probe", "virtual:stm32f407", "--record", path)
    live = onchip(*words)
    assert live.code == 0, live.err
    assert onchip("replay", path).out == live.out


def test_another_command_is_told_where_it_leaves(onchip: Onchip, recording: Path) -> None:
    outcome = onchip("replay", recording, "--", "read", "0x20000000")
    assert outcome.code == 3
    assert "the host leaves the recording" in outcome.err
    assert "at line" in outcome.err


def test_the_same_words_given_anew_follow(onchip: Onchip, recording: Path) -> None:
    assert onchip("replay", recording, "--", "reset", "--halt").code == 0


def test_it_is_shown_for_people(onchip: Onchip, recording: Path) -> None:
    lines = onchip("replay", recording, "--show").out.splitlines()
    assert lines[0] == "virtual:nrf51822, recorded by onchip 0.1.0"
    assert lines[1].startswith("onchip reset --halt --probe virtual:nrf51822 --record ")
    assert lines[2].split()[:3] == ["0.000000", ">", "DAP_ExecuteCommands"]
    assert lines[-1].endswith(" . closed")


def test_a_time_out_is_shown(onchip: Onchip, tmp_path: Path) -> None:
    path = tmp_path / "x.rec"
    path.write_text(
        '{"format":"onchip-recording","version":1}\n'
        '{"t":0,"out":""}\n'
        '{"t":1,"error":"ProbeTimeout","during":"read","message":"none came"}\n'
    )
    out = onchip("replay", path, "--show").out
    assert "(empty)" in out
    assert "! ProbeTimeout: none came" in out


def test_a_recording_of_a_script_has_no_command(onchip: Onchip, tmp_path: Path) -> None:
    path = tmp_path / "x.rec"
    path.write_text('{"format":"onchip-recording","version":1}\n')
    outcome = onchip("replay", path)
    assert outcome.code == 2
    assert "was not recorded by a command" in outcome.err


def test_a_replay_needs_a_file(onchip: Onchip) -> None:
    outcome = onchip("info", "--probe", "replay:")
    assert outcome.code == 2
    assert "replay:FILE" in outcome.err


@pytest.mark.parametrize(
    ("command", "kept"),
    [
        (("info", "-u", "x", "--json"), ["info", "--json"]),
        (("info", "--probe=x", "--record=f", "-t", "chip"), ["info", "-t", "chip"]),
        (("flash", "-ux", "a.elf", "--record", "f"), ["flash", "a.elf"]),
        (("info", "--probe"), ["info"]),
    ],
)
def test_the_probe_of_then_does_not_count(command: tuple[str, ...], kept: list[str]) -> None:
    assert without_probe(command) == kept
