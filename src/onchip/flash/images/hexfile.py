"""Intel HEX and Motorola S-records: lines of text, each with a checksum.

bincopy takes a line apart and checks its sum; what lines mean together is read here, so that an
overlap or a damaged line can be named by its number. It is imported with this module only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import bincopy

from onchip.errors import ImageError

from .segment import Segment

IHEX_DATA, IHEX_EOF = 0, 1
IHEX_EXTENDED_SEGMENT, IHEX_START_SEGMENT = 2, 3
IHEX_EXTENDED_LINEAR, IHEX_START_LINEAR = 4, 5
UNIVERSAL_BLOCK_START, UNIVERSAL_BLOCK_END = 10, 11
UNIVERSAL_PADDING, UNIVERSAL_DATA, UNIVERSAL_OTHER = 12, 13, 14


def _lines(data: bytes) -> Iterator[tuple[int, str]]:
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        raise ImageError(f"byte {error.start} is no text: not a hex file") from error
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if stripped:
            yield number, stripped


class _Board:
    """Whose block of a universal hex file this is; an ordinary file has none, and is for all."""

    def __init__(self, wanted: Collection[str]) -> None:
        self._wanted = wanted
        self._chosen: str | None = None
        self._here: str | None = None
        self.met: list[str] = []

    @property
    def mine(self) -> bool:
        return not self.met or (self._here is not None and self._here == self._chosen)

    def start(self, payload: bytes) -> None:
        self._here = payload[:2].hex().upper()
        if self._here not in self.met:
            self.met.append(self._here)
        if self._chosen is None and self._here in self._wanted:
            self._chosen = self._here

    def end(self) -> None:
        self._here = None

    def check(self) -> None:
        if self.met and self._chosen is None:
            raise ImageError(
                f"it holds images for boards {', '.join(self.met)}, none for this chip's",
                hint="name the target that the board has, or take the file for this one",
            )


def read_ihex(data: bytes, boards: Collection[str] = ()) -> tuple[list[Segment], int | None]:
    """Return the data records and the start address of an Intel HEX file.

    A universal hex file holds images for several micro:bits; taken is the first that is for one of
    ``boards``, which are board ids such as "9900".

    Raises:
        ImageError: a damaged line, an unknown record, data after or no end-of-file record, or no
            image for ``boards``.
    """
    segments: list[Segment] = []
    upper = 0
    entry: int | None = None
    ended = False
    board = _Board(boards)
    for number, line in _lines(data):
        if ended:
            raise ImageError(f"line {number}: data after the end-of-file record")
        try:
            kind, address, _size, payload = bincopy.unpack_ihex(line)
        except (bincopy.Error, ValueError) as error:
            raise ImageError(f"line {number}: {error}") from error
        if kind == IHEX_DATA or (kind == UNIVERSAL_DATA and board.met):
            if board.mine:
                segments.append(Segment(upper + address, bytes(payload), f"line {number}"))
        elif kind == IHEX_EOF:
            ended = True
        elif kind in (IHEX_EXTENDED_SEGMENT, IHEX_EXTENDED_LINEAR):
            value = _value(payload, 2, f"line {number}: an extended address")
            upper = value << (4 if kind == IHEX_EXTENDED_SEGMENT else 16)
        elif kind in (IHEX_START_SEGMENT, IHEX_START_LINEAR):
            value = _value(payload, 4, f"line {number}: a start address")
            if board.mine:
                linear = kind == IHEX_START_LINEAR
                entry = value if linear else (value >> 16 << 4) + (value & 0xFFFF)
        elif kind == UNIVERSAL_BLOCK_START and len(payload) >= 2:
            board.start(bytes(payload))
        elif kind == UNIVERSAL_BLOCK_END and board.met:
            board.end()
        elif kind not in (UNIVERSAL_PADDING, UNIVERSAL_OTHER) or not board.met:
            raise ImageError(f"line {number}: record type {kind} is unknown")
    if not ended:
        raise ImageError("the end-of-file record is missing: the file is cut short")
    board.check()
    return segments, entry


def _value(payload: bytes, length: int, what: str) -> int:
    if len(payload) != length:
        raise ImageError(f"{what} has {length} bytes")
    return int.from_bytes(payload, "big")


def read_srec(data: bytes) -> tuple[list[Segment], int | None]:
    """Return the data records and the start address of a Motorola S-record file.

    Raises:
        ImageError: a damaged line, an unknown record, a record count that is wrong, no end record.
    """
    segments: list[Segment] = []
    entry: int | None = None
    ended = False
    for number, line in _lines(data):
        if ended:
            raise ImageError(f"line {number}: data after the end record")
        try:
            kind, address, _size, payload = bincopy.unpack_srec(line)
        except (bincopy.Error, ValueError) as error:
            raise ImageError(f"line {number}: {error}") from error
        if kind in ("1", "2", "3"):
            segments.append(Segment(address, bytes(payload), f"line {number}"))
        elif kind in ("5", "6"):
            if address != len(segments):
                raise ImageError(
                    f"line {number}: it counts {address} data records, there are {len(segments)}"
                )
        elif kind in ("7", "8", "9"):
            ended = True
            entry = address or None
        elif kind != "0":
            raise ImageError(f"line {number}: record type S{kind} is unknown")
    if not ended:
        raise ImageError("the end record (S7, S8 or S9) is missing: the file is cut short")
    return segments, entry
