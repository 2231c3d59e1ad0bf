"""Breakpoints: who wants which. What they are made of is in ``arming``.

There is one manager to a core, whoever sets breakpoints: GDB, a script, a service. Each is an
owner; what several want at one address is one breakpoint, which goes when the last has let go of
it. What is only let go of stays in the chip until the core runs on, because it is often wanted
again by then (ADR 0006).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ..coresight import MemAp
from ..coresight.fpb import Fpb
from ..errors import BreakpointError, UsageError
from .arming import Arming
from .comparators import Comparators
from .flash_breakpoints import FlashBreakpoints
from .opcodes import Opcodes
from .owners import PYTHON, Condition, Holders, PointOwner, Wish
from .places import Breakpoint, BreakpointKind, Places


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
        self._comparators = Comparators(ap, fpb)
        self._places = Places()
        self.arming = Arming(ap, self._places, self._comparators, self.opcodes, self.flash)
        """What stands in the chip; for run control, which has to get past it."""
        self._hits = 0

    def __repr__(self) -> str:
        return f"<BreakpointManager: {len(self)} set, {self.available} comparators left>"

    def __iter__(self) -> Iterator[Breakpoint]:
        return iter([p.breakpoint for p in self._places if p.holders])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def conditions(self) -> Iterator[Condition]:
        """Return the conditions under which somebody wants the core to stop."""
        wishes = (w for place in self._places for w in place.holders.wishes)
        return (wish.condition for wish in wishes if wish.condition is not None)

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
        place = self._places.get(address)
        return place.breakpoint if place is not None and place.holders else None

    def armed_at(self, address: int) -> Breakpoint | None:
        """Return the breakpoint that the core would meet at ``address``, wanted or not."""
        place = self._places.get(address)
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
        place = self._places.get(address)
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
            if kind is BreakpointKind.AUTO and self.is_ram(address):
                kind = BreakpointKind.SOFTWARE
            place = self.arming.arm(address, kind)
        place.holders.add(owner, wish)
        return place.breakpoint

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
            self.arming.settle_comparators()
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
        for place in self._places:
            place.holders.discard(owner)

    def adopt(self, left_behind: Mapping[int, bytes]) -> None:
        """Take in opcodes that stand in flash, and the halfwords that they hide, by address.

        Nobody wants them: reads do not show them, and they go when flash is settled.
        """
        self.opcodes.in_flash |= left_behind
        for address in left_behind:
            self._places.add(Breakpoint(address, BreakpointKind.FLASH), movable=False)

    def clear(self) -> None:
        """Remove all breakpoints of all owners; flash ones need a halted core.

        Raises:
            FlashError: flash could not be put back as it was.
            TransferError: the debug hardware did not answer.
        """
        for place in self._places:
            for owner in place.holders:
                place.holders.discard(owner)
        self.arming.settle_comparators()
        self.arming.settle_flash()
