"""Memories and devices on Unicorn, and what happens when code touches them.

Every device range is mapped by the first access to it: a chip has some sixty of them, a program
uses a few, and each mapping costs as much as executing thousands of instructions. Nothing here may
raise through C: an exception is carried over to ``run``.
"""

from __future__ import annotations

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from ..bus import BusFault, Memory
from .engine import EVERYTHING, Allows, Guarded, OnRead, OnWrite, Rights, Stop
from .unicorn_library import CodeCache, DeviceCalls, Unicorn
from .unicorn_registers import EPSR_T, IT_MASK, UnicornRegisters
from .unicorn_table import MemoryTable


class UnicornMemory(UnicornRegisters, ABC):
    """The address space of one engine: that part of ``Engine``."""

    def __init__(self, unicorn: Unicorn, uc: Any, on_read: OnRead, on_write: OnWrite) -> None:
        super().__init__(unicorn, uc)
        self._on_read, self._on_write = on_read, on_write
        self.running = False
        self.address = 0
        self.fault_is_write = False
        self._event: Stop | None = None
        self._carried: BaseException | None = None
        self._fault_registers: tuple[int, ...] | None = None
        self._fault_count = 0
        self._table = MemoryTable()
        self._guarded: list[Guarded] = []
        self._allows: Allows | None = None
        self._unused: list[tuple[int, int]] = []  # devices that no access has met yet
        self._deferred: list[Callable[[], None]] = []
        self._dirty: list[tuple[int, int]] = []
        self._overwritten: list[tuple[Memory, int, bytes]] = []
        self._cache = CodeCache(unicorn, uc._uch)
        self._calls = DeviceCalls(unicorn, uc._uch, self._mmio_read, self._mmio_write)
        const = unicorn.const
        self._guarded_load, self._guarded_store = const.UC_MEM_READ_PROT, const.UC_MEM_WRITE_PROT
        self._fetch_nowhere, self._guarded_fetch = (
            const.UC_MEM_FETCH_UNMAPPED,
            const.UC_MEM_FETCH_PROT,
        )
        self._store_nowhere = const.UC_MEM_WRITE_UNMAPPED
        uc.hook_add(const.UC_HOOK_MEM_INVALID, self._invalid_access)

    # ---- the running slice ----------------------------------------------------------------------

    @abstractmethod
    def stop_after_instruction(self) -> None:
        """End the running slice after the current instruction."""

    @abstractmethod
    def _executed_so_far(self) -> int:
        """Return what the slice has counted, the current instruction included."""

    # ---- mapping --------------------------------------------------------------------------------

    def map_memory(self, base: int, memory: Memory, offset: int, length: int) -> None:
        """Share ``memory`` with the code."""

        def apply() -> None:
            self._show(base, memory, offset, length)
            self._table.add(base, memory, offset, length)
            self._bytes_changed(base, length)

        self._defer(apply)

    def _show(self, base: int, memory: Memory, offset: int, length: int) -> None:
        host = ctypes.addressof(ctypes.c_char.from_buffer(memory.data, offset))
        self._uc.mem_map_ptr(base, length, self._protection(EVERYTHING, memory), host)

    def _protection(self, rights: Rights, memory: Memory) -> int:
        const = self._unicorn.const
        return int(
            (const.UC_PROT_READ if rights.read else 0)
            | (const.UC_PROT_WRITE if rights.write and memory.kind == "ram" else 0)
            | (const.UC_PROT_EXEC if rights.execute else 0)
        )

    def protect(self, ranges: Sequence[Guarded], allows: Allows | None) -> None:
        """Let loads and stores in ``ranges``, and of all devices, depend on ``allows``."""

        def apply() -> None:
            for guarded in self._guarded:
                if guarded not in ranges:
                    self._guard(guarded, guarded._replace(rights=EVERYTHING, mixed=False))
            for guarded in ranges:
                if guarded not in self._guarded:
                    self._guard(guarded._replace(mixed=False), guarded)
            self._guarded, self._allows = list(ranges), allows
            self._uc.ctl_flush_tb()  # code that may not be executed any more
            self._flush_tlb()  # pages that were read before

        self._defer(apply)

    def _flush_tlb(self) -> None:
        const = self._unicorn.const
        self._uc.ctl(const.UC_CTL_TLB_FLUSH, const.UC_CTL_IO_WRITE)

    def _guard(self, before: Guarded, after: Guarded) -> None:
        """Change the guard of a range; where loads are asked about, memory becomes a device.

        A page that may not be read would do, but for the first load that is allowed: from then on
        Unicorn's TLB lets all of them pass.
        """
        base, length = after.base, after.length
        mapped = self._table.find(base)
        if mapped is None:
            return
        if before.mixed:
            self._uc.mem_unmap(base, length)
            self._show(base, mapped.memory, mapped.start(base), length)
        if after.mixed:
            self._uc.mem_unmap(base, length)
            self._calls.map(base, length)
        else:
            self._uc.mem_protect(base, length, self._protection(after.rights, mapped.memory))

    def map_devices(self, base: int, length: int) -> None:
        """Send accesses within the range to the device callbacks, from the first one on."""
        self._defer(lambda: self._unused.append((base, base + length)))

    def unmap(self, base: int, length: int) -> None:
        """Take a range out again."""
        end = base + length

        def apply() -> None:
            for unused in self._unused:
                first, last = unused
                if first <= base and end <= last:
                    self._unused.remove(unused)
                    parts = ((first, base), (end, last))
                    self._unused += [part for part in parts if part[0] < part[1]]
                    return
            self._uc.mem_unmap(base, length)
            self._table.remove(base)
            self._uc.ctl_flush_tb()

        self._defer(apply)

    def flush(self, address: int, length: int) -> None:
        """Forget translations of the range, at the end of the slice if one is running.

        That does not end the slice: a device that writes code (a flash controller) makes the
        program wait anyway, and thousands of single words are written that way.
        """
        if not self.running:
            self._flush(address, length)
        elif self._dirty and sum(self._dirty[-1]) == address:
            self._dirty[-1] = (self._dirty[-1][0], self._dirty[-1][1] + length)
        else:
            self._dirty.append((address, length))

    def _flush(self, address: int, length: int) -> None:
        self._cache.forget(address & ~1, address + length)
        self._bytes_changed(address, length)

    @abstractmethod
    def _bytes_changed(self, address: int, length: int) -> None:
        """Look again at what was made of these bytes."""

    def _defer(self, apply: Callable[[], None]) -> None:
        """Do it now, or at the end of the slice: Unicorn's tables must not change under it."""
        if self.running:
            self._deferred.append(apply)
            self.stop_after_instruction()
        else:
            apply()

    def _finish_slice(self) -> None:
        """Make up for what could not be done while the code was running."""
        if self._overwritten:
            for memory, first, cells in self._overwritten:
                memory.data[first : first + len(cells)] = cells
            self._overwritten.clear()
        if self._dirty:
            dirty, self._dirty = self._dirty, []
            for address, length in dirty:
                self._flush(address, length)
        if self._deferred:
            deferred, self._deferred = self._deferred, []
            for apply in deferred:
                apply()
        if self._carried is not None:
            carried, self._carried = self._carried, None
            raise carried

    # ---- accesses, as Unicorn reports them ------------------------------------------------------

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

    def _use_devices(self, address: int) -> bool:
        """Map the devices at ``address``, if this is the first access to them."""
        for unused in self._unused:
            base, end = unused
            if base <= address < end:
                self._unused.remove(unused)
                self._calls.map(base, end - base)
                return True
        return False

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
