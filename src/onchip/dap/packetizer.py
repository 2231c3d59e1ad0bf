"""Cut a list of elements into CMSIS-DAP packets, full by request size and by response size.

Three ways to carry register accesses, per packet the one that carries most:

    DAP_TransferBlock    5+4n | 4+4n  n accesses to one register; 126 writes or 127 reads in 512
    DAP_Transfer         3+   | 3+    anything; a write or match costs 5, a read 1 and 4 back
    DAP_ExecuteCommands  2+   | 2+    several commands in one packet, where the probe offers it: the
                                      end of a block, a new TAR, the start of the next block

**No two neighbours alike.** A response only repeats its command's number and count. So that a
response which comes twice, or late, is never taken for the next packet's, a packet that reads never
has the shape of the one before it: it changes between DAP_TransferBlock and DAP_Transfer, or reads
RDBUFF once more.

A read in a DAP_Transfer costs one byte of request, so a long read does not notice a TAR write in
its middle. A long write does (5 bytes a word instead of 4), hence ExecuteCommands.
"""

from __future__ import annotations

from typing import Final

from ..wire.cmsis_dap import CommandId
from .transfers import MATCH_VALUE, READ, Element

TRANSFER: Final = int(CommandId.Transfer)
TRANSFER_BLOCK: Final = int(CommandId.TransferBlock)
EXECUTE_COMMANDS: Final = int(CommandId.ExecuteCommands)

_SHORTEST_BLOCK = 8  # words; below it a second command's headers cost more than they save

_READ_RDBUFF = 0x0E

Portion = tuple[Element, int, int]  # the element, its first access, how many
Shape = tuple[int, ...]  # what a response shows of its request: commands and counts


class Command:
    """One DAP_Transfer or DAP_TransferBlock, and what it carries."""

    __slots__ = ("block", "count", "portions", "reads")

    def __init__(self, portions: list[Portion], count: int, reads: int, *, block: bool) -> None:
        self.portions = portions
        self.count = count
        self.reads = reads
        self.block = block

    def encode(self) -> bytes:
        """Return the request, command byte first."""
        if self.block:
            element, first, count = self.portions[0]
            head = (
                bytes((TRANSFER_BLOCK, 0)) + count.to_bytes(2, "little") + bytes((element.request,))
            )
            if element.payload is None:
                return head
            return head + element.payload[4 * first : 4 * (first + count)]
        parts: list[bytes] = [bytes((TRANSFER, 0, self.count))]
        for element, first, count in self.portions:
            request = bytes((element.request,))
            payload = element.payload
            if payload is None:
                parts.append(request * count)
            elif element.count == 1:
                parts.append(request)
                parts.append(payload)  # type: ignore[arg-type]  # join takes any buffer
            else:
                for k in range(4 * first, 4 * (first + count), 4):
                    parts.append(request)
                    parts.append(payload[k : k + 4])  # type: ignore[arg-type]
        return b"".join(parts)


class Packet:
    """One packet: its commands, and which elements it covers."""

    __slots__ = ("barrier", "commands", "data", "first", "joined", "shape")

    def __init__(
        self, commands: list[Command], first: int, barrier: int, shape: Shape, *, joined: bool
    ) -> None:
        self.commands = commands
        self.shape = shape
        self.first = first  # index of the first element in it
        self.barrier = barrier  # everything below this index must be known good first
        self.joined = joined
        if joined:
            self.data = bytes((EXECUTE_COMMANDS, len(commands))) + b"".join(
                [c.encode() for c in commands]
            )
        else:
            self.data = commands[0].encode()


