"""Clocks, pins, and the small blocks of every family."""

from __future__ import annotations

import zlib

import pytest

from onchip.virtual_board.target.peripherals.lpc17_gpio import Lpc17Gpio
from onchip.virtual_board.target.peripherals.nordic_small import NordicGpio
from onchip.virtual_board.target.peripherals.register_block import RegisterBlock
from onchip.virtual_board.target.peripherals.stm32_pins import Stm32Gpio
from tests.virtual_board.target.bench import MS, US, Bench

# ---- STM32 clocks ------------------------------------------------------------------------------

RCC = 0x4002_3800
CR, PLLCFGR, CFGR, BDCR, CSR = RCC, RCC + 4, RCC + 8, RCC + 0x70, RCC + 0x74


@pytest.fixture
def stm32() -> Bench:
    return Bench("stm32f407")


def test_ready_flags_follow_their_enables(stm32: Bench) -> None:
    assert stm32.read(CR) & 3 == 3
    for enable, ready in ((16, 17), (24, 25), (26, 27)):
        stm32.write(CR, stm32.read(CR) | 1 << enable)
        assert stm32.read(CR) >> ready & 1
        stm32.write(CR, stm32.read(CR) & ~(1 << enable))
        assert not stm32.read(CR) >> ready & 1
    stm32.write(CSR, 1)
    assert stm32.read(CSR) & 2
    stm32.write(BDCR, 1)
    assert stm32.read(BDCR) & 2


def test_the_core_clock_follows_the_pll(stm32: Bench) -> None:
    assert stm32.chip.core.clock_hz == 16_000_000
    stm32.write(CR, stm32.read(CR) | 1 << 16)
    stm32.write(PLLCFGR, 7 << 24 | 1 << 22 | 0 << 16 | 336 << 6 | 8)  # 8 MHz / 8 * 336 / 2
    stm32.write(CR, stm32.read(CR) | 1 << 24)
    stm32.write(CFGR, 0x9402)
    assert stm32.read(CFGR) >> 2 & 3 == 2
    assert stm32.chip.core.clock_hz == 168_000_000
    stm32.write(CFGR, 0x9402 | 8 << 4)
    assert stm32.chip.core.clock_hz == 84_000_000
    stm32.write(CFGR, 1)
    assert stm32.chip.core.clock_hz == 8_000_000
    stm32.chip.reset("system")
    assert stm32.chip.core.clock_hz == 16_000_000


def test_the_hsi_cannot_be_switched_off_under_the_core(stm32: Bench) -> None:
    stm32.write(CR, 0)
    assert stm32.read(CR) & 3 == 3


def test_reset_causes(stm32: Bench) -> None:
    assert stm32.read(CSR) >> 24 == 0x0E
    stm32.write(CSR, 1 << 24)
    assert stm32.read(CSR) >> 24 == 0
    stm32.chip.reset("system")
    assert stm32.read(CSR) >> 24 == 0x14  # SFTRSTF, PINRSTF


def test_power_is_ready(stm32: Bench) -> None:
    assert stm32.read(0x4000_7004) & 0x4000
    stm32.write(0x4000_7004, 1 << 9)
    assert stm32.read(0x4000_7004) & 8


# ---- STM32 pins --------------------------------------------------------------------------------

GPIOA, EXTI, SYSCFG = 0x4002_0000, 0x4001_3C00, 0x4001_3800


def test_stm32_outputs_and_bit_set_reset(stm32: Bench) -> None:
    stm32.write(GPIOA, 1 << 2 * 5)
    stm32.write(GPIOA + 0x18, 1 << 5)
    assert stm32.read(GPIOA + 0x14) == 1 << 5
    assert stm32.read(GPIOA + 0x10) >> 5 & 1
    stm32.write(GPIOA + 0x1A, 1 << 5, 2)  # BSRRH
    assert stm32.read(GPIOA + 0x14) == 0
    stm32.write(GPIOA + 0x18, 1 << 5 | 1 << 21)  # set wins
    assert stm32.read(GPIOA + 0x14) == 1 << 5
    stm32.write(GPIOA + 0x10, 0)
    assert stm32.read(GPIOA + 0x18) == 0


def test_stm32_reset_values_keep_the_debug_pins(stm32: Bench) -> None:
    assert stm32.read(GPIOA) == 0xA800_0000


def gpio(bench: Bench, name: str) -> object:
    return bench.chip.peripherals[name]


