"""Where a program's heap and stack are, for SYS_HEAPINFO.

The linker knows, and its symbols say so, under the names that the usual linker scripts give them.
Without an ELF file the vector table tells where the stack begins, if that is in RAM. What cannot be
known is 0, which means just that.

Source: Arm Semihosting for AArch32 and AArch64, 2.0, SYS_HEAPINFO.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from onchip.arch.scs import VTOR
from onchip.cortex_m import Core
from onchip.errors import TransferFault
from onchip.symbols.dwarf import DebugInfo
from onchip.target.memory_map import MemoryMap, RegionKind

HeapInfo = tuple[int, int, int, int]
"""Heap base and limit, stack base (its highest end) and limit."""

HeapFinder = Callable[[Core], HeapInfo]

_HEAP_BASE = ("__heap_start", "__heap_start__", "__HeapBase", "Image$$ARM_LIB_HEAP$$ZI$$Base",
              "__end__", "_end", "end")  # fmt: skip
_HEAP_LIMIT = ("__heap_end", "__heap_end__", "__HeapLimit", "__heap_limit",
               "Image$$ARM_LIB_HEAP$$ZI$$Limit")  # fmt: skip
_STACK_BASE = ("__stack", "__StackTop", "_estack", "__stack_top", "stack_top", "__initial_sp",
               "Image$$ARM_LIB_STACK$$ZI$$Limit")  # fmt: skip
_STACK_LIMIT = ("__StackLimit", "__stack_limit", "_sstack", "Image$$ARM_LIB_STACK$$ZI$$Base")


def nothing_known(core: Core) -> HeapInfo:
    """Return four times 0: the program knows better."""
    return (0, 0, 0, 0)


def heap_finder(memory_map: MemoryMap, debug: DebugInfo | None = None) -> HeapFinder:
    """Return what answers for a program with these symbols on a chip with this memory."""

    def find(core: Core) -> HeapInfo:
        heap = _symbol(debug, _HEAP_BASE, memory_map)
        stack = _symbol(debug, _STACK_BASE, memory_map) or _initial_sp(core, memory_map)
        limit = _symbol(debug, _STACK_LIMIT, memory_map)
        return heap, _symbol(debug, _HEAP_LIMIT, memory_map) or limit, stack, limit

    return find


def _symbol(debug: DebugInfo | None, names: Sequence[str], memory_map: MemoryMap) -> int:
    if debug is None:
        return 0
    for name in names:
        symbol = debug.symbol(name)
        if symbol is not None and _is_ram(symbol.start, memory_map):
            return symbol.start
    return 0


def _initial_sp(core: Core, memory_map: MemoryMap) -> int:
    try:
        pointer = core.memory.read_u32(core.memory.read_u32(VTOR)) & ~3
    except TransferFault:
        return 0
    return pointer if _is_ram(pointer, memory_map) else 0


def _is_ram(address: int, memory_map: MemoryMap) -> bool:
    """Say whether an address is in RAM, or just beyond its end, as a stack's base is."""
    regions = (memory_map.find(address), memory_map.find(address - 1) if address else None)
    return any(region is not None and region.kind is RegionKind.RAM for region in regions)
