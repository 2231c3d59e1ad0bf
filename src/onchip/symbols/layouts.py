"""The shape of a program's variables: where the members of a structure lie, from DWARF.

One compilation unit is read at a time, the one that defines a function of the caller's choice: it
declares what that function works on, and a whole program's types would take seconds to read.
Source: DWARF 4 5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from onchip.symbols.elf import foreign_errors

_DEEPEST = 24
"""Of typedefs, qualifiers and nested structures: a damaged file may have circles."""

_STRUCTURES = ("DW_TAG_structure_type", "DW_TAG_union_type", "DW_TAG_class_type")
_TRANSPARENT = (
    "DW_TAG_typedef",
    "DW_TAG_const_type",
    "DW_TAG_volatile_type",
    "DW_TAG_restrict_type",
    "DW_TAG_atomic_type",
)
_DW_ATE_SIGNED, _DW_ATE_SIGNED_CHAR = 5, 6


@dataclass(frozen=True, slots=True)
class Member:
    """A variable, or a member of a structure: ``offset`` and ``size`` count bytes.

    ``count`` is the number of elements of an array, else 1. ``layout`` is that of the structure it
    is, or that its elements are; None for a number or a pointer.
    """

    offset: int
    size: int
    count: int = 1
    is_signed: bool = False
    layout: Layout | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """A structure: ``size`` in bytes, members by name; those of anonymous members are its own."""

    size: int
    members: dict[str, Member] = field(default_factory=dict)

    def find(self, path: str) -> Member | None:
        """Return the member that ``a.b.c`` names, its offset from the start of this structure."""
        offset, layout, found = 0, self, None
        for name in path.split("."):
            found = None if layout is None else layout.members.get(name)
            if found is None:
                return None
            offset += found.offset
            layout = found.layout  # type: ignore[assignment]
        assert found is not None
        return Member(offset, found.size, found.count, found.is_signed, found.layout)


class UnitTypes:
    """The variables and structures that one compilation unit declares.

    Damaged debug information has none of them.
    """

    def __init__(self, unit: Any) -> None:
        self._variables: dict[str, Any] = {}
        self._structures: dict[str, Any] = {}
        try:
            self._index(unit)
        except foreign_errors():
            pass  # what came before the damage is good

    def _index(self, unit: Any) -> None:
        for die in unit.get_top_DIE().iter_children():
            name = _name(die)
            if not name:
                continue
            if die.tag == "DW_TAG_variable" and "DW_AT_type" in die.attributes:
                self._variables.setdefault(name, die)
            elif die.tag in _STRUCTURES and "DW_AT_declaration" in die.attributes:
                continue
            elif die.tag in _STRUCTURES or die.tag == "DW_TAG_typedef":
                self._structures.setdefault(name, die)

    def variable(self, name: str) -> Member | None:
        """Return what the variable ``name`` is, at offset 0."""
        die = self._variables.get(name)
        return None if die is None else _guarded(lambda: _member(0, die, 0))

    def pointed_at(self, name: str) -> Layout | None:
        """Return the structure that the variable ``name`` points at."""
        die = self._variables.get(name)

        def look() -> Member | None:
            target = _stripped(die)
            if target.tag != "DW_TAG_pointer_type":
                return None
            return _member(0, target, 0)

        found = None if die is None else _guarded(look)
        return None if found is None else found.layout

    def structure(self, name: str) -> Layout | None:
        """Return the structure, or the typedef of one, with this name."""
        die: Any = self._structures.get(name)

        def look() -> Member:
            target = _stripped(die) if die.tag == "DW_TAG_typedef" else die
            return Member(0, _size(target, 0), layout=_layout(target, 0))

        found = None if die is None else _guarded(look)
        return None if found is None else found.layout


def _guarded(look: Any) -> Member | None:
    try:
        found = look()
    except foreign_errors():
        return None
    return found if isinstance(found, Member) else None


def _name(die: Any) -> str:
    attributes = die.attributes
    if "DW_AT_specification" in attributes and "DW_AT_name" not in attributes:
        return _name(die.get_DIE_from_attribute("DW_AT_specification"))
    value = attributes["DW_AT_name"].value if "DW_AT_name" in attributes else b""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _stripped(die: Any) -> Any:
    """Return the type of ``die`` without names and qualifiers."""
    found = die.get_DIE_from_attribute("DW_AT_type")
    for _ in range(_DEEPEST):
        if found.tag not in _TRANSPARENT:
            break
        found = found.get_DIE_from_attribute("DW_AT_type")
    return found


def _member(offset: int, die: Any, depth: int) -> Member:
    """Describe what ``die``, a variable, a member or a pointer, is made of."""
    if depth > _DEEPEST or "DW_AT_type" not in die.attributes:
        return Member(offset, 0)
    kind = _stripped(die)
    size, count = _size(kind, depth), 1
    if kind.tag == "DW_TAG_array_type":
        count = _elements(kind)
        kind = _stripped(kind)
    layout = _layout(kind, depth + 1) if kind.tag in _STRUCTURES else None
    signed = "DW_AT_encoding" in kind.attributes and kind.attributes["DW_AT_encoding"].value in (
        _DW_ATE_SIGNED,
        _DW_ATE_SIGNED_CHAR,
    )
    return Member(offset, size, count, signed, layout)


def _layout(die: Any, depth: int) -> Layout | None:
    is_known = die.tag in _STRUCTURES and "DW_AT_declaration" not in die.attributes
    if not is_known or depth > _DEEPEST:
        return None
    members: dict[str, Member] = {}
    for child, offset in _members(die):
        member = _member(offset, child, depth)
        if name := _name(child):
            members[name] = member
        elif member.layout is not None:
            for inner, part in member.layout.members.items():
                members[inner] = Member(
                    offset + part.offset, part.size, part.count, part.is_signed, part.layout
                )
    return Layout(_size(die, depth), members)


def _members(die: Any) -> Iterator[tuple[Any, int]]:
    for child in die.iter_children():
        if child.tag == "DW_TAG_member" and "DW_AT_bit_size" not in child.attributes:
            place = child.attributes.get("DW_AT_data_member_location")
            yield child, place.value if place is not None and isinstance(place.value, int) else 0


def _size(die: Any, depth: int) -> int:
    if "DW_AT_byte_size" in die.attributes:
        return int(die.attributes["DW_AT_byte_size"].value)
    if die.tag == "DW_TAG_pointer_type":
        return 4
    if die.tag == "DW_TAG_array_type" and depth <= _DEEPEST:
        return _elements(die) * _size(_stripped(die), depth + 1)
    return 0


def _elements(die: Any) -> int:
    """Multiply the dimensions of an array; an open one counts as 0."""
    count = 1
    for child in die.iter_children():
        if child.tag == "DW_TAG_subrange_type":
            upper = child.attributes.get("DW_AT_upper_bound")
            number = child.attributes.get("DW_AT_count")
            if number is not None and isinstance(number.value, int):
                count *= number.value
            elif upper is not None and isinstance(upper.value, int):
                count *= upper.value + 1
            else:
                count = 0
    return count
