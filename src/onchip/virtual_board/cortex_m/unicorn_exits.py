"""Where Unicorn stops before an instruction.

Exits are part of a translation: each change makes Unicorn forget the code around it. An exit right
behind a WFI would look like the WFI itself, which therefore becomes an exit, too.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from .unicorn_library import CodeCache
from .unicorn_table import MemoryTable

WFI = 0xBF30
_FEW = 16


class Exits:
    """The exits of one engine."""

    def __init__(self, uc: Any, cache: CodeCache, table: MemoryTable) -> None:
        self._uc, self._cache, self._table = uc, cache, table
        self.addresses: set[int] = set()
        """Where somebody wants to stop."""
        self.sleeps: set[int] = set()
        """WFI right before one of them."""
        self.checked: set[int] = set()
        """Where the engine itself looks at an instruction before it executes."""
        self._sorted: list[int] = []

    def arm(self, addresses: set[int]) -> None:
        """Stop at ``addresses`` and nowhere else."""
        changed = addresses ^ self.addresses
        sleeps = {a for a in self.sleeps if a + 2 in addresses}
        sleeps |= self._sleeps_before(changed & addresses)
        sleeps |= self._sleeps_before(a + 2 for a in changed if a + 2 in addresses)
        sleeps -= addresses
        changed |= sleeps ^ self.sleeps
        if changed:
            self.addresses, self.sleeps = addresses, sleeps
            self._load(changed)

    def check(self, addresses: set[int]) -> None:
        """Let ``addresses`` be looked at, and no others."""
        changed = addresses ^ self.checked
        self.checked = addresses
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
        near = {a for a in self._sorted[first:last] if a in self.addresses}
        outside = {a for a in self.sleeps if a + 2 not in near}
        sleeps = outside | self._sleeps_before(near) - self.addresses
        changed = sleeps ^ self.sleeps
        if changed:
            self.sleeps = sleeps
            self._load(changed)

    @contextmanager
    def instead(self, hidden: int, extra: set[int]) -> Iterator[None]:
        """Take out the exit at ``hidden``, and put in ``extra``, for a while."""
        before = self.addresses, self.sleeps, self.checked
        self.addresses = (self.addresses - {hidden}) | extra
        self.sleeps, self.checked = self.sleeps - {hidden}, self.checked - {hidden}
        self._load({hidden} | extra)
        try:
            yield
        finally:
            self.addresses, self.sleeps, self.checked = before
            self._load({hidden} | extra)

    def _load(self, changed: set[int]) -> None:
        self._sorted = sorted(self.addresses | self.sleeps | self.checked)
        self._uc.ctl_set_exits(self._sorted)
        if len(changed) > _FEW:
            self._uc.ctl_flush_tb()
        else:
            for address in changed:
                self._cache.forget(address, address + 1)
