"""The UARTs of every family: bytes come and go at the line's speed, flags and interrupts follow."""

from __future__ import annotations

import pytest

from tests.virtual_board.target.bench import MS, US, Bench

BYTE_US = 87  # 10 bits at 115200 baud

# ---- STM32 -------------------------------------------------------------------------------------

USARTS = {  # base, interrupt
    "USART1": (0x4001_1000, 37),
    "USART2": (0x4000_4400, 38),
    "USART3": (0x4000_4800, 39),
    "UART4": (0x4000_4C00, 52),
    "UART5": (0x4000_5000, 53),
    "USART6": (0x4001_1400, 71),
}
SR, DR, BRR, CR1 = 0x00, 0x04, 0x08, 0x0C
ORE, RXNE, TC, TXE = 1 << 3, 1 << 5, 1 << 6, 1 << 7
UE, TE, RE, RXNEIE, TCIE, TXEIE = 1 << 13, 1 << 3, 1 << 2, 1 << 5, 1 << 6, 1 << 7


def stm32(base: int, control: int = UE | TE | RE) -> Bench:
    bench = Bench("stm32f407")
    bench.write(base + BRR, 139)
    bench.write(base + CR1, control)
    return bench


@pytest.mark.parametrize("name", USARTS)
def test_stm32_sends(name: str) -> None:
    base, _ = USARTS[name]
    bench = stm32(base)
    assert bench.read(base + SR) == TXE | TC
    bench.write(base + DR, ord("a"))
    assert bench.read(base + SR) == TXE  # the byte went into the shift register
    bench.write(base + DR, ord("b"), 1)
    assert bench.read(base + SR) == 0
    bench.advance(BYTE_US * US)
    assert bytes(bench.sent) == b"a"
    assert bench.read(base + SR) == TXE
    bench.advance(BYTE_US * US)
    assert bytes(bench.sent) == b"ab"
    assert bench.read(base + SR) == TXE | TC


def test_stm32_loses_a_byte_without_room() -> None:
    base, _ = USARTS["USART1"]
    bench = stm32(base)
    for byte in b"abc":
        bench.write(base + DR, byte)
    bench.advance(MS)
    assert bytes(bench.sent) == b"ab"


@pytest.mark.parametrize("control", [0, UE, TE])
def test_stm32_sends_nothing_while_off(control: int) -> None:
    base, _ = USARTS["USART1"]
    bench = stm32(base, control)
    bench.write(base + DR, ord("a"))
    bench.advance(MS)
    assert not bench.sent


@pytest.mark.parametrize("name", USARTS)
def test_stm32_receives_with_interrupt(name: str) -> None:
    base, irq = USARTS[name]
    bench = stm32(base, UE | RE | RXNEIE)
    bench.chip.uart.feed(b"x")
    bench.advance(80 * US)
    assert not bench.read(base + SR) & RXNE
    bench.advance(10 * US)
    assert bench.read(base + SR) & RXNE
    assert bench.pending(irq)
    assert bench.read(base + DR) == ord("x")
    assert not bench.read(base + SR) & RXNE


def test_stm32_overrun_is_cleared_by_status_then_data() -> None:
    base, _ = USARTS["USART2"]
    bench = stm32(base)
    bench.chip.uart.feed(b"xy")
    bench.advance(MS)
    assert bench.read(base + SR) & (ORE | RXNE) == ORE | RXNE
    assert bench.read(base + DR) == ord("x")
    assert bench.read(base + SR) & (ORE | RXNE) == 0


def test_stm32_does_not_hear_while_off() -> None:
    base, _ = USARTS["USART2"]
    bench = stm32(base, UE | TE)
    bench.chip.uart.feed(b"x")
    bench.advance(MS)
    assert not bench.read(base + SR) & RXNE


@pytest.mark.parametrize("enable", [TXEIE, TCIE])
def test_stm32_transmit_interrupts(enable: int) -> None:
    base, irq = USARTS["USART3"]
    bench = stm32(base)
    assert not bench.pending(irq)
    bench.write(base + CR1, UE | TE | enable)
    assert bench.pending(irq)


def test_stm32_speed_follows_brr_and_over8() -> None:
    base, _ = USARTS["USART1"]
    bench = stm32(base)
    bench.write(base + BRR, 1667)  # 9600 baud
    bench.write(base + DR, 0)
    bench.advance(1000 * US)
    assert not bench.sent
    bench.advance(50 * US)
    assert len(bench.sent) == 1
    bench.write(base + BRR, 0x0115)  # OVER8: 17 + 5/8 = 17.4, again 115200
    bench.write(base + CR1, UE | TE | 1 << 15)
    bench.write(base + DR, 0)
    bench.advance(95 * US)
    assert len(bench.sent) == 2


def test_stm32_reset_stops_the_line() -> None:
    base, _ = USARTS["USART1"]
    bench = stm32(base)
    bench.write(base + DR, ord("a"))
    bench.chip.reset("system")
    bench.advance(MS)
    assert not bench.sent
    assert bench.read(base + SR) == TXE | TC


