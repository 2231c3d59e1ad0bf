"""DAP_Transfer and DAP_TransferBlock, transfer by transfer as the reference firmware does them.

AP reads are posted: the data of one comes with the next, the last through RDBUFF. A packet that
ends with a write reads RDBUFF too, so that a write's own bus fault shows in its own response.

Both commands are generators that yield while they repeat a transfer (WAIT, or a match-wait) and the
probe's clock has passed ``pause_at_ns``: whoever drives them may look at the world, set ``abort``,
or simply go on.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from struct import Struct
from typing import Final

from onchip.arch.adi import DRW
from onchip.virtual_board.coresight.mem_ap import MemAp
from onchip.virtual_board.coresight.sw_dp import AP, READ

from .clock import ProbeClock
from .match_wait import MatchWait
from .swd_port import OK, WAIT, SwdPort

_VALUE_MATCH = 0x10
_MATCH_MASK = 0x20
_TIMESTAMP = 0x80
_MISMATCH = 0x10
_RDBUFF_READ = 0x0E
_READ_DRW = AP | READ | DRW
_WRITE_DRW = AP | DRW
_REGISTER = 0x0F
_WORD: Final = Struct("<I")

FAR_FUTURE = 1 << 62
_BULK = 4
"""A run of so many equal DRW accesses within DAP_Transfer is done as a burst."""

Operation = tuple[int, int | None]
Outcome = tuple[int, int, bytes]
"""Transfers done, response byte, data in memory order."""
Run = Generator[None, None, Outcome]
_Ack = Generator[None, None, int]


@dataclass(slots=True)
class _State:
    """Where a DAP_Transfer is: ``posted`` data is to be fetched, ``written`` data to be checked."""

    out: bytearray = field(default_factory=bytearray)
    count: int = 0
    posted: bool = False
    written: bool = False


class Transfers:
    """The transfer commands and their configuration.

    Attributes:
        abort: set by DAP_TransferAbort; cleared when a transfer command starts.
        pause_at_ns: when a long command is to let its driver look in.
    """

    def __init__(
        self,
        port: SwdPort,
        clock: ProbeClock,
        halted: Callable[[], bool],
        timestamp_hz: int = 0,
    ) -> None:
        self._port = port
        self._clock = clock
        self._halted = halted
        self._timestamp_hz = timestamp_hz
        self.wait_retry = 100
        self.match_retry = 0
        self.match_mask = 0
        self.abort = False
        self.pause_at_ns = FAR_FUTURE

    # ---- DAP_Transfer

    def transfer(self, operations: list[Operation]) -> Run:
        """Do ``operations`` until one fails."""
        self.abort = False
        state = _State()
        ack = 0
        index = 0
        while index < len(operations) and not self.abort:
            done = self._bulk(operations, index, state)
            if not done:
                request, value = operations[index]
                if request & READ:
                    ack = yield from self._read(request, value or 0, state)
                else:
                    ack = yield from self._write(request, value or 0, state)
                if ack != OK:
                    break
                done = 1
            ack = OK
            state.count += done
            index += done
        if ack == OK and state.posted:
            ack = yield from self._collect(_RDBUFF_READ, state)
        elif ack == OK and state.written:
            ack, _ = yield from self._once(_RDBUFF_READ)
        return state.count, ack, bytes(state.out)

    def _read(self, request: int, wanted: int, state: _State) -> _Ack:
        plain_ap_read = request & (AP | READ | _VALUE_MATCH) == AP | READ
        if state.posted:
            # The next plain AP read brings the data of the one before it; else RDBUFF does.
            state.posted = plain_ap_read
            ack = yield from self._collect(
                request & _REGISTER if plain_ap_read else _RDBUFF_READ, state
            )
            if ack != OK or plain_ap_read:
                self._stamp(request, state.out, ack)
                return ack
        state.written = False
        if request & _VALUE_MATCH:
            return (yield from self._match(request & _REGISTER, wanted))
        ack, data = yield from self._once(request & _REGISTER)
        self._stamp(request, state.out, ack)
        if plain_ap_read:
            state.posted = ack == OK
        elif ack == OK:
            state.out += _WORD.pack(data)
        return ack

    def _write(self, request: int, value: int, state: _State) -> _Ack:
        if state.posted:
            state.posted = False
            ack = yield from self._collect(_RDBUFF_READ, state)
            if ack != OK:
                return ack
        if request & _MATCH_MASK:
            self.match_mask = value
            return OK
        ack, _ = yield from self._once(request & _REGISTER, value)
        self._stamp(request, state.out, ack)
        state.written |= ack == OK
        return ack

    def _collect(self, request: int, state: _State) -> _Ack:
        """Do a read that brings the data of the posted one."""
        ack, data = yield from self._once(request)
        if ack == OK:
            state.out += _WORD.pack(data)
        return ack

    def _bulk(self, operations: list[Operation], index: int, state: _State) -> int:
        """Do a run of DRW accesses as a burst; return how many of them, short of any fault."""
        request = operations[index][0]
        if request not in (_READ_DRW, _WRITE_DRW):
            return 0
        end = index + 1
        while end < len(operations) and operations[end][0] == request:
            end += 1
        burst = self._burst(request, end - index) if end - index >= _BULK else None
        if burst is None:
            return 0
        dp = self._port.dp
        if request == _READ_DRW:
            data = burst.burst_read(end - index)
            done = len(data) // 4
            if done:
                if state.posted:
                    state.out += _WORD.pack(dp.rdbuff)
                state.out += data[:-4]
                dp.rdbuff = int.from_bytes(data[-4:], "little")
                state.posted = True
                state.written = False
        elif state.posted:
            return 0  # RDBUFF first
        else:
            words = [value or 0 for _, value in operations[index:end]]
            done = burst.burst_write(struct.pack(f"<{len(words)}I", *words))
            state.written |= done > 0
        self._account(done)
        return done

    # ---- DAP_TransferBlock

    def read_block(self, request: int, count: int) -> Run:
        """Read one register ``count`` times."""
        self.abort = False
        request &= _REGISTER
        if not request & AP:
            return (yield from self._read_words(request, count, bytearray()))
        burst = self._burst(request, count)
        if burst is None:
            ack, _ = yield from self._once(request)  # posts the first; its data is the last one's
            if ack != OK:
                return 0, ack, b""
            return (yield from self._read_words(request, count, bytearray()))
        data = burst.burst_read(count)
        done = len(data) // 4
        # The transfer that posted the failing access succeeded; its data never comes.
        self._account(done + 1)
        if done == count:
            self._port.dp.rdbuff = int.from_bytes(data[-4:], "little")
            self._port.dp.transfer(_RDBUFF_READ)
            return count, OK, data
        self._port.dp.transfer(AP | READ | DRW)  # runs into the same fault: sets STICKYERR
        ack, _ = yield from self._once(_RDBUFF_READ)
        return done, ack, data

    def write_block(self, request: int, payload: bytes) -> Run:
        """Write the words of ``payload`` to one register."""
        self.abort = False
        request &= _REGISTER
        done = 0
        burst = self._burst(request, len(payload) // 4)
        if burst is not None:
            done = burst.burst_write(payload)
            self._account(done)
            # What is left, if anything, starts with the word whose write faults.
        for (word,) in _WORD.iter_unpack(payload[4 * done :]):
            ack, _ = yield from self._once(request, word)
            if ack != OK:
                return done, ack, b""
            done += 1
            if self.abort:
                break
        ack, _ = yield from self._once(_RDBUFF_READ)
        return done, ack, b""

    def _read_words(self, request: int, count: int, out: bytearray) -> Run:
        ack = OK
        for left in range(count, 0, -1):
            last = left == 1 and request & AP
            ack, data = yield from self._once(_RDBUFF_READ if last else request)
            if ack != OK:
                break
            out += _WORD.pack(data)
            if self.abort:
                break
        return len(out) // 4, ack, bytes(out)

    def _burst(self, request: int, count: int) -> MemAp | None:
        """Return the MEM-AP if ``count`` accesses of ``request`` may go there as one burst."""
        dp = self._port.dp
        if count < 2 or not dp.fast or request & (AP | DRW) != AP | DRW:
            return None
        if not self._port.enabled or not self._port.in_step or dp.select & 0xF0:
            return None
        access_port = dp.access_ports.get(dp.select >> 24)
        return access_port if isinstance(access_port, MemAp) and access_port.bursts else None

    def _account(self, transfers: int) -> None:
        self._port.transfers += transfers
        self._clock.spend_cycles(transfers * self._port.transfer_cycles)

    # ---- repeating

    def _once(self, request: int, wdata: int = 0) -> Generator[None, None, tuple[int, int]]:
        """Do one transfer, again while it answers WAIT and retries are left."""
        ack, data = self._port.transfer(request, wdata)
        retries = self.wait_retry
        while ack == WAIT and retries and not self.abort:
            retries -= 1
            if self._clock.now_ns >= self.pause_at_ns:
                yield
                if self.abort:
                    break
            ack, data = self._port.transfer(request, wdata)
        return ack, data

    def _match(self, request: int, wanted: int) -> Generator[None, None, int]:
        """Read a register until its masked value is ``wanted`` or the retries run out."""
        if request & AP:
            ack, _ = yield from self._once(request)
            if ack != OK:
                return ack
        wait = MatchWait(self._port, self._clock, self._halted, request, self.match_mask, wanted)
        done = 0
        skipped = 0
        data = 0
        while True:
            ack, read = yield from self._once(request)
            if ack != OK:
                # The reference compares all the same, with what it read before.
                return ack if data & self.match_mask == wanted else ack | _MISMATCH
            data = read
            if data & self.match_mask == wanted:
                return OK
            if done >= self.match_retry or self.abort:
                return OK | _MISMATCH
            done += 1
            if self._clock.now_ns >= self.pause_at_ns:
                yield
            # Behind a skip, an AP read returns what was fetched before it: look twice.
            if skipped or self.abort:
                skipped = 0
            else:
                skipped = wait.skip(done, self.match_retry - done, self.pause_at_ns)
            done += skipped

    def _stamp(self, request: int, out: bytearray, ack: int) -> None:
        if request & _TIMESTAMP and self._timestamp_hz and ack == OK:
            ticks = self._port.ended_ns * self._timestamp_hz // 1_000_000_000
            out += _WORD.pack(ticks & 0xFFFF_FFFF)
