"""CMSIS-DAP over TCP, in the framing that OpenOCD's ``cmsis-dap backend tcp`` speaks.

::

    | signature u32 | payload length u16 | kind u8 | dialect u8 | payload ... |      little-endian

The signature 0x0050_4144 reads "DAP\\0" on the wire; kind is 1 for a request, 2 for a response. The
decoder is incremental: bytes go in as the socket gives them, whole frames come out.

The other kinds are ours. A server of onchip that will not serve a client says why in a refusal
before it hangs up; to others that is the end of the stream a little earlier. A client that was
given a token shows it before its first request. The dialect is 0 for everybody else, who take it
for a reserved byte; a client that says 1 is told when it has company at the probe, and may then ask
for turns: nobody comes between the TURN that the server returns and the client's DONE.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Final

from ..errors import WireError

SIGNATURE: Final = 0x0050_4144
DEFAULT_PORT: Final = 4441
MAX_PAYLOAD: Final = 1024
HEADER: Final = Struct("<IHBB")


class Kind(IntEnum):
    """What a frame holds."""

    REQUEST = 1
    RESPONSE = 2
    TOKEN = 0x80
    """From the client: the token, as text."""
    REFUSAL = 0x81
    """From the server: a `Reason` and a text for people."""
    TURN = 0x82
    """From the client: it wants the probe to itself. From the server: it has it now."""
    DONE = 0x83
    """From the client: its turn is over."""
    COMPANY = 0x84
    """From the server: how many others use the probe now, and 1 if they have driven the core since
    the last such frame, else 0; a byte each."""


DIALECT: Final = 1
"""What a client of ours puts into its frames."""


class Reason(IntEnum):
    """Why a server refuses: the first byte of a refusal."""

    BUSY = 1
    DENIED = 2


@dataclass(frozen=True, slots=True)
class Frame:
    """One CMSIS-DAP packet and its direction, a ``Kind``."""

    kind: int
    payload: bytes
    dialect: int = 0


_KINDS: Final = frozenset(Kind)


def encode_refusal(reason: Reason, text: str) -> bytes:
    """Return the frame with which a server turns a client away. A long text is cut."""
    return encode(Kind.REFUSAL, bytes((reason,)) + text.encode()[: MAX_PAYLOAD - 1])


def decode_refusal(payload: bytes) -> tuple[Reason, str]:
    """Return the reason and the text of a refusal; a reason of tomorrow counts as busy."""
    denied = payload[:1] == bytes((Reason.DENIED,))
    return Reason.DENIED if denied else Reason.BUSY, payload[1:].decode("utf-8", "replace")


def encode(kind: int, payload: bytes = b"", dialect: int = 0) -> bytes:
    """Return the frame around one packet.

    Raises:
        WireError: the packet is longer than ``MAX_PAYLOAD``, or no such kind.
    """
    if len(payload) > MAX_PAYLOAD:
        raise WireError(f"a packet of {len(payload)} bytes; the framing carries {MAX_PAYLOAD}")
    if kind not in _KINDS:
        raise WireError(f"a frame is a request (1) or a response (2), not {kind}")
    return HEADER.pack(SIGNATURE, len(payload), kind, dialect) + payload


class Decoder:
    """Turn a stream of bytes into frames."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Return how many bytes of an unfinished frame wait for the rest."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """Add bytes of the stream and return the frames that are now whole.

        Raises:
            WireError: the stream is not of this framing. It cannot be followed any further: the
                connection is to be closed.
        """
        self._buffer += data
        frames = []
        start = 0
        while len(self._buffer) - start >= HEADER.size:
            signature, length, kind, dialect = HEADER.unpack_from(self._buffer, start)
            if signature != SIGNATURE:
                raise WireError(f"signature {signature:#010x} where {SIGNATURE:#010x} was to be")
            if kind not in _KINDS:
                raise WireError(f"a frame of kind {kind}")
            if length > MAX_PAYLOAD:
                raise WireError(f"a frame of {length} bytes; the most is {MAX_PAYLOAD}")
            end = start + HEADER.size + length
            if len(self._buffer) < end:
                break
            frames.append(Frame(kind, bytes(self._buffer[start + HEADER.size : end]), dialect))
            start = end
        del self._buffer[:start]
        return frames
