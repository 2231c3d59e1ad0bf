"""A MEM-AP: the debugger's way onto the chip's bus (ADIv5.2 C2).

Bursts are what a debugger moves memory with, so ``burst_read`` and ``burst_write`` do in one call
what the DP would do word by word through ``DRW``: word size, single increment. They stop at a bus
fault exactly where the word-by-word path would.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from onchip.arch import adi
from onchip.virtual_board.bus import Bus, BusFault, Memory
from onchip.virtual_board.target.model import AccessPortDescription

from .access_port import AccessFault

_CSW_WRITABLE = 0xFF00_0037  # DbgSwEnable, Prot, AddrInc, Size; Mode and Type are fixed
_DEVICE_EN = adi.CSW.DeviceEn.mask
_SIZE_MASK = adi.CSW.Size.mask
_INCREMENT_MASK = adi.CSW.AddrInc.mask
_INCREMENT_PACKED = adi.AddrInc.PACKED << adi.CSW.AddrInc.low
_INCREMENT_SINGLE = adi.AddrInc.SINGLE << adi.CSW.AddrInc.low
_BURST = adi.Size.WORD | _INCREMENT_SINGLE


class MemAp:
    """One MEM-AP.

    ``before_access`` is called before each access to the bus, so that whoever owns time can bring
    the chip to the moment of the access.
    """

    def __init__(
        self,
        description: AccessPortDescription,
        bus: Bus,
        before_access: Callable[[], None] = lambda: None,
    ) -> None:
        self.description = description
        self._bus = bus
        self._before_access = before_access
        self._wrap_mask = description.tar_wrap - 1
        self._packed = description.packed
        self.csw = 0
        self.tar = 0
        self.reset()

    def reset(self) -> None:
        """Take the registers back to their power-on values."""
        self.csw = self.description.csw_reset & ~(_DEVICE_EN | adi.CSW.TrInProg.mask)
        self.tar = 0

    # ---- registers

    def read_register(self, offset: int) -> int:
        """Return the register at ``offset``.

        Raises:
            AccessFault: a bus access failed, or the port is disabled.
        """
        if offset == adi.DRW:
            return self._read_drw()
        if adi.BD0 <= offset <= adi.BD3:
            return self._read((self.tar & ~0xF) | (offset - adi.BD0), 4)
        if offset == adi.CSW.address:
            return self.csw | (_DEVICE_EN if self.description.enabled() else 0)
        if offset == adi.TAR:
            return self.tar
        if offset == adi.BASE.address:
            return self.description.base
        if offset == adi.IDR.address:
            return self.description.idr
        return 0  # CFG: little-endian, no large addresses or data; reserved offsets read zero

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at ``offset``.

        Raises:
            AccessFault: a bus access failed, or the port is disabled.
        """
        if offset == adi.DRW:
            self._write_drw(value)
        elif adi.BD0 <= offset <= adi.BD3:
            self._write((self.tar & ~0xF) | (offset - adi.BD0), 4, value)
        elif offset == adi.TAR:
            self.tar = value
        elif offset == adi.CSW.address:
            self._write_csw(value)

    def target_address(self, offset: int) -> int | None:
        """Return the word that every access to the data register ``offset`` reaches.

        None if the register is no data register, or moves on with each access.
        """
        if adi.BD0 <= offset <= adi.BD3:
            return (self.tar & ~0xF) | (offset - adi.BD0)
        if offset == adi.DRW and not self.csw & _INCREMENT_MASK:
            return self.tar & ~3
        return None

    def look_at_memory(self, offset: int) -> Callable[[], int] | None:
        """Return a look at the word that every read of the data register ``offset`` returns.

        It takes no access. None if that is no word in a memory that the debugger may read.
        """
        address = self.target_address(offset)
        if address is None or not self.description.enabled():
            return None
        if offset == adi.DRW and (self.csw & _SIZE_MASK != adi.Size.WORD or self.tar & 3):
            return None
        window = self._bus.find(address)
        memory = window.memory if window is not None else None
        if window is None or memory is None or not memory.debugger_access:
            return None
        start = address - window.base + window.offset
        cells = memory.data[start : start + 4]
        return lambda: int.from_bytes(cells, "little")

    # ---- bursts

    @property
    def bursts(self) -> bool:
        """Whether CSW is set up so that a run of DRW accesses may be done as a burst."""
        return (
            self.csw & (_SIZE_MASK | _INCREMENT_MASK) == _BURST
            and not self.tar & 3
            and self.description.enabled()
        )

    def burst_read(self, count: int) -> bytes:
        """Read ``count`` words as so many reads of DRW; fewer come back before a bus fault."""
        self._before_access()
        result = bytearray()
        while len(result) < 4 * count:
            length = min(4 * count - len(result), self._until_wrap())
            data = self._read_run(length)
            result += data
            self._increment(len(data))
            if len(data) < length:
                break
        return bytes(result)

    def burst_write(self, payload: bytes | memoryview) -> int:
        """Write whole words as so many writes of DRW; return how many did not fault."""
        self._before_access()
        done = 0
        while done < len(payload):
            length = min(len(payload) - done, self._until_wrap())
            written = self._write_run(payload[done : done + length])
            done += written
            self._increment(written)
            if written < length:
                break
        return done // 4

    def _until_wrap(self) -> int:
        return self._wrap_mask + 1 - (self.tar & self._wrap_mask)

    def _memory_at(self, length: int) -> Memory | None:
        window = self._bus.find(self.tar)
        if window is None or self.tar + length > window.end:
            return None
        return window.memory

    def _read_run(self, length: int) -> bytes:
        if self._memory_at(length) is not None:
            try:
                return self._bus.read_block(self.tar, length)
            except BusFault:
                return b""  # a memory refuses as a whole: read-out protection
        words = bytearray()
        for address in range(self.tar, self.tar + length, 4):
            try:
                words += self._bus.read(address, 4, debugger=True).to_bytes(4, "little")
            except BusFault:
                break
        return bytes(words)

    def _write_run(self, data: bytes | memoryview) -> int:
        memory = self._memory_at(len(data))
        if memory is not None and memory.kind == "ram":
            try:
                self._bus.write_block(self.tar, data)
            except BusFault:
                return 0
            return len(data)
        address = self.tar
        for (word,) in struct.iter_unpack("<I", data):
            try:
                self._bus.write(address, 4, word, debugger=True)
            except BusFault:
                break
            address += 4
        return address - self.tar

    # ---- single accesses

    def _write_csw(self, value: int) -> None:
        if value & _SIZE_MASK > adi.Size.WORD:
            value = value & ~_SIZE_MASK | adi.Size.WORD
        increment = value & _INCREMENT_MASK
        if increment > _INCREMENT_PACKED or (increment == _INCREMENT_PACKED and not self._packed):
            value = value & ~_INCREMENT_MASK | _INCREMENT_SINGLE
        self.csw = self.csw & ~_CSW_WRITABLE | value & _CSW_WRITABLE

    def _increment(self, by: int) -> None:
        wrap = self._wrap_mask
        self.tar = (self.tar & ~wrap) | ((self.tar + by) & wrap)

    def _read_drw(self) -> int:
        csw = self.csw
        size = 1 << (csw & _SIZE_MASK)
        increment = csw & _INCREMENT_MASK
        if increment == _INCREMENT_PACKED and size < 4:
            value = 0
            for _ in range(4 // size):
                value |= self._read_lanes(size)
                self._increment(size)
            return value
        value = self._read_lanes(size)
        if increment:
            self._increment(size)
        return value

    def _write_drw(self, value: int) -> None:
        csw = self.csw
        size = 1 << (csw & _SIZE_MASK)
        increment = csw & _INCREMENT_MASK
        if increment == _INCREMENT_PACKED and size < 4:
            for _ in range(4 // size):
                self._write_lanes(size, value)
                self._increment(size)
            return
        self._write_lanes(size, value)
        if increment:
            self._increment(size)

    def _read_lanes(self, size: int) -> int:
        """Read at TAR; the value stands in the byte lanes of its address (ADIv5.2 C2.2.6)."""
        address = self.tar & ~(size - 1)
        return self._read(address, size) << 8 * (address & 3)

    def _write_lanes(self, size: int, value: int) -> None:
        address = self.tar & ~(size - 1)
        lanes = value >> 8 * (address & 3) & ((1 << 8 * size) - 1)
        self._write(address, size, lanes)

    def _read(self, address: int, size: int) -> int:
        if not self.description.enabled():
            raise AccessFault
        self._before_access()
        try:
            return self._bus.read(address, size, debugger=True)
        except BusFault as fault:
            raise AccessFault from fault

    def _write(self, address: int, size: int, value: int) -> None:
        if not self.description.enabled():
            raise AccessFault
        self._before_access()
        try:
            self._bus.write(address, size, value, debugger=True)
        except BusFault as fault:
            raise AccessFault from fault
