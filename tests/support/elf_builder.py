"""Makes small ELF files byte by byte: firmware images and FLM algorithms for tests."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_NOBITS = 1, 2, 3, 8
W, A, X = 1, 2, 4


@dataclass
class Section:
    name: str
    address: int = 0
    data: bytes = b""
    flags: int = A
    type: int = SHT_PROGBITS
    size: int | None = None
    link: int = 0
    entry_size: int = 0


@dataclass
class ElfBuilder:
    type: int = 2
    entry: int = 0
    machine: int = 40
    segments: list[tuple[int, int, bytes, int]] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    symbols: list[tuple[str, int, int, int]] = field(default_factory=list)

    def segment(
        self, paddr: int, data: bytes, *, vaddr: int | None = None, memsz: int | None = None
    ) -> ElfBuilder:
        size = len(data) if memsz is None else memsz
        self.segments.append((paddr if vaddr is None else vaddr, paddr, data, size))
        return self

    def section(self, *args: object, **kwargs: object) -> int:
        """Add a section; return its index in the file."""
        self.sections.append(Section(*args, **kwargs))  # type: ignore[arg-type]
        return len(self.sections)

    def symbol(self, name: str, value: int, section: int, *, info: int = 0x12) -> None:
        self.symbols.append((name, value, section, info))

    def build(self) -> bytes:
        body = bytearray()
        start = 52 + 32 * len(self.segments)
        program_headers = b""
        for vaddr, paddr, data, memsz in self.segments:
            program_headers += struct.pack(
                "<8I", 1, start + len(body), vaddr, paddr, len(data), memsz, 7, 4
            )
            body += data
        sections = [Section("", type=0, flags=0), *self.sections]
        if self.symbols:
            strings = b"\0"
            rows = struct.pack("<IIIBBH", 0, 0, 0, 0, 0, 0)
            for name, value, index, info in self.symbols:
                rows += struct.pack("<IIIBBH", len(strings), value, 4, info, 0, index)
                strings += name.encode() + b"\0"
            link = len(sections) + 1
            sections.append(Section(".symtab", 0, rows, 0, SHT_SYMTAB, link=link, entry_size=16))
            sections.append(Section(".strtab", 0, strings, 0, SHT_STRTAB))
        names = b"\0"
        name_offsets = []
        for section in [*sections, Section(".shstrtab")]:
            name_offsets.append(len(names))
            names += section.name.encode() + b"\0"
        sections.append(Section(".shstrtab", 0, names, 0, SHT_STRTAB))
        headers = b""
        for section, name in zip(sections, name_offsets, strict=True):
            size = len(section.data) if section.size is None else section.size
            headers += struct.pack(
                "<10I",
                name,
                section.type,
                section.flags,
                section.address,
                start + len(body) if section.type else 0,
                size,
                section.link,
                0,
                4 if section.type else 0,
                section.entry_size,
            )
            body += section.data
        shoff = start + len(body)
        ident = b"\x7fELF\x01\x01\x01" + bytes(9)
        header = struct.pack(
            "<16sHHIIIIIHHHHHH",
            ident,
            self.type,
            self.machine,
            1,
            self.entry,
            52 if self.segments else 0,
            shoff,
            0x0500_0000,
            52,
            32,
            len(self.segments),
            40,
            len(sections),
            len(sections) - 1,
        )
        return header + program_headers + bytes(body) + headers


def flash_device(
    *,
    name: str = "test flash",
    start: int = 0x0800_0000,
    length: int = 0x1_0000,
    page: int = 1024,
    type: int = 1,
    erased: int = 0xFF,
    program_ms: int = 100,
    erase_ms: int = 500,
    sectors: tuple[tuple[int, int], ...] = ((0x1000, 0),),
) -> bytes:
    head = struct.pack(
        "<H128sHIIIIB3xII",
        0x101,
        name.encode(),
        type,
        start,
        length,
        page,
        0,
        erased,
        program_ms,
        erase_ms,
    )
    rows = b"".join(struct.pack("<II", size, offset) for size, offset in sectors)
    return head + rows + b"\xff" * 8


FUNCTION_OFFSETS = {
    "Init": 0x00,
    "UnInit": 0x10,
    "EraseChip": 0x20,
    "EraseSector": 0x30,
    "ProgramPage": 0x40,
    "Verify": 0x50,
    "BlankCheck": 0x60,
}


def flm(
    device: bytes | None = None,
    *,
    functions: tuple[str, ...] = ("Init", "UnInit", "EraseChip", "EraseSector", "ProgramPage"),
    code: bytes | None = None,
    data: bytes = bytes(4),
    zeroed: int = 0,
    code_address: int = 0,
    data_address: int | None = None,
) -> bytes:
    """An FLM as armclang lays it out; every function is ``movs r0, #0; bx lr`` unless told."""
    builder = ElfBuilder()
    code = (b"\x00\x20\x70\x47" + bytes(12)) * 8 if code is None else code
    text = builder.section("PrgCode", code_address, code, A | X)
    data_at = code_address + len(code) if data_address is None else data_address
    builder.section("PrgData", data_at, data, W | A)
    if zeroed:
        builder.section("PrgData", data_at + len(data), b"", W | A, SHT_NOBITS, zeroed)
    described = flash_device() if device is None else device
    at = data_at + len(data)
    index = builder.section("DevDscr", at, described, A)
    for function in functions:
        builder.symbol(function, code_address + FUNCTION_OFFSETS[function] + 1, text)
    builder.symbol("FlashDevice", at, index, info=0x11)
    return builder.build()
