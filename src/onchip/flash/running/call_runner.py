"""Calls an algorithm's functions one by one, with nothing of ours resident on the target.

A call is one batch: registers, with a return address where a BKPT stands, resume, wait in the
probe, read what was returned. It asks less of algorithm and RAM than the ring does, and costs a
round trip for each page:

    host      | page 0 | call 0, page 1 | wait | call 1, page 2 | wait | ...
    target             | page 0 ............|  | page 1 ............|  | ...

Where nothing may travel while a function runs there is one buffer, and a page is sent between two
calls. Sums are computed by the driver's function for that, which is put where pages go; if not
even that fits the RAM, the flash is read (see `blocks`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onchip.errors import AlgorithmError, TransferMismatch

from ..algorithm import FlashAlgorithm
from . import driver
from .block_run import BlockRun, block_command
from .call_space import RETURN, RETURNED, CallSpace
from .command import Command, hex32
from .driver import FAILED, GUARD_BROKEN, WELL, Status
from .look import Look
from .ring import Record
from .rung import Rung
from .runner import Done, Runner, nothing, page_size
from .source import Source
from .sums import sums
from .watch import Watch

if TYPE_CHECKING:
    from onchip.cortex_m.core import Core
    from onchip.dap.batch import Batch, Result

_XPSR_T = 0x0100_0000
_SPOT = 64
"""Bytes that are changed under a running function to see whether the next one notices."""
_ANSWER = 64
"""Room for one block's sums and their shape."""
_LONG = 0x4000
"""Bytes whose sums take long enough for something to arrive meanwhile."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What is read when a call is over."""

    registers: Result[dict[str, int]]
    look: Look
    guard: Result[bytes]
    answer: Result[bytes] | None


