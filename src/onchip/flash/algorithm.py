"""Flash algorithms: ELF files laid out as the CMSIS-Pack specification says (FLM).

    PrgCode   read-only, position independent code
    PrgData   its variables, addressed relative to R9; a second PrgData may hold the zeroed ones
    DevDscr   one struct FlashDevice, which is not loaded

What is not in the specification but in files that vendors ship: sections of other names that have
to be loaded too, a descriptor found only by its symbol, functions that are missing, code that was
linked for one RAM address, data that was linked far from its code.

Sources: Open-CMSIS-Pack, "Flash Programming Algorithms" (FlashOS.h, FlashPrg, FlashDev).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from onchip.errors import AlgorithmError, SymbolError
from onchip.symbols.elf import (
    SHF_ALLOC,
    SHF_EXECINSTR,
    SHF_WRITE,
    SHT_NOBITS,
    STB_GLOBAL,
    STT_FUNC,
    ElfFile,
    ElfSection,
)
from onchip.target.memory_map import Sector, SectorRun

CODE_SECTION, DATA_SECTION = "PrgCode", "PrgData"
DEVICE_SECTIONS = ("DevDscr", "DeviceData")
FUNCTIONS = (
    "Init",
    "UnInit",
    "EraseChip",
    "EraseSector",
    "ProgramPage",
    "Verify",
    "BlankCheck",
)

_LARGEST_BLOB = 1 << 20
"""More than any RAM that an algorithm gets; further apart, code and data are placed one by one."""

# struct FlashDevice of FlashOS.h: Vers, DevName[128], DevType, DevAdr, szDev, szPage, Res,
# valEmpty, 3 bytes of padding, toProg, toErase; then {szSector, AddrSector} to 0xFFFFFFFF.
_FLASH_DEVICE = struct.Struct("<H128sHIIIIB3xII")
_FLASH_SECTOR = struct.Struct("<II")
_SECTOR_END = 0xFFFF_FFFF
_MOST_SECTOR_RUNS = 512


class DeviceType(IntEnum):
    """FlashDevice.DevType."""

    UNKNOWN = 0
    ON_CHIP = 1
    EXTERNAL_8_BIT = 2
    EXTERNAL_16_BIT = 3
    EXTERNAL_32_BIT = 4
    EXTERNAL_SPI = 5


@dataclass(frozen=True, slots=True)
class FlashDevice:
    """What an algorithm says of its flash. Addresses are absolute, times in seconds."""

    name: str
    version: int
    type: int
    start: int
    length: int
    page_size: int
    erased_value: int
    program_timeout_s: float
    erase_timeout_s: float
    sectors: tuple[SectorRun, ...]

    @property
    def end(self) -> int:
        """The first address after the device."""
        return self.start + self.length

    def sector_at(self, address: int) -> Sector | None:
        """Return the sector that holds ``address``, or None."""
        for run in self.sectors:
            if run.start <= address < run.end:
                return Sector(address - (address - run.start) % run.size, run.size)
        return None

    @classmethod
    def parse(cls, data: bytes) -> FlashDevice:
        """Read a struct FlashDevice.

        Raises:
            AlgorithmError: cut short, or it describes a device that cannot be.
        """
        if len(data) < _FLASH_DEVICE.size:
            raise AlgorithmError(f"the FlashDevice has {len(data)} of {_FLASH_DEVICE.size} bytes")
        version, name, kind, start, length, page, _res, empty, to_program, to_erase = (
            _FLASH_DEVICE.unpack_from(data)
        )
        if not 0 < page <= _LARGEST_BLOB:
            raise AlgorithmError(f"the FlashDevice has pages of {page} bytes")
        if not 0 < length or start + length > 1 << 32:
            raise AlgorithmError(f"the FlashDevice has {length} bytes from 0x{start:08X}")
        return cls(
            name=name.split(b"\0")[0].decode("latin-1"),
            version=version,
            type=kind,
            start=start,
            length=length,
            page_size=page,
            erased_value=empty,
            program_timeout_s=to_program / 1000,
            erase_timeout_s=to_erase / 1000,
            sectors=_sector_runs(data[_FLASH_DEVICE.size :], start, length),
        )


def _sector_runs(data: bytes, start: int, length: int) -> tuple[SectorRun, ...]:
    rows: list[tuple[int, int]] = []
    base = 0
    for index in range(_MOST_SECTOR_RUNS + 1):
        if (index + 1) * _FLASH_SECTOR.size > len(data):
            raise AlgorithmError("the sector table of the FlashDevice has no end")
        size, offset = _FLASH_SECTOR.unpack_from(data, index * _FLASH_SECTOR.size)
        if size == _SECTOR_END or offset == _SECTOR_END:
            break
        if size == 0 or (rows and offset - base <= rows[-1][1]):
            raise AlgorithmError(
                f"entry {index} of the sector table: {size} bytes at offset 0x{offset:X}"
            )
        if not rows and offset >= length:
            base = offset  # Nordic's nRF53 files have addresses here, where offsets belong
        rows.append((size, offset - base))
    rows = [(size, offset) for size, offset in rows if offset < length]
    if not rows:
        raise AlgorithmError("the sector table of the FlashDevice is empty")
    ends = [offset for _size, offset in rows[1:]] + [length]
    runs = []
    for (size, offset), end in zip(rows, ends, strict=True):
        if (end - offset) % size:
            raise AlgorithmError(
                f"sectors of {size} bytes do not fill 0x{offset:X}-0x{end:X} of the FlashDevice"
            )
        runs.append(SectorRun(start + offset, size, (end - offset) // size))
    return tuple(runs)


@dataclass(frozen=True, slots=True)
class FlashAlgorithm:
    """An algorithm ready to be put into RAM.

    ``blob`` is code, data and zeroed variables in one piece. ``functions`` and ``static_base`` are
    offsets into it (functions without the Thumb bit). ``link_address`` is where it was linked to
    run; position independent files have 0 there.
    """

    device: FlashDevice
    blob: bytes
    link_address: int
    static_base: int
    functions: dict[str, int]
    source: str

    @classmethod
    def load(cls, path: str | Path) -> FlashAlgorithm:
        """Read an FLM file.

        Raises:
            AlgorithmError: it cannot be read or used.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise AlgorithmError(f"cannot read {path}: {error.strerror or error}") from error
        return cls.parse(data, source=str(path))

    @classmethod
    def parse(cls, data: bytes, *, source: str = "algorithm") -> FlashAlgorithm:
        """Read the bytes of an FLM file; ``source`` is its name in messages.

        Raises:
            AlgorithmError: no ELF, no FlashDevice, no ProgramPage, or a description that cannot be.
        """
        try:
            return _parse(ElfFile(data), source)
        except (SymbolError, AlgorithmError) as error:
            raise AlgorithmError(f"{source}: {error.message}", hint=error.hint) from error

    @property
    def is_readable(self) -> bool:
        """Whether the flash can be read without the algorithm's help."""
        return self.device.type in (DeviceType.ON_CHIP, DeviceType.UNKNOWN)

    @property
    def is_only_verifier(self) -> bool:
        """Whether the flash cannot be counted on to be readable at all, but Verify can tell.

        Its Verify is what marks external flash that is not mapped into memory.
        """
        return not self.is_readable and self.has("Verify")

    def has(self, function: str) -> bool:
        """Say whether the algorithm offers an optional function."""
        return function in self.functions