def test_stm32_button_through_exti(stm32: Bench) -> None:
    port = gpio(stm32, "GPIOB")
    assert isinstance(port, Stm32Gpio)
    stm32.write(SYSCFG + 0x08, 1)  # EXTI0: port B
    stm32.write(EXTI, 1)
    stm32.write(EXTI + 0x08, 1)
    port.drive_pin(0, level=True)
    assert stm32.read(0x4002_0410) & 1
    assert stm32.read(EXTI + 0x14) == 1
    assert stm32.pending(6)
    stm32.write(EXTI + 0x14, 1)
    assert stm32.read(EXTI + 0x14) == 0
    port.drive_pin(0, level=False)  # falling: not asked for
    assert stm32.read(EXTI + 0x14) == 0
    other = gpio(stm32, "GPIOA")
    assert isinstance(other, Stm32Gpio)
    other.drive_pin(0, level=True)  # another port
    assert stm32.read(EXTI + 0x14) == 0


def test_exti_software_request(stm32: Bench) -> None:
    stm32.write(EXTI, 1 << 7)
    stm32.write(EXTI + 0x10, 1 << 7)
    assert stm32.read(EXTI + 0x14) == 1 << 7
    assert stm32.pending(23)
    stm32.write(EXTI + 0x14, 1 << 7)
    assert stm32.read(EXTI + 0x10) == 0


def test_what_lies_at_0(stm32: Bench) -> None:
    stm32.chip.flash_memories[0].data[0:4] = b"flsh"
    stm32.write(0x2000_0000, 0x1234_5678)
    assert stm32.bus.read_block(0, 4) == b"flsh"
    stm32.write(SYSCFG, 3)
    assert stm32.read(0) == 0x1234_5678
    stm32.write(SYSCFG, 1)
    assert stm32.bus.read_block(0x7A22, 2) == b"\x00\x04"
    stm32.chip.reset("system")
    assert stm32.bus.read_block(0, 4) == b"flsh"


# ---- STM32, the rest ---------------------------------------------------------------------------


def test_crc_agrees_with_zlib(stm32: Bench) -> None:
    words = [0x1234_5678, 0xDEAD_BEEF, 0]
    for word in words:
        stm32.write(0x4002_3000, word)

    def reflected(value: int, width: int) -> int:
        return int(f"{value:0{width}b}"[::-1], 2)

    data = b"".join(bytes(reflected(b, 8) for b in word.to_bytes(4, "big")) for word in words)
    expected = reflected(zlib.crc32(data) ^ 0xFFFF_FFFF, 32)
    assert stm32.read(0x4002_3000) == expected
    stm32.write(0x4002_3008, 1)
    assert stm32.read(0x4002_3000) == 0xFFFF_FFFF


def test_rng(stm32: Bench) -> None:
    rng = 0x5006_0800
    assert stm32.read(rng + 4) == stm32.read(rng + 8) == 0
    stm32.write(rng, 4 | 8)
    assert stm32.read(rng + 4) == 1
    assert stm32.pending(80)
    assert len({stm32.read(rng + 8) for _ in range(10)}) == 10


def test_dbgmcu_survives_a_system_reset(stm32: Bench) -> None:
    stm32.write(0xE004_2004, 7)
    stm32.write(0xE004_2000, 0)
    stm32.chip.reset("system")
    assert stm32.read(0xE004_2004) == 7
    assert stm32.read(0xE004_2000) == 0x1007_6413
    stm32.chip.reset("power-on")
    assert stm32.read(0xE004_2004) == 0


# ---- Nordic ------------------------------------------------------------------------------------

CLOCK, GPIO, GPIOTE, RNG, TEMP, EGU0 = (
    0x4000_0000,
    0x5000_0000,
    0x4000_6000,
    0x4000_D000,
    0x4000_C000,
    0x4001_4000,
)


def test_nordic_clocks_start() -> None:
    bench = Bench("nrf52840")
    bench.write(CLOCK + 0x00, 1)
    bench.write(CLOCK + 0x518, 1)
    bench.write(CLOCK + 0x08, 1)
    assert bench.read(CLOCK + 0x40C) == bench.read(CLOCK + 0x100) == 0
    bench.advance(361 * US)
    assert bench.read(CLOCK + 0x100) == 1
    assert bench.read(CLOCK + 0x40C) == 0x1_0001
    assert bench.read(CLOCK + 0x104) == 0
    bench.advance(300 * US)
    assert bench.read(CLOCK + 0x104) == 1
    assert bench.read(CLOCK + 0x418) == 0x1_0001
    bench.write(CLOCK + 0x04, 1)
    bench.write(CLOCK + 0x0C, 1)
    assert bench.read(CLOCK + 0x40C) == bench.read(CLOCK + 0x418) == 0
    bench.write(CLOCK + 0x10, 1)
    assert bench.read(CLOCK + 0x10C) == 1


