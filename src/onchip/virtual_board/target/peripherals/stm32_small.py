"""Small blocks of STM32F4: CRC, RNG, DBGMCU, and both watchdogs (RM0090, 4, 21, 22, 24, 38)."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import ClassVar

from ..wiring import Alarm, Wiring
from .register_block import RegisterBlock

CRC_POLYNOMIAL = 0x04C1_1DB7


class Stm32Crc(RegisterBlock):
    """CRC-32 of whole words, most significant bit first, no inversion."""

    resets: ClassVar = {0x00: 0xFFFF_FFFF}

    def write_word(self, offset: int, value: int) -> None:
        """Feed DR, or restart by CR.RESET."""
        if offset == 0x00:
            crc = self.words[0x00] ^ value
            for _ in range(32):
                crc = crc << 1 ^ (CRC_POLYNOMIAL if crc >> 31 & 1 else 0)
            self.words[0x00] = crc & 0xFFFF_FFFF
        elif offset == 0x04:
            self.words[0x04] = value & 0xFF  # IDR
        elif offset == 0x08 and value & 1:
            self.words[0x00] = 0xFFFF_FFFF


class Stm32Rng(RegisterBlock):
    """Random numbers, always ready, always the same sequence: tests must repeat."""

    RNGEN, IE = 1 << 2, 1 << 3

    def __init__(self, wiring: Wiring, irq: int) -> None:
        super().__init__()
        self._irq = wiring.interrupts.line(irq)
        self._generator = random.Random(0x524E47)

    def reset(self) -> None:
        """Switch off; the sequence goes on."""
        super().reset()
        self._irq.set(level=False)

    def read_word(self, offset: int) -> int:
        """Return CR, SR (DRDY while enabled) or the next number."""
        enabled = self.words[0x00] & self.RNGEN
        if offset == 0x04:
            return int(bool(enabled))
        if offset == 0x08:
            return self._generator.getrandbits(32) if enabled else 0
        return super().read_word(offset)

    def write_word(self, offset: int, value: int) -> None:
        """Write CR."""
        if offset == 0x00:
            self.words[0x00] = value & (self.RNGEN | self.IE)
            self._irq.set(level=self.words[0x00] == self.RNGEN | self.IE)


DBGMCU_APB1_FZ = 0x08
DBG_WWDG_STOP, DBG_IWDG_STOP = 11, 12


class Stm32Dbgmcu(RegisterBlock):
    """The MCU debug component: its identity, and which clocks stop while the core is halted.

    Only a power-on reset clears it.
    """

    def __init__(self, idcode: int) -> None:
        super().__init__({0x00: idcode})

    def reset_by(self, cause: str) -> None:
        """Go back to the reset values at power-on; no other reset reaches this block."""
        if cause == "power-on":
            self.reset()

    def write_word(self, offset: int, value: int) -> None:
        """Write CR or a freeze register; IDCODE is read-only."""
        if offset != 0x00:
            super().write_word(offset, value)

    def freezes(self, bit: int) -> bool:
        """Return a bit of APB1_FZ: whether a block stops while the core is halted."""
        return bool(self.words[DBGMCU_APB1_FZ] >> bit & 1)


IWDG_KR, IWDG_PR, IWDG_RLR, IWDG_SR = 0x00, 0x04, 0x08, 0x0C
LSI_HZ = 32_000


class Stm32Iwdg(RegisterBlock):
    """The independent watchdog: a 12-bit down-counter on the LSI.

    While ``frozen`` it does not expire, and begins anew afterwards.
    """

    resets: ClassVar = {IWDG_RLR: 0xFFF}

    def __init__(
        self, wiring: Wiring, expire: Callable[[], None], frozen: Callable[[], bool]
    ) -> None:
        super().__init__()
        self._timeline = wiring.timeline
        self._expire = expire
        self._frozen = frozen
        self._alarm = Alarm(wiring.timeline, self._due)
        self._unlocked = False

    def reset(self) -> None:
        """Stop: the watchdog is off after a reset (WDG_SW)."""
        super().reset()
        self._alarm.cancel()
        self._unlocked = False

    def read_word(self, offset: int) -> int:
        """Return a register; updates take no time here, so SR is 0."""
        return 0 if offset in (IWDG_KR, IWDG_SR) else super().read_word(offset)

    def write_word(self, offset: int, value: int) -> None:
        """Take a key, or a setting after 0x5555."""
        if offset == IWDG_KR:
            self._unlocked = value & 0xFFFF == 0x5555
            if value & 0xFFFF == 0xCCCC or (
                value & 0xFFFF == 0xAAAA and self._alarm.due_ns is not None
            ):
                self._reload()
        elif self._unlocked and offset in (IWDG_PR, IWDG_RLR):
            self.words[offset] = value & (7 if offset == IWDG_PR else 0xFFF)

    def _due(self) -> None:
        if self._frozen():
            self._reload()
        else:
            self._expire()

    def _reload(self) -> None:
        divider = 4 << min(self.words[IWDG_PR], 6)
        ticks = (self.words[IWDG_RLR] + 1) * divider
        self._alarm.set(self._timeline.now_ns + ticks * 1_000_000_000 // LSI_HZ)


WWDG_CR, WWDG_CFR, WWDG_SR = 0x00, 0x04, 0x08


class Stm32Wwdg(RegisterBlock):
    """The window watchdog: a 7-bit down-counter of PCLK1 / 4096, refused if fed too early.

    While ``frozen`` it does not expire, and begins anew afterwards.
    """

    resets: ClassVar = {WWDG_CR: 0x7F, WWDG_CFR: 0x7F}

    def __init__(
        self, wiring: Wiring, irq: int, expire: Callable[[], None], frozen: Callable[[], bool]
    ) -> None:
        super().__init__()
        self._frozen = frozen
        self._timeline = wiring.timeline
        self._clocks = wiring.clocks
        self._irq = wiring.interrupts.line(irq)
        self._expire = expire
        self._alarm = Alarm(wiring.timeline, self._due)
        self._loaded_ns = 0

    def reset(self) -> None:
        """Stop."""
        super().reset()
        self._alarm.cancel()
        self._irq.set(level=False)

    def read_word(self, offset: int) -> int:
        """Return a register; CR shows the counter."""
        if offset == WWDG_CR:
            return self.words[WWDG_CR] & 0x80 | self._counter()
        return super().read_word(offset)

    def write_word(self, offset: int, value: int) -> None:
        """Load the counter, set the window, or clear EWIF."""
        if offset == WWDG_CR:
            running = self.words[WWDG_CR] & 0x80
            too_early = running and self._counter() > self.words[WWDG_CFR] & 0x7F
            self.words[WWDG_CR] = running | value & 0xFF
            self._loaded_ns = self._timeline.now_ns
            if self.words[WWDG_CR] & 0x80:
                if too_early or not value & 0x40:
                    self._alarm.cancel()
                    self._timeline.at(self._timeline.now_ns, self._expire)
                else:
                    self._plan()
        elif offset == WWDG_SR:
            self.words[WWDG_SR] = value & self.words[WWDG_SR] & 1
            self._update_irq()
        else:
            self.words[offset] = value & 0x3FF
            self._update_irq()

    def _tick_ns(self) -> int:
        divider = 4096 << (self.words[WWDG_CFR] >> 7 & 3)
        return divider * 1_000_000_000 // self._clocks["pclk1"]

    def _counter(self) -> int:
        loaded = self.words[WWDG_CR] & 0x7F
        if not self.words[WWDG_CR] & 0x80:
            return loaded
        return max(0x3F, loaded - (self._timeline.now_ns - self._loaded_ns) // self._tick_ns())

    def _plan(self) -> None:
        """Ring at 0x40 for the early wake-up, then one tick later for the reset."""
        loaded = self.words[WWDG_CR] & 0x7F
        ticks = loaded - 0x40 if self._counter() > 0x40 else loaded - 0x3F
        self._alarm.set(self._loaded_ns + ticks * self._tick_ns())

    def _due(self) -> None:
        if self._frozen():
            self._loaded_ns = self._timeline.now_ns
            self._plan()
            return
        if self._counter() <= 0x3F:
            self._expire()
            return
        self.words[WWDG_SR] = 1
        self._update_irq()
        self._plan()

    def _update_irq(self) -> None:
        enabled = self.words[WWDG_CFR] >> 9 & 1
        self._irq.set(level=bool(self.words[WWDG_SR] and enabled))
