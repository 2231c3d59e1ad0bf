"""Timers and watchdogs of the STM32F4."""

from __future__ import annotations

import pytest

from tests.virtual_board.target.bench import MS, US, Bench

TIMERS = {
    0x4000_0000: 28,
    0x4000_0400: 29,
    0x4000_0800: 30,
    0x4000_0C00: 50,
    0x4000_1000: 54,
    0x4000_1400: 55,
    0x4001_0000: 25,
}
CR1, DIER, SR, EGR, CNT, PSC, ARR, CCR1 = 0x00, 0x0C, 0x10, 0x14, 0x24, 0x28, 0x2C, 0x34
CEN, URS, OPM = 1, 4, 8


def stm32_timer(base: int, *, psc: int = 15, arr: int = 999, cr1: int = CEN) -> Bench:
    """A timer that counts microseconds and overflows each millisecond (HSI: 16 MHz)."""
    bench = Bench("stm32f407")
    bench.write(base + PSC, psc)
    bench.write(base + ARR, arr)
    bench.write(base + EGR, 1)
    bench.write(base + SR, 0)
    bench.write(base + CR1, cr1)
    return bench


@pytest.mark.parametrize(("base", "irq"), TIMERS.items())
def test_stm32_update_interrupt(base: int, irq: int) -> None:
    bench = stm32_timer(base)
    bench.write(base + DIER, 1)
    bench.advance(500 * US)
    assert bench.read(base + CNT) == 500
    assert not bench.read(base + SR)
    bench.advance(500 * US)
    assert bench.read(base + SR) & 1
    assert bench.pending(irq)
    bench.write(base + SR, 0)
    assert not bench.read(base + SR)
    bench.advance(1000 * US)
    assert bench.read(base + SR) & 1


def test_stm32_width() -> None:
    bench = Bench("stm32f407")
    assert bench.read(0x4000_0000 + ARR) == 0xFFFF_FFFF
    assert bench.read(0x4000_0400 + ARR) == 0xFFFF


def test_stm32_one_pulse_stops() -> None:
    bench = stm32_timer(0x4000_1000, cr1=CEN | OPM)
    bench.advance(5 * MS)
    assert bench.read(0x4000_1000 + CR1) & CEN == 0
    assert bench.read(0x4000_1000 + CNT) == 0


def test_stm32_ug_sets_uif_unless_urs() -> None:
    bench = Bench("stm32f407")
    bench.write(0x4000_1000 + EGR, 1)
    assert bench.read(0x4000_1000 + SR) == 1
    bench.write(0x4000_1000 + SR, 0)
    bench.write(0x4000_1000 + CR1, URS)
    bench.write(0x4000_1000 + EGR, 1)
    assert bench.read(0x4000_1000 + SR) == 0


def test_stm32_compare_flags() -> None:
    bench = stm32_timer(0x4000_0000)
    bench.write(0x4000_0000 + CCR1 + 4, 300)
    bench.advance(299 * US)
    assert not bench.read(0x4000_0000 + SR)
    bench.advance(2 * US)
    assert bench.read(0x4000_0000 + SR) == 1 << 2
    bench.advance(1000 * US)
    assert bench.read(0x4000_0000 + SR) == 0x1F  # the others match at 0


def test_stm32_pwm_without_interrupts_costs_no_events() -> None:
    bench = stm32_timer(0x4001_0000, psc=0, arr=15)  # 1 MHz
    bench.advance(MS)
    assert bench.timeline.next_event_ns() is None
    assert bench.read(0x4001_0000 + SR) & 1
    assert bench.read(0x4001_0000 + CNT) == 0
    bench.advance(500)
    assert bench.read(0x4001_0000 + CNT) == 8


def test_stm32_new_prescaler_counts_from_the_next_update() -> None:
    bench = stm32_timer(0x4000_1000)
    bench.advance(500 * US)
    bench.write(0x4000_1000 + PSC, 31)
    bench.advance(250 * US)
    assert bench.read(0x4000_1000 + CNT) == 750
    bench.advance(750 * US)
    assert bench.read(0x4000_1000 + CNT) == 250


