"""Runs functions of a flash algorithm on the target.

In RAM stand our resident runner (``algorithms/runner.S``), the algorithm, a guarded stack, and two
slots. A slot holds a list of commands and the data they refer to. The runner calls one command
after the other and halts at the end of the list, or at the first call that went wrong; while it
works on one slot, the other is filled:

    host      | write slot 0 |start| write slot 1 |wait, start| write slot 0 |wait, start| ...
    target                         | list in slot 0           | list in slot 1           |

A list that failed stays failed: the runner refuses to be started again. So a start may be in
flight before the host knows how the list before it ended.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from onchip.errors import (
    AlgorithmError,
    EraseError,
    FlashError,
    OnchipError,
    ProgramError,
    TransferMismatch,
)

from .algorithm import FlashAlgorithm
from .sums import BLANK, Sums, blank_sums

if TYPE_CHECKING:
    from onchip.coresight.memory import Memory
    from onchip.cortex_m.core import Core
    from onchip.cortex_m.fault import FaultReport
    from onchip.dap.batch import Batch, Result

# Offsets into runner.bin; tests compare them with the symbols of a rebuilt runner.
ENTRY = 0x000
CRC_TABLE = 0x078
CRC_BLOCKS = 0x098
SUM_BLOCKS = 0x11C
MAILBOX = 0x2B4

STATE_READY, STATE_RUNNING, STATE_FAILED, STATE_GUARD, STATE_RESTARTED = range(5)

GUARD_LENGTH = 32
GUARD_PATTERN = 0x5AFE_57AC
CRC_TABLE_LENGTH = 1024
COMMAND_LENGTH = 32
_THUMB = 1
_XPSR_T = 0x0100_0000

_COMMAND = struct.Struct("<8I")
_END = struct.Struct("<2I")
_SUMS = struct.Struct("<2I")
_MAILBOX = struct.Struct("<8I")
_MAILBOX_HEAD = struct.Struct("<4I")

LIST_LENGTH = 18
"""Commands of the longest list: Init, 16 pages, and the end."""
_LISTS_KEPT = 4
"""For messages: the list that crashed, and those queued before it was noticed."""
PREFERRED_CHUNK = 1 << 15
"""Bytes of a slot's data: each list costs a moment in which the flash has nothing to do."""
_LEAST_ROOM = 256
"""Bytes of a slot's data, however small the pages: lists of CRCs need that much to get on."""


@dataclass(frozen=True, slots=True)
class Command:
    """One call. ``function`` is an address; ``expected`` None takes any result.

    ``name`` and ``address`` are for messages.
    """

    function: int
    arguments: tuple[int, ...]
    name: str
    address: int | None = None
    expected: int | None = 0

    def encode(self) -> bytes:
        """Return the 32 bytes that the runner reads."""
        arguments = [*self.arguments, 0, 0, 0, 0][:4]
        check = 0 if self.expected is None else 1
        return _COMMAND.pack(self.function | _THUMB, *arguments, check, self.expected or 0, 0)

    def __str__(self) -> str:
        return self.name if self.address is None else f"{self.name} at {hex32(self.address)}"


