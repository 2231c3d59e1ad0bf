"""What ``printf`` in an agent expression prints: C's formats, with values from the target."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from onchip.errors import ExpressionError, OnchipError

LONGEST_STRING: Final = 1024

_ESCAPE = re.compile(rb"\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f"}
_ESCAPES |= {b"v": b"\v", b"e": b"\x1b"}
_FORMAT = re.compile(
    rb"%(?P<flags>[-+ #0]*)(?P<width>\d{0,3})(?:\.(?P<precision>\d{0,3}))?"
    rb"(?P<length>hh|h|ll|l|j|z|t|L)?(?P<kind>[diouxXcsp%eEfFgG])"
)
_BITS = {b"hh": 8, b"h": 16, b"ll": 64, b"j": 64, b"L": 64}


def unescape(text: bytes) -> bytes:
    """Undo the escapes of C source."""

    def value(found: re.Match[bytes]) -> bytes:
        body = found[1]
        if body[:1].isdigit():
            return bytes((int(body, 8) & 0xFF,))
        if body[:1] == b"x" and len(body) > 1:
            return bytes((int(body[1:], 16),))
        return _ESCAPES.get(body, body)

    return _ESCAPE.sub(value, text)


def format_text(
    text: bytes, values: Sequence[int], read_memory: Callable[[int, int], bytes]
) -> str:
    """Return what C's printf would print; strings are read from the target.

    Raises:
        ExpressionError: the format wants more values than there are, or is none.
    """
    rest = iter(values)
    pieces: list[bytes] = []
    position = 0
    while (percent := text.find(b"%", position)) >= 0:
        pieces.append(text[position:percent])
        found = _FORMAT.match(text, percent)
        if found is None:
            raise ExpressionError(f"printf has no format {text[percent : percent + 4]!r}")
        pieces.append(_convert(found, rest, read_memory))
        position = found.end()
    pieces.append(text[position:])
    return b"".join(pieces).decode("utf-8", "replace")


def _convert(
    found: re.Match[bytes], values: Iterator[int], read_memory: Callable[[int, int], bytes]
) -> bytes:
    kind = found["kind"].decode()
    if kind == "%":
        return b"%"
    value = next(values, None)
    if value is None:
        raise ExpressionError("printf has fewer values than its format wants")
    flags, width = found["flags"].decode(), found["width"].decode()
    precision = "" if found["precision"] is None else "." + found["precision"].decode()
    if kind == "c":
        return (f"%{flags}{width}c" % chr(value & 0xFF)).encode("latin-1")
    if kind == "s":
        text: bytes = f"%{flags}{width}{precision}s".encode() % _string(value, read_memory)
        return text
    if kind == "p":
        return (f"%#{flags}{width}x" % (value & 0xFFFF_FFFF)).encode()
    if kind in "eEfFgG":
        number: float = struct.unpack("<d", value.to_bytes(8, "little"))[0]
        return (f"%{flags}{width}{precision}{kind}" % number).encode()
    bits = _BITS.get(found["length"], 32)
    value &= (1 << bits) - 1
    if kind in "di" and value >> (bits - 1):
        value -= 1 << bits
    return (f"%{flags}{width}{precision}{'d' if kind in 'diu' else kind}" % value).encode()


def _string(address: int, read_memory: Callable[[int, int], bytes]) -> bytes:
    """Read up to the zero; what cannot be read ends it."""
    data = b""
    while len(data) < LONGEST_STRING:
        at = (address + len(data)) & 0xFFFF_FFFF
        try:
            piece = read_memory(at, 64 - at % 64)
        except OnchipError:
            return data + b"<unreadable>"
        head, zero, _ = piece.partition(b"\0")
        data += head
        if zero:
            break
    return data[:LONGEST_STRING]
