"""Runs lines of `pyocd-tool`: finds the command here, or else among those of `onchip shell`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from onchip.errors import UsageError
from onchip.services.commands import COMMANDS as ONCHIP_COMMANDS
from pyOCD.tools.tool_commands import COMMANDS
from pyOCD.tools.tool_console import Console, WrongArguments


class Lines:
    """What is typed for one console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._by_name = {name: command for command in COMMANDS for name in command.names}

    def run(self, line: str) -> None:
        """Run a line: commands separated by ``;``, or ``$`` and an expression of Python.

        Raises:
            UsageError: a command is not known, or used wrongly.
            OnchipError: it failed.
            Leave: it was ``exit``.
        """
        if line.lstrip().startswith("$"):
            self._evaluate(line.lstrip()[1:])
            return
        for part in line.split(";"):
            try:
                words = shlex.split(part)
            except ValueError as error:
                raise UsageError(f"{part.strip()}: {error}") from None
            if words:
                self._run(words)

    def _run(self, words: Sequence[str]) -> None:
        name = words[0].lower()
        if name in ("help", "?"):
            self._help(words[1:])
            return
        found = self._by_name.get(name)
        if found is None:
            self._run_onchip(words)
            return
        try:
            found.serve(self._console, words[1:])
        except (IndexError, WrongArguments):
            raise UsageError(f"usage: {found.usage}") from None

    def _run_onchip(self, words: Sequence[str]) -> None:
        if not any(words[0].lower() in command.names for command in ONCHIP_COMMANDS):
            raise UsageError(f"there is no command {words[0]!r}", hint="help lists them")
        self._console.interpreter.run(shlex.join(words))

    def _help(self, names: Sequence[str]) -> None:
        everything = [(c.names, c.usage, c.help) for c in COMMANDS]
        for command in ONCHIP_COMMANDS:
            free = tuple(name for name in command.names if name not in self._by_name)
            if command.name in free:
                everything.append((free, command.usage, command.help))
        chosen = [row for row in everything if not names or names[0] in row[0]]
        if not chosen:
            raise UsageError(f"there is no command {names[0]!r}")
        width = max(len(usage) for _, usage, _ in chosen)
        for spellings, usage, text in chosen:
            others = ", ".join(spellings[1:])
            print(f"{usage:{width}}  {text}{f' ({others})' if others else ''}")

    def _evaluate(self, expression: str) -> None:
        """Show the value of an expression in which ``target``, ``board``, ``flash`` stand."""
        board = self._console.board
        names = {"board": board, "target": board.target, "flash": board.flash}
        try:
            value = eval(expression, names)
        except Exception as error:
            raise UsageError(f"${expression.strip()}: {error}") from error
        if value is not None:
            print(f"0x{value:08x} ({value})" if type(value) is int else value)
