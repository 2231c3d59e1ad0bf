"""What LLDB asks beyond GDB's protocol, and is worth an answer: ``qMemoryRegionInfo`` and so on.

Source: LLDB's lldb-gdb-remote.txt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from onchip.wire.gdb_rsp.numbers import parse_number


@dataclass(frozen=True, slots=True)
class DescribeRegion:
    """``qMemoryRegionInfo:address``: what memory is there."""

    address: int

    def encode(self) -> bytes:
        """Return the payload."""
        return b"qMemoryRegionInfo:%x" % self.address

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        return cls(parse_number(payload.removeprefix(b"qMemoryRegionInfo:"), "address"))


@dataclass(frozen=True, slots=True)
class Region:
    """The answer: a range, ``permissions`` (``rwx``, less of it), its name."""

    start: int
    size: int
    permissions: str
    name: str = ""

    def encode(self) -> bytes:
        """Return the payload."""
        text = f"start:{self.start:x};size:{self.size:x};permissions:{self.permissions};"
        if self.name:
            text += f"name:{self.name.encode().hex()};"
        return text.encode("ascii")


@dataclass(frozen=True, slots=True)
class CountWatchpoints:
    """``qWatchpointSupportInfo:``: how many watchpoints there are; answered ``num:4;``."""

    def encode(self) -> bytes:
        """Return the payload."""
        return b"qWatchpointSupportInfo:"

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload."""
        return cls()


LldbRequest = DescribeRegion | CountWatchpoints
