"""UART0 of nRF51 and nRF52, and UARTE0/1, its successor with EasyDMA.

Both sit at the same address; ENABLE chooses which one is there.
"""

from __future__ import annotations

from collections import deque

from onchip.virtual_board.bus import Bus, BusFault

from ..wiring import Wiring
from .nordic import NordicPeripheral, Ppi
from .serial_line import Receiver, Transmitter

STARTRX, STOPRX, STARTTX, STOPTX, SUSPEND, FLUSHRX = 0x00, 0x04, 0x08, 0x0C, 0x1C, 0x2C
RXDRDY, ENDRX, TXDRDY, ENDTX, ERROR = 0x108, 0x110, 0x11C, 0x120, 0x124
RXTO, RXSTARTED, TXSTARTED, TXSTOPPED = 0x144, 0x14C, 0x150, 0x158
ERRORSRC, ENABLE = 0x480, 0x500
PSELTXD, PSELRXD, RXD, TXD, BAUDRATE = 0x50C, 0x514, 0x518, 0x51C, 0x524
RX_PTR, RX_MAXCNT, RX_AMOUNT = 0x534, 0x538, 0x53C
TX_PTR, TX_MAXCNT, TX_AMOUNT = 0x544, 0x548, 0x54C
PSELS = (0x508, PSELTXD, 0x510, PSELRXD)

ENABLED_UART, ENABLED_UARTE = 4, 8
DISCONNECTED = 0xFFFF_FFFF
RX_FIFO_DEPTH = 6
ERROR_OVERRUN = 1
SHORT_ENDRX_STARTRX, SHORT_ENDRX_STOPRX = 5, 6
SHORT_CTS_STARTRX, SHORT_NCTS_STOPRX = 3, 4
RAM_START, RAM_END = 0x2000_0000, 0x4000_0000


class NordicUart(NordicPeripheral):
    """One UART. ``easy_dma`` tells whether the UARTE half exists."""

    def __init__(self, wiring: Wiring, ppi: Ppi, base: int, irq: int, *, easy_dma: bool) -> None:
        resets = dict.fromkeys(PSELS, DISCONNECTED) | {BAUDRATE: 0x0400_0000}
        super().__init__(wiring, ppi, base, irq, resets)
        self._bus: Bus = wiring.bus
        self._easy_dma = easy_dma
        self._tx = Transmitter(
            wiring, self._byte_ns, self._sent, depth=1 << 16, connected=lambda: self._wired(PSELTXD)
        )
        self._rx = Receiver(wiring, self._byte_ns, self._listening, self._received)
        self._fifo: deque[int] = deque()
        self._sending = self._receiving = False
        self._dma_left = 0
        self.tasks = {
            STARTRX: self._start_rx,
            STOPRX: self._stop_rx,
            STARTTX: self._start_tx,
            STOPTX: self._stop_tx,
            SUSPEND: self._stop_tx,
            FLUSHRX: self._flush_rx,
        }
        self.shortcuts = {
            SHORT_ENDRX_STARTRX: (ENDRX, STARTRX),
            SHORT_ENDRX_STOPRX: (ENDRX, STOPRX),
        }

    def reset(self) -> None:
        """Stop; what is on the line is lost."""
        super().reset()
        self._tx.stop()
        self._fifo.clear()
        self._sending = self._receiving = False
        self._dma_left = 0

    def next_change_ns(self) -> int | None:
        """Return when the byte on the line will have left."""
        return None if self._tx.idle else self._tx.next_change_ns

    def read_register(self, offset: int) -> int:
        """Return a register; reading RXD takes a byte out of the FIFO."""
        if offset == RXD and not self._uarte:
            value = self._fifo.popleft() if self._fifo else 0
            if self._fifo:
                self.event(RXDRDY)
            return value
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Write a register; a byte written to TXD is sent."""
        if offset == TXD:
            if self._sending and not self._uarte:
                self._tx.send(value & 0xFF)
        elif offset == ERRORSRC:
            self.words[ERRORSRC] = self.words[ERRORSRC] & ~value
        else:
            super().write_register(offset, value)

    @property
    def _uarte(self) -> bool:
        return self._easy_dma and self.words[ENABLE] & 0xF == ENABLED_UARTE

    @property
    def _enabled(self) -> bool:
        return self._uarte or self.words[ENABLE] & 7 == ENABLED_UART

    def _wired(self, pin: int) -> bool:
        return not self.words[pin] >> 31

    def _byte_ns(self) -> int:
        setting = max(1, self.words[BAUDRATE])
        return 10 * (1 << 32) * 1_000_000_000 // (setting * 16_000_000)

    # ---- sending ---------------------------------------------------------------------------------

    def _start_tx(self) -> None:
        if not self._enabled:
            return
        self._sending = True
        if self._uarte:
            count = self.words[TX_MAXCNT] & 0xFFFF
            self.event(TXSTARTED)
            self._dma_left = count
            for byte in self._fetch(self.words[TX_PTR], count):
                self._tx.send(byte)
            if not count:
                self.words[TX_AMOUNT] = 0
                self.event(ENDTX)

    def _fetch(self, address: int, count: int) -> bytes:
        """Read memory as EasyDMA does: RAM only, anything else comes out as zeros."""
        if not RAM_START <= address < RAM_END:
            return bytes(count)
        try:
            return self._bus.read_block(address, count)
        except BusFault:
            return bytes(count)

    def _stop_tx(self) -> None:
        was_sending, self._sending = self._sending, False
        if self._uarte and was_sending and self._tx.idle:
            self.event(TXSTOPPED)

    def _sent(self) -> None:
        self.event(TXDRDY)
        if self._uarte and self._dma_left:
            self._dma_left -= 1
            if not self._dma_left:
                self.words[TX_AMOUNT] = self.words[TX_MAXCNT] & 0xFFFF
                self.event(ENDTX)
                if not self._sending:
                    self.event(TXSTOPPED)

    # ---- receiving -------------------------------------------------------------------------------

    def _start_rx(self) -> None:
        if not self._enabled:
            return
        self._receiving = True
        if self._uarte:
            self.words[RX_AMOUNT] = 0
            self.event(RXSTARTED)
            self._drain_fifo()

    def _stop_rx(self) -> None:
        if self._receiving:
            self._receiving = False
            if self._uarte:
                self.event(ENDRX)
            self.event(RXTO)

    def _flush_rx(self) -> None:
        self.words[RX_AMOUNT] = 0
        self._drain_fifo()
        self.event(ENDRX)

    def _listening(self) -> bool:
        return self._receiving and self._wired(PSELRXD)

    def _received(self, byte: int) -> None:
        if len(self._fifo) >= RX_FIFO_DEPTH:
            self.words[ERRORSRC] = self.words[ERRORSRC] | ERROR_OVERRUN
            self.event(ERROR)
            return
        self._fifo.append(byte)
        if self._uarte:
            self._drain_fifo()
        elif len(self._fifo) == 1:
            self.event(RXDRDY)

    def _drain_fifo(self) -> None:
        """Let EasyDMA carry what arrived into RAM, up to MAXCNT."""
        limit = self.words[RX_MAXCNT] & 0xFFFF
        while self._fifo and self.words[RX_AMOUNT] < limit:
            amount = self.words[RX_AMOUNT]
            byte = self._fifo.popleft()
            address = self.words[RX_PTR] + amount
            if RAM_START <= address < RAM_END:
                self._bus.write(address, 1, byte)
            self.words[RX_AMOUNT] = amount + 1
            self.event(RXDRDY)
            if amount + 1 == limit:
                self.event(ENDRX)
