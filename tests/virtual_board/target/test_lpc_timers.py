"""Timers and watchdog of the LPC17xx."""

from __future__ import annotations

import pytest

from tests.virtual_board.target.bench import MS, US, Bench

LPC_TIMERS = {0x4000_4000: 1, 0x4000_8000: 2, 0x4009_0000: 3, 0x4009_4000: 4}
IR, TCR, TC, PR, MCR, MR0 = 0x00, 0x04, 0x08, 0x0C, 0x14, 0x18


@pytest.mark.parametrize(("base", "irq"), LPC_TIMERS.items())
def test_lpc_timer(base: int, irq: int) -> None:
    bench = Bench("lpc1768")  # PCLK: 1 MHz
    bench.write(base + PR, 9)
    bench.write(base + MR0, 50)
    bench.write(base + MCR, 3)  # interrupt and reset on MR0
    bench.write(base + TCR, 1)
    bench.advance(400 * US)
    assert bench.read(base + TC) == 40
    bench.advance(110 * US)
    assert bench.read(base + IR) == 1
    assert bench.pending(irq)
    assert bench.read(base + TC) == 1
    bench.write(base + IR, 1)
    assert bench.read(base + IR) == 0
    bench.write(base + TCR, 2)
    assert bench.read(base + TC) == 0


def test_lpc_timer_stops_on_match() -> None:
    base = 0x4000_4000
    bench = Bench("lpc1768")
    bench.write(base + MR0 + 4, 10)
    bench.write(base + MCR, 4 << 3)
    bench.write(base + TCR, 1)
    bench.advance(MS)
    assert bench.read(base + TC) == 10
    assert bench.read(base + TCR) == 0
    assert bench.read(base + IR) == 0


def test_lpc_timer_follows_pclksel() -> None:
    base = 0x4000_4000
    bench = Bench("lpc1768")
    bench.write(base + TCR, 1)
    bench.advance(100 * US)
    bench.write(0x400F_C1A8, 1 << 2)  # CCLK / 1
    bench.advance(100 * US)
    assert bench.read(base + TC) == 500


def test_lpc_watchdog() -> None:
    bench = Bench("lpc1768", running=True)
    bench.write(0x4000_0004, 20_000)  # 20 ms
    bench.write(0x4000_0000, 3)
    bench.write(0x4000_0000, 0)  # cannot be switched off
    for _ in range(3):
        bench.write(0x4000_0008, 0xAA)
        bench.write(0x4000_0008, 0x55)
        bench.advance(19 * MS)
        assert bench.read(0x4000_000C) == 1000
    bench.advance(2 * MS)
    assert bench.read(0x400F_C180) & 4
