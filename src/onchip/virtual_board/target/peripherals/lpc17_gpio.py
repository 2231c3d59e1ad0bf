"""Fast GPIO of LPC17xx (UM10360, chapter 9): five ports in one block."""

from __future__ import annotations

from .register_block import RegisterBlock

FIODIR, FIOMASK, FIOPIN, FIOSET, FIOCLR = 0x00, 0x10, 0x14, 0x18, 0x1C
PORT_STRIDE = 0x20


class Lpc17Gpio(RegisterBlock):
    """Ports 0 to 4. Inputs are pulled up, or read what ``drive_pin`` put on them."""

    def __init__(self) -> None:
        super().__init__()
        self._driven: dict[tuple[int, int], bool] = {}
        self._latch: dict[int, int] = {}

    def drive_pin(self, port: int, pin: int, *, level: bool) -> None:
        """Drive a pin from outside, as a button does."""
        self._driven[port, pin] = level

    def reset(self) -> None:
        """Make every pin an input."""
        super().reset()
        self._latch.clear()

    def read_word(self, offset: int) -> int:
        """Return a register; FIOPIN shows the pins that FIOMASK does not hide."""
        port, register = divmod(offset, PORT_STRIDE)
        if register == FIOSET:
            return self._latch.get(port, 0)
        if register == FIOPIN:
            return self._pins(port) & ~self._mask(port)
        return super().read_word(offset)

    def write_word(self, offset: int, value: int) -> None:
        """Write a register; FIOMASK holds its pins still."""
        port, register = divmod(offset, PORT_STRIDE)
        old, mask = self._latch.get(port, 0), self._mask(port)
        if register == FIOSET:
            self._latch[port] = old | value & ~mask
        elif register == FIOCLR:
            self._latch[port] = old & ~(value & ~mask)
        elif register == FIOPIN:
            self._latch[port] = old & mask | value & ~mask
        else:
            super().write_word(offset, value)

    def write_narrow(self, offset: int, shift: int, mask: int, value: int) -> None:
        """Give FIOSET and FIOCLR just the bits written, FIOPIN only its lanes."""
        port, register = divmod(offset, PORT_STRIDE)
        if register in (FIOSET, FIOCLR):
            self.write_word(offset, (value & mask) << shift)
        elif register == FIOPIN:
            kept = self._latch.get(port, 0) & ~(mask << shift)
            self.write_word(offset, kept | (value & mask) << shift)
        else:
            super().write_narrow(offset, shift, mask, value)

    def _mask(self, port: int) -> int:
        return self.words[port * PORT_STRIDE + FIOMASK]

    def _pins(self, port: int) -> int:
        outputs = self.words[port * PORT_STRIDE + FIODIR]
        inputs = sum(int(self._driven.get((port, pin), True)) << pin for pin in range(32))
        return self._latch.get(port, 0) & outputs | inputs & ~outputs & 0xFFFF_FFFF
