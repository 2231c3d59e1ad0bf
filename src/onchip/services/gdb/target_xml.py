"""The target description that GDB reads as ``target.xml``.

It names the m-profile (without it GDB takes the core for an ARM7), the stack pointers of m-system
(GDB unwinds exception frames with them) and the FPU; ``osabi`` none keeps a GDB without a symbol
file from taking the target for Linux and stepping in software.

Source: Debugging with GDB, appendix G.5.3.
"""

from __future__ import annotations

from onchip.services.gdb.registers import RegisterLayout

_HEAD = """<?xml version="1.0"?>
<!DOCTYPE target SYSTEM "gdb-target.dtd">
<target version="1.0">
<architecture>arm</architecture>
<osabi>none</osabi>
"""


def target_xml(layout: RegisterLayout) -> bytes:
    """Return the description of a core with these registers."""
    features: dict[str, list[str]] = {}
    for spec in layout.specs:
        group = f' group="{spec.group}"' if spec.group else ""
        features.setdefault(spec.feature, []).append(
            f'<reg name="{spec.name}" bitsize="{spec.bits}" regnum="{spec.number}" '
            f'type="{spec.type}"{group}/>\n'
        )
    body = "".join(
        f'<feature name="{name}">\n{"".join(registers)}</feature>\n'
        for name, registers in features.items()
    )
    return (_HEAD + body + "</target>\n").encode("ascii")
