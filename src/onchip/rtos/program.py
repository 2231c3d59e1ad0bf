"""What is known of the program that runs: an ELF file, or only the addresses that GDB told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onchip.symbols.dwarf import DebugInfo
from onchip.symbols.layouts import UnitTypes


class Program:
    """Symbols, and types where there is an ELF file.

    ``addresses`` are those of variables by name, as a debugger tells them: without sizes.
    """

    def __init__(
        self, debug: DebugInfo | None = None, addresses: Mapping[str, int] | None = None
    ) -> None:
        self.debug = debug
        self._addresses = dict(addresses or {})

    def address(self, name: str) -> int | None:
        """Return where the variable ``name`` lies."""
        symbol = None if self.debug is None else self.debug.symbol(name)
        return self._addresses.get(name) if symbol is None else symbol.start

    def size(self, name: str) -> int:
        """Return the bytes of the variable ``name``; 0 if they are not known."""
        symbol = None if self.debug is None else self.debug.symbol(name)
        return 0 if symbol is None else symbol.size

    def is_function(self, name: str) -> bool:
        """Say whether the program has a function of this name."""
        symbol = None if self.debug is None else self.debug.symbol(name)
        return symbol is not None and symbol.is_function

    def variables_of_size(self, size: int) -> dict[str, int]:
        """Return where the variables lie that have exactly ``size`` bytes, by name."""
        if self.debug is None:
            return {}
        found = self.debug.symbols_like("*")
        return {s.name: s.start for s in found if s.size == size and not s.is_function}

    def types(self, functions: Sequence[str]) -> UnitTypes | None:
        """Return what the unit declares that defines one of ``functions``; the first known one."""
        if self.debug is None:
            return None
        found = (self.debug.types_of(function) for function in functions)
        return next((types for types in found if types is not None), None)

    def name_of(self, address: int) -> str:
        """Return the name of what lies at ``address``, or the address."""
        name = None if self.debug is None else self.debug.name_of(address)
        return name or f"{address:#010x}"

    def end_of_variable(self, address: int) -> int | None:
        """Return the first address after the variable that ``address`` is the start of."""
        found = None if self.debug is None else self.debug.variable_at(address)
        if found is None or found.start != address or not found.size:
            return None
        return found.start + found.size

    def is_code(self, address: int) -> bool:
        """Say whether code may lie at ``address``; without an ELF file it may be anywhere."""
        return self.debug is None or self.debug.is_code(address)
