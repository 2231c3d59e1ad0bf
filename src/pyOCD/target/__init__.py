"""The target: halt, step, resume, registers, memory, break- and watchpoints."""

from pyOCD.target.memory_map import FlashRegion, MemoryMap, RamRegion, RomRegion
from pyOCD.target.registry import TARGET, CortexM
from pyOCD.target.target import Target

__all__ = ["TARGET", "CortexM", "FlashRegion", "MemoryMap", "RamRegion", "RomRegion", "Target"]
