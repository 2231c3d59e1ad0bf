"""What can go wrong in a flash memory, for every controller in the same words."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class FlashFaultKind(Enum):
    """A way for a flash operation to fail."""

    STUCK_BUSY = "stuck-busy"
    """The operation never ends; only a reset clears it."""
    ERASE_FAILS = "erase-fails"
    """The controller ends the erase with an error, or silently where it has no error flag."""
    PROGRAM_FAILS = "program-fails"
    """The controller ends the write with an error, or silently where it has no error flag."""
    STUCK_BIT = "stuck-bit"
    """``bits`` of the word at ``address`` do not flip when programmed: no flag shows it."""
    WRITE_PROTECTED = "write-protected"
    """The controller refuses as if the sector were protected."""
    TIMEOUT = "timeout"
    """The operation takes a hundred times its time."""


@dataclass(slots=True)
class FlashFault:
    """One planned failure.

    ``address`` is the absolute address that an operation must touch, None for any. ``count`` is how
    many operations fail before the fault is used up, None for all. ``bits`` serves STUCK_BIT.
    """

    kind: FlashFaultKind
    address: int | None = None
    count: int | None = 1
    bits: int = 1


@dataclass(slots=True)
class FlashFaults:
    """The planned failures of one chip's flash controllers."""

    plan: list[FlashFault] = field(default_factory=list)

    def add(self, fault: FlashFault) -> None:
        """Plan a failure."""
        self.plan.append(fault)

    def clear(self) -> None:
        """Forget all that was planned."""
        self.plan.clear()

    def take(self, kind: FlashFaultKind, address: int, length: int) -> FlashFault | None:
        """Return and use up the fault of ``kind`` that hits ``[address, address + length)``."""
        for fault in self.plan:
            if fault.kind is not kind:
                continue
            if fault.address is not None and not address <= fault.address < address + length:
                continue
            if fault.count is not None:
                fault.count -= 1
                if fault.count == 0:
                    self.plan.remove(fault)
            return fault
        return None

    def stuck_bits(self, address: int, length: int) -> list[FlashFault]:
        """Return the STUCK_BIT faults in ``[address, address + length)``; they never wear off."""
        return [
            fault
            for fault in self.plan
            if fault.kind is FlashFaultKind.STUCK_BIT
            and (fault.address is None or address - 3 <= fault.address < address + length)
        ]
