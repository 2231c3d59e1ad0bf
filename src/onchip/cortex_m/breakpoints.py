"""Breakpoints: hardware comparators for code that cannot be written, BKPT opcodes for RAM.

There is one manager to a core, whoever sets breakpoints: GDB, a script, a service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from ..coresight import MemAp
from ..coresight.fpb import Fpb
from ..dap import Batch, Transfers
from ..errors import BreakpointError, TransferFault, UsageError

BKPT = b"\x00\xbe"  # BKPT #0
_SEMIHOSTING = b"\xab\xbe"
_ICIALLU = 0xE000_EF50  # ARMv7-M B3.2: instruction cache, invalidate all


class BreakpointKind(Enum):
    """How a breakpoint is made."""

    AUTO = "auto"
    HARDWARE = "hardware"
    SOFTWARE = "software"


@dataclass(frozen=True, slots=True)
class Breakpoint:
    """A breakpoint that is set; ``kind`` is HARDWARE or SOFTWARE, never AUTO."""

    address: int
    kind: BreakpointKind


def is_ram_by_architecture(address: int) -> bool:
    """Return whether the architecture's address map has RAM there (ARMv7-M B3.1)."""
    return 0x2000_0000 <= address < 0x4000_0000 or 0x6000_0000 <= address < 0xA000_0000


