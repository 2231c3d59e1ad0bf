"""FreeRTOS's doubly linked lists, many of them walked at once.

A list's end marker is a list item inside the list, so an empty list points at itself. Each item
names its owner (the task) and its container (the list): what does not is no item.
Source: list.h.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from onchip.rtos.memory_view import MemoryView, word
from onchip.rtos.thread import MOST_THREADS, ThreadState
from onchip.symbols.layouts import Layout, UnitTypes

_NOT_YET = 0
"""An item's container in the middle of an insertion: it is linked first."""


@dataclass(frozen=True, slots=True)
class ListShape:
    """Offsets in a list, and in the items on it, in bytes."""

    size: int = 20
    count: int = 0
    end: int = 8
    next_in_item: int = 4
    previous_in_item: int = 8
    owner_in_item: int = 12
    container_in_item: int = 16

    @classmethod
    def from_types(cls, types: UnitTypes | None, tcb: Layout | None) -> ListShape:
        """Return the shape that the program has; without types, that of a kernel without options.

        ``configLIST_..._INTEGRITY_CHECK_BYTES`` and full end markers change it.
        """
        variable = None if types is None else types.variable("xDelayedTaskList1")
        whole = None if variable is None else variable.layout
        member = None if tcb is None else tcb.find("xStateListItem") or tcb.find("xGenericListItem")
        item = None if member is None else member.layout
        if whole is None or item is None:
            return cls()
        wanted = [
            whole.find("uxNumberOfItems"),
            whole.find("xListEnd"),
            *(item.find(name) for name in ("pxNext", "pxPrevious", "pvOwner")),
            item.find("pxContainer") or item.find("pvContainer"),
        ]
        offsets = [each.offset for each in wanted if each is not None]
        return cls(whole.size, *offsets) if len(offsets) == len(wanted) else cls()


@dataclass(frozen=True, slots=True)
class ListHead:
    """A list: its address, its name for people, and what a task does that hangs on it.

    ``surely`` is False where there may be no list at all.
    """

    address: int
    name: str
    state: ThreadState
    surely: bool = True


@dataclass(slots=True)
class ListWalk:
    """What was found: (control block's address, its bytes) and the state that its list means.

    ``missing`` are lists that had fewer tasks than they claim: no harm if all tasks are there.
    """

    items: dict[tuple[int, bytes], ThreadState] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Cursor:
    """One end of one list, moving inwards."""

    head: ListHead
    at: int
    step: int
    open: bool = True


def read_lists(
    view: MemoryView,
    shape: ListShape,
    heads: Sequence[tuple[ListHead, bytes | None]],
    *,
    item_at: int,
    length: int,
) -> ListWalk:
    """Walk the lists whose heads were read; ``length`` bytes of each control block are kept."""
    walk = ListWalk()
    left: dict[int, int] = {}
    cursors: list[_Cursor] = []
    over = False
    for head, data in heads:
        if not head.surely:  # the marker of a list's end has the highest tick count there is
            over = over or data is None or word(data, shape.end) not in (0xFFFF_FFFF, 0xFFFF)
            if over:
                continue
        count = 0 if data is None else word(data, shape.count)
        first = 0 if data is None else word(data, shape.end + shape.next_in_item)
        if not count or not first:  # empty, or not initialised yet
            continue
        if count > MOST_THREADS:
            walk.warnings.append(f"{head.name} claims {count} tasks: damaged, not followed")
            continue
        last = word(data or b"", shape.end + shape.previous_in_item)
        left[head.address] = count
        cursors.append(_Cursor(head, first, shape.next_in_item))
        if count > 1:
            cursors.append(_Cursor(head, last, shape.previous_in_item))
    seen: dict[int, tuple[ListHead, int]] = {}
    for _ in range(MOST_THREADS):
        cursors = [each for each in cursors if each.open and left[each.head.address] > 0]
        if not cursors:
            return walk
        blocks = view.read([(each.at - item_at, length) for each in cursors])
        for cursor, block in zip(cursors, blocks, strict=True):
            _take(walk, shape, cursor, block, item_at, left, seen)
    return walk


def _take(
    walk: ListWalk,
    shape: ListShape,
    cursor: _Cursor,
    block: bytes | None,
    item_at: int,
    left: dict[int, int],
    seen: dict[int, tuple[ListHead, int]],
) -> None:
    """Take in the task that one cursor is at, and move the cursor on."""
    head, task = cursor.head, cursor.at - item_at
    if not cursor.open or left[head.address] <= 0:
        return
    by = seen.get(task)
    if cursor.at == head.address + shape.end or (by and by[0] == head and by[1] != cursor.step):
        cursor.open = False  # the walks from both ends have met, and the count says that more come
        walk.missing.append(f"{head.name} is just being changed, or damaged: a task is missing")
        return
    if by:
        cursor.open = False
        walk.warnings.append(f"{head.name} is damaged: it comes back to {task:#010x}")
        return
    item = b"" if block is None else block[item_at:]
    if (
        block is None
        or word(item, shape.owner_in_item) != task
        or word(item, shape.container_in_item) not in (head.address, _NOT_YET)
    ):
        cursor.open = False
        walk.warnings.append(f"{head.name} is damaged: no task is at {task:#010x}")
        return
    seen[task] = (head, cursor.step)
    left[head.address] -= 1
    walk.items[(task, block)] = head.state
    cursor.at = word(item, cursor.step)
