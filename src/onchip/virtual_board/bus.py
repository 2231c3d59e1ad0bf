"""The bus of a chip: memories, devices, and who answers at an address.

Memories are page-aligned buffers shared with the engine that executes instructions, so that the
core and the debugger see one truth without copying. Devices are Python objects that are called.
The Private Peripheral Bus belongs to the core, which sets ``Bus.ppb``; a device of the chip that is
mapped there (DBGMCU of STM32) wins over it.
"""

from __future__ import annotations

import ctypes
from bisect import bisect_right
from collections.abc import Callable
from typing import Literal, Protocol

from .timeline import Timeline

MemoryKind = Literal["ram", "rom", "flash"]
OnWrite = Callable[[int, int, int], None]
PAGE = 1024
"""Granularity of memories, bytes: what the engine can map."""
_HOST_PAGE = 4096

PPB_BASE = 0xE000_0000
PPB_END = 0xE010_0000


class BusFault(Exception):
    """Nobody answers at ``address``, or whoever does refuses the access."""

    def __init__(self, address: int) -> None:
        super().__init__(f"bus fault at {address:#010x}")
        self.address = address


class Device(Protocol):
    """A peripheral: offsets count from its base, sizes are 1, 2 or 4 bytes.

    ``read`` and ``write`` may raise ``BusFault``: the core takes it as a precise bus fault.
    """

    def read(self, offset: int, size: int) -> int:
        """Return what a load of ``size`` bytes sees."""
        ...

    def write(self, offset: int, size: int, value: int) -> None:
        """Take a store of ``size`` bytes."""
        ...

    def reset(self) -> None:
        """Return to the state after a system reset."""
        ...


class PrivatePeripherals(Protocol):
    """The core's own bus, 0xE000_0000 to 0xE00F_FFFF."""

    def read(self, address: int, size: int, *, debugger: bool) -> int:
        """Return what a load sees; raises ``BusFault``."""
        ...

    def write(self, address: int, size: int, value: int, *, debugger: bool) -> None:
        """Take a store; raises ``BusFault``."""
        ...


class Listener(Protocol):
    """Whoever keeps its own picture of the bus: the core's engine."""

    def mapped(self, window: Window) -> None:
        """A window has appeared."""
        ...

    def unmapped(self, window: Window) -> None:
        """A window has gone."""
        ...

    def code_changed(self, address: int, length: int) -> None:
        """Bytes were changed behind the engine's back."""
        ...

    def debugger_wrote(self) -> None:
        """The debugger has written somewhere; what the core polls may have changed."""
        ...


class Memory:
    """RAM, ROM or flash: a page-aligned buffer that outlives every mapping of it.

    ``data`` is the truth. Flash stores nothing by itself: a store is a call of
    ``on_write(offset, size, value)``, which changes ``data`` (and then calls
    ``Bus.code_changed``), ignores it, or raises ``BusFault``; without ``on_write`` a store faults,
    as it always does in ROM.
    """

    def __init__(
        self,
        name: str,
        base: int,
        size: int,
        kind: MemoryKind,
        *,
        on_write: OnWrite | None = None,
        fill: int = 0,
    ) -> None:
        if size <= 0 or size % PAGE or base % PAGE:
            raise ValueError(f"memory {name}: base and size must be multiples of {PAGE}")
        self.name = name
        self.base = base
        self.size = size
        self.kind: MemoryKind = kind
        self.on_write = on_write
        self.debugger_access = True
        """False while read-out protection makes every access of the debugger fault."""
        self.data = _aligned_buffer(size, fill)

    def __repr__(self) -> str:
        return f"Memory({self.name!r}, {self.base:#010x}, {self.size:#x}, {self.kind!r})"


def _aligned_buffer(size: int, fill: int) -> memoryview:
    """Return ``size`` bytes that begin on a page of the host.

    From the heap, not from mmap, which takes 15 times as long: the heap gives pages of boards that
    are gone, the kernel new ones, each by a fault of its own.
    """
    buffer = bytearray([fill]) * (size + _HOST_PAGE)
    start = -ctypes.addressof(ctypes.c_char.from_buffer(buffer)) % _HOST_PAGE
    return memoryview(buffer)[start : start + size]


