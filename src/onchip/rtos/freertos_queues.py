"""What a FreeRTOS task waits for: queues, semaphores and mutexes are all queues.

The list that a waiting task hangs on is one of two in a row inside a queue, so its neighbours tell
which of them it is, and with that where the queue begins: at the handle that the program knows.

    0     16 bytes of pointers; the first is null for a mutex
    +16   tasks that wait to send     (a list)
    +36   tasks that wait to receive  (a list)
    +56   messages waiting, length, bytes of an item (0 for semaphores and mutexes)

Source: queue.c of V8.2 to V11.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from onchip.rtos.freertos_lists import ListShape
from onchip.rtos.memory_view import MemoryView, word
from onchip.rtos.program import Program

_HEAD = 16
_COUNTS = 12
_END_MARKERS = (0xFFFF_FFFF, 0xFFFF)
_MOST_ITEMS = 1 << 16
_HOLDER_AT = (8, 4)
"""Where a mutex has its holder's control block: since V10, before."""
_HEAP = "ucHeap"


def describe_waits(
    view: MemoryView,
    program: Program,
    shape: ListShape,
    lists: Iterable[int],
    tasks: Mapping[int, str],
) -> dict[int, str]:
    """Say for each list of waiting tasks what they wait for, in one round trip for all.

    ``tasks`` has the names of all tasks, for who holds a mutex.
    """
    wanted = sorted(set(lists))
    if not wanted:
        return {}
    before, length = _HEAD + shape.size, _HEAD + 3 * shape.size + _COUNTS
    blocks = view.read([(each - before, length) for each in wanted])
    found = {}
    for each, block in zip(wanted, blocks, strict=True):
        found[each] = f"on {_name(program, each)}"
        if block is None:
            continue
        for skipped, sending in ((0, False), (shape.size, True)):  # the second list, or the first
            if _is_queue(shape, block[skipped:]):
                name = _name(program, each - before + skipped)
                found[each] = _text(name, block[skipped:], shape, tasks, sending=sending)
                break
    return found


def _is_queue(shape: ListShape, data: bytes) -> bool:
    first, second = _HEAD + shape.end, _HEAD + shape.size + shape.end
    waiting, length = (word(data, _HEAD + 2 * shape.size + 4 * n) for n in (0, 1))
    return (
        word(data, first) in _END_MARKERS
        and word(data, second) in _END_MARKERS
        and waiting <= length
        and 0 < length < _MOST_ITEMS
    )


def _text(
    name: str, data: bytes, shape: ListShape, tasks: Mapping[int, str], *, sending: bool
) -> str:
    if word(data, _HEAD + 2 * shape.size + 8):
        return f"to send to the queue {name}" if sending else f"to receive from the queue {name}"
    if word(data, 0):
        return f"for the semaphore {name}"
    holder = next((tasks[word(data, at)] for at in _HOLDER_AT if word(data, at) in tasks), None)
    return f"for the mutex {name}" + (f", which {holder} holds" if holder else "")


def _name(program: Program, address: int) -> str:
    """Return the name of an object that is a variable, else its address."""
    name = program.name_of(address)
    return f"{address:#010x}" if name.startswith(_HEAP) else name
