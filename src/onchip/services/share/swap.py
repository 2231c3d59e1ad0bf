"""Change what the probe and its ports hold from one client's state to another one's.

Done between two batches, by one DAP_Transfer as a rule: TAR and CSW of the one who leaves are read
back, since only the hardware knows where TAR's counting has led; then the other one's are written.
"""

from __future__ import annotations

from typing import NamedTuple

from onchip.errors import ProbeTimeout, WireError
from onchip.probe.link import Link
from onchip.services.share.port_state import ABORT, CSW, CTRL_STAT, SELECT_REGISTER, TAR, PortState
from onchip.wire.cmsis_dap import (
    Transfer,
    TransferOperation,
    TransferRequest,
    TransferResponse,
)

_TIMEOUT_S = 3.0
_ROOM = 64 - 3
"""What a DAP_Transfer holds of transfers in the smallest of packets."""
_AP = int(TransferRequest.APnDP)
_READ = int(TransferRequest.RnW)
_MASK = int(TransferRequest.MATCH_MASK)
_STICKY = 0x1E


class Wire:
    """The probe's own end: whose state it holds, and how to make it somebody else's."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._holds: PortState | None = None
        self._settings: dict[int, bytes] = {}
        self._ctrl_stat: int | None = None

    def forget(self) -> None:
        """Take note that something else has used the port: nothing is known of what it holds."""
        self._holds = self._ctrl_stat = None
        self._settings = {}

    def drop(self, state: PortState) -> None:
        """Take note that nobody wants ``state`` back."""
        if self._holds is state:
            self._noted(state, 0)
            self._holds = None

    def save(self) -> None:
        """Read back, for whose turn was last, what only the hardware knows; then forget."""
        if self._holds is not None:
            self._run(self._reads(self._holds))
        self.forget()

    def give(self, state: PortState, power: int) -> None:
        """Make port and probe hold ``state``; ``power`` are the power-up requests of all.

        Raises:
            ProbeLost: the probe is gone.
        """
        before, self._holds = self._holds, state
        if before is not None:
            self._noted(before, power)
        if before is state:
            return
        for code, packet in state.settings.items():
            if self._settings.get(code) != packet:
                self._exchange(packet)
        operations = self._reads(before) if before is not None else []
        if state.ctrl_stat is not None and state.ctrl_stat | power != self._ctrl_stat:
            operations += [_select(0), _write(CTRL_STAT, state.ctrl_stat | power)]
        for ap in state.csw.keys() | state.tar.keys():
            operations.append(_select(ap << 24))
            for register, values in ((CSW, state.csw), (TAR, state.tar)):
                if ap in values:
                    operations.append(_write(_AP | register, values[ap]))
        if state.mask is not None:
            operations.append(TransferOperation(_MASK, state.mask))
        if state.ctrl_stat is not None or state.csw or state.tar:
            operations.append(_select(state.select))
        self._run(operations)
        self._noted(state, power)

    def _noted(self, state: PortState, power: int) -> None:
        self._settings |= state.settings
        if state.ctrl_stat is not None:
            self._ctrl_stat = state.ctrl_stat | power

    def _reads(self, state: PortState) -> list[_Read | TransferOperation]:
        operations: list[_Read | TransferOperation] = [_write(ABORT, _STICKY)] if state.csw else []
        for ap in state.csw.keys() & state.tar.keys():
            operations.append(_select(ap << 24))
            operations += [_Read(state.csw, ap, CSW), _Read(state.tar, ap, TAR)]
        return operations

    def _run(self, operations: list[_Read | TransferOperation]) -> None:
        """Run them in as few packets as they fit; what fails, the client's next packet shows."""
        while operations:
            room, count = _ROOM, 0
            for operation in operations:
                room -= 1 if isinstance(operation, _Read) else 5
                if room < 0:
                    break
                count += 1
            now, operations = operations[:count], operations[count:]
            plain = tuple(o.plain() if isinstance(o, _Read) else o for o in now)
            request = Transfer(0, plain)
            answer = self._exchange(request.encode())
            try:
                response = request.decode_response(answer)
            except WireError:
                return
            self._take(now, response)
            if not response.ok:
                return

    def _take(
        self, operations: list[_Read | TransferOperation], response: TransferResponse
    ) -> None:
        reads = [o for o in operations[: response.count] if isinstance(o, _Read)]
        for read, word in zip(reads, response.words, strict=False):
            read.values[read.ap] = word

    def _exchange(self, packet: bytes) -> bytes:
        self._link.write(packet)
        try:
            return self._link.read(_TIMEOUT_S)
        except ProbeTimeout:
            return b""


class _Read(NamedTuple):
    """The read of CSW or TAR, and where its value goes."""

    values: dict[int, int]
    ap: int
    register: int

    def plain(self) -> TransferOperation:
        return TransferOperation(_AP | _READ | self.register)


def _write(request: int, value: int) -> TransferOperation:
    return TransferOperation(request, value)


def _select(value: int) -> TransferOperation:
    return _write(SELECT_REGISTER, int(value))
