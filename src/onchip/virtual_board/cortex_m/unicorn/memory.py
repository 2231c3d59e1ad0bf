"""Memories and devices on Unicorn: what is mapped where, and with which rights.

Every device range is mapped by the first access to it: a chip has some sixty of them, a program
uses a few, and each mapping costs as much as executing thousands of instructions.
"""

from __future__ import annotations

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from ...bus import Memory
from ..engine import EVERYTHING, Allows, Guarded, Rights
from .library import CodeCache, DeviceCalls, Unicorn
from .registers import UnicornRegisters
from .table import MemoryTable


class UnicornMemory(UnicornRegisters, ABC):
    """The address space of one engine: that part of ``Engine``."""

    def __init__(self, unicorn: Unicorn, uc: Any) -> None:
        super().__init__(unicorn, uc)
        self.running = False
        self._carried: BaseException | None = None
        self._table = MemoryTable()
        self._guarded: list[Guarded] = []
        self._allows: Allows | None = None
        self._unused: list[tuple[int, int]] = []  # devices that no access has met yet
        self._deferred: list[Callable[[], None]] = []
        self._dirty: list[tuple[int, int]] = []
        self._overwritten: list[tuple[Memory, int, bytes]] = []
        self._cache = CodeCache(unicorn, uc._uch)
        self._calls = DeviceCalls(unicorn, uc._uch, self._mmio_read, self._mmio_write)

    # ---- the running slice ----------------------------------------------------------------------

    @abstractmethod
    def stop_after_instruction(self) -> None:
        """End the running slice after the current instruction."""

    @abstractmethod
    def _mmio_read(self, _: Any, offset: int, size: int, base: int | None) -> int:
        """Take a load from a device."""

    @abstractmethod
    def _mmio_write(self, _: Any, offset: int, size: int, value: int, base: int | None) -> None:
        """Take a store to a device."""

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

    def _use_devices(self, address: int) -> bool:
        """Map the devices at ``address``, if this is the first access to them."""
        for unused in self._unused:
            base, end = unused
            if base <= address < end:
                self._unused.remove(unused)
                self._calls.map(base, end - base)
                return True
        return False

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
