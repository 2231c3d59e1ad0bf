"""Reports loads and stores that touch watched addresses.

While there are any, every access takes Unicorn's slow path. The ranges of its hooks are compared
with the start of an access only: they are widened by the largest one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..engine import Access, OnWatch, Watch
from .table import MemoryTable

_LARGEST = 8


class Watches:
    """The watches of one engine. ``before(pc)`` of the engine is called at each access."""

    def __init__(self, const: Any, uc: Any, table: MemoryTable, before: Callable[[], int]) -> None:
        self._const, self._uc, self._table, self._before = const, uc, table, before
        self._hooks: list[int] = []

    def set(self, watches: Sequence[Watch], on_watch: OnWatch) -> None:
        """Report accesses that touch any of ``watches``."""
        for hook in self._hooks:
            self._uc.hook_del(hook)
        self._hooks = [self._add(watch, on_watch) for watch in watches]
        self._uc.ctl_flush_tb()

    def _add(self, watch: Watch, on_watch: OnWatch) -> int:
        const = self._const

        def accessed(_: Any, access: int, address: int, size: int, value: int, __: Any) -> None:
            pc = self._before()
            if address <= watch.last and address + size > watch.first:
                kind: Access = "write" if access == const.UC_MEM_WRITE else "read"
                if watch.values and kind == "read":
                    value = int.from_bytes(self._table.content(address, size), "little")
                on_watch(kind, address, size, value & (1 << 8 * size) - 1, pc)

        kinds = const.UC_HOOK_MEM_READ if watch.reads else 0
        kinds |= const.UC_HOOK_MEM_WRITE if watch.writes else 0
        first = max(0, watch.first - _LARGEST + 1)
        return int(self._uc.hook_add(kinds, accessed, begin=first, end=watch.last))
