"""From addresses to names: file and line, function, variable; and the rules of a stack frame.

Everything is read when it is first asked for, a compilation unit or a frame description at a time.
Damaged debug information names nothing, it raises nothing: what is asked here is asked in the
middle of a crash report, which is better with a gap than not at all.

Sections that the linker dropped keep their debug information, at address 0 and upwards; it is left
out, unless a function really begins there.
"""

from __future__ import annotations

import posixpath
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from onchip.errors import SymbolError
from onchip.symbols.elf import (
    SHF_ALLOC,
    SHF_EXECINSTR,
    STB_GLOBAL,
    STT_FUNC,
    ElfFile,
    ElfSymbol,
    foreign_errors,
)
from onchip.symbols.inlined import InlinedRange, inlined_ranges
from onchip.symbols.layouts import UnitTypes

_STT_NOTYPE, _STT_OBJECT = 0, 1
_NAMED = (_STT_NOTYPE, _STT_OBJECT, STT_FUNC)


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line of a source file, by the path that the compiler recorded."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class InlinedCall:
    """A function whose code the compiler put in line, and the line that calls it."""

    function: str
    called_at: SourceLine


@dataclass(frozen=True, slots=True)
class Symbol:
    """A function or variable. ``start`` has no Thumb bit; ``size`` 0 is not known."""

    name: str
    start: int
    size: int
    is_function: bool

    def __repr__(self) -> str:
        kind = "function" if self.is_function else "variable"
        return f"<Symbol {self.name}: {kind} at {self.start:#010x}, {self.size} bytes>"


@dataclass(frozen=True, slots=True)
class FrameRules:
    """How a frame is undone at one address: the CFA, and where registers were saved.

    ``cfa_register`` + ``cfa_offset`` is the stack pointer of the caller. ``saved`` has, by register
    number, the offset from the CFA where it lies; ``lr_is_undefined`` marks the outermost function.
    """

    cfa_register: int
    cfa_offset: int
    saved: dict[int, int]
    lr_is_undefined: bool = False


