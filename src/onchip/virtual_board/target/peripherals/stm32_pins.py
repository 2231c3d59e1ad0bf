"""GPIO, SYSCFG and EXTI of STM32F4 (RM0090, sections 8, 9 and 12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from ..wiring import Wiring
from .port import Port
from .register_block import RegisterBlock

MODER, PUPDR, IDR, ODR, BSRR, LCKR = 0x00, 0x0C, 0x10, 0x14, 0x18, 0x1C


class Stm32Gpio(Port):
    """One port. Inputs read their pull-up, or what ``drive_pin`` put on them."""

    def read_word(self, offset: int) -> int:
        """Return a register; IDR shows the pins."""
        if offset == IDR:
            return sum(self._level(pin) << pin for pin in range(16))
        return 0 if offset == BSRR else super().read_word(offset)

    def write_word(self, offset: int, value: int) -> None:
        """Write a register; BSRR sets and resets bits of ODR, setting wins."""
        if offset == BSRR:
            output = self.words[ODR]
            self.words[ODR] = output & ~(value >> 16) & 0xFFFF | value & 0xFFFF
        elif offset == ODR:
            self.words[ODR] = value & 0xFFFF
        elif offset != IDR:
            super().write_word(offset, value)

    def write_narrow(self, offset: int, shift: int, mask: int, value: int) -> None:
        """Give BSRR just the bits written (BSRRL and BSRRH are its halves)."""
        if offset == BSRR:
            self.write_word(offset, (value & mask) << shift)
        else:
            super().write_narrow(offset, shift, mask, value)

    def _level(self, pin: int) -> int:
        mode = self.words[MODER] >> 2 * pin & 3
        if mode == 1:
            return self.words[ODR] >> pin & 1
        if pin in self._driven:
            return int(self._driven[pin])
        return int(self.words[PUPDR] >> 2 * pin & 3 == 1)


EXTI_IMR, EXTI_EMR, EXTI_RTSR, EXTI_FTSR, EXTI_SWIER, EXTI_PR = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14
EXTI_LINES = 23


class Stm32Exti(RegisterBlock):
    """External interrupts: edges of pins, and software requests."""

    def __init__(self, wiring: Wiring, irqs: list[int]) -> None:
        """``irqs`` names the interrupt of lines 0, 1, 2, 3, 4, 9-5 and 15-10."""
        super().__init__()
        groups = [range(n, n + 1) for n in range(5)] + [range(5, 10), range(10, 16)]
        self._groups = [
            (sum(1 << line for line in lines), wiring.interrupts.line(number))
            for lines, number in zip(groups, irqs, strict=True)
        ]

    def edge(self, line: int, *, rising: bool) -> None:
        """Note an edge on ``line``."""
        if self.words[EXTI_RTSR if rising else EXTI_FTSR] >> line & 1:
            self._request(1 << line)

    def reset(self) -> None:
        """Forget everything that is pending."""
        super().reset()
        self._update_irq()

    def write_word(self, offset: int, value: int) -> None:
        """Write a register; PR is cleared by writing 1, and SWIER's bit with it."""
        value &= (1 << EXTI_LINES) - 1
        if offset == EXTI_PR:
            self.words[EXTI_PR] = self.words[EXTI_PR] & ~value
            self.words[EXTI_SWIER] = self.words[EXTI_SWIER] & ~value
        elif offset == EXTI_SWIER:
            fresh = value & ~self.words[EXTI_SWIER]
            self.words[EXTI_SWIER] = self.words[EXTI_SWIER] | value
            self._request(fresh & self.words[EXTI_IMR])
        else:
            super().write_word(offset, value)
        self._update_irq()

    def _request(self, lines: int) -> None:
        self.words[EXTI_PR] = self.words[EXTI_PR] | lines
        self._update_irq()

    def _update_irq(self) -> None:
        active = self.words[EXTI_PR] & self.words[EXTI_IMR]
        for mask, irq in self._groups:
            irq.set(level=bool(active & mask))


MEMRMP, EXTICR1, CMPCR = 0x00, 0x08, 0x20


class Stm32Syscfg(RegisterBlock):
    """What lies at address 0, and which port drives which EXTI line."""

    resets: ClassVar = {}

    def __init__(self, remap: Callable[[int], None]) -> None:
        super().__init__()
        self._remap = remap

    def reset(self) -> None:
        """Put the flash back at 0."""
        super().reset()
        self._remap(0)

    def read_word(self, offset: int) -> int:
        """Return a register; the compensation cell is ready once it is on."""
        value = super().read_word(offset)
        return value | (value & 1) << 8 if offset == CMPCR else value

    def write_word(self, offset: int, value: int) -> None:
        """Write a register; MEMRMP takes effect at once."""
        super().write_word(offset, value)
        if offset == MEMRMP:
            self._remap(value & 3)

    def port_of(self, line: int) -> int:
        """Return the port number (0 is GPIOA) that drives EXTI ``line``."""
        return self.words[EXTICR1 + 4 * (line // 4)] >> 4 * (line % 4) & 0xF
