"""What JTAG and SWD sequences share: their info byte, and a response of captured bits.

::

    < | code | status | captured bits of each step that captures, from a new byte each |
                                                             info: [5:0] clocks, 0 is 64
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

from .ids import CommandId, Status
from .packet import Reader, Response, bytes_of_bits, check, pack

_CLOCKS = 0x3F


def pack_clocks(count: int) -> int:
    """Return the clocks of an info byte. Raises WireError if they are not 1 to 64."""
    return check(count, 1, 64, "clocks") & _CLOCKS


def clocks_of(info: int) -> int:
    """Return how many clocks an info byte asks for."""
    return info & _CLOCKS or 64


@dataclass(frozen=True, slots=True)
class SequenceResponse(Response):
    """A status, and the bits of each capturing step, in order."""

    ID: ClassVar[CommandId]
    status: int = Status.OK
    captured: tuple[bytes, ...] = ()

    @property
    def ok(self) -> bool:
        """Return whether the probe did it."""
        return self.status == Status.OK

    def encode(self) -> bytes:
        """Return the packet. Raises WireError if the status does not fit."""
        return bytes((self.ID,)) + pack(self.status, 1, "status") + b"".join(self.captured)

    @classmethod
    def read(cls, reader: Reader, counts: Iterable[int], what: str) -> Self:
        """Consume status and captured bits; a probe that failed leaves the bits out.

        ``counts`` are the clocks of each capturing step. Raises WireError if bits are missing.
        """
        status = reader.u8("status")
        if status != Status.OK:
            return cls(status)
        return cls(status, tuple([reader.take(bytes_of_bits(count), what) for count in counts]))
