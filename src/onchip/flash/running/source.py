"""Commands to come, of which the next can be looked at: it may not fit the ring yet."""

from __future__ import annotations

from collections.abc import Iterable

from .command import Command


class Source:
    """Takes commands from ``commands`` one at a time, no earlier than each is looked at."""

    def __init__(self, commands: Iterable[Command]) -> None:
        self._commands = iter(commands)
        self._next: Command | None = None

    @property
    def at_end(self) -> bool:
        """Whether there is no more."""
        if self._next is None:
            self._next = next(self._commands, None)
        return self._next is None

    def peek(self) -> Command:
        """Return the next command, and leave it.

        Raises:
            ValueError: there is none.
        """
        if self.at_end or self._next is None:
            raise ValueError("there are no more commands")
        return self._next

    def take(self) -> Command:
        """Return the next command.

        Raises:
            ValueError: there is none.
        """
        command = self.peek()
        self._next = None
        return command
