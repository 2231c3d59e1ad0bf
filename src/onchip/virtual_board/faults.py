"""Scripted faults: what goes wrong, and when, on a virtual board.

A script is planned before or while a host works, and is consulted where the real thing would go
wrong: on the SWD line for every transfer, at the probe's endpoint for every packet, at the board's
power and reset pins. Everything counts from the moment it is planned; what took place stands in
``log``. Nothing is random, so that a failing test fails again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

Direction = Literal["read", "write"]
Port = Literal["DP", "AP"]

_AP = 0x01
_READ = 0x02
_ADDRESS = 0x0C


class LineFault(Enum):
    """What happens to one SWD transfer."""

    WAIT = "wait"
    """The target answers WAIT."""
    FAULT = "fault"
    """The target answers FAULT; STICKYERR is set as by a bus error."""
    PARITY = "parity"
    """The data of a read, or of a write, arrives with wrong parity."""
    NO_ACK = "no-ack"
    """Nothing answers: the line stays high."""


class PacketFault(Enum):
    """What happens to one packet's response."""

    LOSE_REQUEST = "lose-request"
    """The request never reaches the firmware."""
    LOSE_RESPONSE = "lose-response"
    """The request was executed, its response vanishes."""
    LATE_RESPONSE = "late-response"
    """The response comes ``delay_ns`` later; those behind it wait."""
    REPEAT_RESPONSE = "repeat-response"
    """The response comes twice."""


class BoardFault(Enum):
    """What happens to the board as a whole."""

    UNPLUG = "unplug"
    """The probe leaves the bus: every further packet finds nobody."""
    RESET_TARGET = "reset-target"
    """Somebody presses the reset button."""
    BROWN_OUT = "brown-out"
    """The target loses its supply for a while and powers on again."""
    POWER_LOSS = "power-loss"
    """The target loses its supply until ``VirtualBoard.power_cycle()``."""


@dataclass(slots=True)
class _PlannedLine:
    kind: LineFault
    count: int | None
    after: int
    port: Port | None
    direction: Direction | None
    address: int | None

    def applies(self, request: int) -> bool:
        if self.port is not None and (self.port == "AP") != bool(request & _AP):
            return False
        if self.direction is not None and (self.direction == "read") != bool(request & _READ):
            return False
        return self.address is None or self.address == request & _ADDRESS


@dataclass(slots=True)
class _PlannedPacket:
    kind: PacketFault
    remaining: int
    delay_ns: int


@dataclass(slots=True)
class _PlannedBoard:
    kind: BoardFault
    packets: int | None
    transfers: int | None
    duration_ns: int


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One fault that took place: ``kind`` is a LineFault, PacketFault or BoardFault's value."""

    kind: str
    detail: str


