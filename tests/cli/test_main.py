"""The frame around the verbs: help, wrong words, and what becomes of errors."""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from onchip import __version__, errors
from onchip.cli import main as main_module
from onchip.cli.exit_codes import MEANINGS, ExitCode, exit_code_of
from onchip.cli.main import VERBS
from tests.support.images import write_bin

from .conftest import Onchip


def test_version(onchip: Onchip) -> None:
    outcome = onchip("--version")
    assert (outcome.code, outcome.out) == (0, f"onchip {__version__}\n")


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_help_lists_every_verb_and_exit_code(onchip: Onchip, words: list[str]) -> None:
    outcome = onchip(*words)
    assert outcome.code == 0
    for verb, meaning in VERBS.items():
        assert f"{verb:<11} {meaning}" in outcome.out
    for code, meaning in MEANINGS.items():
        assert f"{code:<11} {meaning}" in outcome.out
    assert "--probe virtual:stm32f407" in outcome.out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_examples(onchip: Onchip, verb: str) -> None:
    outcome = onchip(verb, "--help")
    assert outcome.code == 0
    assert f"usage: onchip {verb}" in outcome.out
    assert f"\n  onchip {verb}" in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= 100


def test_a_wrong_verb_is_refused_with_the_nearest(onchip: Onchip) -> None:
    outcome = onchip("flsh", "x.elf")
    assert outcome.code == 2
    assert outcome.err == (
        "onchip: error: there is no verb 'flsh'; do you mean `onchip flash`?\n"
        "  hint: `onchip --help` shows what it takes\n"
    )


def test_a_verb_unlike_any_is_refused(onchip: Onchip) -> None:
    assert onchip("frobnicate").err.startswith("onchip: error: there is no verb 'frobnicate'\n")


def test_options_before_the_verb_are_told_where_to_stand(onchip: Onchip) -> None:
    outcome = onchip("--json", "list")
    assert outcome.code == 2
    assert "options stand after the verb: onchip list --json" in outcome.err


def test_a_wrong_option_names_the_help(onchip: Onchip) -> None:
    outcome = onchip("list", "--frob")
    assert outcome.code == 2
    assert "unrecognized arguments: --frob" in outcome.err
    assert "`onchip list --help`" in outcome.err


# ---- errors


@pytest.fixture
def verb_that_raises(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """The verb ``list``, replaced by one that raises what the test puts here."""
    raised: list[BaseException] = []
    module = ModuleType("onchip.cli.verbs.list")

    def run(arguments: argparse.Namespace) -> int:
        raise raised[0]

    module.EPILOG = ""  # type: ignore[attr-defined]
    module.add_arguments = lambda parser: None  # type: ignore[attr-defined]
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "onchip.cli.verbs.list", module)
    return raised


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("u"), 2),
        (errors.ProbeNotFound("p"), 3),
        (errors.ProbeBusy("p"), 3),
        (errors.ProbeLost("p"), 3),
        (errors.ProbeTimeout("p"), 3),
        (errors.ProbeRefused("p"), 3),
        (errors.BoardError("b"), 3),
        (errors.WireError("w"), 3),
        (errors.TransferFault("t"), 4),
        (errors.TransferNoAck("t"), 4),
        (errors.CoreTimeout("c"), 4),
        (errors.LockedChip("l"), 4),
        (errors.WrongChip("w"), 4),
        (errors.ImageError("i"), 1),
        (errors.PlanError("f"), 1),
        (errors.VerifyError("f"), 1),
        (errors.SymbolError("s"), 1),
        (errors.OnchipError("o"), 1),
    ],
)
def test_an_error_is_one_line_and_a_code(
    onchip: Onchip, verb_that_raises: list[BaseException], error: errors.OnchipError, code: int
) -> None:
    verb_that_raises.append(error)
    outcome = onchip("list")
    assert outcome.code == code == exit_code_of(error)
    assert outcome.err == f"onchip: error: {error.message}\n"
    assert outcome.out == ""


def test_a_hint_is_a_second_line(onchip: Onchip, verb_that_raises: list[BaseException]) -> None:
    verb_that_raises.append(errors.ProbeLost("gone", hint="plug it in"))
    assert onchip("list").err == "onchip: error: gone\n  hint: plug it in\n"


def test_a_file_that_cannot_be_read_is_named(
    onchip: Onchip, verb_that_raises: list[BaseException]
) -> None:
    verb_that_raises.append(FileNotFoundError(2, "No such file or directory", "a.bin"))
    outcome = onchip("list")
    assert (outcome.code, outcome.err) == (1, "onchip: error: a.bin: no such file or directory\n")


def test_a_bug_is_no_traceback(onchip: Onchip, verb_that_raises: list[BaseException]) -> None:
    verb_that_raises.append(ZeroDivisionError("division by zero"))
    outcome = onchip("list")
    assert outcome.code == ExitCode.BUG
    assert "a bug in onchip: ZeroDivisionError: division by zero" in outcome.err
    assert "ONCHIP_TRACEBACK=1" in outcome.err


def test_the_traceback_is_there_for_those_who_ask(
    monkeypatch: pytest.MonkeyPatch, verb_that_raises: list[BaseException]
) -> None:
    verb_that_raises.append(errors.ProbeLost("gone"))
    monkeypatch.setenv("ONCHIP_TRACEBACK", "1")
    with pytest.raises(errors.ProbeLost):
        main_module.main(["list"])


def test_ctrl_c_is_130(onchip: Onchip, verb_that_raises: list[BaseException]) -> None:
    verb_that_raises.append(KeyboardInterrupt())
    outcome = onchip("list")
    assert (outcome.code, outcome.err) == (130, "\nonchip: interrupted\n")


def test_the_readme_lists_the_same_exit_codes() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    for code, meaning in MEANINGS.items():
        assert f"| {code} | {meaning} |" in readme


def _wait_for_the_emulator(process: subprocess.Popen[str]) -> None:
    """Return once the process has loaded the emulator: its job is about to begin."""
    maps = Path(f"/proc/{process.pid}/maps")
    deadline = time.monotonic() + 60
    while "libunicorn" not in maps.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("delay_s", [0.1, 0.4])
def test_ctrl_c_in_the_middle_of_a_job_is_130_and_no_more(tmp_path: Path, delay_s: float) -> None:
    image = write_bin(tmp_path, "stm32f407", length=500_000)
    process = subprocess.Popen(
        [sys.executable, "-m", "onchip.cli.main", "flash", image, "--probe", "virtual:stm32f407"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _wait_for_the_emulator(process)
    time.sleep(delay_s)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert "bug" not in err
    assert process.returncode == 130, err
    # how far it came, where the interrupt arrived as one; else that nobody can tell
    assert re.search("onchip: interrupted\n  hint: (the flash|everything) (is|was|may)", err)
    assert out == ""


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    command = f"{sys.executable} -m onchip.cli.main read 0x20000000 128K --probe virtual:stm32f407"
    result = subprocess.run(
        ["/bin/bash", "-c", f"{command} | head -1; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    first, code = result.stdout.splitlines()
    assert first.startswith("0x2000_0000")
    assert code == "141"
    assert result.stderr == ""