def test_stm32_counter_beyond_its_reload_runs_to_its_width() -> None:
    bench = stm32_timer(0x4000_1000)
    bench.write(0x4000_1000 + CNT, 0xFFF0)
    bench.advance(10 * US)
    assert bench.read(0x4000_1000 + CNT) == 0xFFFA
    bench.advance(16 * US)
    assert bench.read(0x4000_1000 + CNT) == 10


def test_stm32_stopped_timer_holds_its_count() -> None:
    bench = stm32_timer(0x4000_0000)
    bench.advance(100 * US)
    bench.write(0x4000_0000 + CR1, 0)
    bench.advance(100 * US)
    assert bench.read(0x4000_0000 + CNT) == 100
    bench.write(0x4000_0000 + CNT, 7)
    assert bench.read(0x4000_0000 + CNT) == 7


def test_stm32_timer_follows_the_clock_tree() -> None:
    bench = stm32_timer(0x4000_0000, arr=0xFFFF_FFFF)
    bench.advance(100 * US)
    bench.write(0x4002_3808, 0x0000_1000)  # APB1 divided by 2: timers keep their 16 MHz
    bench.advance(100 * US)
    assert bench.read(0x4000_0000 + CNT) == 200
    bench.write(0x4002_3808, 0x0000_1400)  # by 4: timers at 8 MHz
    bench.advance(100 * US)
    assert bench.read(0x4000_0000 + CNT) == 250


IWDG, WWDG, RCC_CSR = 0x4000_3000, 0x4000_2C00, 0x4002_3874


def test_iwdg_resets_unless_fed() -> None:
    bench = Bench("stm32f407", running=True)
    bench.write(IWDG + 4, 1)  # locked: ignored
    assert bench.read(IWDG + 4) == 0
    bench.write(IWDG, 0x5555)
    bench.write(IWDG + 4, 0)
    bench.write(IWDG + 8, 319)  # 320 * 4 / 32 kHz = 40 ms
    bench.write(IWDG, 0xCCCC)
    for _ in range(3):
        bench.advance(39 * MS)
        bench.write(IWDG, 0xAAAA)
    assert not bench.read(RCC_CSR) >> 29 & 1
    bench.advance(41 * MS)
    assert bench.read(RCC_CSR) >> 29 & 1
    assert bench.read(IWDG + 8) == 0xFFF


def test_wwdg_window_and_early_wakeup() -> None:
    bench = Bench("stm32f407", running=True)
    tick = 4096 * 1_000_000_000 // 16_000_000
    bench.write(WWDG + 4, 1 << 9 | 0x60)
    bench.write(WWDG, 0xFF)
    bench.advance(0x3F * tick + US)
    assert bench.read(WWDG + 8) == 1
    assert bench.pending(0)
    assert bench.read(WWDG) == 0xC0
    bench.write(WWDG, 0xFF)
    bench.advance(3 * tick)
    bench.write(WWDG, 0xFF)  # above the window: too early
    bench.advance(US)
    assert bench.read(RCC_CSR) >> 29 & 1


@pytest.mark.parametrize("freeze", [False, True])
def test_iwdg_freezes_with_the_core_if_dbgmcu_says_so(freeze: bool) -> None:
    bench = Bench("stm32f407", running=True)
    bench.write(IWDG, 0xCCCC)  # 512 ms
    bench.write(0xE004_2008, freeze << 12)
    bench.halt()
    bench.advance(3000 * MS)
    assert bench.read(RCC_CSR) >> 29 & 1 == (not freeze)


@pytest.mark.parametrize("freeze", [False, True])
def test_wwdg_freezes_with_the_core_if_dbgmcu_says_so(freeze: bool) -> None:
    bench = Bench("stm32f407", running=True)
    bench.write(0xE004_2008, freeze << 11)
    bench.halt()
    bench.write(WWDG, 0xFF)
    bench.advance(100 * MS)
    assert bench.read(RCC_CSR) >> 29 & 1 == (not freeze)
