"""Timers, counters and watchdogs of every family."""

from __future__ import annotations

import pytest

from tests.virtual_board.target.bench import MS, US, Bench

# ---- STM32 -------------------------------------------------------------------------------------

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


def halt(bench: Bench) -> None:
    bench.write(0xE000_EDF0, 0xA05F_0003)
    bench.advance(MS)
    assert bench.chip.core.halted


@pytest.mark.parametrize("freeze", [False, True])
def test_iwdg_freezes_with_the_core_if_dbgmcu_says_so(freeze: bool) -> None:
    bench = Bench("stm32f407", running=True)
    bench.write(IWDG, 0xCCCC)  # 512 ms
    bench.write(0xE004_2008, freeze << 12)
    halt(bench)
    bench.advance(3000 * MS)
    assert bench.read(RCC_CSR) >> 29 & 1 == (not freeze)


@pytest.mark.parametrize("freeze", [False, True])
def test_wwdg_freezes_with_the_core_if_dbgmcu_says_so(freeze: bool) -> None:
    bench = Bench("stm32f407", running=True)
    bench.write(0xE004_2008, freeze << 11)
    halt(bench)
    bench.write(WWDG, 0xFF)
    bench.advance(100 * MS)
    assert bench.read(RCC_CSR) >> 29 & 1 == (not freeze)


# ---- Nordic ------------------------------------------------------------------------------------

TIMER0, RTC0, WDT, PPI = 0x4000_8000, 0x4000_B000, 0x4001_0000, 0x4001_F000
START, STOP, COUNT, CLEAR, CAPTURE0 = 0x00, 0x04, 0x08, 0x0C, 0x40
COMPARE0, SHORTS, INTENSET, CC0 = 0x140, 0x200, 0x304, 0x540
MODE, BITMODE, PRESCALER = 0x504, 0x508, 0x510


def capture(bench: Bench, base: int = TIMER0) -> int:
    bench.write(base + CAPTURE0 + 4, 1)
    return bench.read(base + CC0 + 4)


@pytest.mark.parametrize("name", ["nrf51822", "nrf52840"])
def test_nordic_timer(name: str) -> None:
    bench = Bench(name)
    bench.write(TIMER0 + PRESCALER, 4)
    bench.write(TIMER0 + CC0, 1000)
    bench.write(TIMER0 + SHORTS, 1)  # COMPARE0_CLEAR
    bench.write(TIMER0 + INTENSET, 1 << 16)
    bench.write(TIMER0 + START, 1)
    bench.advance(400 * US)
    assert capture(bench) == 400
    bench.advance(601 * US)
    assert bench.read(TIMER0 + COMPARE0) == 1
    assert bench.pending(8)
    assert capture(bench) == 1
    bench.write(TIMER0 + STOP, 1)
    bench.advance(MS)
    assert capture(bench) == 1
    bench.write(TIMER0 + CLEAR, 1)
    assert capture(bench) == 0


def test_nordic_timer_wraps_at_bitmode() -> None:
    bench = Bench("nrf52840")
    bench.write(TIMER0 + BITMODE, 1)  # 8 bits
    bench.write(TIMER0 + START, 1)  # PRESCALER is 4 after reset: 1 MHz
    bench.advance(300 * US)
    assert capture(bench) == 300 & 0xFF


def test_nordic_timer_as_counter_with_stop_shortcut() -> None:
    bench = Bench("nrf52840")
    bench.write(TIMER0 + MODE, 1)
    bench.write(TIMER0 + CC0, 2)
    bench.write(TIMER0 + SHORTS, 1 << 8)  # COMPARE0_STOP
    bench.write(TIMER0 + START, 1)
    bench.advance(MS)
    for _ in range(5):
        bench.write(TIMER0 + COUNT, 1)
    assert capture(bench) == 2
    assert bench.read(TIMER0 + COMPARE0) == 1


def test_ppi_carries_events_to_tasks() -> None:
    bench = Bench("nrf52840")
    other = 0x4000_9000
    bench.write(PPI + 0x510 + 8 * 3, TIMER0 + COMPARE0)
    bench.write(PPI + 0x514 + 8 * 3, other + START)
    bench.write(PPI + 0x504, 1 << 3)
    assert bench.read(PPI + 0x500) == bench.read(PPI + 0x508) == 1 << 3
    bench.write(TIMER0 + CC0, 100)
    bench.write(TIMER0 + START, 1)
    bench.advance(150 * US)
    assert capture(bench, other) == 50
    bench.write(PPI + 0x508, 1 << 3)
    assert bench.read(PPI + 0x500) == 0
    bench.write(PPI + 0x800, 0b11)
    bench.write(PPI + 0x000, 1)
    assert bench.read(PPI + 0x500) == 0b11
    bench.write(PPI + 0x004, 1)
    assert bench.read(PPI + 0x500) == 0


