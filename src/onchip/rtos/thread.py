"""What a kernel's reader tells: threads, their states, their stacks."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from onchip.rtos.frames import SavedAt
from onchip.rtos.memory_view import MemoryView

MOST_THREADS = 256
"""No walk goes further: a list that is longer is damaged."""


class ThreadState(StrEnum):
    """What a thread does."""

    RUNNING = "running"
    READY = "ready"
    BLOCKED = "blocked"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"
    NOT_STARTED = "not started"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class StackArea:
    """A thread's stack: from ``base`` up to before ``end``, None where that is not known.

    ``fill`` is the byte that the kernel paints unused stacks with.
    """

    base: int
    end: int | None
    fill: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadRecord:
    """One thread as its control block at ``address`` tells of it; ``detail`` is for people.

    A kernel with ``priority`` None has none for it. ``saved`` is where its registers lie while it
    sleeps, and void for the one that runs.
    """

    address: int
    name: str
    state: ThreadState
    priority: int | None = None
    detail: str = ""
    stack: StackArea | None = None
    saved: SavedAt | None = None


@dataclass(frozen=True, slots=True)
class KernelState:
    """What a walk found. ``current`` is the control block of the thread that the kernel runs.

    ``started`` is False before the scheduler runs: what the core does then is no thread's.
    """

    kernel: str
    threads: tuple[ThreadRecord, ...] = ()
    current: int | None = None
    started: bool = False
    warnings: tuple[str, ...] = field(default=())


class KernelReader(Protocol):
    """A kernel that was recognised in a program."""

    kernel: str

    def current(self, view: MemoryView) -> int | None:
        """Return the control block of the running thread, in one round trip; None: not started."""

    def read(self, view: MemoryView) -> KernelState:
        """Walk the kernel's threads; bounded, and what is wrong with them is a warning."""


@dataclass(frozen=True, slots=True)
class StackUse:
    """A thread's stack in bytes: where it is, how much is used now and at most so far.

    ``size`` and ``used`` are None where it is not known where the stack ends, ``most_used`` also
    where no stacks are painted. ``untouched`` is what was never used, None without paint.
    """

    base: int
    size: int | None
    used: int | None
    most_used: int | None
    untouched: int | None

    def __str__(self) -> str:
        if self.size is None:
            known = "" if self.untouched is None else f", {self.untouched} bytes never used"
            return f"stack from {self.base:#010x}{known}"
        most = "" if self.most_used is None else f" (at most {self.most_used})"
        over = ", overflowed" if (self.used or 0) > self.size else ""
        return f"stack {self.used} of {self.size} bytes{most}{over}"


def describe(record: ThreadRecord, use: StackUse | None) -> str:
    """Return a line for people: state, priority, stack."""
    parts = [str(record.state) + (f" ({record.detail})" if record.detail else "")]
    if record.priority is not None:
        parts.append(f"priority {record.priority}")
    if use is not None:
        parts.append(str(use))
    return ", ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A thread of the target's kernel.

    ``address`` is its control block. ``registers`` are those that it goes on with, by the core's
    names; for the running thread those of the core, or where an interrupt came upon it, those that
    were stacked. They are empty where no frame could be found; ``places`` has where each lies.
    """

    address: int
    name: str
    state: ThreadState
    priority: int | None
    detail: str
    is_current: bool
    stack: StackUse | None
    registers: dict[str, int]
    places: dict[str, int]
    where: str = ""
    """The function that it goes on in, or the address."""

    def __repr__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"<Thread {self.name}: {self.state}{detail}>"


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The exception that the core handles, which is no thread's: its number, its registers."""

    exception: int
    name: str
    registers: dict[str, int]
    where: str = ""
