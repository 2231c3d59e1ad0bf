"""One call of a function on the target, as a record in the driver's ring.

0  function     4  next      what `algorithms/driver.S` says of them
8  r0 .. r3    24  expected
32  payload                   (24 if the record programs pages, which expects 0 of each)
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from onchip.errors import AlgorithmError, EraseError, FlashError, ProgramError, VerifyError

_THUMB = 1
_HEADER = struct.Struct("<8I")
_PAGES_HEADER = struct.Struct("<6I")
HEADER_LENGTH = _HEADER.size


@dataclass(frozen=True, slots=True)
class Command:
    """One call, or with ``pages`` as many as ``data`` has pages.

    ``function`` is an address, ``timeout_s`` bounds each single call. ``data`` travels with the
    record; ``room`` bytes behind it are left for answers. ``places`` names arguments that point
    into the payload: pairs of an argument's index and an offset. ``name`` and ``address`` are for
    messages, ``calls`` how many there are, ``progress`` how many bytes of the job they are.
    """

    function: int
    arguments: tuple[int, ...]
    name: str
    address: int | None = None
    expected: int = 0
    timeout_s: float = 1.0
    data: bytes = b""
    room: int = 0
    places: tuple[tuple[int, int], ...] = ()
    pages: bool = False
    calls: int = 1
    progress: int = 0

    @property
    def header_length(self) -> int:
        """Bytes before the payload."""
        return _PAGES_HEADER.size if self.pages else HEADER_LENGTH

    @property
    def length(self) -> int:
        """Bytes of the record, a multiple of eight."""
        return self.header_length + len(self.data) + self.room + 7 & ~7

    def encode(self, address: int, following: int) -> bytes:
        """Return the record for its place at ``address``; the next one is at ``following``."""
        arguments = [*self.arguments, 0, 0, 0, 0][:4]
        payload = address + self.header_length
        for index, offset in self.places:
            arguments[index] = payload + offset
        data = self.data + bytes(-len(self.data) % 4)
        if self.pages:
            return _PAGES_HEADER.pack(self.function & ~_THUMB, following, *arguments) + data
        head = _HEADER.pack(self.function | _THUMB, following, *arguments, self.expected, 0)
        return head + data

    def elsewhere(self, arguments: tuple[int, ...]) -> Command:
        """Return the same call with data that are in RAM already."""
        return replace(self, arguments=arguments, data=b"", places=())

    def __str__(self) -> str:
        return self.at(self.address)

    def at(self, address: int | None) -> str:
        """Name the call, and where it was."""
        return self.name if address is None else f"{self.name} at {hex32(address)}"


def hex32(value: int) -> str:
    """Format an address for people: ``0x0800_4000``."""
    return f"0x{value >> 16:04X}_{value & 0xFFFF:04X}"


_FAILURES: dict[str, type[FlashError]] = {
    "EraseSector": EraseError,
    "EraseChip": EraseError,
    "ProgramPage": ProgramError,
}


def failure(command: Command, at: int | None, result: int) -> FlashError:
    """Return the error for a call that did not return what it had to."""
    if command.name == "Verify":  # which returns where it found a difference
        return VerifyError(
            f"{hex32(result)} holds something else, says the algorithm's Verify", address=result
        )
    kind = _FAILURES.get(command.name, AlgorithmError)
    return kind(f"{command.at(at)} failed: it returned {result} (0x{result:X})", address=at)
