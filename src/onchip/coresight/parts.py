"""Names of designers and components, from ``parts.toml``, read when first needed."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

from ..arch.adi import JEP106_ARM


@cache
def _tables() -> dict[str, dict[int, str]]:
    text = (resources.files(__package__) / "parts.toml").read_text(encoding="utf-8")
    return {
        table: {int(key, 16): name for key, name in names.items()}
        for table, names in tomllib.loads(text).items()
    }


def designer_name(designer: int) -> str:
    """Name the holder of an 11-bit JEP106 code."""
    return _tables()["designers"].get(designer, f"designer {designer:#05x}")


def component_name(designer: int, part: int, component_class: int, archid: int | None) -> str:
    """Name a component by its part number, else by its architecture, else by its class."""
    tables = _tables()
    if designer == JEP106_ARM:
        name = tables["arm"].get(part)
        known = tables["archids"].get(archid) if archid is not None else None
        if name is not None and known is not None and name.endswith("component"):
            return f"{known} ({name.removesuffix(' component')})"
        if name is not None:
            return name
        if known is not None:
            return known
    generic = tables["classes"].get(component_class, f"class {component_class:#x} component")
    return f"{generic}, part {part:#05x}"