class DebugInfo:
    """What an ELF file tells of addresses."""

    def __init__(self, elf: ElfFile) -> None:
        self.elf = elf

    @classmethod
    def load(cls, path: str | Path) -> DebugInfo:
        """Open an ELF file.

        Raises:
            SymbolError: it cannot be read, or is no ELF file for Arm.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise SymbolError(f"{path}: {(error.strerror or str(error)).lower()}") from error
        try:
            return cls(ElfFile(data))
        except SymbolError as error:
            raise SymbolError(
                f"{path}: {error.message}", hint="symbols need an ELF file"
            ) from error

    # ---- symbols

    def function_at(self, address: int) -> Symbol | None:
        """Return the function that ``address`` is in."""
        return _covering(self._functions, address)

    def variable_at(self, address: int) -> Symbol | None:
        """Return the variable that ``address`` is in."""
        return _covering(self._variables, address)

    def name_of(self, address: int) -> str | None:
        """Return ``function+12`` or ``variable+4`` for an address; None if nothing is there."""
        symbol = self.function_at(address & ~1) or self.variable_at(address)
        if symbol is None:
            return None
        offset = (address & ~1 if symbol.is_function else address) - symbol.start
        return f"{symbol.name}+{offset}" if offset else symbol.name

    def symbol(self, name: str) -> Symbol | None:
        """Return the function, variable or linker's symbol of this name; a global one first."""
        return self._by_name.get(name)

    def symbols_like(self, pattern: str) -> list[Symbol]:
        """Return the symbols whose names match, with ``*`` and ``?``: global ones, then by name."""
        return [symbol for symbol in self._named if fnmatchcase(symbol.name, pattern)]

    @cached_property
    def _named(self) -> list[Symbol]:
        found = {
            (s.binding != STB_GLOBAL, s.name, s.value): Symbol(
                s.name,
                s.value & ~1 if s.type == STT_FUNC else s.value,
                s.size,
                is_function=s.type == STT_FUNC,
            )
            for s in self._symbols
            if s.section_index and s.type in _NAMED
        }
        return [found[key] for key in sorted(found)]

    @cached_property
    def _by_name(self) -> dict[str, Symbol]:
        return {symbol.name: symbol for symbol in reversed(self._named)}

    def is_code(self, address: int) -> bool:
        """Say whether the file has instructions for ``address``."""
        return any(start <= address < end for start, end in self._code)

    @cached_property
    def _code(self) -> list[tuple[int, int]]:
        wanted = SHF_ALLOC | SHF_EXECINSTR
        try:
            return [(s.address, s.end) for s in self.elf.sections if s.flags & wanted == wanted]
        except SymbolError:
            return []

    @cached_property
    def _symbols(self) -> tuple[ElfSymbol, ...]:
        try:
            return self.elf.symbols
        except SymbolError:
            return ()

    @cached_property
    def _functions(self) -> list[Symbol]:
        return _by_address(
            (s.binding, Symbol(s.name, s.value & ~1, s.size, is_function=True))
            for s in self._symbols
            if s.type == STT_FUNC and s.section_index
        )

    @cached_property
    def _variables(self) -> list[Symbol]:
        return _by_address(
            (s.binding, Symbol(s.name, s.value, s.size, is_function=False))
            for s in self._symbols
            if s.type == _STT_OBJECT and s.section_index
        )

    @cached_property
    def _starts(self) -> frozenset[int]:
        return frozenset(symbol.start for symbol in self._functions)

    # ---- types

    def types_of(self, function: str) -> UnitTypes | None:
        """Return what the compilation unit that defines ``function`` declares."""
        symbol = self._by_name.get(function)
        found = None if symbol is None else self._unit_and_line(symbol.start)
        if found is None:
            return None
        unit = found[0]
        if unit.cu_offset not in self._types:
            self._types[unit.cu_offset] = UnitTypes(unit)
        return self._types[unit.cu_offset]

    @cached_property
    def _types(self) -> dict[int, UnitTypes]:
        return {}

    # ---- lines

    def line_at(self, address: int) -> SourceLine | None:
        """Return the source line that the instruction at ``address`` comes from."""
        found = self._unit_and_line(address)
        return None if found is None else found[1]

    def inlined_at(self, address: int) -> tuple[InlinedCall, ...]:
        """Return the calls in line that led to the instruction at ``address``, innermost first."""
        found = self._unit_and_line(address)
        if found is None:
            return ()
        unit = found[0]
        try:
            if unit.cu_offset not in self._inlined:
                calls = list(inlined_ranges(self._dwarf, unit, _text))
                self._inlined[unit.cu_offset] = calls
            names = self._file_names(unit)
        except foreign_errors():
            self._inlined[unit.cu_offset] = []
            return ()
        return tuple(
            InlinedCall(call.name, SourceLine(names[call.file], call.line))
            for call in reversed(self._inlined[unit.cu_offset])
            if call.start <= address < call.end
        )

    @cached_property
    def _inlined(self) -> dict[int, list[InlinedRange]]:
        return {}

    def _unit_and_line(self, address: int) -> tuple[Any, SourceLine] | None:
        for unit, rows in self._tables_for(address):
            index = bisect_right(rows, address, key=lambda row: row[0]) - 1
            if index >= 0:
                _, end, line = rows[index]
                if address < end:
                    return unit, line
        return None

    @cached_property
    def _dwarf(self) -> Any:
        try:
            return self.elf.debug_sections()
        except SymbolError:
            return None

    @cached_property
    def _units(self) -> list[Any]:
        found: list[Any] = []
        try:
            found.extend(self._dwarf.iter_CUs())
        except foreign_errors():
            pass  # those before the damage are good
        return found

    @cached_property
    def _tables(self) -> dict[int, list[tuple[int, int, SourceLine]]]:
        return {}

    def _tables_for(self, address: int) -> Iterator[tuple[Any, list[tuple[int, int, SourceLine]]]]:
        """Give units and their line tables, the unit that claims ``address`` first."""
        if self._dwarf is None:
            return
        claimed = None
        try:
            ranges = self._dwarf.get_aranges()
            claimed = None if ranges is None else ranges.cu_offset_at_addr(address)
        except foreign_errors():
            pass
        for unit in sorted(self._units, key=lambda unit: unit.cu_offset != claimed):
            if unit.cu_offset not in self._tables:
                try:
                    self._tables[unit.cu_offset] = self._rows(unit)
                except foreign_errors():
                    self._tables[unit.cu_offset] = []
            yield unit, self._tables[unit.cu_offset]

    def _rows(self, unit: Any) -> list[tuple[int, int, SourceLine]]:
        """Decode the line program of a unit into (start, end, line)."""
        program = self._dwarf.line_program_for_CU(unit)
        if program is None:
            return []
        names = self._file_names(unit)
        rows: list[tuple[int, int, SourceLine]] = []
        sequence: list[Any] = []
        for entry in program.get_entries():
            state = entry.state
            if state is None:
                continue
            sequence.append(state)
            if state.end_sequence:
                first = sequence[0].address
                if first or 0 in self._starts:
                    rows.extend(
                        (a.address, b.address, SourceLine(names[a.file], a.line))
                        for a, b in pairwise(sequence)
                        if a.address < b.address and a.line
                    )
                sequence = []
        return sorted(rows, key=lambda row: row[0])

    def _file_names(self, unit: Any) -> _FileNames:
        attribute = unit.get_top_DIE().attributes.get("DW_AT_comp_dir")
        header = self._dwarf.line_program_for_CU(unit).header
        return _FileNames(header, "" if attribute is None else _text(attribute.value))

    # ---- frames

    def frame_rules(self, address: int) -> FrameRules | None:
        """Return how the frame of the function at ``address`` is undone there; None: not known."""
        index = bisect_right(self._frames, address, key=lambda frame: frame[0]) - 1
        if index < 0:
            return None
        start, end, entry = self._frames[index]
        if not start <= address < end:
            return None
        try:
            rows = entry.get_decoded().table
            row = next((row for row in reversed(rows) if row["pc"] <= address), None)
            return None if row is None else _rules(row)
        except foreign_errors():
            return None

    @cached_property
    def _frames(self) -> list[tuple[int, int, Any]]:
        found = []
        try:
            if self._dwarf is None or not self._dwarf.has_CFI():
                return []
            for entry in self._dwarf.CFI_entries():
                start = entry.header.get("initial_location")
                if start is not None and (start or 0 in self._starts):
                    found.append((start, start + entry.header["address_range"], entry))
        except foreign_errors():
            pass
        return sorted(found, key=lambda frame: frame[0])


