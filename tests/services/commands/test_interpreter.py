"""Lines, words and numbers."""

from __future__ import annotations

import pytest

from onchip.errors import OnchipError, UsageError
from onchip.services.commands import COMMANDS
from onchip.services.commands.command import Words
from onchip.services.commands.interpreter import GROUPS


def test_no_two_commands_share_a_name():
    names = [name for command in COMMANDS for name in command.names]
    assert len(names) == len(set(names))


def test_help_lists_every_command_by_group(shell):
    shell.type("help")
    for title, commands in GROUPS:
        assert f"{title}:\n" in shell.text
        for command in commands:
            assert f"  {command.usage}" in shell.text
            assert command.help in shell.text


def test_help_teaches_one(shell):
    shell.type("? step")
    assert shell.text.startswith("step [COUNT]\n")
    assert "stepi" in shell.text
    assert "breakpoint" in shell.text


def test_help_teaches_each_of_them(shell):
    for command in COMMANDS:
        shell.type(f"help {command.name}")
        usage, meaning, *more = shell.text.rstrip("\n").split("\n")
        assert usage == command.usage
        assert meaning.startswith(f"  {command.help}")
        assert more or command.name == "init", command.name


def test_a_line_of_several_commands_gives_the_last_ones_value(shell):
    assert shell.type("write32 0x20001000 7; read32 0x20001000 # a comment; halt") == [7]


def test_an_empty_line_does_nothing(shell):
    assert shell.type("  # only a comment") is None
    assert shell.text == ""


def test_quotes_keep_blanks_and_semicolons(shell):
    shell.type("fill 0x20001000 8 0; fill 0x20001002 4 'a; b'")
    assert shell.core.memory.read(0x2000_1000, 8) == b"\0\0a; b\0\0"


def test_backslashes_of_a_path_stay(shell):
    with pytest.raises(UsageError, match=r"dir\\no\\such"):
        shell.type(r"loadmem 0x20001000 dir\no\such")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x2000_0000", 0x2000_0000),
        ("64", 64),
        ("counter", 0x2000_0008),
        ("main", 0x0800_0134),
        ("main+4", 0x0800_0138),
        ("counter+8-4", 0x2000_000C),
        ("counter-4-4", 0x2000_0000),
        ("$sp-4", 0x2001_FFFC),
        ("PC", 0x0800_0044),
        ("vectors", 0x0800_0000),
    ],
)
def test_numbers(shell, text, value):
    assert shell.machine.number(text) == value


@pytest.mark.parametrize("text", ["nowhere", "", "4-5", "0x1_0000_0000", "1+", "-", "*", "0x"])
def test_what_is_no_number_is_refused(shell, text):
    with pytest.raises(UsageError):
        shell.machine.number(text)


def test_a_register_of_a_running_core_is_no_number(shell):
    shell.type("go")
    with pytest.raises(OnchipError, match="the value of sp needs a halted core"):
        shell.type("read32 sp")
    shell.type("halt")


@pytest.mark.parametrize(
    "line", ["nonsense", "help nonsense", "halt now", "'open", "step x", "reg r99", "wreg r0"]
)
def test_a_wrong_line_is_a_usage_error(shell, line):
    with pytest.raises(UsageError):
        shell.type(line)


def test_a_name_nearly_right_is_suggested(shell):
    with pytest.raises(UsageError, match="is it 'read32' that you mean"):
        shell.type("raed32 0")


def test_a_script_says_which_line_failed(shell):
    lines = ["halt", "# nothing", "read32 0xCC000000"]
    with pytest.raises(OnchipError, match=r"^bring-up:3: ") as caught:
        shell.interpreter.run_script(lines, "bring-up")
    assert type(caught.value).__name__ == "TransferFault"


def test_a_script_gives_the_value_of_its_last_line(shell):
    assert shell.interpreter.run_script(["halt", "read8 0x08000000 2"]) == [0x00, 0x00]


def test_words_left_over_are_refused(shell):
    words = Words("do A", ["1", "2"], shell.machine)
    assert words.number() == 1
    with pytest.raises(UsageError, match="usage: do A"):
        words.end()
