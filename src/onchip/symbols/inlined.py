"""Calls that the compiler put in line: a source line says where an instruction comes from, these
say how it came there. Source: DWARF 4 2.17, 3.3.8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_DEEPEST_ORIGIN = 8


@dataclass(frozen=True, slots=True)
class InlinedRange:
    """Instructions of a function that was inlined, and the line of the call (file number, line)."""

    start: int
    end: int
    name: str
    file: int
    line: int


def inlined_ranges(dwarf: Any, unit: Any, text: Callable[[Any], str]) -> Iterator[InlinedRange]:
    """Give the inlined calls of a compilation unit, outer ones before those within them.

    pyelftools' errors come out as they are.
    """
    top = unit.get_top_DIE()
    base = top.attributes["DW_AT_low_pc"].value if "DW_AT_low_pc" in top.attributes else 0
    for die in unit.iter_DIEs():
        if die.tag != "DW_TAG_inlined_subroutine":
            continue
        attributes = die.attributes
        if "DW_AT_call_line" not in attributes or "DW_AT_call_file" not in attributes:
            continue
        name = _name(die, text)
        file, line = attributes["DW_AT_call_file"].value, attributes["DW_AT_call_line"].value
        for start, end in _ranges(dwarf, unit, attributes, base):
            if start:
                yield InlinedRange(start, end, name, file, line)


def _name(die: Any, text: Callable[[Any], str]) -> str:
    for _ in range(_DEEPEST_ORIGIN):
        if "DW_AT_name" in die.attributes:
            return text(die.attributes["DW_AT_name"].value)
        link = next(
            (n for n in ("DW_AT_abstract_origin", "DW_AT_specification") if n in die.attributes),
            None,
        )
        if link is None:
            break
        die = die.get_DIE_from_attribute(link)
    return "?"


def _ranges(dwarf: Any, unit: Any, attributes: Any, base: int) -> Iterator[tuple[int, int]]:
    if "DW_AT_low_pc" in attributes and "DW_AT_high_pc" in attributes:
        low, high = attributes["DW_AT_low_pc"].value, attributes["DW_AT_high_pc"]
        yield low, high.value if high.form == "DW_FORM_addr" else low + high.value
        return
    if "DW_AT_ranges" not in attributes:
        return
    lists = dwarf.range_lists()
    for entry in lists.get_range_list_at_offset(attributes["DW_AT_ranges"].value, cu=unit):
        if hasattr(entry, "base_address"):
            base = entry.base_address
        else:
            offset = 0 if entry.is_absolute else base
            yield offset + entry.begin_offset, offset + entry.end_offset
