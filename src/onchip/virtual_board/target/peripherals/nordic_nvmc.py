"""NVMC of nRF51 and nRF52: the controller of flash and UICR.

CONFIG opens the memory for writing (Wen) or erasing (Een). A store while it is closed, or narrower
than a word, is a bus fault. There are no error flags: what failed shows only when read back.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from onchip.virtual_board.bus import BusFault, Memory

from ..flash_array import FlashArray
from ..wiring import Wiring
from .register_block import RegisterBlock

READY, READYNEXT, CONFIG = 0x400, 0x408, 0x504
ERASEPAGE, ERASEALL, ERASEPCR0, ERASEUICR = 0x508, 0x50C, 0x510, 0x514
ERASEPAGEPARTIAL, ERASEPAGEPARTIALCFG = 0x518, 0x51C
ICACHECNF = 0x540
REN, WEN, EEN = 0, 1, 2
PARTIAL_DURATION_MS = 10


@dataclass(frozen=True, slots=True)
class Timings:
    """Times of the product specification, and what this generation has."""

    page_size: int
    write_ns: int
    erase_page_ns: int
    erase_all_ns: int
    partial_erase: bool


class Nvmc(RegisterBlock):
    """Registers at 0x4001_E000, and the stores into flash and UICR."""

    def __init__(self, wiring: Wiring, flash: Memory, uicr: Memory, timings: Timings) -> None:
        super().__init__(
            {ERASEPAGEPARTIALCFG: PARTIAL_DURATION_MS} if timings.partial_erase else {}
        )
        self._timings = timings
        self._timeline = wiring.timeline
        self._poller = wiring.poller()
        self.flash = FlashArray(flash, wiring.bus, wiring.timeline, wiring.faults)
        self.uicr = FlashArray(uicr, wiring.bus, wiring.timeline, wiring.faults)
        self._arrays = (self.flash, self.uicr)
        self._partial_ms: dict[int, int] = {}
        for array in self._arrays:
            array.memory.on_write = partial(self.store, array)

    @property
    def busy(self) -> bool:
        """Whether an operation is under way."""
        return any(array.busy for array in self._arrays)

    @property
    def busy_until_ns(self) -> int:
        """When the last operation under way will be over."""
        if any(array.stuck for array in self._arrays):
            return self._timeline.now_ns + 1_000_000_000
        return max(array.busy_until_ns for array in self._arrays)

    def reset(self) -> None:
        """Close the memory; a running operation is cut short."""
        super().reset()
        self.power_loss()

    def power_loss(self) -> None:
        """Leave a running operation half done."""
        for array in self._arrays:
            array.interrupt()

    def read_word(self, offset: int) -> int:
        """Return a register; READY is 0 while an operation runs."""
        if offset in (READY, READYNEXT):
            if not self.busy:
                self._poller.progress()
                return 1
            self._poller.fruitless(self.busy_until_ns)
            return 0
        return super().read_word(offset)

    def write_word(self, offset: int, value: int) -> None:
        """Write a register; the erase registers start an operation if CONFIG allows it."""
        self._poller.progress()
        if offset == CONFIG:
            self.words[CONFIG] = value & 3
        elif offset in (ICACHECNF, ERASEPAGEPARTIALCFG):
            self.words[offset] = value
        elif self.words[CONFIG] != EEN:
            return
        elif offset in (ERASEPAGE, ERASEPCR0):
            self._erase_page(value)
        elif offset == ERASEPAGEPARTIAL and self._timings.partial_erase:
            self._erase_part(value)
        elif offset == ERASEALL and value & 1:
            self.erase_all()
        elif offset == ERASEUICR and value & 1:
            self.uicr.erase(0, self.uicr.memory.size, self._timings.erase_page_ns)

    def erase_all(self) -> None:
        """Erase flash and UICR, whatever CONFIG says: the CTRL-AP does it too."""
        self._partial_ms.clear()
        self.flash.erase(0, self.flash.memory.size, self._timings.erase_all_ns)
        self.uicr.erase(0, self.uicr.memory.size, self._timings.erase_all_ns)

    def store(self, array: FlashArray, offset: int, size: int, value: int) -> None:
        """Take a store into flash or UICR. While another operation runs, the bus stalls the core.

        Raises:
            BusFault: CONFIG is not Wen, or it is not an aligned word.
        """
        if self.words[CONFIG] != WEN or size != 4 or offset % 4:
            raise BusFault(array.memory.base + offset)
        if self.busy:
            self._timeline.leap(self.busy_until_ns)
        array.program(offset, value.to_bytes(4, "little"), self._timings.write_ns)

    def _erase_page(self, address: int) -> None:
        size = self._timings.page_size
        if address < self.flash.memory.size:
            page = address - address % size
            self._partial_ms.pop(page, None)
            self.flash.erase(page, size, self._timings.erase_page_ns)

    def _erase_part(self, address: int) -> None:
        """Erase for a while; the page is erased once the pieces add up to the whole time."""
        size = self._timings.page_size
        if address >= self.flash.memory.size:
            return
        page = address - address % size
        piece = self.words[ERASEPAGEPARTIALCFG] & 0x7F
        total = self._partial_ms.pop(page, 0) + piece
        if total * 1_000_000 >= self._timings.erase_page_ns:
            self.flash.erase(page, size, piece * 1_000_000)
        else:
            self._partial_ms[page] = total
            self.flash.erase(page, 0, piece * 1_000_000)
