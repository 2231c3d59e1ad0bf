"""Timers, RTC, PPI and watchdog of the nRF5."""

from __future__ import annotations

import pytest

from tests.virtual_board.target.bench import MS, US, Bench

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
    bench.halt()
    bench.advance(1000 * MS)
    assert bench.read(0x4000_0400) == (2 if runs_on else 0)