def test_a_ppi_channel_that_triggers_itself_goes_round_in_time() -> None:
    bench = Bench("nrf52840")
    egu = 0x4001_4000
    bench.write(PPI + 0x510, egu + 0x100)
    bench.write(PPI + 0x514, egu)
    bench.write(PPI + 0x518, egu + 0x100)
    bench.write(PPI + 0x51C, 0x6000_0000)  # leads nowhere
    bench.write(PPI + 0x504, 0b11)
    bench.write(egu, 1)
    bench.advance(10 * US)
    bench.write(egu + 0x100, 0)
    bench.advance(10 * US)
    assert bench.read(egu + 0x100) == 1
    bench.write(PPI + 0x508, 0b11)
    bench.advance(US)
    bench.write(egu + 0x100, 0)
    bench.advance(10 * US)
    assert bench.read(egu + 0x100) == 0


@pytest.mark.parametrize("name", ["nrf51822", "nrf52840"])
def test_rtc(name: str) -> None:
    bench = Bench(name)
    bench.write(RTC0 + 0x508, 32)  # 992.97 Hz
    bench.write(RTC0 + CC0, 10)
    bench.write(RTC0 + INTENSET, 1 << 16)
    bench.write(RTC0 + START, 1)
    bench.advance(9 * MS)
    assert bench.read(RTC0 + 0x504) == 8
    assert bench.read(RTC0 + COMPARE0) == 0
    bench.advance(2 * MS)
    assert bench.read(RTC0 + 0x504) == 10
    assert bench.read(RTC0 + COMPARE0) == 1
    assert bench.pending(11)


def test_rtc_tick_and_overflow() -> None:
    bench = Bench("nrf52840")
    bench.write(RTC0 + 0x344, 3)
    assert bench.read(RTC0 + 0x340) == 3
    bench.write(RTC0 + START, 1)
    bench.write(RTC0 + 0x0C, 1)  # TRIGOVRFLW
    bench.advance(40 * US)
    assert bench.read(RTC0 + 0x100) == 1
    assert bench.read(RTC0 + 0x104) == 0
    bench.advance(500 * US)
    assert bench.read(RTC0 + 0x104) == 1
    bench.write(RTC0 + 0x348, 3)
    assert bench.read(RTC0 + 0x340) == 0


def test_rtc_compare_is_silent_unless_wanted() -> None:
    bench = Bench("nrf52840")
    bench.write(RTC0 + CC0, 1)
    bench.write(RTC0 + START, 1)
    bench.advance(MS)
    assert bench.read(RTC0 + COMPARE0) == 0


def test_nordic_watchdog() -> None:
    bench = Bench("nrf52840", running=True)
    bench.write(WDT + 0x504, 32767)
    bench.write(WDT + 0x508, 3)
    bench.write(WDT + START, 1)
    bench.write(WDT + 0x504, 1)  # too late to change
    for _ in range(3):
        bench.advance(900 * MS)
        bench.write(WDT + 0x600, 0x6E52_4635)
        assert bench.read(WDT + 0x404) == 2
        bench.write(WDT + 0x604, 0x6E52_4635)
        assert bench.read(WDT + 0x404) == 3
    assert bench.read(WDT + 0x400) == 1
    bench.advance(900 * MS)
    bench.write(WDT + 0x600, 0x6E52_4635)  # only one of two
    bench.advance(200 * MS)
    assert bench.read(WDT + 0x400) == 0
    assert bench.read(0x4000_0400) == 2  # RESETREAS.DOG
    bench.write(0x4000_0400, 2)
    assert bench.read(0x4000_0400) == 0


@pytest.mark.parametrize("runs_on", [False, True])
def test_nordic_watchdog_pauses_with_the_core_unless_told(runs_on: bool) -> None:
    bench = Bench("nrf51822", running=True)
    bench.write(WDT + 0x504, 3276)
    bench.write(WDT + 0x50C, 1 | runs_on << 3)
    bench.write(WDT + START, 1)
    halt(bench)
    bench.advance(1000 * MS)
    assert bench.read(0x4000_0400) == (2 if runs_on else 0)


# ---- LPC17xx -----------------------------------------------------------------------------------

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
