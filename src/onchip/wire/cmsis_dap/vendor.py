"""The vendor range 0x80 to 0x9F, and commands that nobody has.

What a vendor's command holds is the vendor's business: here it is bytes, up to the packet's end. So
its length cannot be known within DAP_ExecuteCommands, and it may not stand there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ...errors import WireError
from .ids import VENDOR_FIRST, VENDOR_LAST
from .packet import Command, Reader, Response, check


@dataclass(frozen=True, slots=True)
class VendorResponse(Response):
    """The response to a vendor's command, with whatever padding the transport added."""

    command: int
    data: bytes = b""

    def encode(self) -> bytes:
        """Return the packet. Raises WireError if the command is not a vendor's."""
        return bytes((check(self.command, VENDOR_FIRST, VENDOR_LAST, "command"),)) + self.data


@dataclass(frozen=True, slots=True)
class Vendor(Command[VendorResponse]):
    """A vendor's command: a byte from 0x80 to 0x9F, then anything."""

    command: int
    data: bytes = b""

    @property
    def code(self) -> int:
        """Return the command byte."""
        return self.command

    def encode_fields(self) -> bytes:
        """Return the data. Raises WireError if the command is not a vendor's."""
        check(self.command, VENDOR_FIRST, VENDOR_LAST, "command")
        return self.data

    @classmethod
    def decode(cls, packet: bytes) -> Self:
        """Read a request packet. Raises WireError if it is empty or not a vendor's."""
        reader = Reader(packet)
        code = check(reader.u8("the command byte"), VENDOR_FIRST, VENDOR_LAST, "command")
        return cls(code, reader.rest())

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Refuse: the bytes do not tell where a vendor's command ends. Raises WireError."""
        raise WireError("a vendor's command has no known length: use Vendor.decode")

    def read_response(self, reader: Reader) -> VendorResponse:
        """Consume all that is left."""
        return VendorResponse(self.command, reader.rest())
