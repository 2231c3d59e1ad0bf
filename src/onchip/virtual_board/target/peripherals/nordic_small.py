"""CLOCK and POWER, GPIO, GPIOTE, RNG and TEMP of nRF51 and nRF52."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from ..wiring import Alarm, Wiring
from .nordic import EVENTS, NordicPeripheral, Ppi
from .port import Port

RESETREAS = 0x400
RESETREAS_BITS = {"power-on": 0, "system": 1 << 2, "watchdog": 1 << 1}


class ClockAndPower(NordicPeripheral):
    """CLOCK and POWER share one block. A clock starts in its data-sheet time."""

    HFCLKSTARTED, LFCLKSTARTED, DONE = 0x100, 0x104, 0x10C
    HFCLKRUN, HFCLKSTAT, LFCLKRUN, LFCLKSTAT, LFCLKSRC = 0x408, 0x40C, 0x414, 0x418, 0x518
    LFCLKSRCCOPY, GPREGRET = 0x41C, (0x51C, 0x520)
    RUNNING = 1 << 16

    def __init__(
        self, wiring: Wiring, ppi: Ppi, base: int, irq: int, hf_start_ns: int, lf_start_ns: int
    ) -> None:
        super().__init__(wiring, ppi, base, irq, {0x428: 3, 0x524: 3, 0x554: 3})
        self._hf = Alarm(wiring.timeline, self._hf_started)
        self._lf = Alarm(wiring.timeline, self._lf_started)
        self._hf_start_ns, self._lf_start_ns = hf_start_ns, lf_start_ns
        self.tasks = {
            0x00: self._start_hf,
            0x04: self._stop_hf,
            0x08: self._start_lf,
            0x0C: self._stop_lf,
            0x10: lambda: self.event(self.DONE),
        }

    def reset_by(self, cause: str) -> None:
        """Reset, keeping the reset reasons and the retained registers unless power was lost."""
        kept = {n: self.words[n] for n in (RESETREAS, *self.GPREGRET)}
        self.reset()
        if cause != "power-on":
            self.words.update(kept)
            self.words[RESETREAS] = kept[RESETREAS] | RESETREAS_BITS[cause]

    def reset(self) -> None:
        """Back to the internal oscillators."""
        super().reset()
        self._hf.cancel()
        self._lf.cancel()

    def next_change_ns(self) -> int | None:
        """Return when a clock that starts will run."""
        return min((a.due_ns for a in (self._hf, self._lf) if a.due_ns is not None), default=None)

    def read_register(self, offset: int) -> int:
        """Return a register; polling a status makes time jump to its change."""
        due = self.next_change_ns()
        if due is not None and offset in (self.HFCLKSTAT, self.LFCLKSTAT):
            self.poller.fruitless(due)
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Write a register; RESETREAS is cleared by writing 1."""
        if offset == RESETREAS:
            value = self.words[RESETREAS] & ~value
        super().write_register(offset, value)

    def _start_hf(self) -> None:
        self.words[self.HFCLKRUN] = 1
        self._hf.set(self.timeline.now_ns + self._hf_start_ns)

    def _stop_hf(self) -> None:
        self._hf.cancel()
        self.words[self.HFCLKRUN] = self.words[self.HFCLKSTAT] = 0

    def _hf_started(self) -> None:
        self.words[self.HFCLKSTAT] = self.RUNNING | 1
        self.event(self.HFCLKSTARTED)

    def _start_lf(self) -> None:
        self.words[self.LFCLKRUN] = 1
        self.words[self.LFCLKSRCCOPY] = self.words[self.LFCLKSRC] & 3
        self._lf.set(self.timeline.now_ns + self._lf_start_ns)

    def _stop_lf(self) -> None:
        self._lf.cancel()
        self.words[self.LFCLKRUN] = self.words[self.LFCLKSTAT] = 0

    def _lf_started(self) -> None:
        self.words[self.LFCLKSTAT] = self.RUNNING | self.words[self.LFCLKSRC] & 3
        self.event(self.LFCLKSTARTED)