# ---- Nordic ------------------------------------------------------------------------------------

UART0 = 0x4000_2000
STARTRX, STOPRX, STARTTX, STOPTX = 0x00, 0x04, 0x08, 0x0C
RXDRDY, ENDRX, TXDRDY, ENDTX, ERROR, RXTO = 0x108, 0x110, 0x11C, 0x120, 0x124, 0x144
TXSTOPPED = 0x158
INTENSET, INTENCLR, ERRORSRC, ENABLE, RXD, TXD = 0x304, 0x308, 0x480, 0x500, 0x518, 0x51C
RAM = 0x2000_0000


def nordic(name: str, enable: int = 4) -> Bench:
    bench = Bench(name)
    bench.write(UART0 + 0x50C, 6)
    bench.write(UART0 + 0x514, 8)
    bench.write(UART0 + 0x524, 0x01D7_E000)
    bench.write(UART0 + ENABLE, enable)
    return bench


def taken(bench: Bench, event: int, base: int = UART0) -> bool:
    happened = bool(bench.read(base + event))
    bench.write(base + event, 0)
    return happened


@pytest.mark.parametrize("name", ["nrf51822", "nrf52840"])
def test_nordic_sends_and_receives(name: str) -> None:
    bench = nordic(name)
    bench.write(UART0 + TXD, ord("-"))  # not started: lost
    bench.write(UART0 + STARTTX, 1)
    bench.write(UART0 + TXD, ord("a"))
    bench.advance(80 * US)
    assert not taken(bench, TXDRDY)
    bench.advance(10 * US)
    assert taken(bench, TXDRDY)
    assert bytes(bench.sent) == b"a"
    bench.chip.uart.feed(b"-")
    bench.advance(MS)
    assert not taken(bench, RXDRDY)
    bench.write(UART0 + STARTRX, 1)
    bench.write(UART0 + INTENSET, 1 << 2)
    bench.chip.uart.feed(b"xy")
    bench.advance(MS)
    assert bench.pending(2)
    assert taken(bench, RXDRDY)
    assert bench.read(UART0 + RXD) == ord("x")
    assert taken(bench, RXDRDY)
    assert bench.read(UART0 + RXD) == ord("y")
    assert not taken(bench, RXDRDY)
    bench.write(UART0 + STOPRX, 1)
    assert taken(bench, RXTO)


def test_nordic_overrun() -> None:
    bench = nordic("nrf51822")
    bench.write(UART0 + STARTRX, 1)
    bench.chip.uart.feed(b"1234567")
    bench.advance(MS)
    assert taken(bench, ERROR)
    assert bench.read(UART0 + ERRORSRC) == 1
    bench.write(UART0 + ERRORSRC, 1)
    assert bench.read(UART0 + ERRORSRC) == 0
    assert bytes(bench.read(UART0 + RXD) for _ in range(6)) == b"123456"


def test_nordic_needs_its_pins() -> None:
    bench = nordic("nrf52840")
    bench.write(UART0 + 0x50C, 0xFFFF_FFFF)
    bench.write(UART0 + STARTTX, 1)
    bench.write(UART0 + TXD, ord("a"))
    bench.advance(MS)
    assert not bench.sent
    assert taken(bench, TXDRDY)  # it went out, to nobody: mbed's drivers begin so
    bench.write(UART0 + 0x50C, 6)
    bench.write(UART0 + TXD, ord("b"))
    bench.advance(MS)
    assert bytes(bench.sent) == b"b"


def test_uarte_sends_from_ram() -> None:
    bench = nordic("nrf52840", enable=8)
    bench.bus.write_block(RAM, b"hello")
    bench.write(UART0 + 0x544, RAM)
    bench.write(UART0 + 0x548, 5)
    bench.write(UART0 + STARTTX, 1)
    bench.advance(4 * BYTE_US * US)
    assert not taken(bench, ENDTX)
    bench.advance(BYTE_US * US + 20 * US)
    assert taken(bench, ENDTX)
    assert bench.read(UART0 + 0x54C) == 5
    assert bytes(bench.sent) == b"hello"
    bench.write(UART0 + STOPTX, 1)
    assert taken(bench, TXSTOPPED)


def test_easy_dma_cannot_read_the_flash() -> None:
    bench = nordic("nrf52840", enable=8)
    bench.chip.flash_memories[0].data[0:2] = b"no"
    bench.write(UART0 + 0x544, 0)
    bench.write(UART0 + 0x548, 2)
    bench.write(UART0 + STARTTX, 1)
    bench.advance(MS)
    assert bytes(bench.sent) == b"\0\0"


def test_uarte_receives_into_ram() -> None:
    bench = nordic("nrf52840", enable=8)
    bench.write(UART0 + 0x534, RAM + 0x100)
    bench.write(UART0 + 0x538, 3)
    bench.write(UART0 + STARTRX, 1)
    bench.chip.uart.feed(b"abcd")
    bench.advance(MS)
    assert taken(bench, ENDRX)
    assert bench.read(UART0 + 0x53C) == 3
    assert bench.bus.read_block(RAM + 0x100, 4) == b"abc\0"
    bench.write(UART0 + STARTRX, 1)
    assert bench.read(UART0 + 0x53C) == 1
    assert bench.bus.read_block(RAM + 0x100, 1) == b"d"