class CallRunner(Runner):
    """The ways without a driver; without ``overlap`` nothing travels while a function runs.

    Raises:
        AlgorithmError: the algorithm does not fit into the RAM.
    """

    capacity = 1 << 32

    def __init__(
        self,
        core: Core,
        ram: tuple[int, int],
        algorithm: FlashAlgorithm | None = None,
        *,
        overlap: bool,
    ) -> None:
        self.space = space = CallSpace.lay_out(*ram, algorithm, overlap=overlap)
        super().__init__(core, algorithm, space.algorithm)
        self.chunk = space.size if algorithm is None else page_size(algorithm)
        self.window = space.area, space.area
        self.rung = Rung.DOUBLE if len(space.buffers) > 1 else Rung.SINGLE
        self._ram = ram
        self._watch = Watch(core)
        self._count = 0
        self._slot = 0
        self._resident: int | None = None
        self._upload(space.returns_to, RETURN)
        self._upload(space.guard, driver.GUARD)

    def part(self, offset: int) -> int:
        """Return where the driver's function at ``offset`` is in RAM."""
        start = driver.part_start(offset)
        if self._resident != start:
            self._resident = start
            self._upload(self.space.area, self._code(start))
        return self.space.area + offset - start

    def room(self, offset: int) -> int:
        """Return how many bytes a record may have for that function; 0: it cannot be called."""
        if offset == driver.CRC_BLOCKS:
            return 0  # its table has no place
        return max(0, self.space.returns_to - self._behind(driver.part_start(offset)))

    # -- doing -------------------------------------------------------------------------------------

    def prove(self) -> None:
        """See whether the RAM holds code, and whether pages may travel while a function runs.

        If they may not, that is not done. Where the RAM is too small to tell, the verification in
        the end has to.

        Raises:
            AlgorithmError: what is read from the RAM is not what was written there.
            TransferError, ProbeError: the way to the target broke.
        """
        space = self.space
        if self.room(driver.SUM_BLOCKS) < _ANSWER + _SPOT:
            self._give_up_overlap()
            return
        entry = self.part(driver.SUM_BLOCKS)
        spot = space.returns_to - _SPOT
        first, second = bytes(range(_SPOT)), bytes(range(_SPOT, 2 * _SPOT))
        self._upload(spot, first)
        look_at_it = block_command(entry, BlockRun(spot, _SPOT, 1), 8, 0)
        if self.call([look_at_it]) != [_answer(first, spot)]:
            raise AlgorithmError(
                f"the RAM at {hex32(self._ram[0])} does not hold what was written there",
                address=self._ram[0],
                hint="is it RAM, and may code run there?",
            )
        if self.rung is Rung.SINGLE:
            return
        long = BlockRun(self._ram[0] + 3 & ~3, min(self._ram[1] - 4 & ~3, _LONG), 1)
        self._carry_out(block_command(entry, long, 8, 0), meanwhile=(spot, second))
        if self.call([look_at_it]) != [_answer(second, spot)]:
            self._give_up_overlap()

    def run(self, commands: Iterable[Command], done: Done = nothing) -> None:
        """Carry commands out, in order, to the end."""
        source = Source(commands)
        payload = None
        while not source.at_end:
            command = source.take()
            ahead = None
            if not source.at_end and self._may_travel(source.peek(), command):
                if payload is None and command.data:
                    payload = self._payload(command)
                    self._upload(payload, command.data)
                ahead = self._payload(source.peek()), source.peek().data
            self._carry_out(command, payload=payload, meanwhile=ahead)
            payload = None if ahead is None else ahead[0]
            done(command)

    def finish(self, done: Done = nothing) -> None:
        """Do nothing: all is done when `run` returns."""

    def call(self, commands: Sequence[Command], done: Done = nothing) -> list[bytes]:
        """Carry commands out to the end; return what each left in the room behind its data."""
        answers = []
        for command in commands:
            answer = self._carry_out(command)
            done(command)
            if command.room:
                answers.append(answer)
        return answers

    def check(self) -> None:
        """Make sure that nothing has happened to the target."""
        batch = self.memory.batch()
        look = Look(self.core, batch, None)
        batch.run()
        self._watch.absorb(Status(done=self._count), look.dhcsr(), look.dfsr(), halts=True)

    # -- where payloads go -------------------------------------------------------------------------

    def _behind(self, start: int) -> int:
        """Return where the payload goes of a call of our own function that begins at ``start``."""
        return self.space.area + len(self._code(start)) + 7 & ~7

    def _is_ours(self, command: Command) -> bool:
        return self.space.area <= command.function < self.space.returns_to

    def _payload(self, command: Command) -> int:
        """Return where the payload of a command goes: behind our own code, or into a buffer."""
        space = self.space
        length = len(command.data) + command.room
        if self._is_ours(command):
            assert self._resident is not None
            place, size = self._behind(self._resident), self.room(self._resident)
        else:
            if length:
                self._resident = None
                self._slot = (self._slot + 1) % len(space.buffers)
            place, size = space.buffers[self._slot], space.size
        if length > size:
            raise ValueError(f"a payload of {length} bytes where there is room for {size}")
        return place

    def _may_travel(self, following: Command, command: Command) -> bool:
        """Say whether the data of ``following`` may be sent while ``command`` runs."""
        ours = self._is_ours(command) or self._is_ours(following)
        return self.rung is Rung.DOUBLE and bool(following.data) and not ours

    def _give_up_overlap(self) -> None:
        self.rung = Rung.SINGLE

    # -- one call ----------------------------------------------------------------------------------

    def _carry_out(
        self,
        command: Command,
        *,
        payload: int | None = None,
        meanwhile: tuple[int, bytes] | None = None,
    ) -> bytes:
        """Call, wait, and check; return what was left in the room behind the data.

        ``payload``: the data are there already. ``meanwhile`` (address, data) travels while the
        function runs.
        """
        batch = self._batch()
        if payload is None:
            payload = self._payload(command)
            self.memory.queue_write(batch, payload, command.data, free=True)
        self.core.queue_load_registers(batch, self._registers(command, payload))
        self.core.queue_resume(batch)
        self._watch.give(Record(self._count, command, payload, 0))
        if meanwhile is not None:
            self.memory.queue_write(batch, *meanwhile, free=True)
        while True:
            self.core.queue_wait_halted(batch, timeout_s=0.0)
            outcome = self._queue_outcome(batch, command, payload)
            try:
                batch.run()
                break
            except TransferMismatch:
                self._look_closer(command)
                batch = self.memory.batch()
        self._absorb(command, outcome)
        return b"" if outcome.answer is None else outcome.answer.value

    def _registers(self, command: Command, payload: int) -> dict[str, int]:
        arguments = list(command.arguments)
        for index, offset in command.places:
            arguments += [0] * (index + 1 - len(arguments))
            arguments[index] = payload + offset
        return {
            **{f"r{index}": value for index, value in enumerate(arguments)},
            "r9": self._static_base,
            "sp": self.space.stack_top,
            "lr": self.space.returns_to | 1,
            "pc": command.function,
            "xpsr": _XPSR_T,
        }

    def _queue_outcome(self, batch: Batch, command: Command, payload: int) -> _Outcome:
        registers = self.core.queue_read_registers(batch, ["r0", "pc"])
        look = Look(self.core, batch, None)
        guard = self.memory.queue_read(batch, self.space.guard, driver.GUARD_LENGTH)
        answer = None
        if command.room:
            answer = self.memory.queue_read(batch, payload + len(command.data), command.room)
        return _Outcome(registers, look, guard, answer)

    def _look_closer(self, command: Command) -> None:
        """See why a wait was in vain: the call still runs, and may, or it crashed."""
        batch = self.memory.batch()
        look = Look(self.core, batch, None)
        batch.run()
        dhcsr = look.dhcsr()
        if dhcsr.S_HALT:
            return  # just now
        status = self._status(command)
        self._watch.absorb(status, dhcsr, look.dfsr(), halts=True)
        self._watch.check_time(status)

    def _absorb(self, command: Command, outcome: _Outcome) -> None:
        status = self._status(command)
        result = outcome.registers.value["r0"]
        if outcome.registers.value["pc"] == self.space.returns_to + RETURNED:
            self._count += 1
            status = Status(done=self._count)
            if outcome.guard.value != driver.GUARD:
                status = self._status(command, GUARD_BROKEN)
            elif result != command.expected:
                status = self._status(command, FAILED, result)
        self._watch.absorb(status, outcome.look.dhcsr(), outcome.look.dfsr(), halts=True)

    def _status(self, command: Command, state: int = WELL, result: int = 0) -> Status:
        """Return the status as the driver would tell it while ``command`` is called."""
        number = self._watch.last.number
        at = command.arguments[0] if command.arguments else 0
        return Status(state, number, number + 1, at, result, number)


def _answer(data: bytes, address: int) -> bytes:
    return struct.pack("<2I", *sums(data, address))
