"""What a command is, and the words that it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from onchip.errors import UsageError
from onchip.services.commands.machine import Machine


class UnknownCommand(UsageError):
    """There is no such command here; another debugger may have it."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its names, the usual one first, how it is used, what it does in one line.

    ``serve`` prints through the machine and returns the command's value. ``more`` is what
    ``help NAME`` adds: an example, or what one would not guess.
    """

    names: tuple[str, ...]
    usage: str
    help: str
    serve: Callable[[Machine, Words], object]
    more: str = ""

    def __repr__(self) -> str:
        return f"<Command {self.usage}: {self.help}>"

    @property
    def name(self) -> str:
        """The usual name."""
        return self.names[0]


class Words:
    """The words after a command, taken one by one. A word too few or too many is a `UsageError`."""

    def __init__(self, usage: str, words: Sequence[str], machine: Machine) -> None:
        self._usage = usage
        self._words = list(words)
        self._machine = machine

    def __bool__(self) -> bool:
        return bool(self._words)

    def wrong(self) -> UsageError:
        """Return the error that says how the command is used."""
        return UsageError(f"usage: {self._usage}")

    def next(self, default: str | None = None) -> str:
        """Take the next word, or ``default`` when there is none.

        Raises:
            UsageError: there is neither.
        """
        if self._words:
            return self._words.pop(0)
        if default is None:
            raise self.wrong()
        return default

    def number(self, default: int | None = None) -> int:
        """Take the next word as `Machine.number` reads it.

        Raises:
            UsageError: it is missing and there is no ``default``, or it is no number.
        """
        if not self._words and default is not None:
            return default
        return self._machine.number(self.next())

    def numbers(self) -> list[int]:
        """Take all that is left as numbers, one at least.

        Raises:
            UsageError: nothing is left, or a word is no number.
        """
        found = [self.number()]
        while self._words:
            found.append(self.number())
        return found

    def wide_number(self) -> int:
        """Take the next word as a number of 64 bits.

        Raises:
            UsageError: it is missing, or none.
        """
        try:
            value = int(self.next(), 0)
        except ValueError:
            raise self.wrong() from None
        if not 0 <= value < 1 << 64:
            raise UsageError(f"{value} does not fit 8 bytes")
        return value

    def rest(self) -> list[str]:
        """Take all that is left."""
        words, self._words = self._words, []
        return words

    def choice(self, choices: Sequence[str], default: str) -> str:
        """Take the next word if it is one of ``choices`` in any case; else give ``default``."""
        if self._words and self._words[0].lower() in choices:
            return self._words.pop(0).lower()
        return default

    def end(self) -> None:
        """See that nothing is left.

        Raises:
            UsageError: there are more words than the command takes.
        """
        if self._words:
            raise self.wrong()
