"""A firmware image: bytes and where they go.

The format is told by content first (ELF and UF2 have magic numbers, a hex file is text that starts
with ``:`` or ``S``), by suffix only where content says nothing. Whatever is wrong with a file is an
`ImageError`: two pieces that overlap are refused even when they agree, because then the file
was not made by a tool that knew what it did.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal, get_args

from onchip.errors import ImageError, SymbolError, UsageError
from onchip.symbols.elf import ET_EXEC, MAGIC, ElfFile

from . import uf2
from .segment import Segment

__all__ = ["Format", "Image", "Segment", "detect_format"]

Format = Literal["elf", "hex", "srec", "uf2", "bin"]

_SUFFIXES: dict[str, Format] = {
    ".elf": "elf",
    ".axf": "elf",
    ".out": "elf",
    ".hex": "hex",
    ".ihex": "hex",
    ".ihx": "hex",
    ".srec": "srec",
    ".s19": "srec",
    ".s28": "srec",
    ".s37": "srec",
    ".mot": "srec",
    ".uf2": "uf2",
    ".bin": "bin",
}
_ADDRESS_SPACE = 1 << 32


@dataclass(frozen=True, slots=True)
class Image:
    """Segments, sorted and not overlapping; touching ones are joined.

    ``entry`` is where execution starts, if the file says so; ``source`` is for messages;
    ``uf2_family`` is the chip family that a UF2 file says it is for.
    """

    segments: tuple[Segment, ...]
    entry: int | None
    source: str
    format: Format
    uf2_family: int | None = None

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        base: int | None = None,
        default_base: int | None = None,
        format: Format | None = None,
        boards: Collection[str] = (),
    ) -> Image:
        """Read a firmware file.

        Args:
            path: the file.
            base: where a BIN file goes; refused for formats that carry addresses.
            default_base: where a BIN file goes when ``base`` is None; of no meaning to others.
            format: the format, where neither content nor suffix tell it rightly.
            boards: ids of the boards with this chip, such as "9900": a universal hex file of the
                micro:bit holds an image for each, and only that for one of these counts.

        Raises:
            ImageError: the file cannot be read, is damaged, empty, or contradicts itself.
            UsageError: a BIN file without any base, or ``base`` with a format that has addresses.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise ImageError(f"cannot read {path}: {error.strerror or error}") from error
        return cls.parse(
            data,
            source=str(path),
            base=base,
            default_base=default_base,
            format=format,
            boards=boards,
        )

    @classmethod
    def parse(
        cls,
        data: bytes,
        *,
        source: str = "image",
        base: int | None = None,
        default_base: int | None = None,
        format: Format | None = None,
        boards: Collection[str] = (),
    ) -> Image:
        """Read the bytes of a firmware file; ``source`` is its name. See `load`."""
        kind = format or detect_format(data, source)
        if kind not in get_args(Format):
            raise UsageError(f"no image format is named {kind!r}", hint="elf, hex, srec, uf2, bin")
        if kind == "bin":
            return cls._from_bin(data, default_base if base is None else base, source)
        if base is not None:
            raise UsageError(
                f"{source} is {kind.upper()} and carries its own addresses",
                hint="leave the base address out, or name the format bin",
            )
        try:
            if kind == "uf2":
                blocks = uf2.decode_file(data)
                pieces = [Segment(b.address, b.data, f"block {b.number}") for b in blocks]
                return cls(_arrange(pieces), None, source, kind, blocks[0].family)
            if kind == "hex":
                segments, entry = _read_hex(data, boards)
            else:
                segments, entry = _READERS[kind](data)
            return cls(_arrange(segments), entry, source, kind)
        except ImageError as error:
            raise ImageError(f"{source}: {error.message}", hint=error.hint) from error

    @classmethod
    def _from_bin(cls, data: bytes, base: int | None, source: str) -> Image:
        if base is None:
            raise UsageError(
                f"{source} is plain bytes: where do they go?",
                hint="give the address, as in --base 0x08000000",
            )
        if not data:
            raise ImageError(f"{source}: the file is empty")
        if base < 0:
            raise UsageError(f"the base address {base} is negative")
        try:
            return cls(_arrange([Segment(base, data)]), None, source, "bin")
        except ImageError as error:
            raise ImageError(f"{source}: {error.message}") from error

    @classmethod
    def from_segments(
        cls,
        pieces: Iterable[tuple[int, bytes]],
        *,
        source: str = "memory",
        entry: int | None = None,
    ) -> Image:
        """Build an image from (address, bytes) pairs, as a GDB ``load`` delivers them.

        Raises:
            ImageError: two pieces overlap, one leaves the address space, or all are empty.
        """
        return cls(_arrange(Segment(a, bytes(d)) for a, d in pieces), entry, source, "bin")

    @property
    def length(self) -> int:
        """Bytes in all segments."""
        return sum(len(segment.data) for segment in self.segments)

    def __repr__(self) -> str:
        ranges = ", ".join(f"0x{s.address:08X}+0x{len(s.data):X}" for s in self.segments)
        return f"Image({self.source!r}, {self.format}, {self.length} bytes: {ranges})"


