"""What a peripheral is connected to: time, clocks, interrupt lines, the bus, the pins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from onchip.virtual_board.bus import Bus
from onchip.virtual_board.timeline import Event, Timeline

from .flash_faults import FlashFaults
from .uart_port import UartPort

NS_PER_S = 1_000_000_000
POLL_LOOP_CYCLES = 64
"""Two fruitless polls by one instruction, no further apart, are a busy wait: then time jumps."""


class Clocks:
    """Frequencies by name, in Hz. Whoever counts clocks is told when one changes."""

    def __init__(self, **frequencies_hz: int) -> None:
        self._hz = frequencies_hz
        self.listeners: list[Callable[[], None]] = []

    def __getitem__(self, name: str) -> int:
        return self._hz[name]

    def update(self, **frequencies_hz: int) -> None:
        """Change frequencies and tell the listeners, if any is new."""
        if all(self._hz.get(name) == hz for name, hz in frequencies_hz.items()):
            return
        self._hz.update(frequencies_hz)
        for listener in self.listeners:
            listener()


class InterruptLine:
    """One source's share of an interrupt line; the line is high while any source is."""

    def __init__(self, lines: InterruptLines, number: int) -> None:
        self._lines = lines
        self.number = number
        self.level = False

    def set(self, *, level: bool) -> None:
        """Drive the line."""
        if level != self.level:
            self.level = level
            self._lines.update(self.number)


class InterruptLines:
    """All lines to the core's NVIC."""

    def __init__(self, drive: Callable[[int, bool], None]) -> None:
        self._drive = drive
        self._sources: dict[int, list[InterruptLine]] = {}

    def line(self, number: int) -> InterruptLine:
        """Return a new source of line ``number``."""
        source = InterruptLine(self, number)
        self._sources.setdefault(number, []).append(source)
        return source

    def update(self, number: int) -> None:
        """Drive the core's input with the sum of the sources."""
        self._drive(number, any(source.level for source in self._sources[number]))


@dataclass
class Wiring:
    """Everything that a peripheral may need from its chip."""

    bus: Bus
    timeline: Timeline
    clocks: Clocks
    interrupts: InterruptLines
    uart: UartPort
    faults: FlashFaults
    pc: Callable[[], int]
    """Of the instruction that makes the access at hand."""

    def poller(self) -> BusyPoller:
        """Return a counter of fruitless polls."""
        return BusyPoller(self.timeline, self.clocks, self.pc)


class BusyPoller:
    """Makes time jump when the core does nothing but poll a flag.

    Only an instruction that polls again goes round in a loop: an interrupt handler looks at one
    flag after the other, too.
    """

    def __init__(self, timeline: Timeline, clocks: Clocks, pc: Callable[[], int]) -> None:
        self._timeline = timeline
        self._clocks = clocks
        self._pc = pc
        self._polled_ns: dict[int, int] = {}  # by PC, since there was progress

    def fruitless(self, until_ns: int) -> None:
        """Note a poll of a flag that will change at ``until_ns``."""
        now, pc = self._timeline.now_ns, self._pc()
        last = self._polled_ns.get(pc)
        self._polled_ns[pc] = now
        if last is not None and (now - last) * self._clocks["core"] <= POLL_LOOP_CYCLES * NS_PER_S:
            self._timeline.leap(until_ns)

    def progress(self) -> None:
        """Note that something else happened."""
        self._polled_ns.clear()


class Alarm:
    """An event on the timeline that can be moved."""

    def __init__(self, timeline: Timeline, action: Callable[[], None]) -> None:
        self._timeline = timeline
        self._action = action
        self._event: Event | None = None
        self.due_ns: int | None = None

    def set(self, due_ns: int) -> None:
        """Ring at ``due_ns`` instead of whenever it would have."""
        self.cancel()
        self.due_ns = due_ns
        self._event = self._timeline.at(due_ns, self._ring)

    def cancel(self) -> None:
        """Do not ring."""
        if self._event is not None:
            self._timeline.cancel(self._event)
        self._event = None
        self.due_ns = None

    def _ring(self) -> None:
        self._event = None
        self.due_ns = None
        self._action()
