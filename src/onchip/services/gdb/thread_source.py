"""How the threads of an RTOS come to GDB: what a source of them must offer.

A source need not import anything from here; it only has to look like this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class Task(Protocol):
    """A thread of an RTOS, as it is while the core stands still.

    ``id``: more than 1, the same as long as the task lives (the address of its control block, say).
    ``description``: state, priority and so on, for people. ``is_current``: the kernel runs it.
    """

    @property
    def id(self) -> int:
        """What GDB calls it."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def description(self) -> str:
        """What there is to say about it."""

    @property
    def is_current(self) -> bool:
        """Whether the kernel runs it; at most one."""

    def read_registers(self) -> Mapping[str, int]:
        """Return what is saved, by the core's names, as it will be once the task runs again.

        Asked only of a task that does not execute: one that sleeps, or the current one while the
        core handles an exception.

        Raises:
            TransferError: its stack cannot be read.
        """

    def write_registers(self, values: Mapping[str, int]) -> None:
        """Change what is saved.

        Raises:
            UsageError: a register is not saved in memory.
            TransferError: its stack cannot be written.
        """


class ThreadSource(Protocol):
    """Finds the tasks of a kernel in memory.

    ``wanted_symbols``: names that GDB is asked for. ``warning``: why the list may not be complete.
    """

    @property
    def wanted_symbols(self) -> Sequence[str]:
        """Names of variables that help."""

    @property
    def warning(self) -> str | None:
        """What is wrong with the kernel's lists, if anything."""

    def learn(self, symbols: Mapping[str, int]) -> None:
        """Take the addresses of those names that GDB knows; what was known before is void."""

    def current_id(self) -> int | None:
        """Return the id of the task that the kernel runs; None: no kernel runs. Cheap."""

    def tasks(self) -> Sequence[Task]:
        """Return all tasks; none if no kernel runs."""
