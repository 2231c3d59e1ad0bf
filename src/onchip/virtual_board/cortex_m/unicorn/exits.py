"""Where Unicorn stops before an instruction.

Exits are part of a translation: each change makes Unicorn forget the code around it. An exit right
behind a WFI would look like the WFI itself, which therefore becomes an exit, too.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from .library import CodeCache
from .table import MemoryTable

WFI = 0xBF30
_FEW = 16


class Exits:
    """The exits of one engine."""

    def __init__(self, uc: Any, cache: CodeCache, table: MemoryTable) -> None:
        self._uc, self._cache, self._table = uc, cache, table
        self._wanted: set[int] = set()
        self._before_wanted: set[int] = set()
        self._looked_at: set[int] = set()
        self._hidden: frozenset[int] = frozenset()
        self._extra: frozenset[int] = frozenset()
        self._sorted: list[int] = []
        self.addresses: set[int] = set()
        """Where somebody wants to stop, as of now."""
        self.sleeps: set[int] = set()
        """WFI right before one of them."""
        self.checked: set[int] = set()
        """Where the engine itself looks at an instruction before it executes."""

    def arm(self, addresses: set[int]) -> None:
        """Stop at ``addresses`` and nowhere else."""
        changed = addresses ^ self._wanted
        sleeps = {a for a in self._before_wanted if a + 2 in addresses}
        sleeps |= self._sleeps_before(changed & addresses)
        sleeps |= self._sleeps_before(a + 2 for a in changed if a + 2 in addresses)
        sleeps -= addresses
        changed |= sleeps ^ self._before_wanted
        if changed:
            self._wanted, self._before_wanted = addresses, sleeps
            self._load(changed)

    def check(self, addresses: set[int]) -> None:
        """Let ``addresses`` be looked at, and no others."""
        changed = addresses ^ self._looked_at
        self._looked_at = addresses
        if changed:
            self._load(changed)

    def _sleeps_before(self, exits: Iterable[int]) -> set[int]:
        return {a - 2 for a in exits if self._table.halfword(a - 2) == WFI}

    def bytes_changed(self, address: int, length: int) -> None:
        """Look again for WFI in what was written."""
        first = bisect_left(self._sorted, address - 2)
        last = bisect_left(self._sorted, address + length + 2)
        if first == last:
            return
        near = {a for a in self._sorted[first:last] if a in self._wanted}
        outside = {a for a in self._before_wanted if a + 2 not in near}
        sleeps = outside | self._sleeps_before(near) - self._wanted
        changed = sleeps ^ self._before_wanted
        if changed:
            self._before_wanted = sleeps
            self._load(changed)

    @contextmanager
    def instead(self, hidden: int, extra: set[int]) -> Iterator[None]:
        """Take out the exit at ``hidden``, and put in ``extra``, for a while."""
        self._hidden, self._extra = frozenset({hidden}), frozenset(extra)
        self._load({hidden} | extra)
        try:
            yield
        finally:
            self._hidden = self._extra = frozenset()
            self._load({hidden} | extra)

    def _load(self, changed: set[int]) -> None:
        self.addresses, self.sleeps, self.checked = (
            (self._wanted, self._before_wanted, self._looked_at)
            if not self._hidden
            else (
                (self._wanted - self._hidden) | self._extra,
                self._before_wanted - self._hidden,
                self._looked_at - self._hidden,
            )
        )
        self._sorted = sorted(self.addresses | self.sleeps | self.checked)
        self._uc.ctl_set_exits(self._sorted)
        if len(changed) > _FEW:
            self._uc.ctl_flush_tb()
        else:
            for address in changed:
                self._cache.forget(address, address + 1)
