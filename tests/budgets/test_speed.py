"""How near flash jobs come to the flash's own speed, in simulated time: the same in every run.

`make bench` measures 512 KiB and more; this is its reduced size. Each time is the physics of the
job (or the wire's, where that is slower), and what may come on top of it, in milliseconds.
"""

from __future__ import annotations

import random

import pytest
from benchmarks.limits import Physics, Wire
from benchmarks.run import FREQUENCIES, SUM_CYCLES_A_WORD

from tests.flash.bench import bench

LENGTH = 0x2000
CHANGED_AT = 0x1234
# chip, probe: blank, unchanged, one function changed; milliseconds beyond the limit
OVERHEADS = {
    ("stm32f407", "bulk-512x4"): (15, 3, 10),
    ("stm32f407", "hid-64x4"): (76, 38, 70),
    ("nrf52840", "bulk-512x4"): (14, 3, 7),
    ("nrf52840", "hid-64x4"): (100, 38, 62),
}


@pytest.mark.parametrize(("chip", "probe"), OVERHEADS)
def test_flash_jobs_are_as_fast_as_flash_and_wire(chip: str, probe: str) -> None:
    physics, wire = Physics.of(chip), Wire.of(probe, FREQUENCIES[probe])
    noise = random.Random(5).randbytes(LENGTH)
    changed = noise[:CHANGED_AT] + bytes(200) + noise[CHANGED_AT + 200 :]
    erase_s, sector = physics.erase(CHANGED_AT, 200)
    with bench(chip, probe) as b:
        summing_s = LENGTH / 4 * SUM_CYCLES_A_WORD / b.chip.clock_hz

        def overhead_ms(data: bytes, limit_s: float) -> float:
            began = b.core.now()
            b.engine().program(b.image(data))
            assert b.contents(LENGTH) == data
            return (b.core.now() - began - limit_s) * 1000

        def write(length: int, erase_s: float = 0.0) -> float:
            return max(erase_s + physics.program(length), wire.block(length, read=False))

        found = (
            overhead_ms(noise, write(LENGTH)),
            overhead_ms(noise, summing_s),
            overhead_ms(changed, write(min(sector, LENGTH), erase_s)),  # beyond, it is blank
        )
        assert all(
            0 < ms <= most for ms, most in zip(found, OVERHEADS[chip, probe], strict=True)
        ), found