def hex32(value: int) -> str:
    """Format an address for people: ``0x0800_4000``."""
    return f"0x{value >> 16:04X}_{value & 0xFFFF:04X}"


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where everything lies in the target's RAM.

    ``chunk`` is what one list programs, a multiple of the algorithm's page; the data part of a slot
    holds ``room`` bytes; there are one or two ``slots``.
    """

    start: int
    end: int
    algorithm: int
    guard: int
    stack_top: int
    crc_table: int
    slots: tuple[int, ...]
    chunk: int
    room: int

    @property
    def mailbox(self) -> int:
        """Address of the mailbox."""
        return self.start + MAILBOX

    @classmethod
    def lay_out(
        cls,
        start: int,
        length: int,
        algorithm: FlashAlgorithm | None,
        *,
        stream: bool = True,
    ) -> Workspace:
        """Divide ``length`` bytes of RAM from ``start``; without ``stream`` for one slot.

        Raises:
            AlgorithmError: it does not fit.
        """
        end = (start + length) & ~7
        page = 256 if algorithm is None else algorithm.device.page_size
        at = _align(start, 16)
        place = at
        if algorithm is not None:
            if start <= algorithm.link_address < end:
                place = algorithm.link_address  # linked for this very place: perhaps not movable
            at = _align(place + len(algorithm.blob), 16)
        runner = at
        table = _align(runner + len(runner_code()), 16)
        guard = table + CRC_TABLE_LENGTH
        stack = 2048 if length >= 0x8000 else 1024 if length >= 0x2000 else 512
        stack_top = guard + GUARD_LENGTH + stack
        head = LIST_LENGTH * COMMAND_LENGTH
        most = max(1, min(PREFERRED_CHUNK // page, LIST_LENGTH - 2))  # Init has to fit too
        for count in (2, 1) if stream else (1,):
            for pages in range(most, 0, -1):
                room = max(pages * page, _LEAST_ROOM)
                size = _align(head + room, 8)
                if count * size <= end - stack_top:
                    slots = tuple(stack_top + index * size for index in range(count))
                    chunk = pages * page
                    return cls(runner, end, place, guard, stack_top, table, slots, chunk, room)
        needed = stack_top - start + _align(head + max(page, _LEAST_ROOM), 8)
        raise AlgorithmError(
            f"an algorithm with pages of {page} bytes needs {needed} bytes of RAM, "
            f"{length} may be used"
        )


def _align(value: int, to: int) -> int:
    return (value + to - 1) // to * to


@cache
def runner_code() -> bytes:
    """Return the code of the resident runner, with an empty mailbox at its end."""
    return resources.files(__package__).joinpath("algorithms/runner.bin").read_bytes()


class Runner:
    """Calls functions on a halted core. Not to be used once a call has crashed.

    Raises:
        AlgorithmError: the algorithm does not fit into the RAM.
    """

    def __init__(
        self,
        core: Core,
        ram: tuple[int, int],
        algorithm: FlashAlgorithm | None = None,
        *,
        stream: bool = True,
    ) -> None:
        self.core = core
        # Not core.memory: that would leave the opcodes of breakpoints where our code has to go.
        self.memory: Memory = core.ap
        self.algorithm = algorithm
        self.space = Workspace.lay_out(*ram, algorithm, stream=stream)
        self._slot = 0
        self._lists: deque[tuple[int, list[Command], float]] = deque(maxlen=_LISTS_KEPT)
        self._queued = 0
        self._busy = False
        self._timeout_s = 0.0
        self._table_ready = False
        self._pending: Batch | None = self._upload()

    # -- what is called ----------------------------------------------------------------------------

    def function(
        self, name: str, *arguments: int, address: int | None = None, expected: int | None = 0
    ) -> Command:
        """Return a call of the algorithm's function ``name``.

        Raises:
            AlgorithmError: the algorithm has no such function.
        """
        algorithm = self.algorithm
        if algorithm is None or not algorithm.has(name):
            source = "no algorithm" if algorithm is None else algorithm.source
            raise AlgorithmError(f"{source} has no function {name}", address=address)
        entry = self.space.algorithm + algorithm.functions[name]
        return Command(entry, arguments, name, address, expected)

    def crc(self, runs: Sequence[CrcRun], timeout_s: float) -> list[int]:
        """Return the CRC-32 (as zlib's) of each block of ``runs``, in order.

        All in one list; at most what `crc_capacity` says.

        Raises:
            AlgorithmError: a block cannot be read, or the target is too slow.
            TransferError, ProbeError: the way to the target broke.
        """
        commands = []
        if not self._table_ready:
            entry = self.space.start + CRC_TABLE
            commands.append(Command(entry, (self.space.crc_table,), "the CRC table"))
        shapes = self.data_address(len(commands) + len(runs))
        out = shapes + 8 * len(runs)
        total = 0
        for index, run in enumerate(runs):
            arguments = (run.address, shapes + 8 * index, out + 4 * total, self.space.crc_table)
            entry = self.space.start + CRC_BLOCKS
            commands.append(Command(entry, arguments, "the CRC", run.address))
            total += run.count
        data = b"".join(struct.pack("<II", run.block, run.count) for run in runs)
        raw = self.call(commands, timeout_s, data=data, read=(out, 4 * total))
        self._table_ready = True
        return list(struct.unpack(f"<{total}I", raw))

    def sums(self, runs: Sequence[CrcRun], timeout_s: float, erased_value: int) -> list[Sums]:
        """Return the `Sums` of each block of ``runs``, in order; at most `sums_capacity`.

        Raises:
            AlgorithmError: a block cannot be read, or the target is too slow.
            TransferError, ProbeError: the way to the target broke.
        """
        shapes = self.data_address(len(runs))
        at = out = shapes + 8 * len(runs)
        commands = []
        erased = int.from_bytes(bytes([erased_value] * 4))
        for index, run in enumerate(runs):
            arguments = (run.address, shapes + 8 * index, at, erased)
            entry = self.space.start + SUM_BLOCKS
            commands.append(Command(entry, arguments, "the sum", run.address))
            at += _SUMS.size * run.count
        data = b"".join(struct.pack("<II", run.block, run.count) for run in runs)
        raw = self.call(commands, timeout_s, data=data, read=(out, at - out))
        lengths = (run.block for run in runs for _ in range(run.count))
        places = (run.address + run.block * i for run in runs for i in range(run.count))
        return [
            blank_sums(length, address & 3, erased_value) if found == BLANK else found
            for found, length, address in zip(_SUMS.iter_unpack(raw), lengths, places, strict=True)
        ]

    @property
    def sums_capacity(self) -> tuple[int, int]:
        """How many runs, and how many words (2 a run, 2 a block), one list of sums may have."""
        return LIST_LENGTH - 2, self.space.room // 4

    @property
    def crc_capacity(self) -> tuple[int, int]:
        """How many runs, and how many words (2 a run, 1 a block), one list of CRCs may have."""
        return LIST_LENGTH - 2, self.space.room // 4

    # -- running -----------------------------------------------------------------------------------

    def data_address(self, count: int) -> int:
        """Return where the data of the next list will stand, if it has ``count`` commands."""
        return self.space.slots[self._slot] + count * COMMAND_LENGTH + _END.size

    def call(
        self,
        commands: Sequence[Command],
        timeout_s: float,
        *,
        data: bytes = b"",
        read: tuple[int, int] | None = None,
    ) -> bytes:
        """Run a list to its end; return the ``read`` (address, length) bytes that it left.

        A list that `push` started is waited for first, in the same round trip. ``data`` will
        stand at `data_address`.

        Raises:
            EraseError, ProgramError, AlgorithmError: a call failed, crashed, or did not return.
            TransferError, ProbeError: the way to the target broke.
        """
        if len(self.space.slots) == 1:
            self.finish()
        batch = self._start(commands, timeout_s, data, wait=self._busy)
        self.core.queue_wait_halted(batch, timeout_s=timeout_s)
        mailbox = self._queue_mailbox(batch)
        answer = None if read is None else self.memory.queue_read(batch, *read)
        self._run(batch)
        self._busy = False
        self._check(mailbox.value, ended=True)
        return b"" if answer is None else answer.value

    def push(self, commands: Sequence[Command], timeout_s: float, *, data: bytes = b"") -> None:
        """Start a list and return while it runs; the one before is waited for.

        The data travel while that one runs, when there are two slots. A failure of the list
        before is raised here; one of this list by the next `push`, or by `finish`.

        Raises:
            EraseError, ProgramError, AlgorithmError: as `call`.
            TransferError, ProbeError: the way to the target broke.
        """
        if len(self.space.slots) == 1:
            self.finish()
        batch = self._start(commands, timeout_s, data, wait=self._busy)
        mailbox = self._queue_mailbox(batch)
        self._run(batch)
        self._busy, self._timeout_s = True, timeout_s
        self._check(mailbox.value, ended=False)

    def finish(self) -> None:
        """Wait for the list that `push` started.

        Raises:
            EraseError, ProgramError, AlgorithmError: as `call`.
            TransferError, ProbeError: the way to the target broke.
        """
        if not self._busy:
            return
        batch = self.memory.batch()
        self.core.queue_wait_halted(batch, timeout_s=self._timeout_s)
        mailbox = self._queue_mailbox(batch)
        self._run(batch)
        self._busy = False
        self._check(mailbox.value, ended=True)

    # -- within ------------------------------------------------------------------------------------

    def _upload(self) -> Batch:
        """Queue everything that is there once: runner, mailbox, algorithm, guard, registers."""
        space, algorithm = self.space, self.algorithm
        static_base = space.algorithm + (algorithm.static_base if algorithm is not None else 0)
        mailbox = _MAILBOX.pack(
            STATE_READY,
            space.slots[0],
            0,
            0,
            space.stack_top,
            static_base,
            space.guard,
            GUARD_PATTERN,
        )
        code = runner_code()[:MAILBOX] + mailbox
        batch = self.memory.batch()
        memory = self.memory
        memory.queue_write(batch, space.start, code, free=True)
        if algorithm is not None:
            memory.queue_write(batch, space.algorithm, algorithm.blob, free=True)
        pattern = struct.pack("<I", GUARD_PATTERN) * (GUARD_LENGTH // 4)
        memory.queue_write(batch, space.guard, pattern, free=True)
        self.core.queue_write_register(batch, "xpsr", _XPSR_T)
        return batch

    def _start(
        self, commands: Sequence[Command], timeout_s: float, data: bytes, *, wait: bool
    ) -> Batch:
        """Queue: fill the free slot, wait for the running list if there is one, start.

        Filling is harmless whatever happens: nothing but the list before the running one used
        this slot, and that one is known to have ended.
        """
        slot = self._slot
        content = b"".join(command.encode() for command in commands)
        self._slot = (slot + 1) % len(self.space.slots)
        content += _END.pack(0, self.space.slots[self._slot])
        content += data + bytes(-len(data) % 4)
        if not 0 < len(commands) < LIST_LENGTH or len(data) > self.space.room:
            raise ValueError(f"a list of {len(commands)} commands with {len(data)} bytes")
        self._lists.append((self._queued, list(commands), timeout_s))
        self._queued += len(commands)
        batch = self._pending if self._pending is not None else self.memory.batch()
        self._pending = None
        self.memory.queue_write(batch, self.space.slots[slot], content, free=True)
        batch.add(lambda transfers: transfers.fence())
        if wait:
            self.core.queue_wait_halted(batch, timeout_s=self._timeout_s)
        self.core.queue_write_register(batch, "pc", self.space.start + ENTRY)
        self.core.queue_resume(batch)
        return batch

    def _queue_mailbox(self, batch: Batch) -> Result[bytes]:
        return self.memory.queue_read(batch, self.space.mailbox, _MAILBOX_HEAD.size)

    def _run(self, batch: Batch) -> None:
        try:
            batch.run()
        except TransferMismatch as error:
            self._raise_timeout(error)

    def _raise_timeout(self, error: TransferMismatch) -> None:
        """Turn a wait that ran out into what happened: still busy, or locked up."""
        reason = self.core.halt()
        raw = self.memory.read(self.space.mailbox, _MAILBOX_HEAD.size)
        command, timeout_s = self._command_at(_MAILBOX_HEAD.unpack(raw)[2])
        fault = self.core.fault()
        if fault is not None:
            raise AlgorithmError(
                f"{command} faulted: {_in_one_line(fault)}", address=command.address
            ) from error
        where = "" if reason.pc is None else f"; it was at {hex32(reason.pc)}"
        raise AlgorithmError(
            f"{command} did not return within {timeout_s:g} s{where}",
            address=command.address,
            hint="is the chip's clock or supply as the algorithm expects it?",
        ) from error

    def _command_at(self, completed: int) -> tuple[Command, float]:
        """Return the command behind so many that went well, and its list's time-out.

        Not by the runner's cursor: when a list has crashed, the one after the next fills its slot
        before that is noticed.
        """
        for first, commands, timeout_s in self._lists:
            if first <= completed < first + len(commands):
                return commands[completed - first], timeout_s
        raise AlgorithmError(
            f"the runner says that {completed} of {self._queued} calls went well: "
            f"its RAM was overwritten"
        )

    def _check(self, mailbox: bytes, *, ended: bool) -> None:
        state, _cursor, completed, result = _MAILBOX_HEAD.unpack(mailbox)
        if state == STATE_READY or (state == STATE_RUNNING and not ended):
            return
        self._busy = False
        command, _ = self._command_at(completed)
        if state == STATE_FAILED:
            raise _failure(command, result)
        if state == STATE_GUARD:
            raise AlgorithmError(
                f"{command} used more stack than there is: its result cannot be trusted",
                address=command.address,
            )
        told = self._crash(restarted=state == STATE_RESTARTED)
        raise AlgorithmError(f"{command} {told}", address=command.address)

    def _crash(self, *, restarted: bool) -> str:
        """Tell why the core halted somewhere else than at the end of the runner.

        When the runner was started again meanwhile, the pc tells nothing; a fault's frame does.
        """
        try:
            self.core.halt()  # started again, it may be on its way to the refusal
            fault = self.core.fault()
            if fault is not None:
                return f"faulted: {_in_one_line(fault)}"
            if restarted:
                return "halted, as by a BKPT instruction, instead of returning"
            return f"halted at {hex32(self.core.read_register('pc'))} instead of returning"
        except OnchipError as error:
            return f"crashed, and how cannot be read: {error}"


def _in_one_line(fault: FaultReport) -> str:
    where = "" if fault.pc is None else f"; pc {hex32(fault.pc)}"
    return f"{fault.name}: {fault.headline.rstrip('.')}{where}"


@dataclass(frozen=True, slots=True)
class CrcRun:
    """``count`` blocks of ``block`` bytes each, from ``address``: one CRC for each."""

    address: int
    block: int
    count: int


_FAILURES: dict[str, type[FlashError]] = {
    "EraseSector": EraseError,
    "EraseChip": EraseError,
    "ProgramPage": ProgramError,
}


def _failure(command: Command, result: int) -> FlashError:
    kind = _FAILURES.get(command.name, AlgorithmError)
    return kind(f"{command} failed: it returned {result} (0x{result:X})", address=command.address)
