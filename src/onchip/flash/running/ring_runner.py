"""Has a driver on the target call an algorithm's functions, while the host writes what comes next.

In RAM stand the resident driver, the algorithm, a guarded stack, and a ring. The host writes
records into the ring, the driver works them off; what is done frees its place:

    host      | write 0, 1, 2 | write 3, 4 | wait for 2, write 5, 6 | ...
    target        | 0 | 1 | 2 | 3 | 4 | 5 ...
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from onchip.errors import AlgorithmCrash, AlgorithmError, TransferMismatch

from ..algorithm import FlashAlgorithm
from . import driver
from .block_run import BlockRun, block_command
from .command import Command, hex32
from .driver import Status
from .feed import queue_records
from .look import Look
from .ring import Record, Ring
from .rung import Rung
from .runner import Done, Runner, nothing, page_size
from .source import Source
from .sums import sums
from .watch import Watch
from .workspace import Workspace

if TYPE_CHECKING:
    from onchip.cortex_m.core import Core
    from onchip.dap.batch import Batch, Result

_XPSR_T = 0x0100_0000
_FIRST_BATCH, _LONGEST_BATCH = 1 << 13, 1 << 16
"""Bytes of records after which the target is looked at: soon, and then less and less often."""
_PROOFS = 2
"""Waits, of as long as the probe repeats one, in which the driver has to notice a record."""


class RingRunner(Runner):
    """The fastest way. ``crcs``: with room for the table that CRCs need.

    Raises:
        AlgorithmError: the algorithm does not fit into the RAM.
    """

    rung = Rung.STREAM

    def __init__(
        self,
        core: Core,
        ram: tuple[int, int],
        algorithm: FlashAlgorithm | None = None,
        *,
        crcs: bool = False,
    ) -> None:
        self.space = space = Workspace.lay_out(*ram, algorithm, crcs=crcs)
        super().__init__(core, algorithm, space.algorithm)
        self.chunk, self.capacity = space.chunk, space.capacity
        self.window = space.window, space.ring
        self.crc_table = space.crc_table
        self._crcs = crcs
        self._ring = Ring(space.ring, space.end, space.longest)
        self._watch = Watch(core)
        self._status = Status()
        self._proved = False
        self._parts = {driver.SUM_BLOCKS}
        self._begin()

    def part(self, offset: int) -> int:
        """Return where the driver's function at ``offset`` is in RAM."""
        start = driver.part_start(offset)
        if start not in self._parts:
            self._parts.add(start)
            self._upload(self.space.start + start, self._code(start))
        return self.space.start + offset

    def room(self, offset: int) -> int:
        """Return how many bytes a record may have for that function; 0: it cannot be called."""
        if offset == driver.CRC_BLOCKS and not self._crcs:
            return 0
        return self.space.room

    # -- doing -------------------------------------------------------------------------------------

    def prove(self) -> bool:
        """Let the driver sum itself up: does it see what is written while it runs, is it whole?

        If it sees nothing the core is halted, and this runner of no use.

        Raises:
            AlgorithmError: what is read from the RAM is not what was written there.
            TransferError, ProbeError: the way to the target broke.
        """
        if self._proved:
            return True
        start = self.space.start + driver.SUM_BLOCKS
        code = self._code(driver.SUM_BLOCKS)
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
            self._proved = True
            return True
        self.core.halt()
        return False

    def run(self, commands: Iterable[Command], done: Done = nothing) -> None:
        """Have commands carried out, in order; return when all are on their way."""
        self._require_proof()
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
            self._send(records, after, done)

    def finish(self, done: Done = nothing) -> None:
        """Wait until everything is done."""
        if self._watch.waiting:
            self._carry_out([], done)

    def call(self, commands: Sequence[Command], done: Done = nothing) -> list[bytes]:
        """Carry commands out to the end; return what each left in the room behind its data.

        They have to fit the ring together; with ``capacity`` bytes they do.
        """
        self.finish(done)
        source = Source(commands)
        self._require_proof()
        records = self._place(source, 1 << 32)
        if not records or not source.at_end:
            raise ValueError(f"{len(commands)} commands do not fit the ring together")
        return self._carry_out(records, done)

    def check(self) -> None:
        """Make sure that nothing has happened to the target."""
        batch = self.memory.batch()
        look = Look(self.core, batch, self.space.mailbox)
        batch.run()
        self._absorb(look, nothing)

    # -- within ------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Queue what is there from the beginning: driver, mailbox, guard, registers."""
        space, algorithm = self.space, self.algorithm
        mailbox = driver.mailbox(
            cursor=self._ring.next,
            stack_top=space.stack_top,
            static_base=self._static_base,
            guard=space.guard,
            page=0 if algorithm is None else page_size(algorithm),
        )
        batch = self._batch()
        self.core.queue_write_register(batch, "xpsr", _XPSR_T)
        self.core.queue_write_register(batch, "pc", space.start + driver.ENTRY)
        code = driver.core_code(mailbox, baseline=self.core.identity.baseline)
        self.memory.queue_write(batch, space.start, code, free=True)
        self.memory.queue_write(batch, space.guard, driver.GUARD, free=True)
        self._opening = batch

    def _queue_wait(self, batch: Batch, record: Record) -> None:
        """Queue one wait, as long as the probe repeats it, until a record is done."""
        self.memory.queue_wait_u32(batch, record.address, 0xFFFF_FFFF, 0, timeout_s=0.0)

    def _require_proof(self) -> None:
        if not self.prove():
            raise AlgorithmCrash("the driver does not see what is written while it runs")

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
        """See why a wait was in vain: the call still runs, and may, or it crashed."""
        batch = self.memory.batch()
        look = Look(self.core, batch, self.space.mailbox)
        batch.run()
        self._absorb(look, done)
        self._watch.check_time(self._status)

    def _absorb(self, look: Look, done: Done) -> None:
        self._status = status = look.status()
        finished = self._watch.absorb(status, look.dhcsr(), look.dfsr())
        self._ring.release(status.done)
        for record in finished:
            done(record.command)
