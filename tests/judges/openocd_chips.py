"""The chips as OpenOCD's user knows them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Chip:
    """What OpenOCD's user has to know of a chip."""

    name: str
    config: str
    flash: int
    ram: int
    ram_length: int
    cpuid: int
    idcode: int
    fpu: bool = False
    starts_in_rom: bool = False
    """The core leaves reset in a boot ROM, which lies over the flash until it starts the firmware.

    OpenOCD's `reset init` takes it away (MEMMAP).
    """


CHIPS = [
    Chip(
        "stm32f407", "target/stm32f4x.cfg", 0x0800_0000, 0x2000_0000, 0x8000,
        0x410F_C241, 0x2BA0_1477, fpu=True,
    ),
    Chip(
        "nrf52840", "target/nrf52.cfg", 0, 0x2000_0000, 0x8000,
        0x410F_C241, 0x2BA0_1477, fpu=True,
    ),
    Chip(
        "lpc1768", "target/lpc17xx.cfg", 0, 0x1000_0000, 0x8000,
        0x412F_C230, 0x2BA0_1477, starts_in_rom=True,
    ),
    Chip("nrf51822", "target/nrf51.cfg", 0, 0x2000_0000, 0x4000, 0x410C_C200, 0x0BB1_1477),
]  # fmt: skip
