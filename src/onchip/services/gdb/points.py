"""Breakpoints and watchpoints of all clients, armed as late and disarmed as lazily as possible.

GDB takes every point out at each stop and puts it in again before the core goes on. Writing all
that to the chip would cost packets at every step, so a removed point stays armed until the core
really runs on (``settle``) or its comparator is needed. A client that leaves takes its own along.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from onchip.cortex_m import BreakpointKind, Core
from onchip.errors import BreakpointError, WatchpointError
from onchip.wire.gdb_rsp.points import PointKind

_ACCESS = {
    PointKind.WRITE_WATCHPOINT: "write",
    PointKind.READ_WATCHPOINT: "read",
    PointKind.ACCESS_WATCHPOINT: "access",
}
_STOP_NAMES = {"write": "watch", "read": "rwatch", "access": "awatch"}

Client = object
"""Who holds a point; compared by identity."""


@dataclass(slots=True)
class _Point:
    """An armed point and who wants it: (client, kind); nobody means it is stale."""

    holders: set[tuple[int, PointKind]] = field(default_factory=set)


Watch = tuple[int, int, str]
"""Address, length, access: what a client watches, or what one comparator can watch of it."""


def pieces(watch: Watch) -> list[Watch]:
    """Cut a watched range into aligned powers of two, as few as will do: all that DWT compares."""
    address, length, access = watch
    end = address + length
    found: list[Watch] = []
    while address < end:
        size = 1 << ((end - address).bit_length() - 1)
        if address:
            size = min(size, address & -address)
        found.append((address, size, access))
        address += size
    return found


class PointTable:
    """Which points are wanted, and which are in the chip."""

    def __init__(self, core: Core, *, hardware_only: bool = False) -> None:
        self._core = core
        self._hardware_only = hardware_only
        self._breakpoints: dict[int, _Point] = {}
        self._watchpoints: dict[Watch, _Point] = {}
        self._armed: Counter[Watch] = Counter()
        """How many of the watchpoints need each piece that is in the chip."""

    def insert(self, client: Client, kind: PointKind, address: int, size: int) -> None:
        """Arm a point for ``client``; the same one twice is one.

        Raises:
            BreakpointError, WatchpointError: the chip has no comparator left or none that can.
            TransferError: the chip could not be reached.
        """
        holder = (id(client), kind)
        if kind in _ACCESS:
            key = (address, size, _ACCESS[kind])
            if key not in self._watchpoints:
                self._arm_watchpoint(key)
                self._watchpoints[key] = _Point()
            self._watchpoints[key].holders.add(holder)
            return
        address &= ~1  # bit 0 only says Thumb
        if address not in self._breakpoints:
            self._arm_breakpoint(address, kind)
            self._breakpoints[address] = _Point()
        self._breakpoints[address].holders.add(holder)

    def remove(self, client: Client, kind: PointKind, address: int, size: int) -> None:
        """Let go of a point; one that ``client`` does not hold is no error."""
        point = (
            self._watchpoints.get((address, size, _ACCESS[kind]))
            if kind in _ACCESS
            else self._breakpoints.get(address & ~1)
        )
        if point is not None:
            point.holders.discard((id(client), kind))

    def release(self, client: Client) -> None:
        """Let go of all that ``client`` holds, and disarm it."""
        for point in (*self._breakpoints.values(), *self._watchpoints.values()):
            point.holders = {holder for holder in point.holders if holder[0] != id(client)}
        self.settle()

    def settle(self) -> None:
        """Disarm what nobody wants any more."""
        for address in [a for a, point in self._breakpoints.items() if not point.holders]:
            del self._breakpoints[address]
            self._core.breakpoints.remove(address)
        for key in [k for k, point in self._watchpoints.items() if not point.holders]:
            del self._watchpoints[key]
            self._disarm(pieces(key))

    def forget(self) -> None:
        """Drop the book-keeping after somebody else cleared the chip's points."""
        self._breakpoints.clear()
        self._watchpoints.clear()
        self._armed.clear()

    def stop_name_at(self, pc: int, client: Client | None = None) -> str | None:
        """Return ``hwbreak`` or ``swbreak`` when a breakpoint that ``client`` wants is at ``pc``.

        Without a client, anybody's.
        """
        point = self._breakpoints.get(pc)
        if point is None:
            return None
        kinds = {kind for holder, kind in point.holders if client is None or holder == id(client)}
        if not kinds:
            return None
        return "swbreak" if PointKind.SOFTWARE_BREAKPOINT in kinds else "hwbreak"

    def has_breakpoints(self, client: Client) -> bool:
        """Say whether ``client`` wants any breakpoint."""
        holders = (holder for point in self._breakpoints.values() for holder, _ in point.holders)
        return id(client) in holders

    def watch_name(self, address: int | None, access: str | None) -> tuple[str, int] | None:
        """Return the stop pair of a wanted watchpoint at ``address``: ``("rwatch", address)``.

        What the hardware knows of the access helps to choose; without an address the only
        watchpoint there is must be it.
        """
        wanted = [key for key, point in self._watchpoints.items() if point.holders]
        if address is None:
            fits = wanted if len(wanted) == 1 else []
        else:
            fits = [key for key in wanted if key[0] <= address < key[0] + key[1]]
        if not fits:
            return None
        best = next((key for key in fits if key[2] == access), fits[0])
        return _STOP_NAMES[best[2]], best[0] if address is None else address

    @property
    def has_stale_watchpoints(self) -> bool:
        """Whether a stop at a watchpoint may be one that nobody wants."""
        return any(not point.holders for point in self._watchpoints.values())

    def _arm_breakpoint(self, address: int, kind: PointKind) -> None:
        hardware = self._hardware_only or kind is PointKind.HARDWARE_BREAKPOINT
        how = BreakpointKind.HARDWARE if hardware else BreakpointKind.AUTO
        try:
            self._core.breakpoints.set(address, how)
        except BreakpointError:
            if not self._free_comparators():
                raise
            self._core.breakpoints.set(address, how)

    def _arm_watchpoint(self, watch: Watch) -> None:
        """Arm every piece, or none.

        Raises:
            WatchpointError: there are not enough comparators for all of them.
        """
        done: list[Watch] = []
        try:
            for piece in pieces(watch):
                if not self._armed[piece]:
                    self._arm_piece(piece)
                self._armed[piece] += 1
                done.append(piece)
        except WatchpointError as error:
            self._disarm(done)
            if len(pieces(watch)) == 1:
                raise
            raise WatchpointError(
                f"{watch[1]} bytes at 0x{watch[0]:08x} need {len(pieces(watch))} comparators, "
                f"since each watches an aligned power of two: {error.message}"
            ) from error

    def _arm_piece(self, piece: Watch) -> None:
        try:
            self._core.watchpoints.set(*piece)
        except WatchpointError:
            if not self._free_comparators():
                raise
            self._core.watchpoints.set(*piece)

    def _disarm(self, watches: Iterable[Watch]) -> None:
        for piece in watches:
            self._armed[piece] -= 1
            if not self._armed[piece]:
                del self._armed[piece]
                self._core.watchpoints.remove(*piece)

    def _free_comparators(self) -> bool:
        before = len(self._breakpoints) + len(self._watchpoints)
        self.settle()
        return len(self._breakpoints) + len(self._watchpoints) < before
