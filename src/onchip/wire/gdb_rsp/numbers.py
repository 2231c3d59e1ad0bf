"""Numbers, byte strings and thread ids as the protocol writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from onchip.errors import WireError

_NUMBER = re.compile(rb"[0-9a-fA-F]{1,16}")
ALL: Final = -1
ANY: Final = 0


def parse_number(text: bytes, what: str) -> int:
    """Return an unsigned hex number of at most 64 bits.

    Raises:
        WireError: it is none; the text names ``what``.
    """
    if not _NUMBER.fullmatch(text):
        raise WireError(f"{what} {_show(text)} is not a hex number")
    return int(text, 16)


def parse_pair(text: bytes, first: str, second: str, separator: bytes = b",") -> tuple[int, int]:
    """Return two hex numbers with ``separator`` between them.

    Raises:
        WireError: they are not two numbers.
    """
    left, found, right = text.partition(separator)
    if not found:
        raise WireError(f"{_show(text)} is not {first}{separator.decode()}{second}")
    return parse_number(left, first), parse_number(right, second)


def parse_hex(text: bytes, what: str) -> bytes:
    """Return the bytes that pairs of hex digits stand for.

    Raises:
        WireError: an odd count, or not hex.
    """
    try:
        if text.strip() != text or b" " in text:  # fromhex would pass over blanks
            raise ValueError
        return bytes.fromhex(text.decode("ascii"))
    except ValueError:
        raise WireError(f"{what} {_show(text)} is not pairs of hex digits") from None


def _show(text: bytes) -> str:
    shown = text[:24].decode("ascii", "backslashreplace")
    return f"'{shown}...'" if len(text) > 24 else f"'{shown}'"


@dataclass(frozen=True, slots=True)
class ThreadId:
    """A thread: ``thread`` and, with multiprocess extensions, ``process``; ALL is -1, ANY is 0."""

    thread: int
    process: int | None = None

    def encode(self) -> bytes:
        """Return ``1``, ``-1`` or ``p1.1``."""
        if self.process is None:
            return _encode_signed(self.thread)
        return b"p%b.%b" % (_encode_signed(self.process), _encode_signed(self.thread))

    @classmethod
    def decode(cls, text: bytes) -> ThreadId:
        """Parse a thread id.

        Raises:
            WireError: it is none.
        """
        if not text.startswith(b"p"):
            return cls(_parse_signed(text))
        process, dot, thread = text[1:].partition(b".")
        return cls(_parse_signed(thread) if dot else ALL, _parse_signed(process))


def _encode_signed(value: int) -> bytes:
    return b"-1" if value == ALL else b"%x" % value


def _parse_signed(text: bytes) -> int:
    return ALL if text == b"-1" else parse_number(text, "thread id")