class Packetizer:
    """Hands out the packets of one list of elements, in order."""

    def __init__(
        self,
        elements: list[Element],
        packet_size: int,
        *,
        atomic: bool,
        last_shape: Shape | None = None,
    ) -> None:
        self._last_shape = last_shape
        self._elements = elements
        self._size = packet_size
        self._atomic = atomic
        self._write_block = (packet_size - 5) // 4
        self._read_block = (packet_size - 4) // 4
        self._index = 0
        self._offset = 0
        self._barrier = 0

    def next(self) -> Packet | None:
        """Return the next packet, or None when every element has been handed out."""
        index, offset = self._index, self._offset
        if index >= len(self._elements):
            return None
        element = self._elements[index]
        left = element.count - offset
        if left > 1:
            most = min(self._write_block if element.payload else self._read_block, 0xFFFF)
            if left >= most:
                return self._block(element, index, offset, most)
        command, end, end_offset = self._fill_transfer(index, offset)
        commands, joined = [command], False
        if self._atomic and end < len(self._elements) and _holds_long_write(command):
            others, other_end, other_offset = self._fill_joined(index, offset)
            if sum(c.count for c in others) > command.count:
                commands, end, end_offset, joined = others, other_end, other_offset, True
        self._index, self._offset = end, end_offset
        self._note_barrier(index, end + 1 if end_offset else end)
        return self._packet(commands, index, joined=joined)

    def _packet(self, commands: list[Command], index: int, *, joined: bool) -> Packet:
        shape = _shape(commands)
        if shape == self._last_shape and not joined:
            command = commands[0]
            if any(element.request & READ for element, _, _ in command.portions):
                self._distinguish(command)
                shape = _shape(commands)
        self._last_shape = shape
        return Packet(commands, index, self._barrier, shape, joined=joined)

    def _distinguish(self, command: Command) -> None:
        """Give the only command of a packet another shape than it has."""
        element, _, _ = command.portions[0]
        if command.block:
            command.block = command.count > 255
        elif len(command.portions) == 1 and not element.request & MATCH_VALUE:
            command.block = True
        elif command.count < 255:
            length = 3 + sum(n * (1 if e.payload is None else 5) for e, _, n in command.portions)
            if length < self._size and 3 + 4 * command.reads + 4 <= self._size:
                last = command.portions[-1][0]
                extra = Element(_READ_RDBUFF, None, 1, "RDBUFF", None, last.operation)
                command.portions.append((extra, 0, 1))
                command.count += 1
                command.reads += 1

    def _note_barrier(self, index: int, end: int) -> None:
        """Remember the last barrier below ``end``: what is sent from now on is behind it."""
        elements = self._elements
        for i in range(index, end):
            if elements[i].barrier > self._barrier:
                self._barrier = elements[i].barrier

    def _block(self, element: Element, index: int, offset: int, count: int) -> Packet:
        self._offset = offset + count
        if self._offset == element.count:
            self._index, self._offset = index + 1, 0
        reads = 0 if element.payload else count
        command = Command([(element, offset, count)], count, reads, block=True)
        self._note_barrier(index, index + 1)
        return self._packet([command], index, joined=False)

    def _fill_transfer(self, index: int, offset: int) -> tuple[Command, int, int]:
        """Fill one DAP_Transfer; return it with the element and access it stopped before."""
        elements = self._elements
        portions: list[Portion] = []
        request_left = response_left = self._size - 3
        left, reads = 255, 0
        while index < len(elements):
            element = elements[index]
            if element.fence and portions:
                break
            count = element.count - offset
            if element.payload is not None:
                fits = min(count, left, request_left // 5)
                request_left -= 5 * fits
            else:
                fits = min(count, left, request_left, response_left // 4)
                request_left -= fits
                response_left -= 4 * fits
                reads += fits
            if fits == 0:
                break
            portions.append((element, offset, fits))
            left -= fits
            if fits < count:
                offset += fits
                break
            index += 1
            offset = 0
        block = len(portions) == 1 and portions[0][2] > 1
        return Command(portions, 255 - left, reads, block=block), index, offset

    def _fill_joined(self, index: int, offset: int) -> tuple[list[Command], int, int]:
        """Fill a DAP_ExecuteCommands with blocks for the long writes, transfers for the rest.

        Its commands run whatever became of the ones before, so a barrier ends it.
        """
        elements = self._elements
        start = index
        commands: list[Command] = []
        request_left = response_left = self._size - 2
        while index < len(elements) and len(commands) < 255:
            element = elements[index]
            if element.fence and index > start:
                break
            count = element.count - offset
            if element.payload is not None and count >= _SHORTEST_BLOCK:
                if offset == 0 and element.barrier > start:
                    break  # what it waits for stands in an earlier command of this packet
                fits = min(count, (request_left - 5) // 4)
                if fits <= 0 or response_left < 4:
                    break
                commands.append(Command([(element, offset, fits)], fits, 0, block=True))
                request_left -= 5 + 4 * fits
                response_left -= 4
                offset += fits
                if fits < count:
                    break
                index, offset = index + 1, 0
                continue
            taken = self._fill_short(index, offset, request_left - 3, response_left - 3, start)
            if not taken:
                break
            reads = sum(n for e, _, n in taken if e.request & READ and not e.request & MATCH_VALUE)
            total = sum(n for _, _, n in taken)
            commands.append(Command(taken, total, reads, block=False))
            request_left -= 3 + sum(n * (1 if e.payload is None else 5) for e, _, n in taken)
            response_left -= 3 + 4 * reads
            last, first, n = taken[-1]
            index += len(taken)
            offset = 0
            if first + n < last.count:
                index, offset = index - 1, first + n
                break
        return commands, index, offset

    def _fill_short(
        self, index: int, offset: int, request_left: int, response_left: int, start: int
    ) -> list[Portion]:
        """Take what is not a long write, until one comes, a barrier, or the room ends."""
        elements = self._elements
        taken: list[Portion] = []
        left, begin = 255, index
        while index < len(elements):
            element = elements[index]
            count = element.count - offset
            if element.fence and index > start:
                break
            if element.barrier > start and begin > start:
                break  # what it waits for stands in an earlier command of this packet
            if element.payload is not None:
                if count >= _SHORTEST_BLOCK:
                    break
                fits = min(count, left, request_left // 5)
                request_left -= 5 * fits
            else:
                fits = min(count, left, request_left, response_left // 4)
                request_left -= fits
                response_left -= 4 * fits
            if fits <= 0:
                break
            left -= fits
            taken.append((element, offset, fits))
            if fits < count:
                break
            index, offset = index + 1, 0
        return taken


def _shape(commands: list[Command]) -> Shape:
    return tuple([c.count << 1 | c.block for c in commands])


def _holds_long_write(command: Command) -> bool:
    return any(n >= _SHORTEST_BLOCK and e.payload is not None for e, _, n in command.portions)