def test_uarte_of_nrf51_does_not_exist() -> None:
    bench = nordic("nrf51822", enable=8)
    bench.write(UART0 + STARTTX, 1)
    bench.write(UART0 + TXD, ord("a"))
    bench.advance(MS)
    assert not bench.sent


# ---- LPC17xx -----------------------------------------------------------------------------------

LPC_UARTS = [(0x4000_C000, 5), (0x4001_0000, 6), (0x4009_8000, 7), (0x4009_C000, 8)]
IER, IIR, LCR, LSR, FDR, TER = 0x04, 0x08, 0x0C, 0x14, 0x28, 0x30
RDR, OE, THRE, TEMT = 1, 2, 1 << 5, 1 << 6


def lpc(base: int) -> Bench:
    bench = Bench("lpc1768")
    bench.write(0x400F_C1A8, 0x5555_5555)  # every peripheral runs from CCLK, 4 MHz
    bench.write(0x400F_C1AC, 0x5555_5555)
    bench.write(base + LCR, 0x83)
    bench.write(base + 0x00, 2)
    bench.write(base + 0x04, 0)
    bench.write(base + FDR, 12 << 4 | 1)
    assert bench.read(base) == 2
    bench.write(base + LCR, 0x03)
    return bench


@pytest.mark.parametrize(("base", "irq"), LPC_UARTS)
def test_lpc_sends_and_receives(base: int, irq: int) -> None:
    bench = lpc(base)
    assert bench.read(base + LSR) == THRE | TEMT
    bench.write(base, ord("a"), 1)
    assert bench.read(base + LSR) == THRE
    bench.write(base, ord("b"))
    assert bench.read(base + LSR) == 0
    bench.advance(BYTE_US * US)
    assert bytes(bench.sent) == b"a"
    bench.advance(BYTE_US * US)
    assert bench.read(base + LSR) == THRE | TEMT
    assert bytes(bench.sent) == b"ab"
    bench.write(base + IER, 1)
    assert bench.read(base + IIR) & 0xF == 1
    bench.chip.uart.feed(b"x")
    bench.advance(100 * US)
    assert bench.read(base + LSR) & RDR
    assert bench.read(base + IIR) & 0xF == 4
    assert bench.pending(irq)
    assert bench.read(base) == ord("x")
    assert not bench.read(base + LSR) & RDR


def test_lpc_fifo_and_overrun() -> None:
    base, _ = LPC_UARTS[0]
    bench = lpc(base)
    bench.write(base + IIR, 0x81)  # FCR: FIFOs on, trigger at 8
    bench.write(base + IER, 5)
    bench.chip.uart.feed(bytes(range(17)))
    bench.advance(95 * US)
    assert bench.read(base + IIR) & 0xF == 0xC  # character time-out
    bench.advance(8 * BYTE_US * US)
    assert bench.read(base + IIR) == 0xC4
    bench.advance(2 * MS)
    assert bench.read(base + IIR) & 0xF == 6  # line status
    assert bench.read(base + LSR) & OE
    assert not bench.read(base + LSR) & OE
    assert bytes(bench.read(base) for _ in range(16)) == bytes(range(16))
    bench.chip.uart.feed(b"x")
    bench.advance(MS)
    bench.write(base + IIR, 0x83)
    assert not bench.read(base + LSR) & RDR


def test_lpc_thre_interrupt_is_cleared_by_reading_iir() -> None:
    base, irq = LPC_UARTS[0]
    bench = lpc(base)
    bench.write(base + IER, 2)
    assert bench.read(base + IIR) & 0xF == 2
    assert bench.read(base + IIR) & 0xF == 1
    bench.write(base, ord("a"))
    bench.advance(MS)
    assert bench.pending(irq)
    assert bench.read(base + IIR) & 0xF == 2


def test_lpc_ter_holds_the_line() -> None:
    base, _ = LPC_UARTS[0]
    bench = lpc(base)
    bench.write(base + TER, 0)
    bench.write(base, ord("a"))
    bench.advance(MS)
    assert not bench.sent


def test_feeding_nothing_is_nothing() -> None:
    base, _ = USARTS["USART1"]
    bench = stm32(base)
    bench.chip.uart.feed(b"")
    bench.advance(MS)
    bench.chip.uart.feed(b"x")
    bench.chip.uart.feed(b"")
    bench.advance(MS)
    assert bench.read(base + DR) == ord("x")


def test_every_uart_hears_the_board() -> None:
    bench = stm32(USARTS["USART1"][0])
    bench.write(USARTS["USART6"][0] + BRR, 139)
    bench.write(USARTS["USART6"][0] + CR1, UE | RE)
    bench.chip.uart.feed(b"!")
    bench.advance(MS)
    assert bench.read(USARTS["USART1"][0] + DR) == bench.read(USARTS["USART6"][0] + DR) == ord("!")