class NordicGpio(Port):
    """The ports. P1 of nRF52840 follows P0 at an offset of 0x300 in the same block."""

    OUT, OUTSET, OUTCLR, IN, DIR, DIRSET, DIRCLR = 0x504, 0x508, 0x50C, 0x510, 0x514, 0x518, 0x51C
    PIN_CNF = 0x700
    PORT_STRIDE = 0x300

    def __init__(self, pins: int) -> None:
        cnf = [self.PIN_CNF + (n // 32) * self.PORT_STRIDE + 4 * (n % 32) for n in range(pins)]
        super().__init__(dict.fromkeys(cnf, 2))

    def set_output(self, pin: int, *, level: bool) -> None:
        """Set a bit of OUT, as GPIOTE does."""
        word = self.OUT + pin // 32 * self.PORT_STRIDE
        mask = 1 << pin % 32
        old = self.words[word]
        self.words[word] = old | mask if level else old & ~mask

    def output(self, pin: int) -> bool:
        """Return a bit of OUT."""
        return bool(self.words[self.OUT + pin // 32 * self.PORT_STRIDE] >> pin % 32 & 1)

    def read_word(self, offset: int) -> int:
        """Return a register; IN shows the pins, the set and clear registers what they act on."""
        base, register = self._split(offset)
        if register == self.IN:
            first = 32 * (base // self.PORT_STRIDE)
            return sum(self._level(first + n) << n for n in range(32))
        if register in (self.OUTSET, self.OUTCLR):
            register = self.OUT
        elif register in (self.DIRSET, self.DIRCLR):
            register = self.DIR
        return super().read_word(base + register)

    def write_word(self, offset: int, value: int) -> None:
        """Write a register; DIR and PIN_CNF.DIR are the same bits."""
        base, register = self._split(offset)
        if register in (self.OUTSET, self.OUTCLR):
            old = self.words[base + self.OUT]
            new = old | value if register == self.OUTSET else old & ~value
            self.words[base + self.OUT] = new
        elif register in (self.DIR, self.DIRSET, self.DIRCLR):
            old = self.words[base + self.DIR]
            new = {self.DIR: value, self.DIRSET: old | value}.get(register, old & ~value)
            self._set_directions(base, new)
        elif register >= self.PIN_CNF:
            self.words[base + register] = value
            mask = 1 << (register - self.PIN_CNF) // 4
            old = self.words[base + self.DIR]
            self.words[base + self.DIR] = old | mask if value & 1 else old & ~mask
        elif register != self.IN:
            super().write_word(offset, value)

    def _split(self, offset: int) -> tuple[int, int]:
        """Return the port's offset and the register within the port."""
        second = 0x804 <= offset < 0x830 or 0xA00 <= offset < 0xA80
        base = self.PORT_STRIDE if second else 0
        return base, offset - base

    def _set_directions(self, base: int, directions: int) -> None:
        self.words[base + self.DIR] = directions
        for n in range(32):
            address = base + self.PIN_CNF + 4 * n
            if address in self.words:
                self.words[address] = self.words[address] & ~1 | directions >> n & 1

    def _level(self, pin: int) -> int:
        base = pin // 32 * self.PORT_STRIDE
        configuration = self.words.get(base + self.PIN_CNF + 4 * (pin % 32), 2)
        if configuration & 2:  # input buffer disconnected
            return 0
        if configuration & 1:
            return int(self.output(pin))
        return int(self._driven.get(pin, configuration >> 2 & 3 == 3))


class NordicGpiote(NordicPeripheral):
    """GPIOTE: channels that turn edges into events and tasks into edges."""

    CONFIG = 0x510
    MODE_EVENT, MODE_TASK = 1, 3

    def __init__(
        self, wiring: Wiring, ppi: Ppi, base: int, irq: int, gpio: NordicGpio, channels: int
    ) -> None:
        super().__init__(wiring, ppi, base, irq)
        self._gpio = gpio
        self._channels = channels
        gpio.on_change = self._edge
        for n in range(channels):
            self.tasks[4 * n] = partial(self._out, n)
            self.tasks[0x30 + 4 * n] = partial(self._drive, n, level=True)
            self.tasks[0x60 + 4 * n] = partial(self._drive, n, level=False)

    def write_register(self, offset: int, value: int) -> None:
        """Write a register; a task channel starts at OUTINIT."""
        super().write_register(offset, value)
        channel = (offset - self.CONFIG) // 4
        if 0 <= channel < self._channels and value & 3 == self.MODE_TASK:
            self._drive(channel, level=bool(value >> 20 & 1))

    def _pin(self, channel: int) -> int:
        return self.words[self.CONFIG + 4 * channel] >> 8 & 0x3F

    def _out(self, channel: int) -> None:
        polarity = self.words[self.CONFIG + 4 * channel] >> 16 & 3
        level = not self._gpio.output(self._pin(channel)) if polarity == 3 else polarity == 1
        if polarity:
            self._drive(channel, level=level)

    def _drive(self, channel: int, *, level: bool) -> None:
        if self.words[self.CONFIG + 4 * channel] & 3 == self.MODE_TASK:
            self._gpio.set_output(self._pin(channel), level=level)

    def _edge(self, pin: int, *, level: bool) -> None:
        for channel in range(self._channels):
            configuration = self.words[self.CONFIG + 4 * channel]
            wanted = configuration >> 16 & (1 if level else 2)
            if configuration & 3 == self.MODE_EVENT and self._pin(channel) == pin and wanted:
                self.event(EVENTS + 4 * channel)


class OneShotSource(NordicPeripheral):
    """RNG and TEMP: START, and some time later one event and one value.

    ``again`` makes it go on by itself (RNG, unless its shortcut stops it).
    """

    VALUE = 0x508

    def __init__(
        self,
        wiring: Wiring,
        ppi: Ppi,
        base: int,
        irq: int,
        *,
        delay_ns: int,
        value: Callable[[], int],
        again: bool,
    ) -> None:
        super().__init__(wiring, ppi, base, irq)
        self._delay_ns = delay_ns
        self._value = value
        self._again = again
        self._alarm = Alarm(wiring.timeline, self._ready)
        self.tasks = {0x00: self._start, 0x04: self._alarm.cancel}
        self.shortcuts = {0: (EVENTS, 0x04)} if again else {}

    def reset(self) -> None:
        """Stop."""
        super().reset()
        self._alarm.cancel()

    def next_change_ns(self) -> int | None:
        """Return when the next value will be there."""
        return self._alarm.due_ns

    def _start(self) -> None:
        self._alarm.set(self.timeline.now_ns + self._delay_ns)

    def _ready(self) -> None:
        self.words[self.VALUE] = self._value()
        if self._again:
            self._start()
        self.event(EVENTS)


def random_bytes() -> Callable[[], int]:
    """Return a source of bytes that is the same in every run: tests must repeat."""
    generator = random.Random(0x524E47)
    return lambda: generator.getrandbits(8)