class BreakpointManager:
    """The breakpoints of a core.

    ``is_ram`` tells where AUTO takes a BKPT opcode; a chip's memory map may replace it.
    """

    def __init__(self, ap: MemAp, fpb: Fpb) -> None:
        self.is_ram: Callable[[int], bool] = is_ram_by_architecture
        self.has_instruction_cache = False
        self._ap = ap
        self._fpb = fpb
        self._breakpoints: dict[int, Breakpoint] = {}
        self._originals: dict[int, bytes] = {}  # the halfwords under our BKPT opcodes
        self._under: dict[int, bytes] = {}  # the halfwords at hardware breakpoints, when set

    def __repr__(self) -> str:
        return f"<BreakpointManager: {len(self)} set, {self.available} comparators left>"

    def __iter__(self) -> Iterator[Breakpoint]:
        return iter(list(self._breakpoints.values()))

    def __len__(self) -> int:
        return len(self._breakpoints)

    @property
    def available(self) -> int:
        """Return how many hardware breakpoints are left."""
        return self._fpb.available

    def find(self, address: int) -> Breakpoint | None:
        """Return the breakpoint at ``address``, if one is set there."""
        return self._breakpoints.get(address & ~1)

    def original(self, address: int) -> bytes | None:
        """Return the program's halfword under our BKPT opcode, if one of ours is there."""
        return self._originals.get(address & ~1) or self._under.get(address & ~1)

    # ---- setting and removing

    def set(self, address: int, kind: BreakpointKind = BreakpointKind.AUTO) -> Breakpoint:
        """Set a breakpoint on the instruction at ``address`` (bit 0, the Thumb bit, is dropped).

        AUTO takes a BKPT opcode in RAM and a comparator elsewhere. Where one is already set it is
        returned, whatever its kind.

        Raises:
            UsageError: not an address.
            BreakpointError: no comparator is left or can reach it, or the opcode cannot be written.
            TransferError: the debug hardware did not answer.
        """
        if not 0 <= address < 1 << 32:
            raise UsageError(f"{address:#x} is not an address")
        address &= ~1
        existing = self._breakpoints.get(address)
        if existing is not None:
            return existing
        if kind is BreakpointKind.AUTO:
            software = self.is_ram(address)
            kind = BreakpointKind.SOFTWARE if software else BreakpointKind.HARDWARE
        if kind is BreakpointKind.SOFTWARE:
            self._set_software(address)
        else:
            self._set_hardware(address)
        breakpoint_ = Breakpoint(address, kind)
        self._breakpoints[address] = breakpoint_
        return breakpoint_

    def _set_hardware(self, address: int) -> None:
        number = self._fpb.allocate(address)
        batch = self._ap.batch()

        def emit(t: Transfers) -> None:
            self._fpb.emit_enable(t)
            self._fpb.emit_comparator(t, number)

        batch.add(emit)
        under = self._ap.queue_read(batch, address, 2)
        try:
            batch.run()
            self._under[address] = under.value
        except BaseException as error:
            if isinstance(error, TransferFault) and error.address == address:
                return  # nothing can be read there now, but it may be mapped later
            self._fpb.release(address)
            self._fpb.enabled = False
            raise

    def _set_software(self, address: int) -> None:
        batch = self._ap.batch()
        before = self._ap.queue_read(batch, address, 2)
        self._ap.queue_write(batch, address, BKPT)
        after = self._ap.queue_read(batch, address, 2)
        if self.has_instruction_cache:
            self._ap.queue_write_u32(batch, _ICIALLU, 0)
        try:
            batch.run()
        except TransferFault as error:
            raise BreakpointError(
                f"no software breakpoint at {address:#010x}: {error.message}"
            ) from error
        if after.value != BKPT:
            raise BreakpointError(
                f"no software breakpoint at {address:#010x}: it cannot be written as RAM can",
                hint="use a hardware breakpoint there",
            )
        self._originals[address] = before.value

    def remove(self, address: int) -> None:
        """Remove the breakpoint at ``address``.

        Raises:
            BreakpointError: there is none.
            TransferError: the debug hardware did not answer; the breakpoint then counts as set.
        """
        address &= ~1
        if address not in self._breakpoints:
            raise BreakpointError(f"there is no breakpoint at {address:#010x}")
        self._remove([address])

    def clear(self) -> None:
        """Remove all breakpoints, in one batch.

        Raises:
            TransferError: the debug hardware did not answer.
        """
        if self._breakpoints:
            self._remove(list(self._breakpoints))

    def _remove(self, addresses: list[int]) -> None:
        batch = self._ap.batch()
        for address in addresses:
            self.queue_lift(batch, address)
        batch.run()
        for address in addresses:
            if self._breakpoints.pop(address).kind is BreakpointKind.HARDWARE:
                self._fpb.release(address)
            self._originals.pop(address, None)
            self._under.pop(address, None)

    # ---- for run control: out of the way for one instruction, and back

    def queue_lift(self, batch: Batch, address: int) -> None:
        """Queue: take the breakpoint at ``address`` off the hardware, but keep it in mind."""
        batch.add(lambda t: self._emit(t, address, lifted=True))

    def queue_place(self, batch: Batch, address: int) -> None:
        """Queue: put the breakpoint at ``address`` back."""
        batch.add(lambda t: self._emit(t, address, lifted=False))

    def _emit(self, t: Transfers, address: int, *, lifted: bool) -> None:
        t.barrier()
        if self._breakpoints[address].kind is BreakpointKind.HARDWARE:
            number = self._fpb.number(address)
            self._fpb.emit_comparator(t, number, lifted=address if lifted else None)
            return
        self._ap.emit_write(t, address, self._originals[address] if lifted else BKPT)
        if self.has_instruction_cache:
            self._ap.emit_write_word(t, _ICIALLU, 0)

    def queue_disarm(self, batch: Batch) -> None:
        """Queue: make the comparators match nothing, until `queue_rearm`."""
        batch.add(self._fpb.emit_disable)

    def queue_rearm(self, batch: Batch) -> None:
        """Queue: write the comparators anew after a reset that may have cleared them."""
        batch.add(self._fpb.emit_all)

    # ---- for memory: our opcodes are nobody's business

    @property
    def hides_memory(self) -> bool:
        """Return whether any BKPT opcode of ours stands in memory."""
        return bool(self._originals)

    def originals(self) -> dict[int, bytes]:
        """Return the program's own halfwords as they are now, for :func:`hide`."""
        return dict(self._originals)

    def overlay(self, address: int, data: bytes) -> bytes:
        """Return what to write for ``data``: our opcodes stay, the halfwords under them change."""
        written = bytearray(data)
        for at, original in list(self._originals.items()):
            new = bytearray(original)
            for k in (0, 1):
                offset = at + k - address
                if 0 <= offset < len(written):
                    new[k] = written[offset]
                    written[offset] = BKPT[k]
            self._originals[at] = bytes(new)
        return bytes(written)

    def overlaps(self, address: int, length: int) -> bool:
        """Return whether an opcode of ours lies in that range."""
        return any(address - 2 < at < address + length for at in self._originals)


def hide(originals: dict[int, bytes], address: int, data: bytes) -> bytes:
    """Return ``data``, read at ``address``, with the program's own halfwords in it."""
    shown = bytearray(data)
    for at, original in originals.items():
        for k in (0, 1):
            offset = at + k - address
            if 0 <= offset < len(shown):
                shown[offset] = original[k]
    return bytes(shown)


def is_bkpt(halfword: bytes) -> bool:
    """Return whether that is a BKPT opcode, with any number."""
    return len(halfword) == 2 and halfword[1] == 0xBE


def is_semihosting(halfword: bytes) -> bool:
    """Return whether that is BKPT 0xAB, by which a program calls its debugger."""
    return halfword == _SEMIHOSTING
