"""Cut a list of elements into CMSIS-DAP packets, full by request size and by response size.

Three ways to carry register accesses, per packet the one that carries most:

    DAP_TransferBlock    5+4n | 4+4n  n accesses to one register; 126 writes or 127 reads in 512
    DAP_Transfer         3+   | 3+    anything; a write or match costs 5, a read 1 and 4 back
    DAP_ExecuteCommands  2+   | 2+    several commands in one packet, where the probe offers it: the
                                      end of a block, a new TAR, the start of the next block

**No two neighbours alike.** A response only repeats its command's number and count. So that a
response which comes twice, or late, is never taken for the next packet's, a packet that reads, and
the last one of a list, never has the shape of the one before it: it changes between
DAP_TransferBlock and DAP_Transfer, or reads RDBUFF once more, or leaves a word to a packet of its
own.

**TAR again.** A write whose TAR was set in a packet that is still in flight does not wait for it:
its packet is a DAP_Transfer that begins with TAR, and SELECT before it if that is in doubt as well
(see settling in ``transfers``). A packet is sent when the one ``packet_count`` before it has been
answered, so what is still in doubt by then is known beforehand.

A read in a DAP_Transfer costs one byte of request, so a long read does not notice a TAR write in
its middle. A long write does (5 bytes a word instead of 4), hence ExecuteCommands.
"""

from __future__ import annotations

from bisect import bisect_left

from .packet import Command, Packet, Portion, Shape
from .transfers import MATCH_VALUE, NOTHING, READ, WRITE_SELECT, Element

_SHORTEST_BLOCK = 8  # words; below it a second command's headers cost more than they save
_READ_RDBUFF = 0x0E


