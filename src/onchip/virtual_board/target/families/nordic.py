"""nRF51 and nRF52: PPI between the blocks, NVMC, and read-out protection.

nRF52 closes its AHB-AP (UICR.APPROTECT) and leaves the CTRL-AP as the way back; nRF51 hides its
flash from the debugger (UICR.RBPCONF) and is opened again by NVMC.ERASEALL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from ..description import PeripheralEntry, Settings
from ..model import AccessPortDescription
from ..peripherals.i2c_registers import I2cRegisters
from ..peripherals.nordic import Ppi, SoftwareInterrupts
from ..peripherals.nordic_ctrl_ap import CtrlAp
from ..peripherals.nordic_nvmc import Nvmc, Timings
from ..peripherals.nordic_serial import I2cDevice, NordicSerial
from ..peripherals.nordic_small import (
    ClockAndPower,
    NordicGpio,
    NordicGpiote,
    OneShotSource,
    random_bytes,
)
from ..peripherals.nordic_timers import NordicRtc, NordicTimer, NordicWatchdog
from ..peripherals.nordic_uart import NordicUart
from ..peripherals.register_block import RegisterBlock
from ..wiring import Wiring
from .base import Assembly, ModelFactory

ROOM_TEMPERATURE = 100  # TEMP counts quarters of a degree Celsius


class Nordic:
    """Builds the peripherals of an nRF51 or nRF52."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._wiring = assembly.wiring
        self._ppi = Ppi(assembly.bus, self._channels())
        self._is_open = True
        self._lock: Settings = assembly.description.lock
        self.models: Mapping[str, ModelFactory] = {
            "ppi": self._interconnect,
            "nvmc": self._nvmc,
            "clock": self._clock,
            "uart": self._uart,
            "timer": lambda e: NordicTimer(
                *self._common(e), channels=e.settings.number("channels")
            ),
            "rtc": lambda e: NordicRtc(*self._common(e), channels=e.settings.number("channels")),
            "wdt": lambda e: NordicWatchdog(
                *self._common(e), assembly.chip.watchdog_reset, lambda: assembly.core.halted
            ),
            "gpio": lambda e: NordicGpio(e.settings.number("pins")),
            "gpiote": self._gpiote,
            "rng": lambda e: self._source(e, random_bytes(), again=True),
            "temp": lambda e: self._source(e, lambda: ROOM_TEMPERATURE, again=False),
            "spi_twi": lambda e: NordicSerial(*self._common(e), devices=self._on_bus(e)),
            "egu": lambda e: SoftwareInterrupts(*self._common(e)),
        }

    def finish(self, *, locked: bool) -> None:
        """Set up the protection, and write its UICR word if ``locked``."""
        uicr = self._assembly.memories["uicr"]
        if locked:
            start = self._lock.number("offset")
            uicr.data[start : start + 4] = self._lock.number("locked_value").to_bytes(4, "little")
        latch = _ResetHook(self._latch_protection)
        self._assembly.chip.peripherals["protection"] = latch
        if self._lock.text("kind") == "access-port":
            self._close_access_port()

    def _common(self, entry: PeripheralEntry) -> tuple[Wiring, Ppi, int, int]:
        return self._wiring, self._ppi, entry.base, entry.settings.number("irq")

    def _channels(self) -> int:
        entries = self._assembly.description.peripherals
        return next(e.settings.number("channels") for e in entries if e.model == "ppi")

    def _interconnect(self, entry: PeripheralEntry) -> RegisterBlock:
        return self._ppi

    def _nvmc(self, entry: PeripheralEntry) -> RegisterBlock:
        flash = self._assembly.description.flash
        timings = Timings(
            page_size=flash.number("page_size"),
            write_ns=flash.number("write_ns"),
            erase_page_ns=flash.number("erase_page_ns"),
            erase_all_ns=flash.number("erase_all_ns"),
            partial_erase=flash.flag("partial_erase"),
        )
        memories = self._assembly.memories
        self._controller = Nvmc(self._wiring, memories["flash"], memories["uicr"], timings)
        self._assembly.chip.power_sensitive.append(self._controller)
        return self._controller

    def _clock(self, entry: PeripheralEntry) -> RegisterBlock:
        settings = entry.settings
        return ClockAndPower(
            *self._common(entry),
            hf_start_ns=settings.number("hf_start_ns"),
            lf_start_ns=settings.number("lf_start_ns"),
        )

    def _uart(self, entry: PeripheralEntry) -> RegisterBlock:
        return NordicUart(*self._common(entry), easy_dma=entry.settings.flag("easy_dma"))

    def _gpiote(self, entry: PeripheralEntry) -> RegisterBlock:
        gpio = self._assembly.peripherals["GPIO"]
        assert isinstance(gpio, NordicGpio)
        channels = entry.settings.number("channels")
        return NordicGpiote(*self._common(entry), gpio=gpio, channels=channels)

    def _on_bus(self, entry: PeripheralEntry) -> dict[int, I2cDevice]:
        """Return the devices that the board has on this two-wire bus, by address."""
        return {
            device.number("address"): I2cRegisters(device.pairs("registers"))
            for device in entry.settings.tables("i2c")
        }

    def _source(
        self, entry: PeripheralEntry, value: Callable[[], int], *, again: bool
    ) -> RegisterBlock:
        delay_ns = entry.settings.number("delay_ns")
        return OneShotSource(*self._common(entry), delay_ns=delay_ns, value=value, again=again)

    # ---- protection ------------------------------------------------------------------------------

    def _latch_protection(self) -> None:
        """Look at the UICR, as the hardware does at each reset."""
        start = self._lock.number("offset")
        word = int.from_bytes(self._assembly.memories["uicr"].data[start : start + 4], "little")
        mask = self._lock.number("mask")
        self._is_open = word & mask == mask
        if self._lock.text("kind") == "flash":
            self._assembly.memories["flash"].debugger_access = self._is_open

    def _unlock(self) -> None:
        self._is_open = True

    def _close_access_port(self) -> None:
        chip = self._assembly.chip
        control = CtrlAp(
            self._lock.number("ctrl_ap_idr"),
            self._controller,
            self._hold_reset,
            lambda: self._is_open,
            self._unlock,
        )
        ports = [replace(port, enabled=lambda: self._is_open) for port in chip.access_ports]
        index = self._lock.number("ctrl_ap_index")
        ports.append(AccessPortDescription(index, self._lock.number("ctrl_ap_idr"), device=control))
        chip.access_ports = tuple(ports)

    def _hold_reset(self, *, asserted: bool) -> None:
        if asserted:
            self._assembly.chip.reset_peripherals("system")
        self._assembly.core.hold_reset(asserted=asserted)


class _ResetHook:
    """Something that happens at each reset."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action

    def reset_by(self, cause: str) -> None:
        """Do it, whatever the cause."""
        self._action()
