"""Runs lines of `pyocd-tool`: finds the command, keeps what lasts from one to the next."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from onchip.errors import UsageError
from onchip.services.commands import Interpreter, SessionMachine, symbols_of
from pyOCD.board import MbedBoard
from pyOCD.target import Target

if TYPE_CHECKING:
    from pyOCD.pyDAPAccess.dap_access import DAPAccess


class Leave(Exception):  # not an error: how `exit` ends the prompt
    """The user wants to go."""


@dataclass(frozen=True, slots=True)
class Command:
    """A verb: its names, how it is used, what it does in one line."""

    names: tuple[str, ...]
    usage: str
    help: str
    serve: Callable[[Console, Sequence[str]], None]


class Console:
    """A board and what commands have set. Without a board only ``help`` works."""

    def __init__(self, board: MbedBoard | None) -> None:
        self._board = board
        self.step_into_interrupts = False

    @property
    def board(self) -> MbedBoard:
        """The board.

        Raises:
            UsageError: there is none.
        """
        if self._board is None:
            raise UsageError("this needs a board")
        return self._board

    @property
    def target(self) -> Target:
        """The board's target."""
        return self.board.target

    @property
    def link(self) -> DAPAccess:
        """The board's probe, open."""
        self.board.link.open()
        return self.board.link

    @cached_property
    def interpreter(self) -> Interpreter:
        """onchip's own commands, for those that are the same."""
        elf = self.target.elf
        symbols = None if elf is None else symbols_of(elf)
        return Interpreter(SessionMachine(self.board.session, symbols, write=_write))

    def run_line(self, line: str) -> None:
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
        from pyOCD.tools.tool_commands import COMMANDS

        name = words[0].lower()
        found = next((command for command in COMMANDS if name in command.names), None)
        if found is None:
            raise UsageError(f"there is no command {words[0]!r}", hint="help lists them")
        try:
            found.serve(self, words[1:])
        except (IndexError, _WrongArguments):
            raise UsageError(f"usage: {found.usage}") from None

    def _evaluate(self, expression: str) -> None:
        """Show the value of an expression in which ``target``, ``board``, ``flash`` stand."""
        names = {"board": self.board, "target": self.target, "flash": self.board.flash}
        try:
            value = eval(expression, names)
        except Exception as error:
            raise UsageError(f"${expression.strip()}: {error}") from error
        if value is not None:
            print(f"0x{value:08x} ({value})" if type(value) is int else value)

    def number(self, text: str) -> int:
        """Read a number, or the value of a core register by its name; ``NAME+OFFSET`` adds.

        Raises:
            UsageError: it is neither.
        """
        base, plus, offset = text.partition("+")
        try:
            value = int(base, 0)
        except ValueError:
            try:
                value = self.target.readCoreRegisterRaw(base)
            except UsageError:
                value = self._symbol(base)
        return value + (self.number(offset) if plus else 0)

    def _symbol(self, name: str) -> int:
        debug = None if self.target.elf is None else self.interpreter.machine.debug
        symbol = None if debug is None else debug.symbol(name)
        if symbol is None:
            raise UsageError(f"{name!r} is no number and no register")
        return symbol.start


def _write(text: str) -> None:
    print(text, end="")


class _WrongArguments(Exception):  # becomes a UsageError with the usage in it
    """The command was used wrongly."""


def wrong_unless(good: object) -> None:
    """Refuse a command's arguments with its usage."""
    if not good:
        raise _WrongArguments
