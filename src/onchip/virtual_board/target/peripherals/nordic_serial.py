"""SPI and TWI of nRF51: one block of registers, of which ENABLE makes the one or the other.

A byte takes its bits' time on the wire. Who answers on the two-wire bus is an `I2cDevice`; where
none has the address, the transfer ends in ERROR with ERRORSRC.ANACK, as on an empty bus. Nothing is
wired to SPI: it reads ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ..wiring import Alarm, Wiring
from .nordic import NordicPeripheral, Ppi

_NS = 1_000_000_000
_FULL_HZ = 1 << 32
"""FREQUENCY holds the fraction of 16 MHz, in 2^-32."""
_CLOCK_HZ = 16_000_000


class I2cDevice(Protocol):
    """A device on the two-wire bus, as its master drives it."""

    def start(self, *, reading: bool) -> None:
        """Take note of a start condition with this device's address."""
        ...

    def write(self, byte: int) -> None:
        """Take a byte."""
        ...

    def read(self) -> int:
        """Give the next byte."""
        ...


class NordicSerial(NordicPeripheral):
    """The legacy SPI and TWI masters, which move a byte at a time."""

    STARTRX, STARTTX, STOP, SUSPEND, RESUME = 0x00, 0x08, 0x14, 0x1C, 0x20
    STOPPED, READY, TXDSENT, ERROR, BB, SUSPENDED = 0x104, 0x108, 0x11C, 0x124, 0x138, 0x148
    ERRORSRC, ENABLE, RXD, TXD, FREQUENCY, ADDRESS = 0x4C4, 0x500, 0x518, 0x51C, 0x524, 0x588
    ANACK = 1 << 1
    SPI, TWI = 1, 5

    def __init__(
        self, wiring: Wiring, ppi: Ppi, base: int, irq: int, devices: Mapping[int, I2cDevice]
    ) -> None:
        super().__init__(wiring, ppi, base, irq, {self.FREQUENCY: 0x0400_0000})
        self._devices = devices
        self._byte_done = Alarm(wiring.timeline, self._finish)
        self.tasks = {
            self.STARTRX: lambda: self._start(reading=True),
            self.STARTTX: lambda: self._start(reading=False),
            self.STOP: self._stop,
            self.SUSPEND: self._suspend,
            self.RESUME: self._resume,
        }
        self.shortcuts = {0: (self.BB, self.SUSPEND), 1: (self.BB, self.STOP)}
        self._forget()

    def reset(self) -> None:
        """Go back to an idle bus."""
        super().reset()
        self._byte_done.cancel()
        self._forget()

    def next_change_ns(self) -> int | None:
        """Return when the byte on the wire is through."""
        return self._byte_done.due_ns

    def _forget(self) -> None:
        self._device: I2cDevice | None = None
        self._reading = False
        self._stopping = False
        self._suspended = False
        self._outgoing: list[int] = []

    # ---- TWI

    def _start(self, *, reading: bool) -> None:
        if self.words[self.ENABLE] != self.TWI:
            return
        self._reading = reading
        self._stopping = self._suspended = False
        self._outgoing.clear()
        self._device = self._devices.get(self.words[self.ADDRESS] & 0x7F)
        if self._device is not None:
            self._device.start(reading=reading)
        if self._device is None or reading:
            self._run()

    def _stop(self) -> None:
        self._stopping = True
        if self._byte_done.due_ns is None or self._suspended:
            self._end()

    def _end(self) -> None:
        self._byte_done.cancel()
        self._forget()
        self.event(self.STOPPED)

    def _suspend(self) -> None:
        self._suspended = True
        self.event(self.SUSPENDED)

    def _resume(self) -> None:
        if self._suspended:
            self._suspended = False
            if self._reading:
                self._run()

    def _run(self) -> None:
        """Let a byte's time pass: eight bits, and on TWI an acknowledge."""
        hz = max(self.words[self.FREQUENCY] * _CLOCK_HZ // _FULL_HZ, 1)
        bits = 9 if self.words[self.ENABLE] == self.TWI else 8
        self._byte_done.set(self.timeline.now_ns + bits * _NS // hz)

    def _finish(self) -> None:
        if self.words[self.ENABLE] == self.SPI:
            self._outgoing.pop(0)
            self.words[self.RXD] = 0xFF
            if self._outgoing:
                self._run()
            self.event(self.READY)
        elif self._device is None:
            self.words[self.ERRORSRC] |= self.ANACK
            self.event(self.ERROR)
        elif self._reading:
            self.words[self.RXD] = self._device.read() & 0xFF
            self.event(self.BB)
            self.event(self.READY)
        else:
            self._device.write(self._outgoing.pop(0))
            self.event(self.BB)
            self.event(self.TXDSENT)
        if self._stopping:
            self._end()

    # ---- registers

    def read_register(self, offset: int) -> int:
        """Return a register; reading RXD lets the next byte come."""
        value = super().read_register(offset)
        if offset == self.RXD and self._goes_on():
            self._run()
        return value

    def _goes_on(self) -> bool:
        free = self._byte_done.due_ns is None and not self._suspended
        return self._reading and free and self._device is not None

    def write_register(self, offset: int, value: int) -> None:
        """Write a register; one to TXD sends it."""
        if offset == self.ERRORSRC:
            value = self.words[offset] & ~value
        super().write_register(offset, value)
        sends = self.words[self.ENABLE] == self.SPI or self._device is not None
        if offset == self.TXD and self.words[self.ENABLE] and sends and not self._reading:
            self._outgoing.append(value & 0xFF)
            if self._byte_done.due_ns is None:
                self._run()
