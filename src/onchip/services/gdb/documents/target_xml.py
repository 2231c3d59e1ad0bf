"""The target description that GDB reads as ``target.xml``.

It names the m-profile (without it GDB takes the core for an ARM7), the stack pointers of m-system
(GDB unwinds exception frames with them) and the FPU.

``osabi`` none keeps a GDB built for many targets from taking the target for Linux: it would read
the code around the pc of every frame at every stop, for what Linux puts there (ADR 0027).

Source: Debugging with GDB, appendix G.5.3.
"""

from __future__ import annotations

from typing import Final

from onchip.services.gdb.registers import RegisterLayout

_HEAD = """<?xml version="1.0"?>
<!DOCTYPE target SYSTEM "gdb-target.dtd">
<target version="1.0">
<architecture>arm</architecture>
<osabi>none</osabi>
"""
_AS_LLDB_SAYS_IT: Final = {"ieee_double": ' encoding="ieee754" format="float"'}
"""LLDB takes a type that it does not know for an integer; GDB knows the type and no attributes."""


def target_xml(layout: RegisterLayout) -> bytes:
    """Return the description of a core with these registers."""
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
    return (_HEAD + body + "</target>\n").encode("ascii")
