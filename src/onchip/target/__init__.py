"""What is known of chips: memory maps, names, identification, odd sequences of families.

Chips are data (``chips/*.toml``). Below stands ``cortex_m``; above stand ``flash`` and ``session``.
"""

from __future__ import annotations

from .chip import Chip, Evidence, generic_chip, identify, known_chips, load_chip
from .memory_map import FlashRegion, MemoryMap, MemoryRegion, RegionKind, SectorRun

__all__ = [
    "Chip",
    "Evidence",
    "FlashRegion",
    "MemoryMap",
    "MemoryRegion",
    "RegionKind",
    "SectorRun",
    "generic_chip",
    "identify",
    "known_chips",
    "load_chip",
]
