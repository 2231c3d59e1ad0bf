"""Breakpoints: comparators for code that cannot be written, BKPT opcodes for RAM, and for flash.

There is one manager to a core, whoever sets breakpoints: GDB, a script, a service. Each is an
owner; what several want at one address is one breakpoint, which goes when the last has let go of
it. What is only let go of stays in the chip until the core runs on, because it is often wanted
again by then (ADR 0006).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from ..coresight import MemAp
from ..coresight.fpb import Fpb
from ..dap import Batch, Transfers
from ..errors import BreakpointError, UsageError
from .comparators import Comparators
from .flash_breakpoints import FlashBreakpoints
from .opcodes import Opcodes
from .owners import PYTHON, Condition, Holders, PointOwner, Wish, tally
from .places import Breakpoint, BreakpointKind, Place


def is_ram_by_architecture(address: int) -> bool:
    """Return whether the architecture's address map has RAM there (ARMv7-M B3.1)."""
    return 0x2000_0000 <= address < 0x4000_0000 or 0x6000_0000 <= address < 0xA000_0000


class BreakpointManager:
    """The breakpoints of a core.

    ``is_ram`` tells where AUTO takes a BKPT opcode; a chip's memory map may replace it.
    """

    def __init__(self, ap: MemAp, fpb: Fpb) -> None:
        self.is_ram: Callable[[int], bool] = is_ram_by_architecture
        self.opcodes = Opcodes(ap)
        self.flash = FlashBreakpoints(self.opcodes)
        self._ap = ap
        self._comparators = Comparators(ap, fpb)
        self._places: dict[int, Place] = {}
        self._hits = 0

    def __repr__(self) -> str:
        return f"<BreakpointManager: {len(self)} set, {self.available} comparators left>"

    def __iter__(self) -> Iterator[Breakpoint]:
        return iter([p.breakpoint for p in self._places.values() if p.holders])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def available(self) -> int:
        """Return how many hardware breakpoints are left."""
        return self._comparators.fpb.available

    def has_reach(self, address: int) -> bool:
        """Return whether the core has comparators that could watch ``address``."""
        return self._comparators.fpb.unreachable(address) is None

    @property
    def armed(self) -> bool:
        """Return whether anything is in the chip, wanted or not."""
        return bool(self._places)

    def find(self, address: int) -> Breakpoint | None:
        """Return the breakpoint at ``address``, if somebody wants one there."""
        place = self._places.get(address & ~1)
        return place.breakpoint if place is not None and place.holders else None

    def armed_at(self, address: int) -> Breakpoint | None:
        """Return the breakpoint that the core would meet at ``address``, wanted or not."""
        place = self._places.get(address & ~1)
        if place is None or (place.kind is BreakpointKind.FLASH and not self.flash.placed(address)):
            return None
        return place.breakpoint

    def note_hit(self, address: int) -> Holders | None:
        """Take note that the core stopped at a breakpoint; return who wants it, if one is there."""
        place = self._places.get(address)
        if place is None:
            return None
        self._hits += 1
        place.hit = self._hits
        return place.holders

    def holders(self, address: int) -> Holders | None:
        """Return who wants the breakpoint at ``address``; None: there is none."""
        place = self._places.get(address & ~1)
        return None if place is None else place.holders

    def original(self, address: int) -> bytes | None:
        """Return the program's halfword at a breakpoint of ours."""
        return self.opcodes.original(address & ~1) or self._comparators.original(address & ~1)

    # ---- setting

    def set(
        self,
        address: int,
        kind: BreakpointKind = BreakpointKind.AUTO,
        *,
        owner: PointOwner = PYTHON,
        condition: Condition | None = None,
        ignore_count: int = 0,
        temporary: bool = False,
    ) -> Breakpoint:
        """Set a breakpoint on the instruction at ``address`` (bit 0, the Thumb bit, is dropped).

        AUTO takes a BKPT opcode in RAM and a comparator elsewhere; when the comparators are all in
        use, a BKPT programmed into flash, if that is switched on. Where one is already set it is
        returned, whatever its kind, and what ``owner`` wants of it is replaced.

        Args:
            address: where.
            kind: how it is to be made.
            owner: who wants it.
            condition: called with the halted core; False lets it run on.
            ignore_count: how many hits (that meet the condition) to pass first.
            temporary: once only; it goes when it has stopped the core.

        Raises:
            UsageError: not an address, or a count below 0.
            BreakpointError: no comparator is left or can reach it, or the opcode cannot be written.
            TransferError: the debug hardware did not answer.
        """
        if not 0 <= address < 1 << 32:
            raise UsageError(f"{address:#x} is not an address")
        address &= ~1
        wish = Wish(condition, ignore_count, temporary)
        place = self._places.get(address)
        if place is None:
            made = Breakpoint(address, self._arm(address, kind))
            place = self._places[address] = Place(made, movable=kind is BreakpointKind.AUTO)
        place.holders.add(owner, wish)
        return place.breakpoint

    def _arm(self, address: int, kind: BreakpointKind) -> BreakpointKind:
        """Make a breakpoint, and return how it was made."""
        auto = kind is BreakpointKind.AUTO
        if auto:
            kind = BreakpointKind.SOFTWARE if self.is_ram(address) else BreakpointKind.HARDWARE
        if kind is BreakpointKind.SOFTWARE:
            self.opcodes.plant(address)
        elif kind is BreakpointKind.FLASH:
            self.flash.check(address)
        elif self._refuse_hardware(address, instead=auto):
            kind = BreakpointKind.FLASH
        else:
            self._comparators.arm(address)
        return kind

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
            reason = f"all {fpb.count} comparators are in use, {self._tally()}"
            hint = "remove one first"
        if instead:
            refusal = self.flash.refusal(address)
            if refusal is None:
                return True
            reason += f"; and none in flash: {refusal[0]}"
            hint = "; or ".join(filter(None, (hint, refusal[1])))
        raise BreakpointError(f"no hardware breakpoint at {address:#010x}: {reason}", hint=hint)

    def _tally(self) -> str:
        hardware = BreakpointKind.HARDWARE
        return tally(p.holders for p in self._places.values() if p.kind is hardware)

    # ---- removing

    def remove(self, address: int, *, owner: PointOwner = PYTHON) -> None:
        """Remove the breakpoint of ``owner`` at ``address``; others keep theirs.

        One in flash is taken out when the core is next about to run.

        Raises:
            BreakpointError: there is none of this owner.
            TransferError: the debug hardware did not answer; the breakpoint then counts as set.
        """
        address &= ~1
        place = self._places.get(address)
        wish = None if place is None else place.holders.wish_of(owner)
        if place is None or wish is None:
            others = ", ".join(each.name for each in place.holders) if place is not None else ""
            whose = f" of {owner.name}" if others else ""
            raise BreakpointError(
                f"there is no breakpoint{whose} at {address:#010x}",
                hint=f"the one there is held by {others}" if others else None,
            )
        place.holders.discard(owner)
        try:
            self.settle_comparators()
        except BaseException:
            place.holders.add(owner, wish)
            raise

    def let_go(self, address: int, *, owner: PointOwner = PYTHON) -> None:
        """Want the breakpoint no more; it leaves the chip when the core runs on without it.

        Where ``owner`` has none nothing happens.
        """
        holders = self.holders(address)
        if holders is not None:
            holders.discard(owner)

    def let_go_all(self, owner: PointOwner) -> None:
        """Want none of the breakpoints of ``owner`` any more."""
        for place in self._places.values():
            place.holders.discard(owner)

    def clear(self) -> None:
        """Remove all breakpoints of all owners; flash ones need a halted core.

        Raises:
            FlashError: flash could not be put back as it was.
            TransferError: the debug hardware did not answer.
        """
        for place in self._places.values():
            for owner in place.holders:
                place.holders.discard(owner)
        self.settle_comparators()
        self.settle_flash()

    # ---- bringing the chip to what is wanted

    def settle_comparators(self) -> None:
        """Take comparators and opcodes in RAM back that nobody wants any more, in one batch.

        Raises:
            TransferError: the debug hardware did not answer.
        """
        gone = [a for a, place in self._places.items() if not place.holders]
        lifted = [a for a in gone if self._places[a].kind is not BreakpointKind.FLASH]
        if lifted:
            batch = self._ap.batch()
            self.queue_lift(batch, *lifted)
            batch.run()
        for address in gone:
            kind = self._places[address].kind
            if kind is BreakpointKind.FLASH and self.flash.placed(address):
                continue  # until flash is settled
            del self._places[address]
            if kind is BreakpointKind.HARDWARE:
                self._comparators.release(address)
            elif kind is BreakpointKind.SOFTWARE:
                self.opcodes.forget(address)

    @property
    def unsettled_flash(self) -> bool:
        """Return whether flash has to be programmed before the core may run."""
        return self.flash.changes(self._in_flash())

    def settle_flash(self) -> None:
        """Program what is wanted in flash, and put back what is not; the core has to be halted.

        Those that stopped the core last have the comparators, since each time the core leaves one
        in flash, flash is programmed.

        Raises:
            FlashError: not all of it was programmed.
            TransferError, ProbeError, TargetError: the way to the target broke.
        """
        for address in sorted(self._in_flash(), key=lambda a: -self._places[a].hit):
            if not self.flash.placed(address):
                self.prefer_comparator(address)
        self.flash.apply(self._in_flash())
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
        place.breakpoint = Breakpoint(address, BreakpointKind.HARDWARE)
        return True

    def _move_to_flash(self, address: int, *, before: int) -> None:
        """Free a comparator for ``address``, of what was hit ``before`` that; or do nothing."""
        older = [
            (place.hit, a)
            for a, place in self._places.items()
            if place.kind is BreakpointKind.HARDWARE and place.movable and place.hit < before
        ]
        for _, at in sorted(older):
            if self.flash.refusal(at) is not None:
                continue
            batch = self._ap.batch()
            self.queue_lift(batch, at)
            batch.run()
            self._comparators.release(at)
            self._places[at].breakpoint = Breakpoint(at, BreakpointKind.FLASH)
            if self._comparators.has_room(address):
                return

    def leave_flash(self) -> None:
        """Put all flash back as the program's file has it, until the core is about to run again.

        Raises:
            FlashError, TransferError, ProbeError, TargetError: as :meth:`settle_flash`.
        """
        self.flash.apply(())
        self._drop_unplaced()

    def lift_flash(self, address: int) -> None:
        """Put back the instruction at ``address``, so that it can be executed.

        Raises:
            FlashError, TransferError, ProbeError, TargetError: as :meth:`settle_flash`.
        """
        self.flash.apply(set(self.opcodes.in_flash) - {address})

    def wants_flash_at(self, address: int) -> bool:
        """Return whether the breakpoint at ``address`` will stand in flash when the core runs."""
        place = self._places.get(address)
        return place is not None and place.kind is BreakpointKind.FLASH and bool(place.holders)

    def _in_flash(self) -> list[int]:
        flash = BreakpointKind.FLASH
        return [a for a, place in self._places.items() if place.kind is flash and place.holders]

    def _drop_unplaced(self) -> None:
        for address, place in list(self._places.items()):
            if place.kind is BreakpointKind.FLASH and not place.holders:
                del self._places[address]

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
                self.opcodes.emit(t, address, lifted=lifted)

    def queue_disarm(self, batch: Batch) -> None:
        """Queue: make the comparators match nothing, until `queue_rearm`."""
        batch.add(self._comparators.fpb.emit_disable)

    def queue_rearm(self, batch: Batch) -> None:
        """Queue: write the comparators anew after a reset that may have cleared them."""
        batch.add(self._comparators.fpb.emit_all)
