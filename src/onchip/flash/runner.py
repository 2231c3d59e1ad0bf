"""Runs functions of a flash algorithm on the target.

In RAM stand the resident driver, the algorithm, a guarded stack, and a ring. The host writes
records into the ring, the driver works them off; what is done frees its place:

    host      | write 0, 1, 2 | write 3, 4 | wait for 2, write 5, 6 | ...
    target        | 0 | 1 | 2 | 3 | 4 | 5 ...

Where an algorithm cannot bear that its RAM's bus is used meanwhile, or the driver does not see what
is written while it runs, the ring is filled while the core is halted, and then emptied by it alone.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from onchip.errors import AlgorithmError, TransferMismatch

from . import driver
from .algorithm import FlashAlgorithm
from .block_run import BlockRun, block_command
from .command import Command, hex32
from .driver import Status
from .feed import queue_records
from .look import Look
from .ring import Record, Ring
from .source import Source
from .sums import sums
from .watch import Watch, runs_on
from .workspace import Workspace

if TYPE_CHECKING:
    from onchip.cortex_m.core import Core
    from onchip.dap.batch import Batch, Result

Done = Callable[[Command], None]

_XPSR_T = 0x0100_0000
_FIRST_BATCH, _LONGEST_BATCH = 1 << 13, 1 << 16
"""Bytes of records after which the target is looked at: soon, and then less and less often."""
_PROOFS = 2
"""Waits, of as long as the probe repeats one, in which the driver has to notice a record."""


def nothing(_command: Command) -> None:
    """Tell nobody."""


class Runner:
    """Calls functions on a core. Not to be used once a call has failed.

    Without ``stream`` the target is left alone while a function runs.

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
        self.memory = core.ap
        self.algorithm = algorithm
        self.space = Workspace.lay_out(*ram, algorithm)
        self.streams = stream
        self.starved = False
        """Whether the target had nothing left to do when it was last looked at."""
        self._needed: dict[int, bytes] = {}
        self._begin()

    # -- what is called ----------------------------------------------------------------------------

    def function(
        self,
        name: str,
        *arguments: int,
        address: int | None = None,
        expected: int = 0,
        timeout_s: float = 1.0,
        progress: int = 0,
    ) -> Command:
        """Return a call of the algorithm's function ``name``.

        Raises:
            AlgorithmError: the algorithm has no such function.
        """
        entry = self.entry(name, address)
        return Command(entry, arguments, name, address, expected, timeout_s, progress=progress)

    def entry(self, name: str, address: int | None = None) -> int:
        """Return where a function of the algorithm is in RAM.

        Raises:
            AlgorithmError: the algorithm has no such function.
        """
        algorithm = self.algorithm
        if algorithm is None or not algorithm.has(name):
            source = "no algorithm" if algorithm is None else algorithm.source
            raise AlgorithmError(f"{source} has no function {name}", address=address)
        self._need(self.space.algorithm, algorithm.blob)
        return self.space.algorithm + algorithm.functions[name]

    def part(self, offset: int) -> int:
        """Return where a part of the driver is in RAM: `CRC_TABLE`, `CRC_BLOCKS`, or `UNPACK`."""
        start = offset if offset == driver.UNPACK else driver.CRC_TABLE
        return self._need(self.space.start + start, driver.part(start)) + offset - start

    # -- doing -------------------------------------------------------------------------------------

    def run(self, commands: Iterable[Command], done: Done = nothing) -> None:
        """Have commands carried out, in order; return when all are on their way.

        ``done`` is told of each that is known to be done. A failure is raised here, by the next
        `run`, or by `finish`.

        Raises:
            EraseError, ProgramError, AlgorithmError: a call failed, crashed, or did not return.
            TransferError, ProbeError: the way to the target broke.
        """
        self._prove()
        source = Source(commands)
        length = _FIRST_BATCH
        while not source.at_end:
            after = None
            records = self._place(source, length)
            while not records:
                after = self._half_way()
                self._ring.release(after.number + 1)
                records = self._place(source, length)
            length = min(2 * length, _LONGEST_BATCH)
            if self.streams:
                self._send(records, after, done)
            else:
                self._carry_out(records, done)

    def finish(self, done: Done = nothing) -> None:
        """Wait until everything is done.

        Raises:
            EraseError, ProgramError, AlgorithmError: as `run`.
            TransferError, ProbeError: the way to the target broke.
        """
        if self._watch.waiting:
            self._carry_out([], done)

    def call(self, commands: Sequence[Command], done: Done = nothing) -> list[bytes]:
        """Carry commands out to the end; return what each left in the room behind its data.

        They have to fit the ring together; with ``space.capacity`` bytes they do.

        Raises:
            EraseError, ProgramError, AlgorithmError: as `run`.
            TransferError, ProbeError: the way to the target broke.
        """
        self.finish(done)
        source = Source(commands)
        self._prove()
        records = self._place(source, 1 << 32)
        if not records or not source.at_end:
            raise ValueError(f"{len(commands)} commands do not fit the ring together")
        return self._carry_out(records, done)

    def check(self) -> None:
        """Make sure that nothing has happened to the target.

        Raises:
            AlgorithmError: it crashed, or was reset.
            TransferError, ProbeError: the way to the target broke.
        """
        batch = self.memory.batch()
        look = Look(self.core, batch, self.space.mailbox)
        batch.run()
        self._absorb(look, nothing)

    def stop(self) -> None:
        """Halt the core, wherever the driver is.

        Raises:
            CoreTimeout: it did not halt.
            TransferError, ProbeError: the way to the target broke.
        """
        self.core.halt()

    # -- within ------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Make everything new; the upload travels with the first records."""
        space = self.space
        self._ring = Ring(space.ring, space.end, space.longest)
        self._watch = Watch(self.core)
        self._status = Status()
        self._proved = False
        self._opening: Batch | None = self._upload()
        for address, code in self._needed.items():
            self.memory.queue_write(self._opening, address, code, free=True)

    def _upload(self) -> Batch:
        """Queue what is there from the beginning: driver, mailbox, guard, registers."""
        space, algorithm = self.space, self.algorithm
        mailbox = driver.mailbox(
            cursor=self._ring.next,
            stack_top=space.stack_top,
            static_base=space.algorithm + (0 if algorithm is None else algorithm.static_base),
            guard=space.guard,
            page=0 if algorithm is None else page_size(algorithm),
            halts=not self.streams,
        )
        batch = self.memory.batch()
        self.core.queue_write_register(batch, "xpsr", _XPSR_T)
        self.core.queue_write_register(batch, "pc", space.start + driver.ENTRY)
        pattern = struct.pack("<I", driver.GUARD_PATTERN) * (driver.GUARD_LENGTH // 4)
        code = driver.core_code(mailbox, baseline=self.core.identity.baseline)
        self.memory.queue_write(batch, space.start, code, free=True)
        self.memory.queue_write(batch, space.guard, pattern, free=True)
        return batch

    def _need(self, address: int, code: bytes) -> int:
        """Have code in RAM before the next record; return its address."""
        if address not in self._needed:
            self._needed[address] = code
            self._opening = self._opening or self.memory.batch()
            self.memory.queue_write(self._opening, address, code, free=True)
        return address

    def _queue_start(self, batch: Batch) -> None:
        batch.add(lambda transfers: transfers.fence())
        self.core.queue_write_register(batch, "pc", self.space.start + driver.ENTRY)
        self.core.queue_resume(batch)

    def _queue_wait(self, batch: Batch, record: Record) -> None:
        """Queue one wait, as long as the probe repeats it, until a record is done."""
        if self.streams:
            self.memory.queue_wait_u32(batch, record.address, 0xFFFF_FFFF, 0, timeout_s=0.0)
        else:
            self.core.queue_wait_halted(batch, timeout_s=0.0)

    def _batch(self) -> Batch:
        """Return a batch that begins with what has to be there first."""
        batch, self._opening = self._opening or self.memory.batch(), None
        return batch

    def _prove(self) -> None:
        """Let the driver sum itself up: does it see what is written while it runs, is it whole?

        If it sees nothing the ring is given up.
        """
        if self._proved or not self.streams:
            return
        self._proved = True
        start = self.space.start + driver.SUM_BLOCKS
        code = driver.sums_code(baseline=self.core.identity.baseline)
        record = self._ring.place(block_command(start, BlockRun(start, len(code), 1), 8, 0))
        assert record is not None
        self._watch.give(record)
        batch = self._batch()
        self.memory.queue_write(batch, record.address, record.encode(), free=True)
        batch.add(lambda transfers: transfers.fence())
        self.core.queue_resume(batch)
        self.memory.queue_write_u32(batch, self._ready, 1)
        for _ in range(_PROOFS):
            self._queue_wait(batch, record)
            look = Look(self.core, batch, self.space.mailbox)
            (answer,) = self._queue_answers(batch, [record])
            try:
                batch.run()
            except TransferMismatch:
                self._look_closer(nothing)
                batch = self.memory.batch()
                continue
            self._absorb(look, nothing)
            if struct.unpack("<2I", answer.value) != sums(code, start):
                raise AlgorithmError(
                    f"the RAM at {hex32(self.space.start)} does not hold what was written there",
                    address=self.space.start,
                    hint="is it RAM, and may code run there?",
                )
            return
        self.core.halt()
        self.streams = False
        self._begin()

    @property
    def _ready(self) -> int:
        return self.space.mailbox + driver.READY

    def _place(self, source: Source, most: int) -> list[Record]:
        """Place as many commands as there is room for, until they have ``most`` bytes."""
        records: list[Record] = []
        length = 0
        while length < most and not source.at_end:
            record = self._ring.place(source.peek())
            if record is None:
                break
            length += source.take().length
            records.append(record)
        return records

    def _half_way(self) -> Record:
        """Return the record behind which half of what is under way is done."""
        outstanding = self._ring.outstanding
        half = sum(record.command.length for record in outstanding) // 2
        for record in outstanding:
            half -= record.command.length
            if half <= 0:
                return record
        raise ValueError("a command does not fit the empty ring")

    def _send(self, records: list[Record], after: Record | None, done: Done) -> None:
        """Write records, once ``after`` is done."""
        while True:
            batch = self._batch()
            if after is not None:
                self._queue_wait(batch, after)
                batch.add(lambda transfers: transfers.fence())
            idle = not self._watch.waiting
            queue_records(batch, self.memory, records, self._ready, idle=idle)
            look = Look(self.core, batch, self.space.mailbox)
            try:
                batch.run()
                break
            except TransferMismatch:
                self._look_closer(done)
        for record in records:
            self._watch.give(record)
        self._absorb(look, done)
        self.starved = self._watch.waiting <= 1

    def _carry_out(self, records: list[Record], done: Done) -> list[bytes]:
        """Write records, if any, and wait for the last; return what each left in its room."""
        batch = self._batch()
        if records:
            queue_records(batch, self.memory, records, self._ready)
            for record in records:
                self._watch.give(record)
            if not self.streams:
                self._queue_start(batch)
        last = self._watch.last
        while True:
            self._queue_wait(batch, last)
            look = Look(self.core, batch, self.space.mailbox)
            answers = self._queue_answers(batch, records)
            try:
                batch.run()
                break
            except TransferMismatch:
                self._look_closer(done)
                batch = self.memory.batch()
        self._absorb(look, done)
        return [answer.value for answer in answers]

    def _queue_answers(self, batch: Batch, records: list[Record]) -> list[Result[bytes]]:
        return [
            self.memory.queue_read(
                batch, record.payload + len(record.command.data), record.command.room
            )
            for record in records
            if record.command.room
        ]

    def _look_closer(self, done: Done) -> None:
        """See why a wait was in vain: the call still runs, and may, or it crashed.

        Without ``stream`` not even the mailbox is read while a call may run.
        """
        if not self.streams:
            batch = self.memory.batch()
            look = Look(self.core, batch, None)
            batch.run()
            if runs_on(look.dhcsr(), look.dfsr()):
                self._watch.check_time(self._status, blind=True)
                return
        batch = self.memory.batch()
        look = Look(self.core, batch, self.space.mailbox)
        batch.run()
        self._absorb(look, done)
        self._watch.check_time(self._status)

    def _absorb(self, look: Look, done: Done) -> None:
        self._status = status = look.status()
        finished = self._watch.absorb(status, look.dhcsr(), look.dfsr(), halts=not self.streams)
        self._ring.release(status.done)
        for record in finished:
            done(record.command)


def page_size(algorithm: FlashAlgorithm) -> int:
    """Return what one call of ProgramPage gets: a page, but no more than a sector."""
    device = algorithm.device
    return min(device.page_size, math.gcd(*(run.size for run in device.sectors)))
