"""Keeps the engine's picture of the bus: which ranges are memory, which are calls.

The engine maps pages of 1 KiB. Devices may be smaller: a page with any device in it is a page of
calls, and the bus finds out who answers.
"""

from __future__ import annotations

from collections.abc import Callable

from ..bus import PAGE, PPB_BASE, PPB_END, Window
from .engine import Engine


class AddressMap:
    """Implements ``bus.Listener`` for an engine."""

    def __init__(self, engine: Engine, on_debugger_write: Callable[[], None]) -> None:
        self._engine = engine
        self._on_debugger_write = on_debugger_write
        self._device_pages: dict[int, int] = {}
        self.changed_code: list[tuple[int, int]] = []
        """Ranges whose bytes changed since this list was last emptied."""
        engine.map_devices(PPB_BASE, PPB_END - PPB_BASE)

    def mapped(self, window: Window) -> None:
        """Show a new window to the engine."""
        memory = window.memory
        if memory is not None:
            length = window.end - window.base
            self._engine.map_memory(window.base, memory, window.offset, length)
            self.changed_code.append((window.base, length))
            return
        if _is_whole(window):
            self._engine.map_devices(window.base, window.end - window.base)
            return
        fresh = []
        for page in self._pages(window):
            if page not in self._device_pages:
                fresh.append(page)
            self._device_pages[page] = self._device_pages.get(page, 0) + 1
        for first, count in _runs(fresh):
            self._engine.map_devices(first * PAGE, count * PAGE)

    def unmapped(self, window: Window) -> None:
        """Take a window away from the engine."""
        if window.memory is not None:
            self._engine.unmap(window.base, window.end - window.base)
            return
        if _is_whole(window):
            self._engine.unmap(window.base, window.end - window.base)
            return
        for page in self._pages(window):
            self._device_pages[page] -= 1
            if not self._device_pages[page]:
                del self._device_pages[page]
                self._engine.unmap(page * PAGE, PAGE)

    def code_changed(self, address: int, length: int) -> None:
        """Let the engine forget translations."""
        self._engine.flush(address, length)
        if self.changed_code and sum(self.changed_code[-1]) == address:
            address = self.changed_code[-1][0]
            length += self.changed_code.pop()[1]
        self.changed_code.append((address, length))

    def debugger_wrote(self) -> None:
        """Pass on that the debugger has written."""
        self._on_debugger_write()

    @staticmethod
    def _pages(window: Window) -> range:
        if PPB_BASE <= window.base < PPB_END:
            return range(0)  # calls already
        return range(window.base // PAGE, (window.end - 1) // PAGE + 1)


def _is_whole(window: Window) -> bool:
    """Tell whether no other device can share a page with this one, which saves the counting."""
    return (
        not window.base % PAGE and not window.end % PAGE and not (PPB_BASE <= window.base < PPB_END)
    )


def _runs(pages: list[int]) -> list[tuple[int, int]]:
    """Join neighbouring pages to (first, count)."""
    runs: list[tuple[int, int]] = []
    for page in pages:
        if runs and sum(runs[-1]) == page:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((page, 1))
    return runs
