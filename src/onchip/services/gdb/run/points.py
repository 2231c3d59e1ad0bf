"""Breakpoints and watchpoints of GDB's kinds, wanted of the core's own managers.

GDB takes every point out at each stop and puts it in again before the core goes on. Writing all
that to the chip would cost packets at every step, so a removed point is only let go of: it leaves
the chip when the core really runs on without it (ADR 0006). Here is kept what each client called
its points; who holds what in the chip is known to the core, for all who use it.
"""

from __future__ import annotations

from onchip.cortex_m import BreakpointKind, Condition, Core, PointOwner, Verdict
from onchip.wire.gdb_rsp.points import PointKind

_ACCESS = {
    PointKind.WRITE_WATCHPOINT: "write",
    PointKind.READ_WATCHPOINT: "read",
    PointKind.ACCESS_WATCHPOINT: "access",
}
_STOP_NAMES = {"write": "watch", "read": "rwatch", "access": "awatch"}
WATCH_NAMES = frozenset(_STOP_NAMES.values())

Client = object
"""Who holds a point; compared by identity."""

Watch = tuple[int, int, str, int | None]
"""Address, length, access, and the value if only that is watched for."""


class PointTable:
    """Which points the clients of one server want, by the names that GDB has for them."""

    def __init__(self, core: Core, *, hardware_only: bool = False) -> None:
        self._core = core
        self._hardware_only = hardware_only
        self._owners: dict[int, PointOwner] = {}
        self._breakpoints: dict[int, set[tuple[PointOwner, PointKind]]] = {}
        self._watchpoints: dict[Watch, set[PointOwner]] = {}

    def insert(
        self,
        client: Client,
        kind: PointKind,
        address: int,
        size: int,
        *,
        condition: Condition | None = None,
        ignore_count: int = 0,
        temporary: bool = False,
        value: int | None = None,
    ) -> None:
        """Arm a point for ``client``; the same one twice is one.

        GDB itself asks for breakpoints without ``ignore_count`` and ``temporary``, for watchpoints
        without ``value`` and ``condition``.

        Raises:
            BreakpointError, WatchpointError: the chip has no comparator left or none that can.
            TransferError: the chip could not be reached.
        """
        owner = self._owner(client)
        if kind in _ACCESS:
            key = (address, size, _ACCESS[kind], value)
            self._core.watchpoints.set(*key[:3], value=value, owner=owner)
            self._watchpoints.setdefault(key, set()).add(owner)
            return
        address &= ~1  # bit 0 only says Thumb
        self._core.breakpoints.set(
            address,
            self._how(address, kind),
            owner=owner,
            condition=condition,
            ignore_count=ignore_count,
            temporary=temporary,
        )
        self._breakpoints.setdefault(address, set()).add((owner, kind))

    def remove(
        self,
        client: Client,
        kind: PointKind,
        address: int,
        size: int,
        *,
        value: int | None = None,
    ) -> None:
        """Let go of a point; one that ``client`` does not hold is no error."""
        owner = self._owner(client)
        if kind in _ACCESS:
            key = (address, size, _ACCESS[kind], value)
            self._watchpoints.get(key, set()).discard(owner)
            self._core.watchpoints.let_go(*key[:3], value=value, owner=owner)
            return
        address &= ~1
        held = self._breakpoints.get(address, set())
        held.discard((owner, kind))
        if all(each is not owner for each, _ in held):
            self._core.breakpoints.let_go(address, owner=owner)

    def release(self, client: Client) -> None:
        """Let go of all that ``client`` holds, and disarm it.

        Raises:
            FlashError: flash could not be put back as it was.
            TransferError: the chip could not be reached.
        """
        owner = self._owners.pop(id(client), None)
        if owner is None:
            return
        for held in self._breakpoints.values():
            held -= {holder for holder in held if holder[0] is owner}
        for holders in self._watchpoints.values():
            holders.discard(owner)
        self._core.release(owner)

    def settle(self) -> None:
        """Take comparators and RAM back that nobody wants; flash follows when the core runs on."""
        self._core.breakpoints.arming.settle_comparators()
        self._core.watchpoints.settle()

    def stop_name_at(self, pc: int, client: Client | None = None) -> str | None:
        """Return ``hwbreak`` or ``swbreak`` when a breakpoint that ``client`` wants is at ``pc``.

        Without a client, anybody's.
        """
        owner = None if client is None else self._owner(client)
        held = self._breakpoints.get(pc, set())
        there = self._core.breakpoints.holders(pc) or ()  # a temporary one may be gone
        kinds = {k for holder, k in held if holder in there and owner in (None, holder)}
        if not kinds:
            return None
        return "swbreak" if PointKind.SOFTWARE_BREAKPOINT in kinds else "hwbreak"

    def judge(self, pc: int) -> Verdict:
        """Ask who wants a core to stop that came to ``pc`` otherwise than by running into it."""
        holders = self._core.breakpoints.holders(pc)
        return Verdict() if holders is None else holders.judge(self._core)

    def has_breakpoints(self, client: Client) -> bool:
        """Say whether ``client`` wants any breakpoint."""
        owner = self._owner(client)
        return any(holder is owner for held in self._breakpoints.values() for holder, _ in held)

    def watch_name(self, address: int | None, access: str | None) -> tuple[str, int] | None:
        """Return the stop pair of a wanted watchpoint at ``address``: ``("rwatch", address)``.

        What the hardware knows of the access helps to choose; without an address the only
        watchpoint there is must be it.
        """
        wanted = [key for key, holders in self._watchpoints.items() if holders]
        if address is None:
            fits = wanted if len(wanted) == 1 else []
        else:
            fits = [key for key in wanted if key[0] <= address < key[0] + key[1]]
        if not fits:
            return None
        best = next((key for key in fits if key[2] == access), fits[0])
        return _STOP_NAMES[best[2]], best[0] if address is None else address

    def _owner(self, client: Client) -> PointOwner:
        """Return the client as the core knows it."""
        name = getattr(client, "name", "GDB")
        return self._owners.setdefault(id(client), PointOwner(name))

    def _how(self, address: int, kind: PointKind) -> BreakpointKind:
        """Return how a breakpoint is to be made.

        In flash GDB asks for hardware because the memory map says that it cannot be written. What
        it means is a breakpoint; so one in flash that is programmed will do as well. Nor is one in
        RAM refused because the comparators do not reach so far, as those of Cortex-M0 to M4.
        """
        if self._hardware_only:
            return BreakpointKind.HARDWARE
        breakpoints = self._core.breakpoints
        wants_hardware = kind is PointKind.HARDWARE_BREAKPOINT and breakpoints.is_ram(address)
        if wants_hardware and breakpoints.has_reach(address):
            return BreakpointKind.HARDWARE
        return BreakpointKind.AUTO
