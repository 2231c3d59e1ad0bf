"""Write docs/api.md, the reference of the Python API, from the docstrings.

Usage: write_api.py [OUTPUT]
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "docs" / "api.md"

Definition = ast.ClassDef | ast.FunctionDef

PUBLIC = (
    (
        "onchip.session.connecting",
        ("connect", "open_session", "plugged_probes", "known_chips", "ConnectMode"),
    ),
    ("onchip.session.session", ("Session",)),
    ("onchip.session.programming", ("Programming",)),
    ("onchip.cortex_m.core", ("Core",)),
    ("onchip.cortex_m.running", ("RunningCore",)),
    ("onchip.cortex_m.halting", ("HaltingCore",)),
    ("onchip.cortex_m.register_core", ("RegisterCore",)),
    ("onchip.cortex_m.state", ("CoreState", "HaltKind", "HaltReason", "ResetKind")),
    ("onchip.cortex_m.places", ("BreakpointKind", "Breakpoint")),
    ("onchip.cortex_m.breakpoints", ("BreakpointManager",)),
    ("onchip.cortex_m.watchpoints", ("Watchpoint", "WatchpointManager")),
    ("onchip.cortex_m.owners", ("PointOwner", "StoppedCore")),
    ("onchip.cortex_m.fault", ("FaultReport",)),
    ("onchip.coresight.memory", ("Memory",)),
    ("onchip.coresight.rom_table", ("Component",)),
    ("onchip.dap.batch", ("Batch", "Result")),
    ("onchip.dap.com_port", ("ComPort",)),
    ("onchip.flash.images.image", ("Image",)),
    ("onchip.flash.images.segment", ("Segment",)),
    ("onchip.flash.report", ("ProgrammingReport",)),
    ("onchip.flash.progress", ("Progress",)),
    ("onchip.rtos.inspector", ("Snapshot",)),
    ("onchip.rtos.thread", ("Thread", "ThreadState", "StackUse", "Interrupt")),
    ("onchip.target.chip", ("Chip",)),
    ("onchip.target.memory_map", ("MemoryMap", "MemoryRegion", "FlashRegion")),
    ("onchip.services.gdb.server", ("GdbServer",)),
    ("onchip.services.gdb.options", ("GdbOptions",)),
    ("onchip.probe.link", ("Link",)),
    ("onchip.errors", None),
)
"""What the reference shows: modules and their names in order; None is every public class."""

HEADER = """\
# The Python API

Written from the docstrings by `make docs`; edit those. It starts at `onchip.connect`.
"""


def main() -> None:
    """Write the file."""
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT
    output.write_text(reference(), encoding="utf-8")


def reference() -> str:
    """Return the whole text."""
    parts = [HEADER]
    for module_name, names in PUBLIC:
        tree = ast.parse(_source(module_name).read_text(encoding="utf-8"))
        definitions = {node.name: node for node in tree.body if isinstance(node, Definition)}
        parts += [f"## {module_name}\n", _text(tree)]
        for name in names or definitions:
            parts += _entry(definitions[name])
    return "\n".join(parts).rstrip() + "\n"


def _source(module_name: str) -> Path:
    return (ROOT / "src").joinpath(*module_name.split(".")).with_suffix(".py")


def _entry(node: Definition) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef):
        yield f"### `{node.name}{_signature(node)}`\n"
        yield _text(node)
        return
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    yield f"### class `{node.name}({bases})`\n" if bases else f"### class `{node.name}`\n"
    yield _text(node)
    for member in node.body:
        if not isinstance(member, ast.FunctionDef) or member.name.startswith("_"):
            continue
        decorators = [ast.unparse(decorator) for decorator in member.decorator_list]
        if any(decorator.endswith(".setter") for decorator in decorators):
            continue
        is_property = {"property", "cached_property"} & set(decorators)
        signature = _result(member) if is_property else _signature(member)
        yield f"#### `{node.name}.{member.name}{signature}`\n"
        yield _text(member)


def _signature(node: ast.FunctionDef) -> str:
    arguments = node.args
    if arguments.args and arguments.args[0].arg in ("self", "cls"):
        arguments.args = arguments.args[1:]
    return f"({ast.unparse(arguments)}){_result(node)}"


def _result(node: ast.FunctionDef) -> str:
    return f" -> {ast.unparse(node.returns)}" if node.returns else ""


def _text(node: Definition | ast.Module) -> str:
    """Return a docstring as Markdown: sections become lists, indented blocks become code."""
    blocks = [_block(block) for block in (ast.get_docstring(node) or "").split("\n\n")]
    text = "\n\n".join(blocks).replace("\n```\n\n```\n", "\n\n")
    return re.sub(r"(?<!`)``(?!`)", "`", text) + "\n"


def _block(block: str) -> str:
    lines = block.split("\n")
    if lines[0] in ("Args:", "Raises:", "Returns:"):
        return "\n".join([f"**{lines[0][:-1]}**", "", *_items(lines[1:])])
    if all(line.startswith("    ") or not line for line in lines):
        return "\n".join(["```", *(line[4:] for line in lines), "```"])
    return block


def _items(lines: list[str]) -> Iterator[str]:
    """Make a list of ``name: text`` entries; deeper indented lines continue their entry."""
    for line in lines:
        name, colon, text = line.strip().partition(": ")
        if line.startswith("     "):
            yield f"  {line.strip()}"
        else:
            yield f"- `{name}`: {text}" if colon else f"- {name}"


if __name__ == "__main__":
    main()
