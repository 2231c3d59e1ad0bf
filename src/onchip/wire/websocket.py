"""WebSocket, the client's end (RFC 6455): the opening handshake and frames, no I/O.

::

    | FIN RSV opcode | MASK length7 | length u16 or u64 if 126, 127 | mask u32 | payload |

Numbers are big-endian. A client masks what it sends; a server does not. A message may come in
several frames, with control frames (ping, pong, close) between them. `Decoder` is incremental and
returns whole messages.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Final
from urllib.parse import SplitResult, urlsplit

from ..errors import WireError

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FIN, _MASKED = 0x80, 0x80
_LONGEST_HEAD = 16 << 10
_LONGEST_MESSAGE = 16 << 20


class Opcode(IntEnum):
    """What a frame holds."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message, or a control frame."""

    opcode: Opcode
    payload: bytes


def parse_url(url: str) -> SplitResult:
    """Return the parts of a ``ws://`` or ``wss://`` URL; ``port`` is None for the scheme's own.

    Raises:
        WireError: it is none.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise WireError(f"{url!r} is no URL: {error}") from None
    if parts.scheme not in ("ws", "wss") or not parts.hostname or port == 0:
        raise WireError(f"{url!r} is no WebSocket URL; the form is ws://HOST:PORT/PATH")
    return parts


def opening_request(url: str, nonce: bytes) -> bytes:
    """Return the client's side of the opening handshake; ``nonce`` are 16 random bytes.

    Raises:
        WireError: the URL is no WebSocket's.
    """
    parts = parse_url(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc.rpartition("@")[2]
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(nonce).decode()}",
        "Sec-WebSocket-Version: 13",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii", "replace")


def check_opening(response: bytes, nonce: bytes) -> bytes | None:
    """Judge the server's answer so far: None while it is not whole, else what came behind it.

    Raises:
        WireError: the server refuses, or is no WebSocket server.
    """
    head, end, rest = response.partition(b"\r\n\r\n")
    if not end:
        if len(response) > _LONGEST_HEAD:
            raise WireError("the answer to the WebSocket handshake does not end")
        return None
    status, *lines = head.decode("latin-1").split("\r\n")
    if status.split(" ")[1:2] != ["101"]:
        raise WireError(f"the WebSocket server answers {status[:80]!r}")
    fields = {name.strip().lower(): value.strip() for name, _, value in (
        line.partition(":") for line in lines)}  # fmt: skip
    digest = hashlib.sha1(base64.b64encode(nonce) + _GUID, usedforsecurity=False).digest()
    if fields.get("sec-websocket-accept") != base64.b64encode(digest).decode():
        raise WireError("what answers is no WebSocket server: Sec-WebSocket-Accept is wrong")
    return rest


def encode_frame(opcode: Opcode, payload: bytes, mask: bytes | None) -> bytes:
    """Return one frame; a client gives a ``mask`` of four random bytes, a server None."""
    length = len(payload)
    bit = 0 if mask is None else _MASKED
    if length < 126:
        head = bytes((_FIN | opcode, bit | length))
    elif length < 1 << 16:
        head = bytes((_FIN | opcode, bit | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((_FIN | opcode, bit | 127)) + length.to_bytes(8, "big")
    return head + payload if mask is None else head + mask + _masked(payload, mask)


def _masked(payload: bytes, mask: bytes) -> bytes:
    key = (mask * (len(payload) // 4 + 1))[: len(payload)]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return mixed.to_bytes(len(payload), "big")


class Decoder:
    """Turns a stream of bytes into messages."""

    def __init__(self, data: bytes = b"") -> None:
        self._buffer = bytearray(data)
        self._parts: list[bytes] = []
        self._opcode: Opcode | None = None

    def feed(self, data: bytes = b"") -> list[Message]:
        """Add bytes, and return the messages that are now whole.

        Raises:
            WireError: the stream breaks the protocol, and cannot be followed any further.
        """
        self._buffer += data
        messages = []
        while (frame := self._frame()) is not None:
            opcode, payload, last = frame
            message = self._join(opcode, payload, last=last)
            if message is not None:
                messages.append(message)
        return messages

    def _frame(self) -> tuple[Opcode, bytes, bool] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        short, extra = buffer[1] & 0x7F, {126: 2, 127: 8}.get(buffer[1] & 0x7F, 0)
        start = 2 + extra
        length = int.from_bytes(buffer[2:start], "big") if extra else short
        mask_at, start = start, start + (4 if buffer[1] & _MASKED else 0)
        if buffer[0] & 0x70 or buffer[0] & 0x0F not in list(Opcode):
            raise WireError(f"a WebSocket frame begins with {buffer[0]:#04x}")
        if len(buffer) < 2 + extra:
            return None
        if length > _LONGEST_MESSAGE:
            raise WireError(f"a WebSocket frame of {length} bytes")
        if len(buffer) < start + length:
            return None
        payload = bytes(buffer[start : start + length])
        if start > mask_at:
            payload = _masked(payload, bytes(buffer[mask_at:start]))
        frame = Opcode(buffer[0] & 0x0F), payload, bool(buffer[0] & _FIN)
        del buffer[: start + length]
        return frame

    def _join(self, opcode: Opcode, payload: bytes, *, last: bool) -> Message | None:
        if opcode >= Opcode.CLOSE:
            if not last or len(payload) > 125:
                raise WireError("a WebSocket control frame that is too long, or cut in pieces")
            return Message(opcode, payload)
        if (opcode is Opcode.CONTINUATION) != (self._opcode is not None):
            raise WireError("a WebSocket message begins within another, or goes on without one")
        self._opcode = self._opcode or opcode
        self._parts.append(payload)
        if sum(map(len, self._parts)) > _LONGEST_MESSAGE:
            raise WireError("a WebSocket message that does not end")
        if not last:
            return None
        message = Message(self._opcode, b"".join(self._parts))
        self._parts, self._opcode = [], None
        return message
