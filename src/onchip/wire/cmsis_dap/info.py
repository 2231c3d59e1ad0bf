"""DAP_Info: what the probe says of itself.

::

    > | 0x00 | id |
    < | 0x00 | length | length bytes |

A string counts its terminating NUL, so length 0 is "no information" and length 1 the empty string.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from ...errors import WireError
from .ids import Capabilities, CommandId
from .packet import Command, Reader, Response, check, pack


@dataclass(frozen=True, slots=True)
class InfoResponse(Response):
    """The raw bytes of one piece of information, and the ways to read them."""

    ID: ClassVar[CommandId] = CommandId.Info
    data: bytes = b""

    @classmethod
    def of_text(cls, text: str | None) -> Self:
        """Build from a string; None is "no information".

        Raises:
            WireError: the string holds a NUL.
        """
        if text is None:
            return cls()
        if "\0" in text:
            raise WireError(f"a string of DAP_Info cannot hold a NUL: {text!r}")
        return cls(text.encode() + b"\0")

    @classmethod
    def of_number(cls, value: int, length: int) -> Self:
        """Build from a BYTE, SHORT or WORD of ``length`` 1, 2 or 4. Raises WireError."""
        return cls(pack(value, length, "information"))

    @property
    def text(self) -> str | None:
        """Return the string, None if the probe gave none.

        Some firmware forgets the NUL, and some speaks Latin-1: neither is worth failing for.
        """
        if not self.data:
            return None
        return self.data.split(b"\0", 1)[0].decode("utf-8", errors="replace")

    @property
    def number(self) -> int | None:
        """Return the BYTE, SHORT or WORD, None if the probe gave none.

        The specification gives the Test Domain Timer's frequency the length 8, the reference
        firmware 4: what is beyond a WORD is dropped.
        """
        return int.from_bytes(self.data[:4], "little") if self.data else None

    @property
    def capabilities(self) -> Capabilities:
        """Return Info0 and, if it is there, Info1."""
        return Capabilities(int.from_bytes(self.data[:2], "little"))

    def encode(self) -> bytes:
        """Return the packet. Raises WireError if the data is longer than 255 bytes."""
        length = check(len(self.data), 0, 255, "length of the information")
        return bytes((self.ID, length)) + self.data


@dataclass(frozen=True, slots=True)
class Info(Command[InfoResponse]):
    """DAP_Info: ask for one piece of information, an ``InfoId``."""

    ID: ClassVar[CommandId] = CommandId.Info
    info: int

    def encode_fields(self) -> bytes:
        """Return the identifier."""
        return pack(self.info, 1, "info id")

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume the identifier."""
        return cls(reader.u8("info id"))

    def read_response(self, reader: Reader) -> InfoResponse:
        """Consume the length and as many bytes."""
        return InfoResponse(reader.take(reader.u8("length"), "information"))
