"""Whatever is written wherever, a chip answers or faults; no model may raise anything else."""

from __future__ import annotations

import random

import pytest

from onchip.virtual_board.bus import BusFault
from onchip.virtual_board.target.peripherals.register_block import RegisterBlock
from tests.virtual_board.target.bench import MS, Bench

VALUES = (0, 1, 2, 3, 8, 0x55, 0xAA, 0x5555, 0xCCCC, 0x2000_0000, 0x7FFF_FFFF, 0xFFFF_FFFF)


@pytest.mark.parametrize("name", ["lpc1768", "nrf51822", "nrf52840", "stm32f407"])
@pytest.mark.parametrize("seed", range(3))
def test_random_accesses_to_every_peripheral(name: str, seed: int) -> None:
    generator = random.Random(f"{name}{seed}")
    bench = Bench(name)
    devices = [w for w in bench.bus.windows if isinstance(w.device, RegisterBlock)]
    for window in generator.sample(devices, len(devices)):
        for _ in range(150):
            size = generator.choice((1, 2, 4, 4, 4))
            span = min(window.end - window.base, 0x800)
            address = window.base + generator.randrange(0, span, size)
            try:
                if generator.random() < 0.6:
                    value = generator.choice((*VALUES, generator.getrandbits(32)))
                    bench.write(address, value & (1 << 8 * size) - 1, size)
                else:
                    assert 0 <= bench.read(address, size) < 1 << 8 * size
            except BusFault:
                pass
    bench.chip.uart.feed(b"bytes")
    for _ in range(20):
        bench.advance(MS)
    bench.chip.reset("power-on")


@pytest.mark.parametrize("name", ["lpc1768", "nrf51822", "nrf52840", "stm32f407"])
def test_every_register_can_be_read_after_reset(name: str) -> None:
    bench = Bench(name)
    for window in bench.bus.windows:
        if isinstance(window.device, RegisterBlock):
            for offset in range(0, min(window.end - window.base, 0x1000), 4):
                assert 0 <= bench.read(window.base + offset) <= 0xFFFF_FFFF
