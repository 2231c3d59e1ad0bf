"""Reads a line, finds the command, hands it its words."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterable, Sequence

from onchip.errors import OnchipError, UsageError
from onchip.services.commands import chip, code, execution, flash, memory, points, threads
from onchip.services.commands.command import Command, UnknownCommand, Words
from onchip.services.commands.machine import Machine

GROUPS: tuple[tuple[str, tuple[Command, ...]], ...] = (
    ("run", execution.COMMANDS),
    ("points", points.COMMANDS),
    ("registers and chip", chip.COMMANDS),
    ("memory", memory.COMMANDS),
    ("program", (*code.COMMANDS, *threads.COMMANDS)),
    ("flash", flash.COMMANDS),
)
COMMANDS: tuple[Command, ...] = tuple(c for _, commands in GROUPS for c in commands)


_NUMBERS = "A number is 0x2000_0000, 64, a register, a symbol of the program, or a sum: sp+8.\n"


class Interpreter:
    """Runs lines of commands on a machine. ``more`` commands are those of one face only."""

    def __init__(self, machine: Machine, more: Sequence[Command] = ()) -> None:
        self.machine = machine
        helping = Command(
            ("help", "?"), "help [COMMAND...]", "list the commands, or teach one", self._help
        )
        self._groups = (("help", (helping, *more)), *GROUPS)
        everything = [command for _, commands in self._groups for command in commands]
        self._by_name = {name: command for command in everything for name in command.names}

    def __repr__(self) -> str:
        return f"<Interpreter: {len(self.names)} commands for {self.machine!r}>"

    @property
    def names(self) -> list[str]:
        """The usual name of every command, for completion."""
        return sorted({command.name for command in self._by_name.values()})

    def run(self, line: str) -> object:
        """Run one line: a command, or several with ``;`` between; return the last one's value.

        A ``#`` begins a comment.

        Raises:
            UnknownCommand: there is no such command; what stood before it is done.
            UsageError: a command is used wrongly; what stood before it is done.
            OnchipError: it failed.
        """
        value: object = None
        for words in _commands(line):
            value = self._run(words)
        return value

    def run_script(self, lines: Iterable[str], source: str = "script") -> object:
        """Run lines until one fails; return the last one's value.

        Raises:
            OnchipError: a line failed; the error says which.
        """
        value: object = None
        for number, line in enumerate(lines, 1):
            try:
                value = self.run(line)
            except OnchipError as error:
                error.message = f"{source}:{number}: {error.message}"
                raise
        return value

    def _run(self, words: list[str]) -> object:
        name = words[0].lower()
        command = self._by_name.get(name)
        if command is None:
            close = difflib.get_close_matches(name, self._by_name, n=1)
            meant = f"; is it {close[0]!r} that you mean?" if close else ""
            raise UnknownCommand(f"there is no command {words[0]!r}{meant}", hint="help lists them")
        return command.serve(self.machine, Words(command.usage, words[1:], self.machine))

    def _help(self, machine: Machine, words: Words) -> None:
        names = words.rest()
        unknown = [name for name in names if name.lower() not in self._by_name]
        if unknown:
            raise UsageError(f"there is no command {unknown[0]!r}", hint="help lists them")
        for name in names:
            _teach(machine, self._by_name[name.lower()])
        if names:
            return
        commands = {command.name: command for command in self._by_name.values()}
        width = max(len(command.usage) for command in commands.values())
        for group, members in self._groups:
            machine.print(f"{group}:\n")
            for command in members:
                machine.print(f"  {command.usage:{width}}  {command.help}\n")
        machine.print("\nhelp COMMAND tells more. " + _NUMBERS)


def _teach(machine: Machine, command: Command) -> None:
    others = f" (also: {', '.join(command.names[1:])})" if command.names[1:] else ""
    more = f"  {command.more}\n" if command.more else ""
    machine.print(f"{command.usage}\n  {command.help}{others}\n{more}")


def _commands(line: str) -> list[list[str]]:
    """Cut a line into commands and these into words; quotes keep blanks and ``;``."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";")
    lexer.whitespace_split = True
    lexer.escape = ""  # paths of Windows keep their backslashes
    commands: list[list[str]] = [[]]
    try:
        for word in lexer:
            if set(word) == {";"}:
                commands.append([])
            else:
                commands[-1].append(word)
    except ValueError as error:
        raise UsageError(f"{line.strip()}: {str(error).lower()}") from None
    return [words for words in commands if words]
