"""How breakpoints get into the chip and out of it: what each is made of, and when that changes.

A breakpoint takes a comparator, an opcode in RAM, or an opcode in flash, and may move from flash to
a comparator and back. Who wants one is told by its place; nothing here asks why.
"""

from __future__ import annotations

from collections.abc import Collection

from ..coresight import MemAp
from ..dap import Batch, Transfers
from ..errors import BreakpointError
from .comparators import Comparators
from .flash_breakpoints import FlashBreakpoints
from .opcodes import Opcodes
from .owners import tally
from .places import Breakpoint, BreakpointKind, Place, Places


class Arming:
    """The breakpoints of one core as they stand in the chip."""

    def __init__(
        self,
        ap: MemAp,
        places: Places,
        comparators: Comparators,
        opcodes: Opcodes,
        flash: FlashBreakpoints,
    ) -> None:
        self._ap = ap
        self._places = places
        self._comparators = comparators
        self._opcodes = opcodes
        self._flash = flash

    def arm(self, address: int, kind: BreakpointKind) -> Place:
        """Make a breakpoint; AUTO takes a comparator, or flash when they have run out.

        One in flash is programmed when flash is settled.

        Raises:
            BreakpointError: it cannot be made so.
            TransferError: the debug hardware did not answer.
        """
        movable = kind is BreakpointKind.AUTO
        if kind is BreakpointKind.SOFTWARE:
            self._opcodes.plant(address)
        elif kind is BreakpointKind.FLASH:
            self._flash.check(address)
        elif self._refuse_hardware(address, instead=movable):
            kind = BreakpointKind.FLASH
        else:
            self._comparators.arm(address)
            kind = BreakpointKind.HARDWARE
        return self._places.add(Breakpoint(address, kind), movable=movable)

    def _refuse_hardware(self, address: int, *, instead: bool) -> bool:
        """Return whether flash has to hold the breakpoint, ``instead`` of a comparator.

        Raises:
            BreakpointError: neither can.
        """
        fpb = self._comparators.fpb
        reason, hint = fpb.unreachable(address), None
        if reason is None:
            fpb.look_around()
            if not fpb.has_room(address):
                self.settle_comparators()
            if fpb.has_room(address):
                return False
            held = tally(place.holders for place in self._places.made(BreakpointKind.HARDWARE))
            reason = f"all {fpb.count} comparators are in use, {held}"
            hint = "remove one first"
        if instead:
            refusal = self._flash.refusal(address)
            if refusal is None:
                return True
            reason += f"; and none in flash: {refusal[0]}"
            hint = "; or ".join(filter(None, (hint, refusal[1])))
        raise BreakpointError(f"no hardware breakpoint at {address:#010x}: {reason}", hint=hint)

    # ---- bringing the chip to what is wanted

    def settle_comparators(self) -> None:
        """Take comparators and opcodes in RAM back that nobody wants any more, in one batch.

        Raises:
            TransferError: the debug hardware did not answer.
        """
        gone = [place for place in self._places if not place.holders]
        lifted = [place.address for place in gone if place.kind is not BreakpointKind.FLASH]
        if lifted:
            batch = self._ap.batch()
            self.queue_lift(batch, *lifted)
            batch.run()
        for place in gone:
            if place.kind is BreakpointKind.FLASH and self._flash.placed(place.address):
                continue  # until flash is settled
            self._places.drop(place.address)
            if place.kind is BreakpointKind.HARDWARE:
                self._comparators.release(place.address)
            elif place.kind is BreakpointKind.SOFTWARE:
                self._opcodes.forget(place.address)

    @property
    def unsettled_flash(self) -> bool:
        """Return whether flash has to be programmed before the core may run."""
        return self._flash.changes(self._in_flash())

    def settle_flash(self) -> None:
        """Program what is wanted in flash, and put back what is not; the core has to be halted.

        Those that stopped the core last have the comparators, since each time the core leaves one
        in flash, flash is programmed.

        Raises:
            FlashError: not all of it was programmed.
            TransferError, ProbeError, TargetError: the way to the target broke.
        """
        for address in sorted(self._in_flash(), key=lambda a: -self._places[a].hit):
            if not self._flash.placed(address):
                self.prefer_comparator(address)
        self._flash.apply(self._in_flash())
        self._drop_unplaced()

    def prefer_comparator(self, address: int) -> bool:
        """Move the breakpoint at ``address`` from flash to a comparator, and say whether it went.

        One that was asked for in flash stays there. If no comparator is free, a breakpoint that has
        not stopped the core for longer goes to flash instead. Flash itself follows when it is
        settled.

        Raises:
            TransferError: the debug hardware did not answer.
        """
        place = self._places[address]
        if not place.movable:
            return False
        self._comparators.fpb.look_around()
        if not self._comparators.has_room(address):
            self._move_to_flash(address, before=place.hit)
        if not self._comparators.has_room(address):
            return False
        self._comparators.arm(address)
        place.move(BreakpointKind.HARDWARE)
        return True

    def _move_to_flash(self, address: int, *, before: int) -> None:
        """Free a comparator for ``address``, of what was hit ``before`` that; or do nothing."""
        older = [
            place
            for place in self._places.made(BreakpointKind.HARDWARE)
            if place.movable and place.hit < before
        ]
        for place in sorted(older, key=lambda place: (place.hit, place.address)):
            if self._flash.refusal(place.address) is not None:
                continue
            batch = self._ap.batch()
            self.queue_lift(batch, place.address)
            batch.run()
            self._comparators.release(place.address)
            place.move(BreakpointKind.FLASH)
            if self._comparators.has_room(address):
                return

    def leave_flash(self) -> None:
        """Put all flash back as the program's file has it, until the core is about to run again.

        Raises:
            FlashError, TransferError, ProbeError, TargetError: as :meth:`settle_flash`.
        """
        self._flash.apply(())
        self._drop_unplaced()

    def lift_flash(self, address: int) -> None:
        """Put back the instruction at ``address``, so that it can be executed.

        Raises:
            FlashError, TransferError, ProbeError, TargetError: as :meth:`settle_flash`.
        """
        self._flash.apply(set(self._opcodes.in_flash) - {address})

    def wants_flash_at(self, address: int) -> bool:
        """Return whether the breakpoint at ``address`` will stand in flash when the core runs."""
        place = self._places.get(address)
        return place is not None and place.kind is BreakpointKind.FLASH and bool(place.holders)

    def _in_flash(self) -> list[int]:
        return [place.address for place in self._places.made(BreakpointKind.FLASH) if place.holders]

    def _drop_unplaced(self) -> None:
        for place in self._places.made(BreakpointKind.FLASH):
            if not place.holders:
                self._places.drop(place.address)

    # ---- for run control: out of the way for one instruction, and back

    def queue_lift(self, batch: Batch, *addresses: int) -> None:
        """Queue: take breakpoints off the hardware, but keep them in mind."""
        batch.add(lambda t: self._emit(t, addresses, lifted=True))

    def queue_place(self, batch: Batch, *addresses: int) -> None:
        """Queue: put breakpoints back."""
        batch.add(lambda t: self._emit(t, addresses, lifted=False))

    def _emit(self, t: Transfers, addresses: Collection[int], *, lifted: bool) -> None:
        t.barrier()
        hardware = [a for a in addresses if self._places[a].kind is BreakpointKind.HARDWARE]
        self._comparators.emit(t, hardware, lifted=lifted)
        for address in addresses:
            if address not in hardware:
                self._opcodes.emit(t, address, lifted=lifted)

    def queue_disarm(self, batch: Batch) -> None:
        """Queue: make the comparators match nothing, until `queue_rearm`."""
        batch.add(self._comparators.fpb.emit_disable)

    def queue_rearm(self, batch: Batch) -> None:
        """Queue: write the comparators anew after a reset that may have cleared them."""
        batch.add(self._comparators.fpb.emit_all)
