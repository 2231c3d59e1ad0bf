"""SPI and TWI of nRF51, byte by byte; two-wire devices that are registers."""

from __future__ import annotations

import pytest

from tests.virtual_board.target.bench import MS, US, Bench

TWI, EMPTY = 0x4000_3000, 0x4000_4000
STARTRX, STARTTX, STOP, SUSPEND, RESUME = 0x00, 0x08, 0x14, 0x1C, 0x20
STOPPED, READY, TXDSENT, ERROR, BB, SUSPENDED = 0x104, 0x108, 0x11C, 0x124, 0x138, 0x148
SHORTS, INTENSET, ERRORSRC, ENABLE = 0x200, 0x304, 0x4C4, 0x500
RXD, TXD, FREQUENCY, ADDRESS = 0x518, 0x51C, 0x524, 0x588
BYTE = 90 * US  # nine bits at 100 kHz
ACCELEROMETER, WHO_AM_I, CTRL_REG1 = 0x1D, 0x0D, 0x2A


@pytest.fixture(scope="module")
def board() -> Bench:
    return Bench("nrf51822")


@pytest.fixture
def bench(board: Bench) -> Bench:
    board.chip.reset("system")
    for base in (TWI, EMPTY):
        board.write(base + ENABLE, 5)
        board.write(base + FREQUENCY, 0x0198_0000)
        board.write(base + ADDRESS, ACCELEROMETER)
    return board


def taken(bench: Bench, event: int, base: int = TWI) -> bool:
    happened = bool(bench.read(base + event))
    bench.write(base + event, 0)
    return happened


def send(bench: Bench, *data: int) -> None:
    bench.write(TWI + STARTTX, 1)
    for byte in data:
        bench.write(TWI + TXD, byte)
        bench.advance(BYTE - 5 * US)
        assert not bench.read(TWI + TXDSENT)
        bench.advance(10 * US)
        assert taken(bench, TXDSENT)


def test_a_register_of_a_sensor_is_read(bench: Bench) -> None:
    send(bench, WHO_AM_I)
    bench.write(TWI + STARTRX, 1)  # a repeated start
    bench.advance(BYTE + 10 * US)
    assert taken(bench, READY)
    assert taken(bench, BB)
    bench.write(TWI + STOP, 1)
    assert bench.read(TWI + RXD) == 0x5A
    assert taken(bench, STOPPED)
    bench.advance(MS)
    assert not taken(bench, READY)


def test_what_is_written_is_read_back_one_byte_behind_the_other(bench: Bench) -> None:
    send(bench, CTRL_REG1, 0x11, 0x22)
    bench.write(TWI + STOP, 1)
    assert taken(bench, STOPPED)
    send(bench, CTRL_REG1)
    bench.write(TWI + SHORTS, 1)  # BB suspends: the next byte waits for RESUME
    bench.write(TWI + STARTRX, 1)
    bench.advance(MS)
    assert taken(bench, SUSPENDED)
    assert bench.read(TWI + RXD) == 0x11
    bench.write(TWI + SHORTS, 2)  # BB stops: this byte is the last
    bench.write(TWI + RESUME, 1)
    bench.advance(MS)
    assert bench.read(TWI + RXD) == 0x22
    assert taken(bench, STOPPED)


def test_nobody_acknowledges_on_an_empty_bus(bench: Bench) -> None:
    bench.write(EMPTY + INTENSET, 1 << 9)
    bench.write(EMPTY + STARTTX, 1)
    bench.write(EMPTY + TXD, 0)
    bench.advance(MS)
    assert taken(bench, ERROR, EMPTY)
    assert bench.pending(4)
    assert not taken(bench, TXDSENT, EMPTY)
    assert bench.read(EMPTY + ERRORSRC) == 2
    bench.write(EMPTY + ERRORSRC, 2)
    assert bench.read(EMPTY + ERRORSRC) == 0
    bench.write(EMPTY + STOP, 1)
    assert taken(bench, STOPPED, EMPTY)


def test_switched_off_it_does_nothing(bench: Bench) -> None:
    bench.write(TWI + ENABLE, 0)
    bench.write(TWI + STARTTX, 1)
    bench.write(TWI + TXD, 0)
    bench.advance(MS)
    assert not any(bench.read(TWI + event) for event in (TXDSENT, ERROR, STOPPED))


def test_spi_reads_ones(bench: Bench) -> None:
    bench.write(TWI + ENABLE, 1)
    bench.write(TWI + FREQUENCY, 0x0200_0000)  # 125 kHz: 64 us a byte
    for byte in (1, 2):
        bench.write(TWI + TXD, byte)
    for _ in range(2):
        bench.advance(63 * US)
        assert not bench.read(TWI + READY)
        bench.advance(1 * US)
        assert taken(bench, READY)
        assert bench.read(TWI + RXD) == 0xFF
    bench.advance(MS)
    assert not taken(bench, READY)