class Faults:
    """The script of one board.

    Line faults (``wait``, ``fault``, ``parity``, ``no_ack``) select transfers by ``port`` ("DP",
    "AP"), ``direction`` ("read", "write") and ``address`` (0x0, 0x4, 0x8, 0xC); each lets ``after``
    selected transfers pass and then hits ``count`` of them (None: for ever). Packet faults name the
    ``nth`` packet from now, 1 being the next. Board faults strike before the packet that follows
    ``after_packets`` more packets, or before the SWD transfer that follows ``after_transfers``.
    """

    def __init__(self) -> None:
        self.log: list[Occurrence] = []
        self.line_armed = False
        """True while any line or transfer-counted fault is planned: the fast paths stand aside."""
        self.on_board_fault: Callable[[BoardFault, int], None] | None = None
        """Set by the board: receives the fault and its duration in ns (0: until power_cycle)."""
        self._line: list[_PlannedLine] = []
        self._packets: list[_PlannedPacket] = []
        self._board: list[_PlannedBoard] = []

    def __repr__(self) -> str:
        return f"<Faults: {self.pending} pending, {len(self.log)} happened>"

    # ---- planning

    def wait(
        self,
        *,
        count: int | None = 1,
        after: int = 0,
        port: Port | None = "AP",
        direction: Direction | None = None,
        address: int | None = None,
    ) -> None:
        """Answer ``count`` transfers with WAIT; an ABORT with DAPABORT ends it early."""
        self._plan_line(LineFault.WAIT, count, after, port, direction, address)

    def fault(
        self,
        *,
        count: int | None = 1,
        after: int = 0,
        port: Port | None = "AP",
        direction: Direction | None = None,
        address: int | None = None,
    ) -> None:
        """Answer ``count`` transfers with FAULT and set STICKYERR."""
        self._plan_line(LineFault.FAULT, count, after, port, direction, address)

    def parity(
        self,
        *,
        count: int | None = 1,
        after: int = 0,
        port: Port | None = None,
        direction: Direction | None = "read",
        address: int | None = None,
    ) -> None:
        """Spoil the data parity of ``count`` transfers (for writes the DP sets WDATAERR)."""
        self._plan_line(LineFault.PARITY, count, after, port, direction, address)

    def no_ack(
        self,
        *,
        count: int | None = 1,
        after: int = 0,
        port: Port | None = None,
        direction: Direction | None = None,
        address: int | None = None,
    ) -> None:
        """Leave ``count`` transfers without any answer, as with a loose cable."""
        self._plan_line(LineFault.NO_ACK, count, after, port, direction, address)

    def lose_request(self, nth: int = 1) -> None:
        """Drop the ``nth`` packet on its way to the probe."""
        self._plan_packet(PacketFault.LOSE_REQUEST, nth, 0.0)

    def lose_response(self, nth: int = 1) -> None:
        """Execute the ``nth`` packet and drop its response."""
        self._plan_packet(PacketFault.LOSE_RESPONSE, nth, 0.0)

    def late_response(self, nth: int = 1, *, delay_s: float = 1.0) -> None:
        """Deliver the response of the ``nth`` packet ``delay_s`` late."""
        self._plan_packet(PacketFault.LATE_RESPONSE, nth, delay_s)

    def repeat_response(self, nth: int = 1) -> None:
        """Deliver the response of the ``nth`` packet twice."""
        self._plan_packet(PacketFault.REPEAT_RESPONSE, nth, 0.0)

    def unplug(self, *, after_packets: int = 0) -> None:
        """Pull the probe's cable once ``after_packets`` more packets have been answered."""
        self._plan_board(BoardFault.UNPLUG, after_packets, None, 0.0)

    def reset_target(
        self, *, after_packets: int | None = None, after_transfers: int | None = None
    ) -> None:
        """Press the reset button behind the host's back."""
        self._plan_board(BoardFault.RESET_TARGET, after_packets, after_transfers, 0.0)

    def brown_out(
        self,
        *,
        after_packets: int | None = None,
        after_transfers: int | None = None,
        duration_s: float = 0.01,
    ) -> None:
        """Take the target's supply away for ``duration_s``; then it powers on again.

        Raises:
            ValueError: ``duration_s`` is not positive.
        """
        if duration_s <= 0:
            raise ValueError("a brown-out lasts longer than 0 s")
        self._plan_board(BoardFault.BROWN_OUT, after_packets, after_transfers, duration_s)

    def power_loss(
        self, *, after_packets: int | None = None, after_transfers: int | None = None
    ) -> None:
        """Take the target's supply away until ``VirtualBoard.power_cycle()``."""
        self._plan_board(BoardFault.POWER_LOSS, after_packets, after_transfers, 0.0)

    def clear(self) -> None:
        """Forget everything that is planned. ``log`` stays."""
        self._line.clear()
        self._packets.clear()
        self._board.clear()
        self._rearm()

    @property
    def pending(self) -> int:
        """Number of planned faults that have not been used up."""
        return len(self._line) + len(self._packets) + len(self._board)

    # ---- striking (called by the board's parts)

    def next_transfer(self, request: int) -> LineFault | None:
        """Count one SWD transfer and return what goes wrong with it."""
        self._strike_board(transfer=True)
        for planned in self._line:
            if not planned.applies(request):
                continue
            if planned.after > 0:
                planned.after -= 1
                continue
            if planned.count is not None:
                planned.count -= 1
                if planned.count <= 0:
                    self._line.remove(planned)
                    self._rearm()
            self.log.append(Occurrence(planned.kind.value, f"request {request & 0xF:#x}"))
            return planned.kind
        return None

    def dap_abort(self) -> None:
        """End every WAIT storm: the host wrote ABORT.DAPABORT."""
        self._line = [planned for planned in self._line if planned.kind is not LineFault.WAIT]
        self._rearm()

    def next_packet(self) -> tuple[PacketFault | None, int]:
        """Count one packet; return what goes wrong with it, and by how many ns it is late."""
        self._strike_board(transfer=False)
        hit: tuple[PacketFault | None, int] = (None, 0)
        for planned in list(self._packets):
            planned.remaining -= 1
            if planned.remaining == 0:
                self._packets.remove(planned)
                self.log.append(Occurrence(planned.kind.value, ""))
                hit = (planned.kind, planned.delay_ns)
        return hit

    # ---- within

    def _plan_line(
        self,
        kind: LineFault,
        count: int | None,
        after: int,
        port: Port | None,
        direction: Direction | None,
        address: int | None,
    ) -> None:
        if (count is not None and count < 1) or after < 0:
            raise ValueError("a fault hits at least once, and not before now")
        self._line.append(_PlannedLine(kind, count, after, port, direction, address))
        self._rearm()

    def _plan_packet(self, kind: PacketFault, nth: int, delay_s: float) -> None:
        if nth < 1:
            raise ValueError("the next packet is number 1")
        self._packets.append(_PlannedPacket(kind, nth, round(delay_s * 1e9)))

    def _plan_board(
        self, kind: BoardFault, packets: int | None, transfers: int | None, duration_s: float
    ) -> None:
        if packets is not None and transfers is not None:
            raise ValueError("count either packets or transfers")
        if packets is None and transfers is None:
            packets = 0
        if (packets or 0) < 0 or (transfers or 0) < 0:
            raise ValueError("a fault cannot strike in the past")
        self._board.append(_PlannedBoard(kind, packets, transfers, round(duration_s * 1e9)))
        self._rearm()

    def _strike_board(self, *, transfer: bool) -> None:
        for planned in list(self._board):
            left = planned.transfers if transfer else planned.packets
            if left is None:
                continue
            if left > 0:
                if transfer:
                    planned.transfers = left - 1
                else:
                    planned.packets = left - 1
                continue
            self._board.remove(planned)
            self._rearm()
            self.log.append(Occurrence(planned.kind.value, "transfer" if transfer else "packet"))
            if self.on_board_fault is not None:
                self.on_board_fault(planned.kind, planned.duration_ns)

    def _rearm(self) -> None:
        self.line_armed = bool(self._line) or any(
            planned.transfers is not None for planned in self._board
        )
