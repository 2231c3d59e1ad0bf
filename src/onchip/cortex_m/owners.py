"""Who wants a breakpoint or watchpoint, and when it is to stop the core.

Several clients of a session may want the same point, each under a condition of its own: the core
stops there if one of them wants it to, and the point stays until the last has let go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ..coresight import Memory
from ..errors import OnchipError, UsageError


class StoppedCore(Protocol):
    """What a condition may ask of the core that stands at its point."""

    @property
    def memory(self) -> Memory:
        """Memory as the program knows it."""

    def read_register(self, name: str) -> int:
        """Return a register by name."""


Condition = Callable[[StoppedCore], bool]
"""Says whether the core is to stop where it stands."""


class PointOwner:
    """A client that sets breakpoints and watchpoints; its ``name`` stands in refusals.

    Compared by identity: two clients of the same name are two.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<PointOwner {self.name}>"


PYTHON = PointOwner("Python")
"""The owner of what is set without naming one."""


@dataclass(slots=True)
class Wish:
    """When one owner wants the core to stop.

    ``ignore_count`` hits that meet the condition are passed first; ``temporary`` is once only.
    """

    condition: Condition | None = None
    ignore_count: int = 0
    temporary: bool = False
    hits: int = 0

    def __post_init__(self) -> None:
        if self.ignore_count < 0:
            raise UsageError(f"{self.ignore_count} hits cannot be ignored")

    def met(self, core: StoppedCore) -> bool:
        """Count a hit and say whether it is one to stop at."""
        if self.condition is not None and not self.condition(core):
            return False
        self.hits += 1
        return self.hits > self.ignore_count


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which owners of a point want the core to stop, and what went wrong in finding out."""

    wanted_by: tuple[PointOwner, ...] = ()
    trouble: str = ""


class Holders:
    """The owners of one point, and what each wants of it."""

    def __init__(self) -> None:
        self._wishes: dict[PointOwner, Wish] = {}

    def __bool__(self) -> bool:
        return bool(self._wishes)

    def __iter__(self) -> Iterator[PointOwner]:
        return iter(list(self._wishes))

    def add(self, owner: PointOwner, wish: Wish) -> None:
        """Let ``owner`` hold the point; what it wanted before is replaced."""
        self._wishes[owner] = wish

    @property
    def wishes(self) -> tuple[Wish, ...]:
        """Return what the owners want."""
        return tuple(self._wishes.values())

    def wish_of(self, owner: PointOwner) -> Wish | None:
        """Return what ``owner`` wants, if it holds the point."""
        return self._wishes.get(owner)

    def discard(self, owner: PointOwner) -> None:
        """Let ``owner`` go, if it holds the point."""
        self._wishes.pop(owner, None)

    def judge(self, core: StoppedCore) -> Verdict:
        """Say who wants the core to stop here; a condition that cannot be evaluated does.

        All are asked, since a condition may do more than to answer: print, or count.
        """
        wanted_by, trouble = [], ""
        for owner, wish in list(self._wishes.items()):
            try:
                met = wish.met(core)
            except OnchipError as error:
                met, trouble = True, f"its condition could not be evaluated: {error.message}"
            if met and wish.temporary:
                self.discard(owner)
            if met:
                wanted_by.append(owner)
        return Verdict(tuple(wanted_by), trouble)


def tally(points: Iterable[Holders]) -> str:
    """Return who holds how many: ``4 by GDB 127.0.0.1:50000, 2 by Python``."""
    counts: Counter[str] = Counter()
    for holders in points:
        counts.update([owner.name for owner in holders] or ["nobody any more"])
    return ", ".join(f"{count} by {name}" for name, count in counts.most_common())
