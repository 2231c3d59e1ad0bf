"""Collects a trace frame from the halted core: registers, then all plain ranges in one batch.

What cannot be read (memory that is not there) is left out, so that a trace goes on where a pointer
once leads nowhere; the client sees it as not collected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from onchip.cortex_m import Core
from onchip.errors import TransferFault
from onchip.services.gdb.agent.expression import Surroundings
from onchip.services.gdb.registers import RegisterSpec
from onchip.services.gdb.trace.tracepoint import Actions
from onchip.wire.gdb_rsp.trace_file import TraceFrame
from onchip.wire.gdb_rsp.tracepoints import CollectMemory

LONGEST_PIECE: Final = 1 << 16
"""An expression collects no more in one go."""

_END: Final = 1 << 32


def collect(
    core: Core,
    seen: Surroundings,
    tracepoint: int,
    actions: Actions,
    registers: Sequence[RegisterSpec],
    pc: int,
) -> TraceFrame:
    """Return the frame; ``registers`` are all put in if any is wanted.

    Raises:
        ExpressionError: an expression cannot be evaluated, whatever the target holds.
        TransferError, ProbeError: the core cannot be reached.
    """
    block = None
    if actions.mask:
        values = core.read_registers([spec.name for spec in registers])
        block = b"".join(spec.encode(values[spec.name]) for spec in registers)
    filling = _Filling(seen)
    filling.pieces += _read_ranges(core, _ranges(actions.memory, seen))
    for program in actions.programs:
        try:
            program.evaluate(filling)
        except TransferFault:
            continue
    return TraceFrame(
        tracepoint, block, tuple(filling.pieces), tuple(filling.variables.items()), pc
    )


def _ranges(actions: Iterable[CollectMemory], seen: Surroundings) -> list[tuple[int, int]]:
    ranges = []
    for action in actions:
        base = 0 if action.base is None else seen.read_register(action.base)
        address = (base + action.offset) % _END
        ranges.append((address, min(action.length, _END - address)))
    return ranges


def _read_ranges(core: Core, ranges: list[tuple[int, int]]) -> list[tuple[int, bytes]]:
    """Read all in one batch; if one of them cannot be read, as much of each as can be."""
    if not ranges:
        return []
    batch = core.memory.batch()
    results = [core.memory.queue_read(batch, *each) for each in ranges]
    try:
        batch.run()
    except TransferFault:
        pieces = [(each[0], _read_some(core.memory.read, *each)) for each in ranges]
        return [piece for piece in pieces if piece[1]]
    return [(address, result.value) for (address, _), result in zip(ranges, results, strict=True)]


def _read_some(read: Callable[[int, int], bytes], address: int, length: int) -> bytes:
    """Read up to where nothing is there."""
    try:
        return read(address, length)
    except TransferFault as fault:
        if fault.address is None or not address < fault.address < address + length:
            return b""
        return read(address, fault.address - address)


class _Filling(Surroundings):
    """The target as the expressions of one frame see it; what they collect stays here."""

    def __init__(self, seen: Surroundings) -> None:
        self.pieces: list[tuple[int, bytes]] = []
        self.variables: dict[int, int] = {}
        self._seen = seen

    def read_memory(self, address: int, length: int) -> bytes:
        """Return target memory: what was collected already is not read again."""
        known = find_piece(self.pieces, address, length)
        return self._seen.read_memory(address, length) if known is None else known

    def read_register(self, number: int) -> int:
        """Return a register."""
        return self._seen.read_register(number)

    def thread_id(self) -> int:
        """Return the thread that executes."""
        return self._seen.thread_id()

    def print(self, text: str) -> None:
        """Show what a printf prints."""
        self._seen.print(text)

    def variable(self, number: int) -> int:
        """Return a trace state variable."""
        return self._seen.variable(number)

    def set_variable(self, number: int, value: int) -> None:
        """Set a trace state variable."""
        self._seen.set_variable(number, value)

    def collect(self, address: int, length: int) -> None:
        """Put memory into the frame, unless it is there."""
        length = min(length, LONGEST_PIECE, _END - address)
        if length > 0 and find_piece(self.pieces, address, length) is None:
            data = _read_some(self._seen.read_memory, address, length)
            if data:
                self.pieces.append((address, data))

    def collect_string(self, address: int, longest: int) -> None:
        """Put memory up to a zero into the frame, zero and all."""
        longest = min(longest, LONGEST_PIECE, _END - address)
        data = b""
        while len(data) < longest and b"\0" not in data:
            at = address + len(data)
            try:
                data += self._seen.read_memory(at, min(64 - at % 64, longest - len(data)))
            except TransferFault:
                break
        end = data.find(b"\0")
        if data:
            self.pieces.append((address, data if end < 0 else data[: end + 1]))

    def collect_variable(self, number: int) -> None:
        """Put a trace state variable into the frame, as it is now."""
        self.variables[number] = self._seen.variable(number)


def find_piece(pieces: Iterable[tuple[int, bytes]], address: int, length: int) -> bytes | None:
    """Return a range that lies within one of the pieces."""
    for start, data in pieces:
        if start <= address and address + length <= start + len(data):
            return data[address - start : address - start + length]
    return None
