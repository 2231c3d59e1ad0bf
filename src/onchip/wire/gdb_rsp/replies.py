"""What a stub answers. Each reply encodes to a payload; ``decode`` is for clients and tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from onchip.errors import WireError
from onchip.wire.gdb_rsp.numbers import parse_hex, parse_number

OK: Final = b"OK"
EMPTY: Final = b""
"""The answer to what is not known."""

EFAULT: Final = 0x0E
"""The number in E14's place: ``E0e`` is bad address; GDB prints its own text for any number."""

_UNSAFE = str.maketrans({"#": "no. ", "$": "S", "}": ")", "{": "(", "*": "x", "\n": " ", "\r": " "})


@dataclass(frozen=True, slots=True)
class ErrorNumber:
    """``E nn``: understood by every client; what it means is up to the client."""

    number: int

    def encode(self) -> bytes:
        """Return the payload."""
        return b"E%02x" % self.number

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        if len(payload) != 3 or payload[:1] != b"E":
            raise WireError("an error number is E and two digits")
        return cls(parse_number(payload[1:], "error number"))


@dataclass(frozen=True, slots=True)
class ErrorText:
    """``E.text``: shown to people. Bytes that the framing would escape are said otherwise."""

    text: str

    def encode(self) -> bytes:
        """Return the payload; clients do not undo escapes here, so none may be needed."""
        return b"E." + self.text.translate(_UNSAFE).encode("ascii", "replace")

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        if payload[:2] != b"E.":
            raise WireError("an error text begins with E.")
        return cls(payload[2:].decode("ascii", "replace"))


@dataclass(frozen=True, slots=True)
class StopReply:
    """``T signal name:value;...``: the target stands still.

    ``pairs`` keeps the order: ``("thread", "1")``, ``("watch", "20000010")``, ``("0f", "...")``.
    """

    signal: int
    pairs: tuple[tuple[str, str], ...] = ()

    def encode(self) -> bytes:
        """Return the payload."""
        pairs = "".join(f"{name}:{value};" for name, value in self.pairs)
        return b"T%02x" % self.signal + pairs.encode("ascii")

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        if payload[:1] not in (b"T", b"S") or len(payload) < 3:
            raise WireError("a stop reply begins with T and a signal")
        signal = parse_number(payload[1:3], "signal")
        pairs = []
        for part in payload[3:].decode("latin-1").split(";"):
            name, found, value = part.partition(":")
            if part and not found:
                raise WireError(f"'{part[:16]}' in a stop reply is not name:value")
            if part:
                pairs.append((name, value))
        return cls(signal, tuple(pairs))

    def get(self, name: str) -> str | None:
        """Return the value of the first pair called ``name``."""
        return next((value for key, value in self.pairs if key == name), None)


@dataclass(frozen=True, slots=True)
class Exited:
    """``W code`` or ``W code;process:pid``: the program is over."""

    code: int
    process: int | None = None

    def encode(self) -> bytes:
        """Return the payload."""
        text = b"W%02x" % (self.code & 0xFF)
        return text if self.process is None else text + b";process:%x" % self.process

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        if payload[:1] != b"W":
            raise WireError("an exit begins with W")
        code, found, process = payload[1:].partition(b";process:")
        number = parse_number(process, "process") if found else None
        return cls(parse_number(code, "exit code"), number)


@dataclass(frozen=True, slots=True)
class ConsoleOutput:
    """``O hex``: text for the client's terminal, while the target runs or a command does."""

    data: bytes

    def encode(self) -> bytes:
        """Return the payload."""
        return b"O" + self.data.hex().encode()

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        if payload[:1] != b"O":
            raise WireError("console output begins with O")
        return cls(parse_hex(payload[1:], "output"))


@dataclass(frozen=True, slots=True)
class AskSymbol:
    """``qSymbol:name``: where is it? The client answers with a request of the same name."""

    name: str

    def encode(self) -> bytes:
        """Return the payload."""
        return b"qSymbol:" + self.name.encode().hex().encode()

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        if not payload.startswith(b"qSymbol:"):
            raise WireError("a question for a symbol begins with qSymbol:")
        return cls(parse_hex(payload[8:], "name").decode("utf-8", "replace"))


def encode_object_part(document: bytes, offset: int, length: int) -> bytes:
    """Return the answer to qXfer read: ``m`` and a piece, ``l`` and the last one."""
    part = document[offset : offset + length]
    last = offset + length >= len(document)
    return (b"l" if last else b"m") + part