class Window:
    """A range of addresses behind which one memory or one device sits."""

    __slots__ = ("base", "device", "end", "memory", "name", "offset")

    def __init__(
        self,
        name: str,
        base: int,
        length: int,
        *,
        memory: Memory | None = None,
        offset: int = 0,
        device: Device | None = None,
    ) -> None:
        self.name = name
        self.base = base
        self.end = base + length
        self.memory = memory
        self.offset = offset
        self.device = device

    def __repr__(self) -> str:
        return f"Window({self.name!r}, {self.base:#010x}-{self.end - 1:#010x})"


class Bus:
    """The address space of one chip."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.ppb: PrivatePeripherals | None = None
        self.memories: list[Memory] = []
        self.windows: list[Window] = []
        self._bases: list[int] = []
        self._views: dict[Memory, list[Window]] = {}
        self._listener: Listener | None = None

    # ---- building -------------------------------------------------------------------------------

    def attach(self, listener: Listener) -> None:
        """Tell ``listener`` about every window there is, and every later change."""
        self._listener = listener
        for window in self.windows:
            listener.mapped(window)

    def add_memory(
        self,
        name: str,
        base: int,
        size: int,
        kind: MemoryKind,
        *,
        on_write: OnWrite | None = None,
        fill: int = 0,
    ) -> Memory:
        """Make a memory, map it at its own base and return it.

        Raises:
            ValueError: base or size is not a multiple of 1 KiB, or the range is taken.
        """
        memory = Memory(name, base, size, kind, on_write=on_write, fill=fill)
        self.map(base, memory)
        return memory

    def add_alias(self, base: int, memory: Memory) -> Window:
        """Let all of ``memory`` appear a second time, at ``base``."""
        return self.map(base, memory)

    def map(
        self, base: int, memory: Memory, *, offset: int = 0, length: int | None = None
    ) -> Window:
        """Let ``length`` bytes of ``memory`` from ``offset`` appear at ``base``.

        May be called while the core runs, from a device: it counts from the next instruction on.

        Raises:
            ValueError: not a multiple of 1 KiB, outside the memory, or the range is taken.
        """
        length = memory.size - offset if length is None else length
        if base % PAGE or offset % PAGE or length % PAGE or not 0 < length <= memory.size - offset:
            raise ValueError(f"window of {memory.name} at {base:#x}: bad range or alignment")
        window = Window(memory.name, base, length, memory=memory, offset=offset)
        self._insert(window)
        if memory not in self.memories:
            self.memories.append(memory)
        return window

    def add_device(self, name: str, base: int, size: int, device: Device) -> Window:
        """Map ``device`` at ``base``.

        Raises:
            ValueError: the range is empty or taken.
        """
        window = Window(name, base, size, device=device)
        self._insert(window)
        return window

    def unmap(self, window: Window) -> None:
        """Take ``window`` out again; allowed while the core runs, like ``map``."""
        position = self.windows.index(window)
        del self.windows[position], self._bases[position]
        if window.memory is not None:
            self._views[window.memory].remove(window)
        if self._listener is not None:
            self._listener.unmapped(window)

    def _insert(self, window: Window) -> None:
        position = bisect_right(self._bases, window.base)
        before = self.windows[position - 1] if position else None
        after = self.windows[position] if position < len(self.windows) else None
        if (
            window.end <= window.base
            or (before is not None and before.end > window.base)
            or (after is not None and after.base < window.end)
        ):
            raise ValueError(f"{window!r} is empty or overlaps {before!r} or {after!r}")
        self.windows.insert(position, window)
        self._bases.insert(position, window.base)
        if window.memory is not None:
            self._views.setdefault(window.memory, []).append(window)
        if self._listener is not None:
            self._listener.mapped(window)

    # ---- access ---------------------------------------------------------------------------------

    def find(self, address: int) -> Window | None:
        """Return the window that holds ``address``, or None."""
        position = bisect_right(self._bases, address)
        if position:
            window = self.windows[position - 1]
            if address < window.end:
                return window
        return None

    def read(self, address: int, size: int, *, debugger: bool = False) -> int:
        """Return ``size`` bytes (1, 2 or 4) at ``address`` as a little-endian number.

        Raises:
            BusFault: nobody answers there, or whoever does refuses.
        """
        window = self.find(address)
        if window is None:
            if self.ppb is not None and PPB_BASE <= address < PPB_END:
                return self.ppb.read(address, size, debugger=debugger)
            raise BusFault(address)
        if address + size > window.end:
            raise BusFault(address)
        if window.memory is not None:
            if debugger and not window.memory.debugger_access:
                raise BusFault(address)
            start = address - window.base + window.offset
            return int.from_bytes(window.memory.data[start : start + size], "little")
        assert window.device is not None
        return window.device.read(address - window.base, size)

    def write(self, address: int, size: int, value: int, *, debugger: bool = False) -> None:
        """Store ``size`` bytes (1, 2 or 4) at ``address``, little-endian.

        Raises:
            BusFault: nobody answers there, or whoever does refuses.
        """
        if debugger and self._listener is not None:
            self._listener.debugger_wrote()
        window = self.find(address)
        if window is None:
            if self.ppb is not None and PPB_BASE <= address < PPB_END:
                self.ppb.write(address, size, value, debugger=debugger)
                return
            raise BusFault(address)
        if address + size > window.end:
            raise BusFault(address)
        memory = window.memory
        if memory is None:
            assert window.device is not None
            window.device.write(address - window.base, size, value)
            return
        if debugger and not memory.debugger_access:
            raise BusFault(address)
        start = address - window.base + window.offset
        if memory.kind == "ram":
            memory.data[start : start + size] = value.to_bytes(size, "little")
            self._changed(memory, start, size)
        elif memory.kind == "flash" and memory.on_write is not None:
            memory.on_write(start, size, value)
        else:
            raise BusFault(address)

    def read_block(self, address: int, length: int) -> bytes:
        """Return ``length`` bytes as the debugger reads them: memory at once, devices by words.

        Raises:
            BusFault: at the first address that does not answer.
        """
        window = self.find(address)
        memory = window.memory if window is not None else None
        if window is not None and memory is not None and address + length <= window.end:
            if not memory.debugger_access:
                raise BusFault(address)
            start = address - window.base + window.offset
            return bytes(memory.data[start : start + length])
        parts = []
        end = address + length
        while address < end:
            size = _beat(address, end)
            parts.append(self.read(address, size, debugger=True).to_bytes(size, "little"))
            address += size
        return b"".join(parts)

    def write_block(self, address: int, data: bytes | memoryview) -> None:
        """Store ``data`` as the debugger writes it: RAM at once, everything else by words.

        Raises:
            BusFault: at the first address that refuses; what lies before it is written.
        """
        window = self.find(address)
        length = len(data)
        memory = window.memory if window is not None else None
        if (
            window is not None
            and memory is not None
            and memory.kind == "ram"
            and memory.debugger_access
            and address + length <= window.end
        ):
            if self._listener is not None:
                self._listener.debugger_wrote()
            start = address - window.base + window.offset
            memory.data[start : start + length] = data
            self._changed(memory, start, length)
            return
        begin, end = address, address + length
        while address < end:
            size = _beat(address, end)
            value = int.from_bytes(data[address - begin : address - begin + size], "little")
            self.write(address, size, value, debugger=True)
            address += size

    def code_changed(self, address: int, length: int) -> None:
        """Let the engine forget what it translated of these bytes, at every alias of them.

        To be called by whoever changes ``Memory.data``; ``address`` is any address of the memory.
        """
        for memory in self.memories:
            if memory.base <= address < memory.base + memory.size:
                self._changed(memory, address - memory.base, length)
                return
        window = self.find(address)
        if window is not None and window.memory is not None:
            self._changed(window.memory, address - window.base + window.offset, length)

    def _changed(self, memory: Memory, start: int, length: int) -> None:
        if self._listener is None:
            return
        for window in self._views.get(memory, ()):
            low = max(start, window.offset)
            high = min(start + length, window.offset + window.end - window.base)
            if low < high:
                self._listener.code_changed(window.base + low - window.offset, high - low)


def _beat(address: int, end: int) -> int:
    """Return the size of the next aligned access on the way from ``address`` to ``end``."""
    if not address & 3 and end - address >= 4:
        return 4
    if not address & 1 and end - address >= 2:
        return 2
    return 1
