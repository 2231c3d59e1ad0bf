"""The memory map that GDB reads: where flash is (for ``load`` and hardware breakpoints).

GDB refuses by itself to touch what a memory map leaves out. Whether an address answers is the
chip's to say, so gaps between the chip's regions are given as RAM: an access then goes to the chip.

Source: Debugging with GDB, appendix E.15.
"""

from __future__ import annotations

from collections.abc import Iterator

from onchip.target.memory_map import FlashRegion, MemoryMap, RegionKind

_HEAD = """<?xml version="1.0"?>
<!DOCTYPE memory-map PUBLIC "+//IDN gnu.org//DTD GDB Memory Map V1.0//EN"
 "http://sourceware.org/gdb/gdb-memory-map.dtd">
<memory-map>
"""
_END_OF_ADDRESSES = 1 << 32


def memory_map_xml(memory_map: MemoryMap) -> bytes:
    """Return the memory map; flash is given once per run of equal sectors."""
    return (_HEAD + "".join(_rows(memory_map)) + "</memory-map>\n").encode("ascii")


def _rows(memory_map: MemoryMap) -> Iterator[str]:
    position = 0
    for region in memory_map.regions:
        yield from _ram(position, region.start)
        position = region.end
        if isinstance(region, FlashRegion) and region.algorithm:
            for run in region.sectors:
                yield (
                    f'<memory type="flash" start="0x{run.start:x}" '
                    f'length="0x{run.size * run.count:x}">'
                    f'<property name="blocksize">0x{run.size:x}</property></memory>\n'
                )
        elif region.kind in (RegionKind.ROM, RegionKind.FLASH):
            yield f'<memory type="rom" start="0x{region.start:x}" length="0x{region.length:x}"/>\n'
        else:
            yield from _ram(region.start, region.end)
    yield from _ram(position, _END_OF_ADDRESSES)


def _ram(start: int, end: int) -> Iterator[str]:
    if start < end:
        yield f'<memory type="ram" start="0x{start:x}" length="0x{end - start:x}"/>\n'