class _FileNames:
    """The file table of a line program, numbered from 1 (to DWARF 4) or from 0 (DWARF 5 6.2.4)."""

    def __init__(self, header: Any, comp_dir: str) -> None:
        self._header = header
        self._comp_dir = comp_dir
        self._zero_based = header["version"] >= 5

    def __getitem__(self, number: int) -> str:
        files, folders = self._header["file_entry"], self._header["include_directory"]
        index = number if self._zero_based else number - 1
        if not 0 <= index < len(files):
            return "?"
        name, folder = _text(files[index].name), files[index].dir_index
        if self._zero_based:
            base = _text(folders[folder]) if folder < len(folders) else ""
        else:
            base = _text(folders[folder - 1]) if 0 < folder <= len(folders) else ""
        return posixpath.normpath(posixpath.join(self._comp_dir, base, name))


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _rules(row: Any) -> FrameRules | None:
    cfa = row["cfa"]
    if cfa.reg is None:  # an expression: compilers write none for M-profile
        return None
    rules = {number: rule for number, rule in row.items() if isinstance(number, int)}
    saved = {number: rule.arg for number, rule in rules.items() if rule.type == "OFFSET"}
    lr = rules.get(14)
    return FrameRules(cfa.reg, cfa.offset, saved, lr is not None and lr.type == "UNDEFINED")


def _by_address(symbols: Iterator[tuple[int, Symbol]]) -> list[Symbol]:
    """Sort, and keep one name an address: a global one, one with a size."""
    best: dict[int, tuple[tuple[bool, bool, bool], Symbol]] = {}
    for binding, symbol in symbols:
        rank = (symbol.size > 0, binding == STB_GLOBAL, not symbol.name.startswith("_"))
        if symbol.start not in best or rank > best[symbol.start][0]:
            best[symbol.start] = (rank, symbol)
    return [best[start][1] for start in sorted(best)]


def _covering(symbols: list[Symbol], address: int) -> Symbol | None:
    index = bisect_right(symbols, address, key=lambda symbol: symbol.start) - 1
    if index < 0:
        return None
    symbol = symbols[index]
    return symbol if address < symbol.start + max(symbol.size, 1) else None
