"""SWD commands: protocol configuration, and sequences that drive SWDIO or listen to it.

::

    DAP_SWD_Configure  > | 0x13 | config |         [1:0] turnaround - 1, [2] always a data phase
    DAP_SWD_Sequence   > | 0x1D | n | n x ( info | output bits if info[7] = 0 ) |
                       < | 0x1D | status | captured bits of each input, from a new byte each |
                                               info: [5:0] clocks, 0 is 64; [7] input
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from .ids import CommandId
from .packet import (
    Command,
    Reader,
    StatusCommand,
    bytes_of_bits,
    check,
    check_bits,
    pack,
)
from .sequences import SequenceResponse, clocks_of, pack_clocks

INPUT: Final = 0x80


@dataclass(frozen=True, slots=True)
class SWD_Configure(StatusCommand):
    """DAP_SWD_Configure: the turnaround of 1 to 4 clocks, and data phases on WAIT and FAULT."""

    ID: ClassVar[CommandId] = CommandId.SWD_Configure
    turnaround: int = 1
    data_phase: bool = False

    def encode_fields(self) -> bytes:
        """Return the configuration byte. Raises WireError if the turnaround does not fit."""
        turnaround = check(self.turnaround, 1, 4, "turnaround")
        return bytes((turnaround - 1 | self.data_phase << 2,))

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume the configuration byte."""
        value = reader.u8("configuration")
        return cls((value & 3) + 1, bool(value & 4))


@dataclass(frozen=True, slots=True)
class SwdStep:
    """One sequence of 1 to 64 clocks: ``data`` is driven; None: SWDIO floats and is captured."""

    count: int
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class SWD_SequenceResponse(SequenceResponse):
    """A status, and the bits of each capturing step, in order."""

    ID: ClassVar[CommandId] = CommandId.SWD_Sequence


@dataclass(frozen=True, slots=True)
class SWD_Sequence(Command[SWD_SequenceResponse]):
    """DAP_SWD_Sequence: up to 255 steps."""

    ID: ClassVar[CommandId] = CommandId.SWD_Sequence
    steps: tuple[SwdStep, ...]

    def encode_fields(self) -> bytes:
        """Return the steps. Raises WireError if one contradicts itself."""
        out = bytearray(pack(len(self.steps), 1, "sequence count"))
        for step in self.steps:
            info = pack_clocks(step.count)
            if step.data is None:
                out.append(info | INPUT)
            else:
                out.append(info)
                out += check_bits(step.data, step.count, "SWDIO data")
        return bytes(out)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume the steps."""
        steps = []
        for _ in range(reader.u8("sequence count")):
            info = reader.u8("sequence info")
            count = clocks_of(info)
            data = None if info & INPUT else reader.take(bytes_of_bits(count), "SWDIO data")
            steps.append(SwdStep(count, data))
        return cls(tuple(steps))

    def read_response(self, reader: Reader) -> SWD_SequenceResponse:
        """Consume status and captured bits; a probe that failed leaves the bits out."""
        counts = [step.count for step in self.steps if step.data is None]
        return SWD_SequenceResponse.read(reader, counts, "captured SWDIO data")
