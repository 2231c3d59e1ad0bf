"""What all peripherals of nRF51 and nRF52 have in common, and the PPI that joins them.

A block has tasks (offsets below 0x100: writing 1 does something), events (0x100-0x1FC: become 1
when something happened), shortcuts from its events to its tasks, and one interrupt, enabled per
event. The PPI carries events of one peripheral to tasks of another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

from onchip.virtual_board.bus import Bus, BusFault

from ..wiring import Wiring
from .register_block import RegisterBlock

EVENTS, SHORTS, INTEN, INTENSET, INTENCLR = 0x100, 0x200, 0x300, 0x304, 0x308
FIRST_REGISTER = 0x400


class Ppi(RegisterBlock):
    """Programmable peripheral interconnect: channels from an event's address to a task's."""

    CHEN, CHENSET, CHENCLR = 0x500, 0x504, 0x508
    CHANNELS, CHG, FORKS = 0x510, 0x800, 0x910
    CHAIN = 8
    CLOCK_NS = 63

    def __init__(self, bus: Bus, channels: int) -> None:
        super().__init__()
        self._bus = bus
        self._count = channels
        self._depth = 0

    def event(self, address: int) -> None:
        """Trigger the tasks of every enabled channel that listens to ``address``.

        A chain of channels that bites its own tail goes round for ever, in time.
        """
        if not self.words[self.CHEN]:
            return
        if self._depth >= self.CHAIN:
            timeline = self._bus.timeline
            timeline.at(timeline.now_ns + self.CLOCK_NS, partial(self.event, address))
            return
        self._depth += 1
        try:
            self._trigger(address)
        finally:
            self._depth -= 1

    def _trigger(self, address: int) -> None:
        enabled = self.words[self.CHEN]
        for channel in range(self._count):
            if not enabled >> channel & 1:
                continue
            if self.words.get(self.CHANNELS + 8 * channel) != address:
                continue
            for offset in (self.CHANNELS + 8 * channel + 4, self.FORKS + 4 * channel):
                task = self.words[offset]
                if task:
                    with suppress(BusFault):  # a task address that leads nowhere
                        self._bus.write(task, 4, 1)

    def read_word(self, offset: int) -> int:
        """Return a register; CHENSET and CHENCLR read as CHEN."""
        return super().read_word(self.CHEN if offset in (self.CHENSET, self.CHENCLR) else offset)

    def write_word(self, offset: int, value: int) -> None:
        """Write a register; tasks switch channel groups on and off."""
        if offset < EVENTS:
            if value & 1:
                group = self.words[self.CHG + 4 * (offset // 8)]
                self._enable(group, on=offset % 8 == 0)
        elif offset in (self.CHENSET, self.CHENCLR):
            self._enable(value, on=offset == self.CHENSET)
        else:
            super().write_word(offset, value)

    def _enable(self, channels: int, *, on: bool) -> None:
        enabled = self.words[self.CHEN]
        self.words[self.CHEN] = enabled | channels if on else enabled & ~channels


class NordicPeripheral(RegisterBlock):
    """Tasks, events, shortcuts, interrupt.

    A model fills ``tasks`` (offset to action) and ``shortcuts`` (bit of SHORTS to event and task),
    calls ``event``, and overrides ``read_register`` and ``write_register`` for the rest.
    """

    def __init__(
        self,
        wiring: Wiring,
        ppi: Ppi,
        base: int,
        irq: int,
        resets: Mapping[int, int] | None = None,
    ) -> None:
        super().__init__(resets)
        self.timeline = wiring.timeline
        self.base = base
        self.tasks: dict[int, Callable[[], None]] = {}
        self.shortcuts: dict[int, tuple[int, int]] = {}
        self._ppi = ppi
        self._irq = wiring.interrupts.line(irq)
        self.poller = wiring.poller()

    def reset(self) -> None:
        """Go back to the reset values, events and interrupt cleared."""
        super().reset()
        self.update_irq()

    def event(self, offset: int) -> None:
        """Let an event happen, with all that hangs on it."""
        self.words[offset] = 1
        shorts = self.words[SHORTS]
        if shorts:
            for bit, (event, task) in self.shortcuts.items():
                if event == offset and shorts >> bit & 1:
                    self.tasks[task]()
        self._ppi.event(self.base + offset)
        self.update_irq()

    def update_irq(self) -> None:
        """Drive the interrupt line: any enabled event that is 1."""
        enabled = self.words[INTEN]
        number = 0
        active = False
        while enabled and not active:
            active = bool(enabled & 1 and self.words[EVENTS + 4 * number])
            enabled >>= 1
            number += 1
        self._irq.set(level=active)

    def next_change_ns(self) -> int | None:
        """Return when a polled event will come, or None if that is unknown."""
        return None

    def read_word(self, offset: int) -> int:
        """Return a register: events as they are, INTENSET and INTENCLR as what is enabled."""
        if offset < EVENTS:
            return 0
        if offset < SHORTS:
            due = self.next_change_ns()
            if not self.words.get(offset) and due is not None:
                self.poller.fruitless(due)
            return self.words[offset]
        if offset in (INTENSET, INTENCLR):
            return self.words[INTEN]
        return self.read_register(offset)

    def write_word(self, offset: int, value: int) -> None:
        """Trigger a task, set an event or an enable, or write a register."""
        self.poller.progress()
        if offset < EVENTS:
            if value & 1 and offset in self.tasks:
                self.tasks[offset]()
            return
        if offset < SHORTS:
            self.words[offset] = value & 1
        elif offset == INTENSET:
            self.words[INTEN] = self.words[INTEN] | value
        elif offset == INTENCLR:
            self.words[INTEN] = self.words[INTEN] & ~value
        elif offset == INTEN:
            self.words[INTEN] = value
        elif offset == SHORTS:
            self.words[SHORTS] = value
            return
        else:
            self.write_register(offset, value)
            return
        self.update_irq()

    def read_register(self, offset: int) -> int:
        """Return a register above the enables."""
        return self.words[offset]

    def write_register(self, offset: int, value: int) -> None:
        """Write a register above the enables."""
        self.words[offset] = value


class SoftwareInterrupts(NordicPeripheral):
    """EGU: tasks TRIGGER[0-15] are events TRIGGERED[0-15]."""

    def __init__(self, wiring: Wiring, ppi: Ppi, base: int, irq: int) -> None:
        super().__init__(wiring, ppi, base, irq)
        for offset in range(0, 0x40, 4):
            self.tasks[offset] = partial(self.event, EVENTS + offset)
