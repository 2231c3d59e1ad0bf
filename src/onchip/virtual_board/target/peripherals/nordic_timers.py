"""TIMER, RTC and WDT of nRF51 and nRF52. Counters are computed from the time, never stepped."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..wiring import Alarm, Wiring
from .nordic import INTEN, NordicPeripheral, Ppi
from .ticks import Ticks

COMPARE, CC = 0x140, 0x540
HFCLK_HZ, LFCLK_HZ = 16_000_000, 32_768


class _Counter(NordicPeripheral):
    """A counter with compare registers, running at ``hz / divider``."""

    def __init__(
        self, wiring: Wiring, ppi: Ppi, base: int, irq: int, hz: int, channels: int
    ) -> None:
        super().__init__(wiring, ppi, base, irq)
        self.channels = channels
        self._ticks = Ticks(wiring.timeline, hz)
        self._count = 0
        self.running = False
        self.alarm = Alarm(wiring.timeline, self._due)

    @property
    def divider(self) -> int:
        """Clocks of ``hz`` to a count."""
        return 1

    @property
    def mask(self) -> int:
        """The counter's width, as all its bits set."""
        return 0xFF_FFFF

    @property
    def counts(self) -> bool:
        """Whether time drives the counter now."""
        return self.running

    def reset(self) -> None:
        """Stop at 0."""
        super().reset()
        self.alarm.cancel()
        self._count = 0
        self._ticks.restart()
        self.running = False

    def next_change_ns(self) -> int | None:
        """Return when the next compare match will be."""
        return self.alarm.due_ns

    def settle(self) -> int:
        """Bring the counter up to now and return it. Call before anything changes its speed."""
        ticks = self._ticks.take(self.divider, running=self.counts)
        self._count = (self._count + ticks) & self.mask
        return self._count

    def set_count(self, count: int) -> None:
        """Let the counter stand at ``count`` now."""
        self._count = count & self.mask
        self._ticks.restart()

    def plan(self) -> None:
        """Set the alarm for the next compare match or overflow."""
        self.alarm.cancel()
        if not self.counts:
            return
        distances = [self.mask + 1 - self._count]
        for channel in range(self.channels):
            target = self.words[CC + 4 * channel] & self.mask
            distances.append((target - self._count) & self.mask or self.mask + 1)
        distances += self.extra_distances()
        self.alarm.set(self._ticks.moment(min(distances), self.divider))

    def extra_distances(self) -> list[int]:
        """Return further counts from now at which something happens."""
        return []

    def start(self) -> None:
        """Count from now on."""
        self.settle()
        self.running = True
        self.plan()

    def stop(self) -> None:
        """Stand still."""
        self.settle()
        self.running = False
        self.plan()

    def clear(self) -> None:
        """Start again at 0."""
        self.set_count(0)
        self.plan()

    def write_register(self, offset: int, value: int) -> None:
        """Write a register; it counts from this moment on."""
        self.settle()
        super().write_register(offset, value)
        self.plan()

    def matched(self, count: int) -> None:
        """Let the events of ``count`` happen."""
        for channel in range(self.channels):
            if self.words[CC + 4 * channel] & self.mask == count:
                self.compare(channel)

    def compare(self, channel: int) -> None:
        """Let COMPARE[channel] happen."""
        self.event(COMPARE + 4 * channel)

    def _due(self) -> None:
        self.matched(self.settle())
        self.plan()


class NordicTimer(_Counter):
    """TIMER: 16 MHz divided by a power of two, or a counter of COUNT tasks."""

    MODE, BITMODE, PRESCALER = 0x504, 0x508, 0x510
    WIDTHS = (16, 8, 24, 32)

    def __init__(self, wiring: Wiring, ppi: Ppi, base: int, irq: int, channels: int) -> None:
        super().__init__(wiring, ppi, base, irq, HFCLK_HZ, channels)
        self._resets[self.PRESCALER] = self.words[self.PRESCALER] = 4
        self.tasks = {
            0x00: self.start,
            0x04: self.stop,
            0x08: self._count_one,
            0x0C: self.clear,
            0x10: self.stop,
        }
        for channel in range(channels):
            self.tasks[0x40 + 4 * channel] = partial(self._capture, channel)
            self.shortcuts[channel] = (COMPARE + 4 * channel, 0x0C)
            self.shortcuts[8 + channel] = (COMPARE + 4 * channel, 0x04)

    @property
    def divider(self) -> int:
        """2 to the power of PRESCALER."""
        return 1 << (self.words[self.PRESCALER] & 0xF)

    @property
    def mask(self) -> int:
        """BITMODE's width."""
        return (1 << self.WIDTHS[self.words[self.BITMODE] & 3]) - 1

    @property
    def counts(self) -> bool:
        """Whether it runs, in timer mode."""
        return self.running and not self.words[self.MODE] & 3

    def _count_one(self) -> None:
        if self.running and not self.counts:
            self.set_count(self.settle() + 1)
            self.matched(self._count)

    def _capture(self, channel: int) -> None:
        self.words[CC + 4 * channel] = self.settle()
        self.plan()


