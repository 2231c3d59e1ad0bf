"""STM32F4: flash controller, option bytes, boot memory selection, watchdogs, pins to EXTI."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from onchip.virtual_board.bus import Window

from ..description import PeripheralEntry
from ..peripherals.register_block import RegisterBlock
from ..peripherals.stm32_clocks import Stm32Pwr, Stm32Rcc
from ..peripherals.stm32_flash import Stm32F4Flash, Stm32OptionBytes, Stm32Otp, Timings
from ..peripherals.stm32_pins import Stm32Exti, Stm32Gpio, Stm32Syscfg
from ..peripherals.stm32_small import (
    DBG_IWDG_STOP,
    DBG_WWDG_STOP,
    Stm32Crc,
    Stm32Dbgmcu,
    Stm32Iwdg,
    Stm32Rng,
    Stm32Wwdg,
)
from ..peripherals.stm32_timer import Stm32Timer
from ..peripherals.stm32_usart import Stm32Usart
from .base import Assembly, ModelFactory

MEMORY_AT_0 = {0: "flash", 1: "system", 3: "sram"}
"""SYSCFG_MEMRMP.MEM_MODE; 2 is external memory, of which there is none."""


class Stm32F4:
    """Builds the peripherals of an STM32F4."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._wiring = assembly.wiring
        self._at_0: Window | None = None
        self._mode_at_0: int | None = None
        self.models: Mapping[str, ModelFactory] = {
            "flash": self._flash,
            "option_bytes": lambda entry: Stm32OptionBytes(self._controller),
            "rcc": lambda entry: Stm32Rcc(self._wiring, entry.settings.number("hse_hz")),
            "pwr": lambda entry: Stm32Pwr(),
            "usart": self._usart,
            "timer": self._timer,
            "gpio": self._gpio,
            "exti": lambda entry: Stm32Exti(self._wiring, list(entry.settings.numbers("irqs"))),
            "syscfg": lambda entry: Stm32Syscfg(self._map_at_0),
            "crc": lambda entry: Stm32Crc(),
            "rng": lambda entry: Stm32Rng(self._wiring, entry.settings.number("irq")),
            "dbgmcu": lambda entry: Stm32Dbgmcu(entry.settings.number("idcode")),
            "iwdg": lambda entry: self._iwdg(),
            "wwdg": self._wwdg,
        }

    def finish(self, *, locked: bool) -> None:
        """Join pins to EXTI; set read-out protection level 1 if ``locked``."""
        exti = self._assembly.peripherals["EXTI"]
        syscfg = self._assembly.peripherals["SYSCFG"]
        assert isinstance(exti, Stm32Exti)
        assert isinstance(syscfg, Stm32Syscfg)
        ports = [p for p in self._assembly.peripherals.values() if isinstance(p, Stm32Gpio)]
        for number, port in enumerate(ports):
            port.on_change = partial(_pin_changed, exti, syscfg, number)
        if locked:
            self._controller.protect()

    def _flash(self, entry: PeripheralEntry) -> RegisterBlock:
        settings = self._assembly.description.flash
        sizes = settings.numbers("sector_sizes")
        sectors = [(sum(sizes[:n]), size) for n, size in enumerate(sizes)]
        times = settings.table("erase_ns")
        timings = Timings(
            program_ns=settings.numbers("program_ns"),
            erase_ns={size: times.numbers(str(size)) for size in set(sizes)},
            mass_erase_ns=settings.numbers("mass_erase_ns"),
            option_ns=settings.number("option_ns"),
        )
        memories = self._assembly.memories
        irq = entry.settings.number("irq")
        controller = Stm32F4Flash(self._wiring, memories["flash"], sectors, timings, irq)
        Stm32Otp(
            controller,
            self._wiring,
            memories["system"],
            otp_offset=settings.number("otp_offset"),
            lock_offset=settings.number("otp_lock_offset"),
        )
        chip = self._assembly.chip
        chip.persistent["option-bytes"] = controller
        chip.power_sensitive.append(controller)
        self._controller = controller
        return controller

    def _usart(self, entry: PeripheralEntry) -> RegisterBlock:
        settings = entry.settings
        return Stm32Usart(self._wiring, settings.number("irq"), settings.text("clock"))

    def _timer(self, entry: PeripheralEntry) -> RegisterBlock:
        settings = entry.settings
        return Stm32Timer(
            self._wiring,
            list(settings.numbers("irqs")),
            clock=settings.text("clock"),
            width=settings.number("width", 16),
            channels=settings.number("channels"),
        )

    def _gpio(self, entry: PeripheralEntry) -> RegisterBlock:
        return Stm32Gpio(entry.settings.pairs("resets"))

    def _wwdg(self, entry: PeripheralEntry) -> RegisterBlock:
        irq = entry.settings.number("irq")
        expire = self._assembly.chip.watchdog_reset
        return Stm32Wwdg(self._wiring, irq, expire, partial(self._frozen, DBG_WWDG_STOP))

    def _iwdg(self) -> RegisterBlock:
        expire = self._assembly.chip.watchdog_reset
        return Stm32Iwdg(self._wiring, expire, partial(self._frozen, DBG_IWDG_STOP))

    def _frozen(self, bit: int) -> bool:
        debug = self._assembly.peripherals["DBGMCU"]
        assert isinstance(debug, Stm32Dbgmcu)
        return self._assembly.core.halted and debug.freezes(bit)

    def _map_at_0(self, mode: int) -> None:
        if mode == self._mode_at_0 or mode not in MEMORY_AT_0:
            return
        if self._at_0 is not None:
            self._assembly.bus.unmap(self._at_0)
        self._at_0 = self._assembly.bus.map(0, self._assembly.memories[MEMORY_AT_0[mode]])
        self._mode_at_0 = mode


def _pin_changed(exti: Stm32Exti, syscfg: Stm32Syscfg, port: int, pin: int, *, level: bool) -> None:
    if syscfg.port_of(pin) == port:
        exti.edge(pin, rising=level)
