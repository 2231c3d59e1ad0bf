"""UART0 to UART3 of LPC17xx (UM10360, chapters 14 and 15): 16550 style, FIFOs of 16."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from ..wiring import Wiring
from .register_block import RegisterBlock
from .serial_line import Receiver, Transmitter

RBR_THR_DLL, IER_DLM, IIR_FCR, LCR, LSR, FDR, TER = 0x00, 0x04, 0x08, 0x0C, 0x14, 0x28, 0x30

LCR_DLAB = 1 << 7
LSR_RDR, LSR_OE, LSR_THRE, LSR_TEMT = 1 << 0, 1 << 1, 1 << 5, 1 << 6
IER_RBR, IER_THRE, IER_RLS = 1 << 0, 1 << 1, 1 << 2
IIR_NONE, IIR_THRE, IIR_RDA, IIR_RLS = 0x1, 0x2, 0x4, 0x6
FCR_ENABLE, FCR_CLEAR_RX = 1 << 0, 1 << 1
TER_TXEN = 1 << 7
FIFO_DEPTH = 16
RX_TRIGGERS = (1, 4, 8, 14)


class Lpc17Uart(RegisterBlock):
    """One UART; ``clock`` names its peripheral clock."""

    resets: ClassVar = {FDR: 0x10, TER: TER_TXEN, RBR_THR_DLL: 0x01}

    def __init__(self, wiring: Wiring, irq: int, clock: str) -> None:
        super().__init__()
        self._clocks = wiring.clocks
        self._clock = clock
        self._irq = wiring.interrupts.line(irq)
        self._poller = wiring.poller()
        self._tx = Transmitter(wiring, self._byte_ns, self._sent, depth=FIFO_DEPTH)
        self._rx = Receiver(wiring, self._byte_ns, lambda: True, self._received)
        self._clear()

    def reset(self) -> None:
        """Go back to the reset values; what is on the line is lost."""
        super().reset()
        self._tx.stop()
        self._clear()
        self._update_irq()

    def _clear(self) -> None:
        self._fifo: deque[int] = deque()
        self._divisor = [0x01, 0x00]
        self._ier = self._fcr = 0
        self._overrun = self._thre_pending = False

    @property
    def _dlab(self) -> bool:
        return bool(self.words[LCR] & LCR_DLAB)

    def read_word(self, offset: int) -> int:
        """Return a register; reading RBR takes a byte, reading LSR clears the overrun."""
        if offset == RBR_THR_DLL:
            if self._dlab:
                return self._divisor[0]
            value = self._fifo.popleft() if self._fifo else 0
            self._update_irq()
            return value
        if offset == IER_DLM:
            return self._divisor[1] if self._dlab else self._ier
        if offset == IIR_FCR:
            return self._identify()
        if offset == LSR:
            return self._line_status()
        return super().read_word(offset)

    def write_word(self, offset: int, value: int) -> None:
        """Write a register; a byte written to THR is sent."""
        self._poller.progress()
        value &= 0xFF if offset < FDR else 0xFFFF_FFFF
        if offset == RBR_THR_DLL and self._dlab:
            self._divisor[0] = value
        elif offset == RBR_THR_DLL:
            self._thre_pending = False
            if self.words[TER] & TER_TXEN:
                self._tx.send(value)
        elif offset == IER_DLM and self._dlab:
            self._divisor[1] = value
        elif offset == IER_DLM:
            if value & ~self._ier & IER_THRE and self._tx.is_empty:
                self._thre_pending = True
            self._ier = value & 7
        elif offset == IIR_FCR:
            self._fcr = value
            if value & FCR_CLEAR_RX:
                self._fifo.clear()
        elif offset != LSR:
            super().write_word(offset, value)
        self._update_irq()

    def write_narrow(self, offset: int, shift: int, mask: int, value: int) -> None:
        """Take the byte as the register: there is nothing above it."""
        if shift == 0:
            self.write_word(offset, value & mask)

    def _byte_ns(self) -> int:
        divisor = max(1, self._divisor[1] << 8 | self._divisor[0])
        add, multiply = self.words[FDR] & 0xF, self.words[FDR] >> 4 & 0xF or 1
        bit_clocks = 16 * divisor * (multiply + add)
        return 10 * bit_clocks * 1_000_000_000 // (multiply * self._clocks[self._clock])

    def _line_status(self) -> int:
        status = LSR_RDR if self._fifo else 0
        status |= LSR_OE if self._overrun else 0
        status |= LSR_THRE if self._tx.is_empty else 0
        status |= LSR_TEMT if self._tx.idle else 0
        self._overrun = False
        if status & LSR_TEMT or status & LSR_RDR:
            self._poller.progress()
        else:
            self._poller.fruitless(self._tx.next_change_ns)
        self._update_irq()
        return status

    def _identify(self) -> int:
        fifos = 0xC0 if self._fcr & FCR_ENABLE else 0
        source = self._source()
        if source == IIR_THRE:
            self._thre_pending = False
            self._update_irq()
        return fifos | source

    def _source(self) -> int:
        if self._ier & IER_RLS and self._overrun:
            return IIR_RLS
        trigger = RX_TRIGGERS[self._fcr >> 6 & 3] if self._fcr & FCR_ENABLE else 1
        if self._ier & IER_RBR and self._fifo:
            # Below the trigger level the character time-out interrupts; here it does so at once.
            return IIR_RDA if len(self._fifo) >= trigger else IIR_RDA | 0x8
        if self._ier & IER_THRE and self._thre_pending:
            return IIR_THRE
        return IIR_NONE

    def _sent(self) -> None:
        if self._tx.is_empty:
            self._thre_pending = True
        self._update_irq()

    def _received(self, byte: int) -> None:
        if len(self._fifo) >= FIFO_DEPTH:
            self._overrun = True
        else:
            self._fifo.append(byte)
        self._update_irq()

    def _update_irq(self) -> None:
        self._irq.set(level=self._source() != IIR_NONE)