class NordicRtc(_Counter):
    """RTC: 32,768 Hz divided by PRESCALER + 1, 24 bits."""

    TICK, OVRFLW = 0x100, 0x104
    EVTEN, EVTENSET, EVTENCLR, COUNTER, PRESCALER = 0x340, 0x344, 0x348, 0x504, 0x508

    def __init__(self, wiring: Wiring, ppi: Ppi, base: int, irq: int, channels: int) -> None:
        super().__init__(wiring, ppi, base, irq, LFCLK_HZ, channels)
        self.tasks = {
            0x00: self.start,
            0x04: self.stop,
            0x08: self.clear,
            0x0C: self._trigger_overflow,
        }

    @property
    def divider(self) -> int:
        """PRESCALER + 1."""
        return (self.words[self.PRESCALER] & 0xFFF) + 1

    def extra_distances(self) -> list[int]:
        """Wake at every tick only if somebody wants the event."""
        wanted = self.words[INTEN] | self.words[self.EVTEN]
        return [1] if wanted & 1 else []

    def read_register(self, offset: int) -> int:
        """Return a register; COUNTER as of now."""
        if offset == self.COUNTER:
            count = self.settle()
            if self.alarm.due_ns is not None:
                self.poller.fruitless(self._ticks.moment(1, self.divider))
            return count
        if offset in (self.EVTENSET, self.EVTENCLR):
            return self.words[self.EVTEN]
        return super().read_register(offset)

    def write_word(self, offset: int, value: int) -> None:
        """Write a register; enabling TICK moves the alarm."""
        super().write_word(offset, value)
        if 0x300 <= offset < 0x400:
            self.settle()
            self.plan()

    def write_register(self, offset: int, value: int) -> None:
        """Write a register; PRESCALER only while stopped."""
        if offset == self.EVTENSET:
            self.words[self.EVTEN] = self.words[self.EVTEN] | value
        elif offset == self.EVTENCLR:
            self.words[self.EVTEN] = self.words[self.EVTEN] & ~value
        elif offset != self.COUNTER and not (offset == self.PRESCALER and self.running):
            super().write_register(offset, value)

    def compare(self, channel: int) -> None:
        """Let COMPARE[channel] happen, if its interrupt or its event routing is enabled."""
        wanted = self.words[INTEN] | self.words[self.EVTEN]
        if wanted >> 16 + channel & 1:
            super().compare(channel)

    def matched(self, count: int) -> None:
        """Add TICK and OVRFLW to the compare events."""
        wanted = self.words[INTEN] | self.words[self.EVTEN]
        if wanted & 1:
            self.event(self.TICK)
        if count == 0 and wanted & 2:
            self.event(self.OVRFLW)
        super().matched(count)

    def _trigger_overflow(self) -> None:
        self.set_count(0xFF_FFF0)
        self.plan()


class NordicWatchdog(NordicPeripheral):
    """WDT: resets the chip unless every enabled reload register is written in time.

    It pauses while a debugger holds the core, unless CONFIG.HALT says otherwise.
    """

    TIMEOUT = 0x100
    RUNSTATUS, REQSTATUS, CRV, RREN, CONFIG, RR = 0x400, 0x404, 0x504, 0x508, 0x50C, 0x600
    RELOAD_KEY = 0x6E52_4635
    CONFIG_HALT = 1 << 3

    def __init__(
        self,
        wiring: Wiring,
        ppi: Ppi,
        base: int,
        irq: int,
        expire: Callable[[], None],
        halted: Callable[[], bool],
    ) -> None:
        resets = {self.CRV: 0xFFFF_FFFF, self.RREN: 1, self.CONFIG: 1}
        super().__init__(wiring, ppi, base, irq, resets)
        self._halted = halted
        self._expire = expire
        self._alarm = Alarm(wiring.timeline, self._due)
        self.tasks = {0x00: self._start}

    def reset(self) -> None:
        """Stop."""
        super().reset()
        self._alarm.cancel()

    def write_register(self, offset: int, value: int) -> None:
        """Write a setting, only before START; or a reload register."""
        running = self.words[self.RUNSTATUS]
        if self.RR <= offset < self.RR + 32:
            if running and value == self.RELOAD_KEY:
                self.words[self.REQSTATUS] &= ~(1 << (offset - self.RR) // 4)
                if not self.words[self.REQSTATUS]:
                    self._reload()
        elif not running and offset in (self.CRV, self.RREN, self.CONFIG):
            self.words[offset] = value

    def _start(self) -> None:
        if not self.words[self.RUNSTATUS]:
            self.words[self.RUNSTATUS] = 1
            self._reload()

    def _reload(self) -> None:
        self.words[self.REQSTATUS] = self.words[self.RREN]
        ticks = self.words[self.CRV] + 1
        self._alarm.set(self.timeline.now_ns + ticks * 1_000_000_000 // LFCLK_HZ)

    def _due(self) -> None:
        if self._halted() and not self.words[self.CONFIG] & self.CONFIG_HALT:
            self._reload()
            return
        self.event(self.TIMEOUT)
        self._expire()
