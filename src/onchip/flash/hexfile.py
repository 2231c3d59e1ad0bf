"""Intel HEX and Motorola S-records: lines of text, each with a checksum.

bincopy takes a line apart and checks its sum; what lines mean together is read here, so that an
overlap or a damaged line can be named by its number. It is imported with this module only.
"""

from __future__ import annotations

from collections.abc import Iterator

import bincopy

from onchip.errors import ImageError

from .segment import Segment

IHEX_DATA, IHEX_EOF = 0, 1
IHEX_EXTENDED_SEGMENT, IHEX_START_SEGMENT = 2, 3
IHEX_EXTENDED_LINEAR, IHEX_START_LINEAR = 4, 5


def _lines(data: bytes) -> Iterator[tuple[int, str]]:
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        raise ImageError(f"byte {error.start} is no text: not a hex file") from error
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if stripped:
            yield number, stripped


def read_ihex(data: bytes) -> tuple[list[Segment], int | None]:
    """Return the data records and the start address of an Intel HEX file.

    Raises:
        ImageError: a damaged line, an unknown record, data after or no end-of-file record.
    """
    segments: list[Segment] = []
    upper = 0
    entry: int | None = None
    ended = False
    for number, line in _lines(data):
        if ended:
            raise ImageError(f"line {number}: data after the end-of-file record")
        try:
            kind, address, _size, payload = bincopy.unpack_ihex(line)
        except (bincopy.Error, ValueError) as error:
            raise ImageError(f"line {number}: {error}") from error
        value = int.from_bytes(payload, "big")
        if kind == IHEX_DATA:
            segments.append(Segment(upper + address, bytes(payload), f"line {number}"))
        elif kind == IHEX_EOF:
            ended = True
        elif kind in (IHEX_EXTENDED_SEGMENT, IHEX_EXTENDED_LINEAR):
            if len(payload) != 2:
                raise ImageError(f"line {number}: an extended address has 2 bytes")
            upper = value << (4 if kind == IHEX_EXTENDED_SEGMENT else 16)
        elif kind in (IHEX_START_SEGMENT, IHEX_START_LINEAR):
            if len(payload) != 4:
                raise ImageError(f"line {number}: a start address has 4 bytes")
            entry = value if kind == IHEX_START_LINEAR else (value >> 16 << 4) + (value & 0xFFFF)
        else:
            raise ImageError(f"line {number}: record type {kind} is unknown")
    if not ended:
        raise ImageError("the end-of-file record is missing: the file is cut short")
    return segments, entry


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