def test_gpregret_survives_all_but_power() -> None:
    bench = Bench("nrf52840")
    bench.write(CLOCK + 0x51C, 0x5A)
    bench.chip.reset("system")
    assert bench.read(CLOCK + 0x51C) == 0x5A
    assert bench.read(CLOCK + 0x400) == 4  # SREQ
    bench.chip.reset("power-on")
    assert bench.read(CLOCK + 0x51C) == bench.read(CLOCK + 0x400) == 0


def test_nordic_gpio_both_ports() -> None:
    bench = Bench("nrf52840")
    for port in (0, 0x300):
        bench.write(GPIO + port + 0x518, 1 << 3)
        assert bench.read(GPIO + port + 0x514) == 1 << 3
        assert bench.read(GPIO + port + 0x700 + 12) & 1
        bench.write(GPIO + port + 0x508, 1 << 3 | 1 << 4)
        bench.write(GPIO + port + 0x50C, 1 << 4)
        assert bench.read(GPIO + port + 0x504) == bench.read(GPIO + port + 0x508) == 1 << 3
        assert bench.read(GPIO + port + 0x510) == 0  # the input buffer is off
        bench.write(GPIO + port + 0x700 + 12, 1)
        assert bench.read(GPIO + port + 0x510) == 1 << 3
        bench.write(GPIO + port + 0x51C, 1 << 3)
        assert bench.read(GPIO + port + 0x514) == 0
        bench.write(GPIO + port + 0x700 + 16, 3 << 2)  # input with pull-up
        assert bench.read(GPIO + port + 0x510) >> 4 & 1


def test_gpiote_event_and_task() -> None:
    bench = Bench("nrf52840")
    port = gpio(bench, "GPIO")
    assert isinstance(port, NordicGpio)
    bench.write(GPIOTE + 0x510, 1 | 11 << 8 | 1 << 16)  # rising edge of P0.11
    bench.write(GPIOTE + 0x304, 1)
    port.drive_pin(11, level=False)
    assert bench.read(GPIOTE + 0x100) == 0
    port.drive_pin(11, level=True)
    assert bench.read(GPIOTE + 0x100) == 1
    assert bench.pending(6)
    bench.write(GPIOTE + 0x514, 3 | 13 << 8 | 3 << 16 | 1 << 20)  # toggle P0.13, starts high
    assert bench.read(GPIO + 0x504) == 1 << 13
    bench.write(GPIOTE + 0x004, 1)
    assert bench.read(GPIO + 0x504) == 0
    bench.write(GPIOTE + 0x034, 1)
    assert bench.read(GPIO + 0x504) == 1 << 13
    bench.write(GPIOTE + 0x064, 1)
    assert bench.read(GPIO + 0x504) == 0


@pytest.mark.parametrize(("name", "delay_us"), [("nrf52840", 120), ("nrf51822", 677)])
def test_nordic_rng(name: str, delay_us: int) -> None:
    bench = Bench(name)
    bench.write(RNG + 0x00, 1)
    numbers = set()
    for _ in range(8):
        assert bench.read(RNG + 0x100) == 0
        bench.advance(delay_us * US)
        assert bench.read(RNG + 0x100) == 1
        numbers.add(bench.read(RNG + 0x508))
        bench.write(RNG + 0x100, 0)
    assert len(numbers) > 4
    bench.write(RNG + 0x200, 1)  # VALRDY_STOP
    bench.advance(MS)
    bench.write(RNG + 0x100, 0)
    bench.advance(10 * MS)
    assert bench.read(RNG + 0x100) == 0


def test_nordic_temperature() -> None:
    bench = Bench("nrf51822")
    bench.write(TEMP + 0x00, 1)
    bench.advance(36 * US)
    assert bench.read(TEMP + 0x100) == 1
    assert bench.read(TEMP + 0x508) == 25 * 4


def test_egu_and_interrupt_enables() -> None:
    bench = Bench("nrf52840")
    bench.write(EGU0 + 0x304, 1 << 2)
    assert bench.read(EGU0 + 0x304) == bench.read(EGU0 + 0x308) == 1 << 2
    bench.write(EGU0 + 0x08, 1)
    assert bench.read(EGU0 + 0x108) == 1
    assert bench.pending(20)
    bench.write(EGU0 + 0x308, 1 << 2)
    assert bench.read(EGU0 + 0x304) == 0
    assert bench.read(EGU0 + 0x08) == 0


