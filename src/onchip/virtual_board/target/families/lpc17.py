"""LPC17xx: boot ROM at address 0 until it hands over, IAP, code read protection."""

from __future__ import annotations

from collections.abc import Mapping

from onchip.virtual_board.bus import Window

from ..description import PeripheralEntry
from ..peripherals.lpc17_gpio import Lpc17Gpio
from ..peripherals.lpc17_iap import CRP_OFFSET, CRP_WORDS, Identity, Lpc17Iap, Timings
from ..peripherals.lpc17_syscon import Lpc17Syscon, pclk_name
from ..peripherals.lpc17_timer import Lpc17Timer, Lpc17Watchdog
from ..peripherals.lpc17_uart import Lpc17Uart
from ..peripherals.register_block import RegisterBlock
from .base import Assembly, ModelFactory

BOOT_ROM_SIZE = 0x2000


class Lpc17:
    """Builds the peripherals of an LPC17xx."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._wiring = assembly.wiring
        self._at_0: Window | None = None
        self._map: int | None = None
        self._protection = 0
        flash = assembly.memories["flash"]
        assembly.bus.map(
            BOOT_ROM_SIZE, flash, offset=BOOT_ROM_SIZE, length=flash.size - BOOT_ROM_SIZE
        )
        self.models: Mapping[str, ModelFactory] = {
            "iap": self._iap,
            "syscon": lambda e: Lpc17Syscon(
                self._wiring, e.settings.number("oscillator_hz"), self._map_at_0
            ),
            "uart": lambda e: Lpc17Uart(self._wiring, e.settings.number("irq"), self._clock(e)),
            "timer": lambda e: Lpc17Timer(self._wiring, e.settings.number("irq"), self._clock(e)),
            "watchdog": lambda e: Lpc17Watchdog(
                self._wiring, e.settings.number("irq"), assembly.chip.watchdog_reset
            ),
            "gpio": lambda e: Lpc17Gpio(),
        }

    def finish(self, *, locked: bool) -> None:
        """Let the protection word count at each reset; write CRP1 if ``locked``."""
        chip = self._assembly.chip
        if locked:
            word = next(iter(CRP_WORDS)).to_bytes(4, "little")
            self._assembly.memories["flash"].data[CRP_OFFSET : CRP_OFFSET + 4] = word
        chip.peripherals["protection"] = self
        chip.debug_access = lambda: not self._protection

    def reset_by(self, cause: str) -> None:
        """Read the protection word, as the boot ROM does first of all."""
        self._protection = self._controller.protection

    def _iap(self, entry: PeripheralEntry) -> RegisterBlock:
        settings = self._assembly.description.flash
        sizes = settings.numbers("sector_sizes")
        memories = self._assembly.memories
        self._controller = Lpc17Iap(
            self._wiring,
            memories["flash"],
            memories["local_ram"],
            [(sum(sizes[:n]), size) for n, size in enumerate(sizes)],
            Identity(
                settings.number("part_id"),
                settings.number("boot_version"),
                settings.numbers("serial"),
            ),
            Timings(settings.number("program_ns"), settings.number("erase_ns")),
        )
        self._assembly.chip.power_sensitive.append(self._controller)
        return self._controller

    def _clock(self, entry: PeripheralEntry) -> str:
        register, shift = entry.settings.numbers("pclksel")
        return pclk_name(register, shift)

    def _map_at_0(self, mode: int) -> None:
        """Lay the boot ROM (0) or the flash (1) over the first 8 KiB."""
        if mode == self._map:
            return
        bus, memories = self._assembly.bus, self._assembly.memories
        if self._at_0 is not None:
            bus.unmap(self._at_0)
        memory = memories["flash"] if mode else memories["boot_rom"]
        self._at_0 = bus.map(0, memory, length=BOOT_ROM_SIZE)
        self._map = mode
