"""`onchip shell`: where lines come from, how it ends, what the prompt offers."""

from __future__ import annotations

import io
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from onchip.cli import prompt
from onchip.cli.tour import sample_path

from .conftest import Onchip

BOARD = ("--probe", "virtual:stm32f407")


def test_commands_on_the_command_line(onchip: Onchip) -> None:
    outcome = onchip("shell", "-c", "write32 0x20000000 7", "-c", "read32 0x20000000; halt", *BOARD)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("0x20000000: 00000007\nhalted at pc ")


def test_a_script(onchip: Onchip, tmp_path: Path) -> None:
    script = tmp_path / "bring-up.txt"
    script.write_text(
        f"# flash it, run it to main\nload '{sample_path()}'\nbreak main\ngo\nwait\nreg pc\n"
    )
    outcome = onchip("shell", sample_path(), "--script", script, *BOARD)
    assert outcome.code == 0, outcome.err
    assert "stopped (breakpoint) at pc 0x08000134 main at firmware/main.c:" in outcome.out
    assert outcome.out.endswith("pc         0x08000134  main\n")


def test_lines_from_a_pipe(onchip: Onchip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("read8 0x20000000\nread32 0xCC000000\nhalt\n"))
    outcome = onchip("shell", *BOARD)
    assert outcome.code == 4
    assert outcome.out.startswith("0x20000000: ")
    assert "halted" not in outcome.out
    assert "standard input:2: read" in outcome.err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("-c", "nonsense"), 2, "-c:1: there is no command 'nonsense'"),
        (("--script", "/absent"), 2, "cannot read /absent"),
        (("/absent.elf", "-c", "halt"), 1, "/absent.elf"),
        (("-c", "speed 1"), 2, "when the probe is opened"),
    ],
)
def test_what_cannot_be_done(onchip: Onchip, words: tuple[str, ...], code: int, told: str) -> None:
    outcome = onchip("shell", *words, *BOARD)
    assert outcome.code == code
    assert told in outcome.err


def test_a_user_may_go_on_after_a_wrong_line(
    onchip: Onchip, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter(["nonsense", "status", "speed 5", "exit", "halt"])
    asked: list[str] = []

    def ask(text: str) -> str:
        asked.append(text)
        return next(typed)

    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(prompt, "asker", lambda interpreter: ask)
    outcome = onchip("shell", *BOARD)
    assert outcome.code == 0
    assert "error: there is no command 'nonsense'\n  hint: help lists them\n" in outcome.out
    assert "locked up" in outcome.out
    assert asked == ["running> "] * 4


def test_lines_end_with_the_input_and_survive_ctrl_c(capsys: pytest.CaptureFixture[str]) -> None:
    answers = iter([KeyboardInterrupt(), "halt", EOFError()])

    def ask(text: str) -> str:
        answer = next(answers)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    assert list(prompt.lines_of(ask, lambda: "> ")) == ["halt"]


@pytest.fixture(scope="module")
def interpreter():
    from onchip.services.commands import Interpreter
    from onchip.symbols.dwarf import DebugInfo

    core = SimpleNamespace(register_names=("r0", "r1", "r10", "pc", "msp"))
    machine = SimpleNamespace(core=core, debug=DebugInfo.load(sample_path()))
    return Interpreter(machine)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("vec", ["vector-catch"]),
        ("halt; unb", ["unbreak"]),
        ("help unw", ["unwatch"]),
        ("reg r1", ["r1", "r10"]),
        ("break console_w", ["console_write", "console_write_number"]),
        ("reg m", ["msp", "main", "milliseconds"]),
        ("reg ap", ["apsr"]),
    ],
)
def test_completion(interpreter, typed: str, offered: list[str]) -> None:
    found = prompt.completions(interpreter, typed)
    assert set(offered) <= set(found)
    assert all(word.startswith(typed.split()[-1]) for word in found)


def test_nothing_is_offered_where_nothing_fits(interpreter) -> None:
    assert prompt.completions(interpreter, "break nothing_like_it") == []
    assert prompt.completions(interpreter, "xyz") == []


def test_everything_is_offered_before_a_letter_is_typed(interpreter) -> None:
    assert prompt.completions(interpreter, "") == interpreter.names
    assert prompt.completions(interpreter, "reg ") == [
        *("r0", "r1", "r10", "pc", "msp"),
        *("apsr", "ipsr", "epsr"),
    ]


def test_the_prompt_of_prompt_toolkit(interpreter, monkeypatch, tmp_path) -> None:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    monkeypatch.setattr(prompt, "user_state_dir", lambda *_, **__: str(tmp_path))
    made: list[PromptSession] = []
    original = PromptSession.__init__

    def remember(self, *args, **kwargs):
        made.append(self)
        original(self, *args, **kwargs)

    monkeypatch.setattr(PromptSession, "__init__", remember)
    monkeypatch.setattr(PromptSession, "prompt", lambda self, text: f"typed after {text}")
    assert prompt.asker(interpreter)("halted> ") == "typed after halted> "
    offered = made[0].completer.get_completions(Document("break fib"), CompleteEvent())
    assert [(c.text, c.start_position) for c in offered] == [("fibonacci", -3)]


def test_without_prompt_toolkit_it_is_plain(interpreter, monkeypatch, capsys) -> None:
    monkeypatch.setitem(__import__("sys").modules, "prompt_toolkit", None)
    assert prompt.asker(interpreter) is input
    assert "pip install 'onchip[shell]'" in capsys.readouterr().out


PAGE = (Path(__file__).parents[2] / "docs" / "shell.md").read_text(encoding="utf-8")


def test_every_command_is_on_the_page() -> None:
    from onchip.services.commands import COMMANDS

    told = set(re.findall(r"[a-z][a-z0-9-]+", " ".join(re.findall(r"`([^`]+)`", PAGE))))
    assert {c.name for c in COMMANDS} - told == {"init"}  # which only scripts of others need


def test_the_pages_python_block() -> None:
    block = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    exec(compile(block[1], "shell.md", "exec"), {})
