"""Reads 32-bit little-endian ELF files: segments, sections, symbols.

pyelftools takes the tables apart; it is imported when a file is read. It was written for files that
toolchains make, so this module checks the sizes of tables before they are walked (a damaged file
costs time in proportion to its length at most), takes every byte range out of the file itself, and
renames whatever pyelftools trips over. Arm's part of the format: AAELF32.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from onchip.errors import SymbolError

MAGIC = b"\x7fELF"
EM_ARM = 40
ET_REL, ET_EXEC, ET_DYN = 1, 2, 3
SHT_NULL, SHT_SYMTAB, SHT_NOBITS = 0, 2, 8
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR = 1, 2, 4
STT_FUNC, STT_SECTION, STT_FILE = 2, 3, 4
STB_GLOBAL = 1

_HEADER = struct.Struct("<16sHHIIIIIHHHHHH")
_PROGRAM_HEADER_SIZE = 32
_SECTION_HEADER_SIZE = 40
_SYMBOL_SIZE = 16
_LONGEST_NAME = 1024
_SYMBOL_TYPES = {"STT_NOTYPE": 0, "STT_OBJECT": 1, "STT_FUNC": 2, "STT_SECTION": 3, "STT_FILE": 4}
_SYMBOL_BINDINGS = {"STB_LOCAL": 0, "STB_GLOBAL": 1, "STB_WEAK": 2}
_OBJECT_TYPES = {"ET_REL": ET_REL, "ET_EXEC": ET_EXEC, "ET_DYN": ET_DYN}
_SECTION_TYPES = {"SHT_NULL": SHT_NULL, "SHT_SYMTAB": SHT_SYMTAB, "SHT_NOBITS": SHT_NOBITS}


@dataclass(frozen=True, slots=True)
class ElfSegment:
    """A PT_LOAD program header with the bytes that the file holds for it."""

    virtual_address: int
    physical_address: int
    data: bytes
    memory_size: int
    flags: int


@dataclass(frozen=True, slots=True)
class ElfSection:
    """A section header; ``data`` only of sections that are loaded, empty for SHT_NOBITS."""

    index: int
    name: str
    type: int
    flags: int
    address: int
    size: int
    data: bytes

    @property
    def end(self) -> int:
        """The first address after the section."""
        return self.address + self.size


@dataclass(frozen=True, slots=True)
class ElfSymbol:
    """A named address. ``value`` keeps the Thumb bit of functions."""

    name: str
    value: int
    size: int
    type: int
    binding: int
    section_index: int


class ElfFile:
    """A parsed ELF file.

    Raises:
        SymbolError: not a 32-bit little-endian Arm ELF, or a table lies outside the file.
    """

    def __init__(self, data: bytes) -> None:
        self._data = bytes(data)
        if len(data) < _HEADER.size or data[:4] != MAGIC:
            raise SymbolError("not an ELF file")
        if data[4] != 1 or data[5] != 1:
            raise SymbolError("not a 32-bit little-endian ELF file: no Cortex-M image")
        header = _HEADER.unpack_from(data)
        if header[2] != EM_ARM:
            raise SymbolError(f"an ELF file for machine {header[2]}, not for Arm (40)")
        self.entry = int(header[4])
        self.flags = int(header[7])
        phoff, shoff, phentsize, phnum, shentsize, shnum = (
            header[i] for i in (5, 6, 9, 10, 11, 12)
        )
        # pyelftools takes more than 65,534 headers from section 0; nothing for a Cortex-M has them.
        if (phnum and phentsize != _PROGRAM_HEADER_SIZE) or phnum == 0xFFFF:
            raise SymbolError(f"damaged ELF: {phnum} program headers of {phentsize} bytes")
        if (shnum and shentsize != _SECTION_HEADER_SIZE) or (shoff and not shnum):
            raise SymbolError(f"damaged ELF: {shnum} section headers of {shentsize} bytes")
        self._check(phoff, phnum * phentsize, "the program header table")
        self._check(shoff, shnum * shentsize, "the section header table")
        self._elf = self._open()
        self.type = _number(self._elf.header["e_type"], _OBJECT_TYPES)

    @classmethod
    def parse(cls, data: bytes) -> ElfFile:
        """Read the bytes of an ELF file; see the class."""
        return cls(data)

    def _open(self) -> Any:
        from elftools.elf.elffile import ELFFile

        try:
            return ELFFile(io.BytesIO(self._data))
        except foreign_errors() as error:
            raise SymbolError(f"damaged ELF: {error}") from error

    def _parse_struct(self, name: str, offset: int) -> Any:
        from elftools.common.utils import struct_parse

        try:
            return struct_parse(getattr(self._elf.structs, name), self._elf.stream, offset)
        except foreign_errors() as error:
            raise SymbolError(f"damaged ELF: {name} at offset 0x{offset:X}: {error}") from error

    def _check(self, offset: int, length: int, what: str) -> None:
        if length and offset + length > len(self._data):
            raise SymbolError(
                f"damaged ELF: {what} needs {length} bytes at offset 0x{offset:X}, "
                f"the file has {len(self._data)}"
            )

    def _slice(self, offset: int, length: int, what: str) -> bytes:
        self._check(offset, length, what)
        return self._data[offset : offset + length]

    @cached_property
    def segments(self) -> tuple[ElfSegment, ...]:
        """The PT_LOAD program headers, in file order.

        Raises:
            SymbolError: one is damaged, or lies outside the file.
        """
        found = []
        for index in range(self._elf["e_phnum"]):
            row = self._parse_struct(
                "Elf_Phdr", self._elf["e_phoff"] + index * _PROGRAM_HEADER_SIZE
            )
            if row["p_type"] != "PT_LOAD":
                continue
            size, memory_size = row["p_filesz"], row["p_memsz"]
            if memory_size < size:
                raise SymbolError(f"damaged ELF: segment {index} loads less than it holds")
            data = self._slice(row["p_offset"], size, f"segment {index}")
            found.append(
                ElfSegment(row["p_vaddr"], row["p_paddr"], data, memory_size, row["p_flags"])
            )
        return tuple(found)

    @cached_property
    def _section_headers(self) -> tuple[Any, ...]:
        start = self._elf["e_shoff"]
        return tuple(
            self._parse_struct("Elf_Shdr", start + index * _SECTION_HEADER_SIZE)
            for index in range(self._elf["e_shnum"])
        )

    @cached_property
    def sections(self) -> tuple[ElfSection, ...]:
        """All section headers, in file order.

        Raises:
            SymbolError: one is damaged, or a loaded one lies outside the file.
        """
        rows = self._section_headers
        names = b""
        names_index = self._elf["e_shstrndx"]
        if 0 < names_index < len(rows):
            row = rows[names_index]
            names = self._slice(row["sh_offset"], row["sh_size"], "the section name table")
        return tuple(self._section(index, row, names) for index, row in enumerate(rows))

    def _section(self, index: int, row: Any, names: bytes) -> ElfSection:
        name = _string(names, row["sh_name"])
        kind = _number(row["sh_type"], _SECTION_TYPES)
        data = b""
        if row["sh_flags"] & SHF_ALLOC and kind not in (SHT_NULL, SHT_NOBITS):
            data = self._slice(row["sh_offset"], row["sh_size"], f"section {name or index}")
        return ElfSection(index, name, kind, row["sh_flags"], row["sh_addr"], row["sh_size"], data)

    @cached_property
    def symbols(self) -> tuple[ElfSymbol, ...]:
        """The named symbols of the symbol table, without sections and files.

        Raises:
            SymbolError: the table is damaged.
        """
        found: list[ElfSymbol] = []
        for row in self._section_headers:
            if row["sh_type"] == "SHT_SYMTAB":
                found.extend(self._symbols_of(row))
        return tuple(found)

    def _symbols_of(self, row: Any) -> list[ElfSymbol]:
        if row["sh_entsize"] != _SYMBOL_SIZE:
            raise SymbolError(f"damaged ELF: symbols of {row['sh_entsize']} bytes")
        self._check(row["sh_offset"], row["sh_size"], "the symbol table")
        headers = self._section_headers
        if not 0 < row["sh_link"] < len(headers):
            raise SymbolError("damaged ELF: the symbol table has no string table")
        link = headers[row["sh_link"]]
        strings = self._slice(link["sh_offset"], link["sh_size"], "the string table")
        found = []
        for index in range(row["sh_size"] // _SYMBOL_SIZE):
            entry = self._parse_struct("Elf_Sym", row["sh_offset"] + index * _SYMBOL_SIZE)
            symbol = _symbol(entry, strings)
            if symbol is not None:
                found.append(symbol)
        return found

    def debug_sections(self) -> Any:
        """Return pyelftools' view of the DWARF sections; nothing else of this machine is opened.

        Raises:
            SymbolError: they are damaged.
        """
        try:
            return self._elf.get_dwarf_info(relocate_dwarf_sections=False, follow_links=False)
        except foreign_errors() as error:
            raise SymbolError(f"damaged debug information: {error}") from error

    def section(self, name: str) -> ElfSection | None:
        """Return the first section with this name, or None."""
        return next((section for section in self.sections if section.name == name), None)


def foreign_errors() -> tuple[type[Exception], ...]:
    """What pyelftools lets out on damaged files, found by fuzzing it.

    ELFError is what it means to raise; construct's own error escapes from struct parsing; a name
    that is no UTF-8, a missing dictionary key, and None where a table was expected escape as the
    built-in errors; a size beyond what a stream can seek to is an OverflowError. Its DWARF readers
    assert what they expect of a file.
    """
    from elftools.common.exceptions import DWARFError, ELFError
    from elftools.construct import ConstructError

    return (
        ELFError,
        DWARFError,
        ConstructError,
        AssertionError,
        NotImplementedError,
        RecursionError,
        IndexError,
        UnicodeDecodeError,
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
    )


def _number(value: Any, names: dict[str, int]) -> int:
    """Undo pyelftools' naming of enumerated fields; a name we have no number for is -1."""
    return value if isinstance(value, int) else names.get(value, -1)


def _symbol(entry: Any, strings: bytes) -> ElfSymbol | None:
    kind = _number(entry["st_info"]["type"], _SYMBOL_TYPES)
    name = _string(strings, entry["st_name"])
    if not name or kind in (STT_SECTION, STT_FILE):
        return None
    section = _number(entry["st_shndx"], {"SHN_UNDEF": 0})
    binding = _number(entry["st_info"]["bind"], _SYMBOL_BINDINGS)
    return ElfSymbol(name, entry["st_value"], entry["st_size"], kind, binding, section)


def _string(table: bytes, offset: int) -> str:
    """Return the string at ``offset``; an offset outside the table names nothing.

    Bounded, so that overlapping names in a damaged table cannot cost the square of its length.
    """
    end = table.find(b"\0", offset, offset + _LONGEST_NAME)
    return table[offset : end if end >= 0 else offset + _LONGEST_NAME].decode("utf-8", "replace")
