"""The transport that every CMSIS-DAP probe offers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from onchip.errors import UsageError
from pyOCD.interface import Interface
from pyOCD.transport.transport import READ_END, READ_NOW, READ_START, ReadMode, Transport

if TYPE_CHECKING:
    from pyOCD.pyDAPAccess.dap_access import DAPAccess

_SELECT = 0x8
_CSW, _TAR, _DRW = 0x0, 0x4, 0xC
_CSW_SIZE = {8: 0, 16: 1, 32: 2}
_CSW_BASE = 0x2300_0040  # master debug, privileged data access; DeviceEn
_CSW_INCREMENT = 1 << 4
_PAGE = 0x400


class CMSIS_DAP(Transport):
    """DP, AP and memory accesses through a probe's own DAP_Transfer."""

    def __init__(self, interface: Interface) -> None:
        super().__init__(interface)
        self._link: DAPAccess | None = None
        self._started: deque[Callable[[], Any]] = deque()

    @classmethod
    def get_connected_devices(cls) -> list[DAPAccess]:
        from pyOCD.pyDAPAccess.dap_access import DAPAccess

        if cls is CMSIS_DAP:
            return DAPAccess.get_connected_devices()
        return super().get_connected_devices()

    def init(self, frequency: int = 1_000_000) -> None:
        from pyOCD.pyDAPAccess.dap_access import DAPAccess

        self._link = DAPAccess(self.interface.getSerialNumber(), self.interface)
        self._link.set_clock(frequency)
        self._link.open()
        self._link.connect()

    def uninit(self) -> None:
        if self._link is not None:
            self._link.close()

    @property
    def link(self) -> DAPAccess:
        """The probe.

        Raises:
            UsageError: `init` was not called.
        """
        if self._link is None:
            raise UsageError("this transport is not open", hint="call init() first")
        return self._link

    def info(self, request: int) -> Any:
        return self.link.identify(request)

    def readDP(self, addr: int, mode: ReadMode = READ_NOW) -> Any:
        return self._read(addr >> 2 & 3, mode)

    def writeDP(self, addr: int, data: int) -> None:
        self._write(addr >> 2 & 3, [data])

    def readAP(self, addr: int, mode: ReadMode = READ_NOW) -> Any:
        if mode is not READ_END:
            self._select(addr)
        return self._read(4 | addr >> 2 & 3, mode)

    def writeAP(self, addr: int, data: int) -> None:
        self._select(addr)
        self._write(4 | addr >> 2 & 3, [data])

    def readMem(self, addr: int, transfer_size: int = 32, mode: ReadMode = READ_NOW) -> Any:
        """Return a value of 8, 16 or 32 bits at its own alignment."""
        shift = (addr & 3) * 8
        mask = (1 << transfer_size) - 1
        if mode is not READ_END:
            self._address(addr, _CSW_BASE | _CSW_SIZE[transfer_size])
        value = self._read(4 | _DRW >> 2, mode)
        return None if value is None else value >> shift & mask

    def writeMem(self, addr: int, data: int, transfer_size: int = 32) -> None:
        self._address(addr, _CSW_BASE | _CSW_SIZE[transfer_size])
        self._write(4 | _DRW >> 2, [data << (addr & 3) * 8 & 0xFFFF_FFFF])

    def readBlock32(self, addr: int, size: int) -> list[int]:
        """Return ``size`` words."""
        words: list[int] = []
        for at, count in _pages(addr, size):
            self._address(at, _CSW_BASE | _CSW_INCREMENT | 2)
            words += self.link.reg_read_repeat(count, self.link.REG(4 | _DRW >> 2))
        return words

    def writeBlock32(self, addr: int, data: Sequence[int]) -> None:
        """Write words."""
        done = 0
        for at, count in _pages(addr, len(data)):
            self._address(at, _CSW_BASE | _CSW_INCREMENT | 2)
            self._write(4 | _DRW >> 2, data[done : done + count])
            done += count

    def reset(self) -> None:
        self.link.reset()

    def assertReset(self, asserted: bool) -> None:
        self.link.assert_reset(asserted)

    def setClock(self, frequency: int) -> None:
        self.link.set_clock(frequency)

    def setDeferredTransfer(self, enable: bool) -> None:
        self.link.set_deferred_transfer(enable)

    def flush(self) -> None:
        self.link.flush()

    def _select(self, addr: int) -> None:
        self._write(_SELECT >> 2, [addr & 0xFF00_00F0])

    def _address(self, addr: int, csw: int) -> None:
        self._select(0)
        self._write(4 | _CSW >> 2, [csw])
        self._write(4 | _TAR >> 2, [addr])

    def _write(self, number: int, values: Sequence[int]) -> None:
        self.link.reg_write_repeat(len(values), self.link.REG(number), values)

    def _read(self, number: int, mode: ReadMode) -> Any:
        if mode is READ_END:
            return self._started.popleft()()
        later = self.link.read_reg(self.link.REG(number), now=False)
        if mode is READ_START:
            self._started.append(later)
            return None
        return later()


def _pages(addr: int, count: int) -> list[tuple[int, int]]:
    """Cut words at the addresses where TAR's increment may wrap."""
    parts = []
    while count:
        most = min(count, (_PAGE - addr % _PAGE) // 4)
        parts.append((addr, most))
        addr += 4 * most
        count -= most
    return parts
