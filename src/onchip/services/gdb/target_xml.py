"""The target description that GDB reads as ``target.xml``.

It names the m-profile (without it GDB takes the core for an ARM7), the stack pointers of m-system
(GDB unwinds exception frames with them) and the FPU.

It names no OS ABI unless code may lie at the start of the address space. A GDB built for many
targets then takes its own system's: it follows longjmp, and steps as the server can all the same,
since that answers vContSupported. But as for Linux it takes code below 0x8000 that has no frame
information for the end of the stack. A chip with flash there names ``none`` (ADR 0027).

Source: Debugging with GDB, appendix G.5.3.
"""

from __future__ import annotations

from typing import Final

from onchip.services.gdb.registers import RegisterLayout
from onchip.target.memory_map import MemoryMap, RegionKind

_HEAD = """<?xml version="1.0"?>
<!DOCTYPE target SYSTEM "gdb-target.dtd">
<target version="1.0">
<architecture>arm</architecture>
"""
_NO_OS = "<osabi>none</osabi>\n"
_LOWEST_CODE_OF_LINUX: Final = 0x8000
_AS_LLDB_SAYS_IT: Final = {"ieee_double": ' encoding="ieee754" format="float"'}
"""LLDB takes a type that it does not know for an integer; GDB knows the type and no attributes."""


def has_low_code(memory_map: MemoryMap) -> bool:
    """Say whether a program may lie where GDB expects none on Linux."""
    return any(
        region.start < _LOWEST_CODE_OF_LINUX and region.kind in (RegionKind.FLASH, RegionKind.ROM)
        for region in memory_map
    )


def target_xml(layout: RegisterLayout, *, no_os: bool = True) -> bytes:
    """Return the description of a core with these registers; ``no_os``: as OS ABI, name none."""
    features: dict[str, list[str]] = {}
    for spec in layout.specs:
        more = f' group="{spec.group}"' if spec.group else ""
        more += _AS_LLDB_SAYS_IT.get(spec.type, "")
        features.setdefault(spec.feature, []).append(
            f'<reg name="{spec.name}" bitsize="{spec.bits}" regnum="{spec.number}" '
            f'type="{spec.type}"{more}/>\n'
        )
    body = "".join(
        f'<feature name="{name}">\n{"".join(registers)}</feature>\n'
        for name, registers in features.items()
    )
    head = _HEAD + _NO_OS if no_os else _HEAD
    return (head + body + "</target>\n").encode("ascii")
