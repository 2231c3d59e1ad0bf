"""JTAG commands: sequences, the chain's layout, IDCODE.

::

    DAP_JTAG_Sequence   > | 0x14 | n | n x ( info | TDI bits ) |
                        < | 0x14 | status | TDO bits of each capture, from a new byte each |
                                              info: [5:0] clocks, 0 is 64; [6] TMS; [7] capture TDO
    DAP_JTAG_Configure  > | 0x15 | n | n x IR length |        < | 0x15 | status |
    DAP_JTAG_IDCODE     > | 0x16 | index |                    < | 0x16 | status | idcode u32 |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from .ids import CommandId, Status
from .layout import Field, Fields, FixedCommand
from .packet import (
    Command,
    Reader,
    Response,
    StatusCommand,
    bytes_of_bits,
    check_bits,
    pack,
)
from .sequences import SequenceResponse, clocks_of, pack_clocks

TMS: Final = 0x40
CAPTURE_TDO: Final = 0x80


@dataclass(frozen=True, slots=True)
class JtagStep:
    """One sequence of 1 to 64 clocks: ``tdi`` is driven with TMS held, TDO captured or not."""

    count: int
    tdi: bytes
    tms: bool = False
    capture: bool = False


@dataclass(frozen=True, slots=True)
class JTAG_SequenceResponse(SequenceResponse):
    """A status, and the TDO bits of each capturing step, in order."""

    ID: ClassVar[CommandId] = CommandId.JTAG_Sequence


@dataclass(frozen=True, slots=True)
class JTAG_Sequence(Command[JTAG_SequenceResponse]):
    """DAP_JTAG_Sequence: up to 255 steps."""

    ID: ClassVar[CommandId] = CommandId.JTAG_Sequence
    steps: tuple[JtagStep, ...]

    def encode_fields(self) -> bytes:
        """Return the steps. Raises WireError if one contradicts itself."""
        out = bytearray(pack(len(self.steps), 1, "sequence count"))
        for step in self.steps:
            clocks = pack_clocks(step.count)
            out.append(clocks | (TMS if step.tms else 0) | (CAPTURE_TDO if step.capture else 0))
            out += check_bits(step.tdi, step.count, "TDI data")
        return bytes(out)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume the steps."""
        steps = []
        for _ in range(reader.u8("sequence count")):
            info = reader.u8("sequence info")
            count = clocks_of(info)
            tdi = reader.take(bytes_of_bits(count), "TDI data")
            steps.append(JtagStep(count, tdi, bool(info & TMS), bool(info & CAPTURE_TDO)))
        return cls(tuple(steps))

    def read_response(self, reader: Reader) -> JTAG_SequenceResponse:
        """Consume status and captured bits; a probe that failed leaves the bits out."""
        counts = [step.count for step in self.steps if step.capture]
        return JTAG_SequenceResponse.read(reader, counts, "captured TDO data")


@dataclass(frozen=True, slots=True)
class JTAG_Configure(StatusCommand):
    """DAP_JTAG_Configure: the length in bits of each device's instruction register."""

    ID: ClassVar[CommandId] = CommandId.JTAG_Configure
    ir_lengths: tuple[int, ...]

    def encode_fields(self) -> bytes:
        """Return count and lengths. Raises WireError if one does not fit."""
        lengths = b"".join(pack(length, 1, "IR length") for length in self.ir_lengths)
        return pack(len(self.ir_lengths), 1, "device count") + lengths

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume count and lengths."""
        return cls(tuple(reader.take(reader.u8("device count"), "IR lengths")))


@dataclass(frozen=True, slots=True)
class JTAG_IDCODEResponse(Response):
    """A status and, if it is good, the IDCODE."""

    ID: ClassVar[CommandId] = CommandId.JTAG_IDCODE
    status: int
    idcode: int | None = None

    @property
    def ok(self) -> bool:
        """Return whether the probe did it."""
        return self.status == Status.OK

    def encode(self) -> bytes:
        """Return the packet. Raises WireError if a field does not fit."""
        head = bytes((self.ID,)) + pack(self.status, 1, "status")
        return head if self.idcode is None else head + pack(self.idcode, 4, "idcode")


@dataclass(frozen=True, slots=True)
class JTAG_IDCODE(FixedCommand[JTAG_IDCODEResponse]):
    """DAP_JTAG_IDCODE: read the IDCODE of the device at ``index``, counted from TDO."""

    ID: ClassVar[CommandId] = CommandId.JTAG_IDCODE
    FIELDS: ClassVar[Fields] = (Field("index", 1),)
    index: int

    def read_response(self, reader: Reader) -> JTAG_IDCODEResponse:
        """Consume status and IDCODE; the reference firmware leaves the latter out on failure."""
        status = reader.u8("status")
        if status != Status.OK:
            return JTAG_IDCODEResponse(status)
        return JTAG_IDCODEResponse(status, reader.u32("idcode"))