class Packetizer:
    """Hands out the packets of one list of elements, in order."""

    def __init__(
        self,
        elements: list[Element],
        packet_size: int,
        packet_count: int = 1,
        *,
        atomic: bool,
        last_shape: Shape | None = None,
    ) -> None:
        self._last_shape = last_shape
        self._packet_count = packet_count
        self._elements = elements
        self._size = packet_size
        self._atomic = atomic
        self._write_block = (packet_size - 5) // 4
        self._read_block = (packet_size - 4) // 4
        self._index = 0
        self._offset = 0
        self._barrier = 0
        self._firsts: list[int] = []  # of every packet, the index of its first element
        self._good = 0  # elements below it are known good when the next packet leaves

    def next(self) -> Packet | None:
        """Return the next packet, or None when every element has been handed out."""
        index, offset = self._index, self._offset
        if index >= len(self._elements):
            return None
        self._firsts.append(index)
        answered = len(self._firsts) - self._packet_count
        if answered > 0:
            self._good = max(self._good, self._firsts[answered])
        element = self._elements[index]
        select, csw, _ = element.settled
        if csw <= index and element.size is None:
            self._wait(csw)
        if element.pointer is None and select <= index:
            self._wait(select)
        left = element.count - offset
        if left > 1 and not self._repeats(element, index):
            most = min(self._write_block if element.payload else self._read_block, 0xFFFF)
            if left >= most:
                return self._block(element, index, offset, most)
        command, end, end_offset = self._fill_transfer(index, offset)
        commands, joined = [command], False
        repeating = len(command.portions) > end - index + bool(end_offset)
        if (
            self._atomic
            and end < len(self._elements)
            and not repeating
            and _holds_long_write(command)
        ):
            others, other_end, other_offset = self._fill_joined(index, offset)
            if sum(c.count for c in others) > command.count:
                commands, end, end_offset, joined = others, other_end, other_offset, True
        if command.block and not joined and self._must_leave_a_word(element, end, command.count):
            command.count -= 1
            command.portions = [(element, offset, command.count)]
            end, end_offset = index, offset + command.count
        self._index, self._offset = end, end_offset
        return self._packet(commands, index, joined=joined)

    def _must_leave_a_word(self, element: Element, end: int, count: int) -> bool:
        """Return whether a last block of writes looks like the packet before and must not."""
        return (
            end == len(self._elements)
            and element.payload is not None
            and self._last_shape == (count << 1 | 1,)
            and 3 + 5 * count > self._size
        )

    def _wait(self, below: int) -> None:
        """Note that the packet being made waits until the elements below that index are good.

        With them is good what else their packets hold.
        """
        if below > self._good:
            at = min(bisect_left(self._firsts, below), len(self._firsts) - 1)
            self._good = self._firsts[at]

    def _repeats(self, element: Element, start: int) -> bool:
        """Return whether TAR must be said again before ``element`` in the packet from ``start``."""
        if element.pointer is None or element.pointer == element.request:
            return False
        select, csw, tar = element.settled
        good = self._good
        if good < csw <= start and element.size is not None:
            return True
        return good < tar <= start or good < select <= start

    def _packet(self, commands: list[Command], index: int, *, joined: bool) -> Packet:
        barrier = self._what_it_waits_for(commands, index)
        self._wait(barrier)
        shape = _shape(commands)
        if shape == self._last_shape and not joined:
            command = commands[0]
            if self._index == len(self._elements) or any(
                element.request & READ for element, _, _ in command.portions
            ):
                self._distinguish(command)
                shape = _shape(commands)
        self._last_shape = shape
        return Packet(commands, index, barrier, shape, joined=joined)

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

    def _what_it_waits_for(self, commands: list[Command], start: int) -> int:
        """Return the index below which all must be good before the packet from ``start`` leaves.

        That is the last barrier so far (what is sent from now on is behind it), and what settles
        where its writes go, unless that stands in the packet itself.
        """
        settled = 0
        for command in commands:
            pointed = selected = False
            sizes: list[Element] = []
            for element, _, _ in command.portions:
                if element.barrier > self._barrier:
                    self._barrier = element.barrier
                if element.pointer == element.request:
                    pointed = True
                if element.request == WRITE_SELECT:
                    selected = True
                if element.register == "CSW":
                    sizes.append(element)
                if element.settled is NOTHING:
                    continue
                select, csw, tar = element.settled
                if settled < select <= start and not selected:
                    settled = select
                if settled < csw <= start and element.size not in sizes:
                    settled = csw
                if settled < tar <= start and not pointed:
                    settled = tar
        return max(self._barrier, settled)

    def _block(self, element: Element, index: int, offset: int, count: int) -> Packet:
        end = index + (offset + count == element.count)
        if self._must_leave_a_word(element, end, count):
            count -= 1
        self._offset = offset + count
        if self._offset == element.count:
            self._index, self._offset = index + 1, 0
        reads = 0 if element.payload else count
        command = Command([(element, offset, count)], count, reads, block=True)
        return self._packet([command], index, joined=False)

    def _fill_transfer(self, index: int, offset: int) -> tuple[Command, int, int]:
        """Fill one DAP_Transfer; return it with the element and access it stopped before."""
        elements = self._elements
        portions: list[Portion] = []
        request_left = response_left = self._size - 3
        left, reads = 255, 0
        start, pointed = index, False
        while index < len(elements):
            element = elements[index]
            if element.fence and portions:
                break
            count = element.count - offset
            if element.pointer == element.request:
                pointed = True
            elif not pointed and self._repeats(element, start):
                select, csw, _ = element.settled
                again = _where(
                    element,
                    offset,
                    select=self._good < select <= start,
                    size=self._good < csw <= start,
                )
                if request_left < 5 * len(again) + 5 or left <= len(again):
                    break
                portions += again
                request_left -= 5 * len(again)
                left -= len(again)
                pointed = True
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
                if offset == 0 and _waits_for(element, start, index):
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
            if _waits_for(element, start, begin):
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


def _waits_for(element: Element, start: int, begin: int) -> bool:
    """Return whether it needs something that lies from ``start`` on but before ``begin``."""
    return begin > start and (
        element.barrier > start or any(start < index <= begin for index in element.settled)
    )


def _where(element: Element, offset: int, *, select: bool, size: bool) -> list[Portion]:
    """Return the writes that lead to the access ``offset`` of ``element``: TAR, others before it.

    CSW is said again for an edge only, which one packet holds; in each packet of a run it would
    cost more than to wait once.
    """
    assert element.pointer is not None
    assert element.address is not None
    writes = []
    if select:
        bank = element.select.to_bytes(4, "little")
        writes.append(Element(WRITE_SELECT, bank, 1, "SELECT", None, element.operation))
    if size and element.size is not None:
        writes.append(element.size)
    value = (element.address + element.stride * offset).to_bytes(4, "little")
    tar = Element(element.pointer, value, 1, "TAR", None, element.operation)
    tar.pointer = element.pointer
    return [(write, 0, 1) for write in (*writes, tar)]


def _shape(commands: list[Command]) -> Shape:
    return tuple([c.count << 1 | c.block for c in commands])


def _holds_long_write(command: Command) -> bool:
    return any(n >= _SHORTEST_BLOCK and e.payload is not None for e, _, n in command.portions)
