"""What happens when code on Unicorn touches memory that is not simply there.

Devices, guarded pages, flash, nothing at all. These are callbacks of C, through which nothing may
be raised: an exception is carried over to ``run``.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from ...bus import BusFault
from ..engine import OnRead, OnWrite, Stop
from ..it_blocks import IT_MASK
from .library import Unicorn
from .memory import UnicornMemory
from .registers import EPSR_T


class UnicornAccesses(UnicornMemory):
    """The accesses that one engine does not make by itself: that part of ``Engine``."""

    def __init__(self, unicorn: Unicorn, uc: Any, on_read: OnRead, on_write: OnWrite) -> None:
        super().__init__(unicorn, uc)
        self._on_read, self._on_write = on_read, on_write
        self.address = 0
        self.fault_is_write = False
        self._event: Stop | None = None
        self._fault_registers: tuple[int, ...] | None = None
        self._fault_count = 0
        const = unicorn.const
        self._guarded_load, self._guarded_store = const.UC_MEM_READ_PROT, const.UC_MEM_WRITE_PROT
        self._guarded_fetch = const.UC_MEM_FETCH_PROT
        self._fetch_nowhere = const.UC_MEM_FETCH_UNMAPPED
        self._store_nowhere = const.UC_MEM_WRITE_UNMAPPED
        uc.hook_add(const.UC_HOOK_MEM_INVALID, self._invalid_access)

    @abstractmethod
    def _executed_so_far(self) -> int:
        """Return what the slice has counted, the current instruction included."""

    def _invalid_access(
        self, uc: Any, access: int, address: int, size: int, value: int, _: Any
    ) -> bool:
        if access == self._guarded_fetch and self._executes(address):
            return True
        if access == self._fetch_nowhere or access == self._guarded_fetch:
            nowhere = access == self._fetch_nowhere
            self._event = Stop.FETCH_FAULT if nowhere else Stop.EXECUTE_NEVER
            return False
        write = access in (self._guarded_store, self._store_nowhere)
        if self._refuses(address, size, write=write):
            return False
        if access == self._guarded_load or access == self._guarded_store:
            self._forget_it_block()
            return access == self._guarded_load or self._stores(address, size, value)
        if self._use_devices(address):
            self._forget_it_block()
            return True
        self._data_fault(address, write=write)
        return False

    def _executes(self, address: int) -> bool:
        """Tell whether code may be executed in a range whose loads are asked about."""
        return any(
            guarded.mixed
            and guarded.rights.execute
            and 0 <= address - guarded.base < guarded.length
            for guarded in self._guarded
        )

    def _stores(self, address: int, size: int, value: int) -> bool:
        """Make a store that Unicorn may make or not: in RAM, in flash if its controller agrees."""
        stored = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        mapped = self._table.find(address)
        if mapped is not None and mapped.memory.kind == "ram":
            start = mapped.start(address)
            mapped.memory.data[start : start + size] = stored
            return True
        self._device_write(address, size, int.from_bytes(stored, "little"))
        if self._event is None:
            self._keep_cells(address, stored)
        return self._event is None

    def _forget_it_block(self) -> None:
        """Make up for Unicorn issue 2309: a memory hook leaks ITSTATE into translation."""
        if self._xpsr.read() & IT_MASK:
            self._uc.reg_write(self._unicorn.reg.UC_ARM_REG_EPSR, EPSR_T)

    def _keep_cells(self, address: int, stored: bytes) -> None:
        """See to it that flash holds what its controller left there.

        Unicorn stores after this hook in any case; where that differs, the cells are put back
        right after the instruction.
        """
        mapped = self._table.find(address)
        if mapped is None:
            return
        start = mapped.start(address)
        cells = bytes(mapped.memory.data[start : start + len(stored)])
        if cells != stored:
            self._overwritten.append((mapped.memory, start, cells))
            self.stop_after_instruction()

    def _mmio_read(self, _: Any, offset: int, size: int, base: int | None) -> int:
        address = (base or 0) + offset
        if self._event is not None:
            return 0  # the rest of an IT block whose fault will be undone
        try:
            if self._refuses(address, size, write=False):
                return 0
            if size == 8:
                return self._on_read(address, 4) | self._on_read(address + 4, 4) << 32
            return self._on_read(address, size)
        except BusFault as fault:
            self._data_fault(fault.address, write=False)
        except BaseException as error:  # C stands between: carried over to run()
            self._carried = error
            self.stop_after_instruction()
        return 0

    def _mmio_write(self, _: Any, offset: int, size: int, value: int, base: int | None) -> None:
        self._device_write((base or 0) + offset, size, value & ((1 << 8 * size) - 1))

    def _device_write(self, address: int, size: int, value: int) -> None:
        if self._event is not None:
            return
        try:
            if self._refuses(address, size, write=True):
                return
            if size == 8:
                self._on_write(address, 4, value & 0xFFFF_FFFF)
                self._on_write(address + 4, 4, value >> 32)
            else:
                self._on_write(address, size, value)
        except BusFault as fault:
            self._data_fault(fault.address, write=True)
        except BaseException as error:  # as above
            self._carried = error
            self.stop_after_instruction()

    def _refuses(self, address: int, size: int, *, write: bool) -> bool:
        if self._allows is None or self._allows(address, size, write=write):
            return False
        self._data_fault(address, write=write, stop=Stop.PROTECTED)
        self._defer(self._flush_tlb)  # it has the page by now, and would let loads pass
        return True

    def _data_fault(self, address: int, *, write: bool, stop: Stop = Stop.DATA_FAULT) -> None:
        self._event = stop
        self.address, self.fault_is_write = address, write
        self._fault_registers = (*self._all.read(), self._pc.read())
        self._fault_count = self._executed_so_far()
        self.stop_after_instruction()
        self._uc.emu_stop()
