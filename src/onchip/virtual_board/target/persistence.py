"""The file in which a board keeps its flash between runs: named parts, one after the other.

The first line is ``onchip flash 1 CHIP``; each part is a line ``part NAME LENGTH`` and its bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from onchip.errors import BoardError
from onchip.virtual_board.bus import Bus, Memory

MAGIC = b"onchip flash 1 "


class Persistent(Protocol):
    """Something that survives a loss of power."""

    def save(self) -> bytes:
        """Return the contents."""
        ...

    def load(self, blob: bytes) -> None:
        """Put contents of the same length back."""
        ...


class PersistentMemory:
    """A non-volatile memory."""

    def __init__(self, memory: Memory, bus: Bus) -> None:
        self._memory = memory
        self._bus = bus

    def save(self) -> bytes:
        """Return the contents."""
        return bytes(self._memory.data)

    def load(self, blob: bytes) -> None:
        """Put contents of the same length back."""
        self._memory.data[:] = blob
        self._bus.code_changed(self._memory.base, self._memory.size)


def pack(chip: str, parts: Mapping[str, bytes]) -> bytes:
    """Return the file's contents."""
    pieces = [MAGIC + chip.encode() + b"\n"]
    for name, content in parts.items():
        pieces += [f"part {name} {len(content)}\n".encode(), content]
    return b"".join(pieces)


def unpack(chip: str, blob: bytes, lengths: Mapping[str, int]) -> dict[str, bytes]:
    """Return the parts of a file that must be of ``chip`` and have parts of ``lengths``.

    Raises:
        BoardError: it is no such file, of another chip, or damaged.
    """
    head, newline, rest = blob.partition(b"\n")
    if not newline or not head.startswith(MAGIC):
        raise BoardError("this is not a flash file of a virtual board")
    written_for = head[len(MAGIC) :].decode("ascii", "replace")
    if written_for != chip:
        raise BoardError(f"the flash file is of {written_for!r}, the board is {chip!r}")
    parts = {}
    for name, length in lengths.items():
        head, _, rest = rest.partition(b"\n")
        if head != f"part {name} {length}".encode() or len(rest) < length:
            raise BoardError(f"the flash file is damaged at its part {name!r}")
        parts[name], rest = rest[:length], rest[length:]
    if rest:
        raise BoardError("the flash file is damaged: there is more in it than the chip has")
    return parts
