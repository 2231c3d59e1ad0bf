"""RCC and PWR of STM32F4 (RM0090, sections 5 and 7): enough of the clock tree to be believed.

Every ready flag follows its enable, so that start-up code comes through; the frequencies of SYSCLK,
HCLK, PCLK1 and PCLK2 follow the PLL and the prescalers, and the core's clock with them.
"""

from __future__ import annotations

from typing import ClassVar

from ..wiring import Clocks, Wiring
from .register_block import RegisterBlock

CR, PLLCFGR, CFGR, CIR = 0x00, 0x04, 0x08, 0x0C
BDCR, CSR = 0x70, 0x74

HSI_HZ = 16_000_000

CR_HSION, CR_HSIRDY = 1 << 0, 1 << 1
CR_READY_OF = ((16, 17), (24, 25), (26, 27))  # HSE, PLL, PLLI2S: enable bit, ready bit
CSR_RMVF = 1 << 24
CSR_POWER_ON = 0x0E00_0000  # PORRSTF, PINRSTF, BORRSTF
CSR_FLAGS = {"power-on": CSR_POWER_ON, "system": 0x1400_0000, "watchdog": 0x2400_0000}

AHB_DIVIDERS = (2, 4, 8, 16, 64, 128, 256, 512)


class Stm32Rcc(RegisterBlock):
    """Reset and clock control."""

    resets: ClassVar = {
        CR: 0x0000_0083,
        PLLCFGR: 0x2400_3010,
        0x30: 0x0010_0000,  # AHB1ENR: CCM is clocked
        0x50: 0x7E67_91FF,
        0x54: 0x0000_00F1,
        0x58: 0x0000_0001,
        0x60: 0x36FE_C9FF,
        0x64: 0x0007_5F33,
        CSR: CSR_POWER_ON,
        0x84: 0x2400_3000,  # PLLI2SCFGR
    }

    def __init__(self, wiring: Wiring, hse_hz: int) -> None:
        super().__init__()
        self._clocks: Clocks = wiring.clocks
        self._hse_hz = hse_hz
        self.reset_by("power-on")

    def reset_by(self, cause: str) -> None:
        """Reset, keeping what a reset keeps: the cause flags add up until RMVF."""
        flags = self.words[CSR] & 0xFE00_0003
        backup = self.words[BDCR]
        self.reset()
        if cause == "power-on":
            self.words[CSR] = CSR_POWER_ON
        else:
            self.words[CSR] = flags | CSR_FLAGS[cause]
            self.words[BDCR] = backup

    def reset(self) -> None:
        """Go back to the HSI."""
        super().reset()
        self._update_clocks()

    def write_word(self, offset: int, value: int) -> None:
        """Write a register; ready flags and frequencies follow."""
        if offset == CR:
            value = value & ~(CR_HSIRDY | 1 << 17 | 1 << 25 | 1 << 27)
            if value & CR_HSION or self.words[CFGR] & 3 == 0:
                value |= CR_HSION | CR_HSIRDY
            for enable, ready in CR_READY_OF:
                value |= (value >> enable & 1) << ready
        elif offset == CFGR:
            value = value & ~0xC | (value & 3) << 2  # SWS follows SW
        elif offset == BDCR:
            value = value & ~2 | (value & 1) << 1
        elif offset == CSR:
            kept = 0 if value & CSR_RMVF else self.words[CSR] & 0xFE00_0000
            value = kept | (value & 1) * 3
        elif offset == CIR:
            value &= 0x7F00
        super().write_word(offset, value)
        if offset in (CR, PLLCFGR, CFGR):
            self._update_clocks()

    def _pll_hz(self) -> int:
        settings = self.words[PLLCFGR]
        source = self._hse_hz if settings >> 22 & 1 else HSI_HZ
        m, n = max(2, settings & 0x3F), max(2, settings >> 6 & 0x1FF)
        p = 2 * ((settings >> 16 & 3) + 1)
        return source // m * n // p

    def _update_clocks(self) -> None:
        selection = self.words[CFGR]
        system = {0: HSI_HZ, 1: self._hse_hz}.get(selection & 3) or self._pll_hz()
        hpre = selection >> 4 & 0xF
        core = system // (AHB_DIVIDERS[hpre & 7] if hpre & 8 else 1)
        frequencies = {"core": core}
        for number, shift in ((1, 10), (2, 13)):
            prescaler = selection >> shift & 7
            divider = 1 << (prescaler & 3) + 1 if prescaler & 4 else 1
            frequencies[f"pclk{number}"] = core // divider
            frequencies[f"tim{number}"] = core // divider * (1 if divider == 1 else 2)
        self._clocks.update(**frequencies)


class Stm32Pwr(RegisterBlock):
    """Power control: the voltage scaling is always ready."""

    resets: ClassVar = {0x00: 0x0000_C000, 0x04: 0x0000_4000}

    def read_word(self, offset: int) -> int:
        """Return CR, or CSR with VOSRDY and BRR as enabled."""
        value = super().read_word(offset)
        if offset == 0x04:
            value |= 0x4000 | (value >> 9 & 1) << 3
        return value
