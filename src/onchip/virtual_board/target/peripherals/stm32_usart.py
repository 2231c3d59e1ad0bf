"""USART and UART of STM32F4 (RM0090, section 30), in asynchronous mode."""

from __future__ import annotations

from typing import ClassVar

from ..wiring import Wiring
from .register_block import RegisterBlock
from .serial_line import Receiver, Transmitter

SR, DR, BRR, CR1, CR2, CR3 = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14

SR_ORE, SR_IDLE, SR_RXNE, SR_TC, SR_TXE = 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7
CR1_RE, CR1_TE, CR1_RXNEIE, CR1_TCIE, CR1_TXEIE = 1 << 2, 1 << 3, 1 << 5, 1 << 6, 1 << 7
CR1_UE, CR1_OVER8 = 1 << 13, 1 << 15
CR3_EIE = 1 << 0
BITS_PER_BYTE = 10


class Stm32Usart(RegisterBlock):
    """One USART; ``clock`` names the APB clock that feeds it."""

    resets: ClassVar = {SR: SR_TXE | SR_TC}
    duplicate_narrow_writes: ClassVar = True

    def __init__(self, wiring: Wiring, irq: int, clock: str) -> None:
        super().__init__()
        self._clocks = wiring.clocks
        self._clock = clock
        self._irq = wiring.interrupts.line(irq)
        self._poller = wiring.poller()
        self._tx = Transmitter(wiring, self._byte_ns, self._sent)
        self._rx = Receiver(wiring, self._byte_ns, self._listening, self._received)
        self._overrun_seen = False

    def reset(self) -> None:
        """Go back to the reset values; what is on the line is lost."""
        super().reset()
        self._tx.stop()
        self._update_irq()

    def read_word(self, offset: int) -> int:
        """Return a register; reading DR takes the byte, and after SR also clears ORE."""
        value = super().read_word(offset)
        if offset == SR:
            self._overrun_seen = bool(value & SR_ORE)
            if value & (SR_TXE | SR_TC) == SR_TXE | SR_TC:
                self._poller.progress()
            else:
                self._poller.fruitless(self._tx.next_change_ns)
        elif offset == DR:
            cleared = SR_RXNE | (SR_ORE if self._overrun_seen else 0)
            self.words[SR] &= ~cleared
            self._update_irq()
        return value

    def write_word(self, offset: int, value: int) -> None:
        """Write a register; a byte written to DR is sent."""
        self._poller.progress()
        if offset == SR:
            self.words[SR] &= value | ~(SR_RXNE | SR_TC)  # these two are cleared by writing 0
        elif offset == DR:
            self._send(value & 0xFF)
        else:
            super().write_word(offset, value & 0xFFFF)
        self._update_irq()

    def _byte_ns(self) -> int:
        divider = self.words[BRR]
        if self.words[CR1] & CR1_OVER8:
            divider = (divider & 0xFFF0) | (divider & 7) << 1
            divider //= 2
        hz = self._clocks[self._clock]
        return BITS_PER_BYTE * max(1, divider) * 1_000_000_000 // hz

    def _send(self, byte: int) -> None:
        control = self.words[CR1]
        if not (control & CR1_UE and control & CR1_TE):
            return
        self._tx.send(byte)
        self.words[SR] &= ~SR_TC
        self._show_room()

    def _sent(self) -> None:
        self._show_room()
        if self._tx.idle:
            self.words[SR] |= SR_TC
        self._update_irq()

    def _show_room(self) -> None:
        if self._tx.has_room:
            self.words[SR] |= SR_TXE
        else:
            self.words[SR] &= ~SR_TXE

    def _listening(self) -> bool:
        control = self.words[CR1]
        return bool(control & CR1_UE and control & CR1_RE)

    def _received(self, byte: int) -> None:
        if self.words[SR] & SR_RXNE:
            self.words[SR] |= SR_ORE
        else:
            self.words[DR] = byte
            self.words[SR] |= SR_RXNE
        self._update_irq()

    def _update_irq(self) -> None:
        status, control = self.words[SR], self.words[CR1]
        overrun_counts = status & SR_ORE and (control & CR1_RXNEIE or self.words[CR3] & CR3_EIE)
        enabled = control & (CR1_RXNEIE | CR1_TCIE | CR1_TXEIE) & status  # same bit positions
        self._irq.set(level=bool(control & CR1_UE and (enabled or overrun_counts)))
