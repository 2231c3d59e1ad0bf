"""`onchip selftest`: what it says before, and after."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from onchip.services.selftest import runner
from onchip.services.selftest.bench import Bench, CheckFailed

from .conftest import Onchip

PROBE = ("--probe", "virtual:nrf51822")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_table(onchip: Onchip) -> None:
    outcome = onchip("selftest", "--yes", "--only", "memory", "--only", "speed", *PROBE)
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[0] == "nrf51822, Cortex-M0: this will happen"
    assert [line.split("  ")[0] for line in lines[-4:]] == [
        "memory",
        "speed",
        "put back",
        "all passed",
    ]


def test_as_data(onchip: Onchip) -> None:
    outcome = onchip("selftest", "--yes", "--json", "--no-flash", *PROBE)
    report = json.loads(outcome.out)
    assert report["passed"] is True
    assert report["target"] == "nrf51822, Cortex-M0"
    verdicts = {row["check"]: row["verdict"] for row in report["checks"]}
    assert verdicts["erase"] == "left out"
    assert verdicts["GDB session"] == "passed"
    assert "this will happen" in outcome.err


def test_a_failed_check_is_exit_code_1(onchip: Onchip, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(bench: Bench) -> str:
        raise CheckFailed("it is broken")

    monkeypatch.setitem(runner.CHECKS, "memory", broken)
    outcome = onchip("selftest", "--yes", "--only", "memory", *PROBE)
    assert outcome.code == 1
    assert "memory               failed" in outcome.out
    assert "it is broken" in outcome.out
    assert outcome.out.endswith("1 of 2 failed\n")


@pytest.mark.parametrize(("answer", "done"), [("y\n", True), ("n\n", False), ("", False)])
def test_it_asks(onchip: Onchip, monkeypatch: pytest.MonkeyPatch, answer: str, done: bool) -> None:
    monkeypatch.setattr("sys.stdin", _Terminal(answer))
    outcome = onchip("selftest", "--only", "memory", *PROBE)
    assert outcome.code == 0
    assert "go on? [y/N]" in outcome.err
    assert ("all passed" in outcome.out) is done
    assert ("nothing was done" in outcome.err) is not done


def test_nobody_there_to_agree(onchip: Onchip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    outcome = onchip("selftest", *PROBE)
    assert outcome.code == 2
    assert "--yes" in outcome.err


def test_an_unknown_check(onchip: Onchip) -> None:
    outcome = onchip("selftest", "--only", "everything", *PROBE)
    assert outcome.code == 2
    assert "core registers" in outcome.err


def test_it_can_be_recorded(onchip: Onchip, tmp_path: object) -> None:
    record = f"{tmp_path}/x.rec"
    words = ("selftest", "--yes", "--only", "core registers")
    live = onchip(*words, *PROBE, "--record", record)
    assert onchip("replay", record).out == live.out


def test_what_cannot_be_put_back_is_in_a_file(
    onchip: Onchip, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runner, "_restore", _fail)
    outcome = onchip("selftest", "--yes", "--only", "erase", *PROBE)
    assert outcome.code == 1
    assert (tmp_path / "onchip-selftest-0x0003fc00.bin").read_bytes() == b"\xff" * 1024
    assert "onchip flash onchip-selftest-0x0003fc00.bin@0x0003fc00" in outcome.err


def _fail(*arguments: object) -> None:
    raise CheckFailed("the flash is worn out")
