"""System control of LPC17xx (UM10360, chapters 3, 4 and 33): clocks, PLLs, reset source, MEMMAP."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from ..wiring import Wiring
from .register_block import RegisterBlock

FLASHCFG, MEMMAP = 0x000, 0x040
PLL0, PLL1 = 0x080, 0x0A0  # CON, CFG, STAT, FEED follow at 0, 4, 8, 12
CCLKCFG, CLKSRCSEL = 0x104, 0x10C
RSID, SCS = 0x180, 0x1A0
PCLKSEL0, PCLKSEL1 = 0x1A8, 0x1AC

IRC_HZ, RTC_HZ = 4_000_000, 32_768
PLL_ENABLE, PLL_CONNECT = 1, 2
SCS_OSCEN, SCS_OSCSTAT = 1 << 5, 1 << 6
RSID_BITS = {"power-on": 1 << 0, "system": 1 << 1, "watchdog": 1 << 2}
PCLK_DIVIDERS = (4, 1, 2, 8)


def pclk_name(register: int, shift: int) -> str:
    """Return the name in ``Clocks`` of the peripheral clock chosen at PCLKSEL bits ``shift``."""
    return f"pclk{register}_{shift}"


class Lpc17Syscon(RegisterBlock):
    """Registers at 0x400F_C000. The PLLs lock at once."""

    resets: ClassVar = {FLASHCFG: 0x303A, 0x0C4: 0x0428_87DE, 0x1A4: 0xA0}

    def __init__(self, wiring: Wiring, oscillator_hz: int, remap: Callable[[int], None]) -> None:
        super().__init__()
        self._clocks = wiring.clocks
        self._oscillator_hz = oscillator_hz
        self._remap = remap
        self._fed = {PLL0: (0, 0), PLL1: (0, 0)}
        self._feeding = {PLL0: False, PLL1: False}
        self._update_clocks()

    def reset_by(self, cause: str) -> None:
        """Reset; RSID collects the causes until power is lost."""
        causes = 0 if cause == "power-on" else self.words[RSID]
        self.reset()
        self.words[RSID] = causes | RSID_BITS[cause]

    def reset(self) -> None:
        """Back to the internal oscillator, the boot ROM at address 0."""
        super().reset()
        self._fed = {PLL0: (0, 0), PLL1: (0, 0)}
        self._feeding = {PLL0: False, PLL1: False}
        self._remap(0)
        self._update_clocks()

    def read_word(self, offset: int) -> int:
        """Return a register; the PLL status shows what was fed."""
        if offset == PLL0 + 8:
            control, settings = self._fed[PLL0]
            locked = control & PLL_ENABLE
            return settings & 0xFF_7FFF | control << 24 | locked << 26
        if offset == PLL1 + 8:
            control, settings = self._fed[PLL1]
            return settings & 0x7F | control << 8 | (control & PLL_ENABLE) << 10
        return super().read_word(offset)

    def write_word(self, offset: int, value: int) -> None:
        """Write a register; PLL settings count once 0xAA and 0x55 are fed."""
        if offset in (PLL0 + 12, PLL1 + 12):
            self._feed(offset - 12, value & 0xFF)
        elif offset == MEMMAP:
            self.words[MEMMAP] = value & 1
            self._remap(value & 1)
        elif offset == RSID:
            self.words[RSID] = self.words[RSID] & ~value
        elif offset == SCS:
            ready = SCS_OSCSTAT if value & SCS_OSCEN else 0
            self.words[SCS] = value & 0x31 | ready
        else:
            super().write_word(offset, value)
        if offset in (CCLKCFG, CLKSRCSEL, PCLKSEL0, PCLKSEL1, PLL0 + 12):
            self._update_clocks()

    def _feed(self, pll: int, value: int) -> None:
        if self._feeding[pll] and value == 0x55:
            self._fed[pll] = (self.words[pll] & 3, self.words[pll + 4])
        self._feeding[pll] = value == 0xAA

    def _update_clocks(self) -> None:
        source = {0: IRC_HZ, 1: self._oscillator_hz, 2: RTC_HZ}.get(
            self.words[CLKSRCSEL] & 3, IRC_HZ
        )
        control, settings = self._fed[PLL0]
        if control == PLL_ENABLE | PLL_CONNECT:
            multiplier, divider = (settings & 0x7FFF) + 1, (settings >> 16 & 0xFF) + 1
            source = 2 * multiplier * source // divider
        cclk = source // ((self.words[CCLKCFG] & 0xFF) + 1)
        frequencies = {"core": cclk}
        for number, register in enumerate((PCLKSEL0, PCLKSEL1)):
            for shift in range(0, 32, 2):
                selection = self.words[register] >> shift & 3
                frequencies[pclk_name(number, shift)] = max(1, cclk // PCLK_DIVIDERS[selection])
        self._clocks.update(**frequencies)