def detect_format(data: bytes, source: str) -> Format:
    """Tell the format by content, then by the suffix of ``source``; what is neither is BIN."""
    if data[:4] == MAGIC:
        return "elf"
    if uf2.is_uf2(data):
        return "uf2"
    suffix = _SUFFIXES.get(Path(source).suffix.lower())
    head = data[:16].lstrip()
    digits = b"0123456789abcdefABCDEF"
    if head[:1] == b":" and len(head) > 9 and all(c in digits for c in head[1:9]):
        return "hex"
    if head[:1] == b"S" and head[1:2].isdigit() and all(c in digits for c in head[2:8]):
        return "srec"
    return suffix or "bin"


def _arrange(pieces: Iterable[Segment]) -> tuple[Segment, ...]:
    """Sort, refuse overlaps and join what touches."""
    ordered = sorted((p for p in pieces if p.data), key=lambda piece: piece.address)
    if not ordered:
        raise ImageError("it holds nothing to program")
    for before, after in pairwise(ordered):
        if before.end > after.address:
            raise ImageError(f"{before} and {after} overlap")
    if ordered[-1].end > _ADDRESS_SPACE:
        raise ImageError(f"{ordered[-1]} leaves the 32-bit address space")
    joined: list[Segment] = []
    run: list[Segment] = []
    for piece in [*ordered, None]:
        if run and (piece is None or piece.address != run[-1].end):
            joined.append(_join(run))
            run = []
        if piece is not None:
            run.append(piece)
    return tuple(joined)


def _join(run: list[Segment]) -> Segment:
    if len(run) == 1:
        return run[0]
    return Segment(run[0].address, b"".join(piece.data for piece in run), run[0].label)


def _read_elf(data: bytes) -> tuple[list[Segment], int | None]:
    """Take PT_LOAD segments at their physical address: where a loader puts initial values."""
    try:
        elf = ElfFile(data)
        segments = [
            Segment(segment.physical_address, segment.data, f"segment {index}")
            for index, segment in enumerate(elf.segments)
            if segment.data
        ]
    except SymbolError as error:
        raise ImageError(error.message) from error
    if elf.type != ET_EXEC:
        raise ImageError(
            "the ELF file is not an executable", hint="an object file has to be linked first"
        )
    if not segments:
        raise ImageError("the ELF file has no program header with anything to load")
    return segments, elf.entry or None


def _read_hex(data: bytes, boards: Collection[str]) -> tuple[list[Segment], int | None]:
    from .hexfile import read_ihex

    return read_ihex(data, boards)


def _read_srec(data: bytes) -> tuple[list[Segment], int | None]:
    from .hexfile import read_srec

    return read_srec(data)


_READERS = {"elf": _read_elf, "srec": _read_srec}
