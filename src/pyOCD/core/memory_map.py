"""The name of versions from 0.9 on for `pyOCD.target.memory_map`."""

from pyOCD.target.memory_map import (
    FlashRegion,
    MemoryMap,
    MemoryRange,
    MemoryRegion,
    RamRegion,
    RomRegion,
)

__all__ = ["FlashRegion", "MemoryMap", "MemoryRange", "MemoryRegion", "RamRegion", "RomRegion"]
