"""What a command of `pyocd-tool` is given: the board, and what lasts from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from onchip.errors import UsageError
from onchip.services.commands import Interpreter, SessionMachine, symbols_of
from onchip.session import PYTHON
from pyOCD.board import MbedBoard
from pyOCD.target import Target

if TYPE_CHECKING:
    from pyOCD.pyDAPAccess.dap_access import DAPAccess


class Leave(Exception):  # not an error: how `exit` ends the prompt
    """The user wants to go."""


class WrongArguments(Exception):  # becomes a UsageError with the usage in it
    """The command was used wrongly."""


def wrong_unless(good: object) -> None:
    """Refuse a command's arguments with its usage."""
    if not good:
        raise WrongArguments


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
        """The commands of `onchip shell`, whose points are those of ``target`` too."""
        elf = self.target.elf
        symbols = None if elf is None else symbols_of(elf)
        machine = SessionMachine(self.board.session, symbols, write=_write)
        machine.owner = PYTHON
        return Interpreter(machine)

    def number(self, text: str) -> int:
        """Read a number; or a register, a symbol, a sum, as onchip's own commands do.

        Raises:
            UsageError: it is none of them.
        """
        try:
            return int(text, 0)
        except ValueError:
            return self.interpreter.machine.number(text)


def _write(text: str) -> None:
    print(text, end="")