def _parse(elf: ElfFile, source: str) -> FlashAlgorithm:
    device_data, device_section = _find_device(elf)
    device = FlashDevice.parse(device_data)
    loaded = [
        section
        for section in elf.sections
        if section.flags & SHF_ALLOC and section.size and section.index != device_section
    ]
    if not loaded:
        raise AlgorithmError("it has no code to load")
    code = [s for s in loaded if not _is_data(s)]
    variables = [s for s in loaded if _is_data(s)]
    if not code:
        raise AlgorithmError(f"it has no {CODE_SECTION}")
    start = min(s.address for s in loaded)
    span = max(s.end for s in loaded) - start
    if span <= _LARGEST_BLOB:
        blob = _lay_out(loaded, start, span)
        shift = {s.index: -start for s in loaded}
        static_base = min((s.address for s in variables), default=start + span) - start
    else:
        blob, shift, static_base = _lay_out_apart(code, variables)
        start = min(s.address for s in code)
    functions = _find_functions(elf, shift, len(blob))
    if "ProgramPage" not in functions:
        raise AlgorithmError("it has no function ProgramPage", hint="is this a flash algorithm?")
    return FlashAlgorithm(device, blob, start, static_base, functions, source)


def _is_data(section: ElfSection) -> bool:
    if section.name in (CODE_SECTION, DATA_SECTION):
        return section.name == DATA_SECTION
    return bool(section.flags & SHF_WRITE) and not section.flags & SHF_EXECINSTR


def _find_device(elf: ElfFile) -> tuple[bytes, int]:
    """Return the bytes from the FlashDevice on, and the index of the section it has to itself."""
    symbol = next((s for s in elf.symbols if s.name == "FlashDevice"), None)
    if symbol is not None and 0 < symbol.section_index < len(elf.sections):
        section = elf.sections[symbol.section_index]
        offset = symbol.value - section.address
        if 0 <= offset < section.size:
            # A descriptor that shares the code's section has to be loaded with it.
            own = -1 if section.name in (CODE_SECTION, DATA_SECTION) else section.index
            return section.data[offset:], own
    for name in DEVICE_SECTIONS:
        found = elf.section(name)
        if found is not None:
            return found.data, found.index
    raise AlgorithmError(
        "it has no FlashDevice", hint="is this a flash algorithm (FLM), not a firmware image?"
    )


def _lay_out(sections: list[ElfSection], start: int, span: int) -> bytes:
    blob = bytearray(span)
    for section in sections:
        if section.type != SHT_NOBITS:
            blob[section.address - start : section.address - start + len(section.data)] = (
                section.data
            )
    blob.extend(bytes(-len(blob) % 4))
    return bytes(blob)


def _lay_out_apart(
    code: list[ElfSection], variables: list[ElfSection]
) -> tuple[bytes, dict[int, int], int]:
    """Place data behind the code, whatever lay between them when they were linked.

    R9-relative data may lie anywhere. Returns the blob, what to add to addresses of each section,
    and the static base's offset.
    """
    shift: dict[int, int] = {}
    blob = b""
    static_base = 0
    for group in (code, variables):
        blob += bytes(-len(blob) % 8)
        if not group:
            continue
        start = min(s.address for s in group)
        span = max(s.end for s in group) - start
        if span > _LARGEST_BLOB:
            raise AlgorithmError(f"its sections are spread over {span} bytes")
        static_base = len(blob)
        shift.update({s.index: static_base - start for s in group})
        blob += _lay_out(group, start, span)
    return blob, shift, static_base


def _find_functions(elf: ElfFile, shift: dict[int, int], length: int) -> dict[str, int]:
    found: dict[str, int] = {}
    # Global functions last, so that they win over a local of the same name.
    ranked = sorted(elf.symbols, key=lambda s: (s.binding == STB_GLOBAL, s.type == STT_FUNC))
    for symbol in ranked:
        if symbol.name not in FUNCTIONS or symbol.section_index not in shift:
            continue
        offset = (symbol.value & ~1) + shift[symbol.section_index]
        if 0 <= offset < length:
            found[symbol.name] = offset
    return found