# ---- LPC17xx -----------------------------------------------------------------------------------

SYSCON, LPC_GPIO = 0x400F_C000, 0x2009_C000


def feed(bench: Bench, pll: int) -> None:
    bench.write(SYSCON + pll + 12, 0xAA)
    bench.write(SYSCON + pll + 12, 0x55)


def test_lpc_pll0_to_100_mhz() -> None:
    bench = Bench("lpc1768")
    bench.write(SYSCON + 0x1A0, 1 << 5)
    assert bench.read(SYSCON + 0x1A0) >> 6 & 1
    bench.write(SYSCON + 0x10C, 1)
    bench.write(SYSCON + 0x084, 5 << 16 | 99)  # 2 * 100 * 12 MHz / 6 = 400 MHz
    bench.write(SYSCON + 0x080, 1)
    assert bench.read(SYSCON + 0x088) == 0
    feed(bench, 0x080)
    assert bench.read(SYSCON + 0x088) == 1 << 26 | 1 << 24 | 5 << 16 | 99
    bench.write(SYSCON + 0x104, 3)
    bench.write(SYSCON + 0x080, 3)
    assert bench.chip.core.clock_hz == 3_000_000
    feed(bench, 0x080)
    assert bench.read(SYSCON + 0x088) >> 24 & 3 == 3
    assert bench.chip.core.clock_hz == 100_000_000
    bench.chip.reset("system")
    assert bench.chip.core.clock_hz == 4_000_000


def test_lpc_a_wrong_feed_changes_nothing() -> None:
    bench = Bench("lpc1768")
    bench.write(SYSCON + 0x080, 1)
    for value in (0x55, 0xAA, 0x00, 0x55):
        bench.write(SYSCON + 0x08C, value)
    assert bench.read(SYSCON + 0x088) == 0


def test_lpc_pll1_locks() -> None:
    bench = Bench("lpc1768")
    bench.write(SYSCON + 0x0A4, 0x23)
    bench.write(SYSCON + 0x0A0, 3)
    feed(bench, 0x0A0)
    assert bench.read(SYSCON + 0x0A8) == 1 << 10 | 3 << 8 | 0x23


def test_lpc_reset_source() -> None:
    bench = Bench("lpc1768")
    assert bench.read(SYSCON + 0x180) == 1
    bench.write(SYSCON + 0x180, 1)
    bench.chip.reset("system")
    assert bench.read(SYSCON + 0x180) == 2


def test_lpc_gpio() -> None:
    bench = Bench("lpc1768")
    port1 = LPC_GPIO + 0x20
    device = gpio(bench, "GPIO")
    assert isinstance(device, Lpc17Gpio)
    bench.write(port1, 0xFF)
    bench.write(port1 + 0x18, 0x11)
    bench.write(port1 + 0x18, 0x20, 1)
    bench.write(port1 + 0x1C, 0x01)
    assert bench.read(port1 + 0x18) == 0x30
    assert bench.read(port1 + 0x14) & 0xFF == 0x30
    assert bench.read(port1 + 0x14) >> 8 == 0xFF_FFFF  # inputs are pulled up
    device.drive_pin(1, 31, level=False)
    assert not bench.read(port1 + 0x14) >> 31
    bench.write(port1 + 0x10, 0xF0)  # FIOMASK
    bench.write(port1 + 0x14, 0x0A)
    assert bench.read(port1 + 0x14) & 0xFF == 0x0A
    bench.write(port1 + 0x10, 0)
    assert bench.read(port1 + 0x18) == 0x3A
    bench.write(port1 + 0x14, 0x55, 1)
    assert bench.read(port1 + 0x14) & 0xFF == 0x55
    assert bench.read(LPC_GPIO + 0x18) == 0


# ---- any block


@pytest.mark.parametrize("size", [1, 2, 4])
def test_registers_are_read_in_any_part_even_across_two(size: int) -> None:
    words = {0: 0x3322_1100, 4: 0x7766_5544, 8: 0xBBAA_9988}
    held = b"".join(word.to_bytes(4, "little") for word in words.values())
    block = RegisterBlock(words)
    for offset in range(8):
        wanted = int.from_bytes(held[offset : offset + size], "little")
        assert block.read(offset, size) == wanted
