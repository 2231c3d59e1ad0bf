"""Firmware images made by hand: a vector table, a loop, and as many bytes as a test needs."""

from __future__ import annotations

import random
import struct
from pathlib import Path

FLASH_START = {
    "lpc1768": 0x0000_0000,
    "stm32f407": 0x0800_0000,
    "nrf52840": 0x0000_0000,
    "nrf51822": 0x0000_0000,
}
STACK_TOP = {
    "lpc1768": 0x1000_4000,
    "stm32f407": 0x2000_4000,
    "nrf52840": 0x2000_4000,
    "nrf51822": 0x2000_4000,
}
RAM_START = {
    "lpc1768": 0x1000_0000,
    "stm32f407": 0x2000_0000,
    "nrf52840": 0x2000_0000,
    "nrf51822": 0x2000_0000,
}


def counting_loop(chip: str, *, length: int = 1024, seed: int = 1) -> bytes:
    """Return an image for the start of the chip's flash: r0 counts for ever from 0; then noise.

    The loop is at offset 0x102 (``adds r0, #1; b``), the reset handler at 0x100 (``movs r0, #0``).
    """
    start = FLASH_START[chip]
    vectors = [STACK_TOP[chip], start + 0x101, *[start + 0x107] * 14]
    if chip == "lpc1768":  # its boot ROM wants the first eight words to add up to zero
        vectors[7] = -sum(vectors[:7]) & 0xFFFF_FFFF
    code = struct.pack("<HHHH", 0x2000, 0x3001, 0xE7FD, 0xE7FE)
    image = struct.pack("<16I", *vectors).ljust(0x100, b"\0") + code
    noise = random.Random(seed).randbytes(length - len(image))
    return image + noise


def write_bin(folder: Path, chip: str, **options: int) -> Path:
    """Write `counting_loop` into ``folder`` as ``CHIP.bin``."""
    path = folder / f"{chip}.bin"
    path.write_bytes(counting_loop(chip, **options))
    return path
