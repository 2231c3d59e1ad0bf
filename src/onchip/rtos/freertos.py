"""FreeRTOS: tasks hang on lists, and the list says what a task does.

Round 1 reads the kernel's variables and the heads of all lists; each further round reads the next
task of every list, from both ends at once. Offsets are those that DWARF tells; without it those of
a kernel without options, in which a task's place is proven by its list item, which points back.
Source: tasks.c and list.h of V8.2 to V11; the ports' PendSV handlers.
"""

from __future__ import annotations

from onchip.rtos.fields import Fields, Place
from onchip.rtos.frames import EXC_RETURN, FPU_HIGH, R4_R11, Layout, SavedAt
from onchip.rtos.freertos_lists import ListHead, ListShape, read_lists
from onchip.rtos.freertos_queues import describe_waits
from onchip.rtos.memory_view import MemoryView, text, word
from onchip.rtos.program import Program
from onchip.rtos.thread import KernelState, StackArea, ThreadRecord, ThreadState
from onchip.symbols.layouts import Layout as Structure
from onchip.symbols.layouts import UnitTypes

FILL = 0xA5

_CURRENT = ("pxCurrentTCB", "pxCurrentTCBs")
_READY = "pxReadyTasksLists"
_RUNNING, _COUNT, _TICKS = "xSchedulerRunning", "uxCurrentNumberOfTasks", "xTickCount"
_LISTS = {
    "xPendingReadyList": ThreadState.READY,
    "xDelayedTaskList1": ThreadState.BLOCKED,
    "xDelayedTaskList2": ThreadState.BLOCKED,
    "xSuspendedTaskList": ThreadState.SUSPENDED,
    "xTasksWaitingTermination": ThreadState.TERMINATED,
}
_NEIGHBOURS = ("xActiveTimerList1", "xActiveTimerList2")

SYMBOLS = (*_CURRENT, _READY, _RUNNING, _COUNT, _TICKS, *_LISTS, *_NEIGHBOURS)

_FUNCTIONS = ("vTaskSwitchContext", "xTaskIncrementTick", "vTaskStartScheduler")
_MOST_PRIORITIES = 64
_MEMBERS = {
    "top": "pxTopOfStack",
    "state_item": "xStateListItem|xGenericListItem",  # the second name is that of before V9
    "event_item": "xEventListItem",
    "priority": "uxPriority",
    "stack": "pxStack",
    "name": "pcTaskName",
    "own_priority": "uxBasePriority",
    "stack_end": "pxEndOfStack",
    "notify_state": "ucNotifyState|eNotifyState",
}
_NEEDED = ("top", "state_item", "event_item", "priority", "stack", "name")
_NO_OPTIONS = Fields(
    {
        "top": Place(0),
        "state_item": Place(4, 20),
        "event_item": Place(24, 20),
        "priority": Place(44),
        "stack": Place(48),
        "name": Place(52, 16),
    }
)

_LAYOUTS: tuple[Layout, ...] = (
    (*R4_R11, EXC_RETURN, FPU_HIGH),  # ARM_CM4F, ARM_CM7
    ("psplim", EXC_RETURN, *R4_R11, FPU_HIGH),  # ARM_CM23/33/55/85, no secure side
    ("secure", "psplim", EXC_RETURN, *R4_R11, FPU_HIGH),  # the same with one
    ("control", *R4_R11, EXC_RETURN, FPU_HIGH),  # ARM_CM4_MPU
    R4_R11,  # ARM_CM0, ARM_CM3
    ("control", *R4_R11),  # ARM_CM3_MPU
)
_WAITS_FOR_NOTIFICATION = 1


class FreeRtos:
    """The FreeRTOS kernel of a program."""

    kernel = "FreeRTOS"

    def __init__(self, program: Program, current_at: int, ready_at: int) -> None:
        self._program = program
        self._current_at = current_at
        self._ready_at = ready_at
        types = program.types(_FUNCTIONS)
        tcb = None if types is None else _tcb(types)
        self._fields = Fields.from_layout(tcb, _MEMBERS, _NEEDED) or _NO_OPTIONS
        self._shape = ListShape.from_types(types, tcb)
        self._seen: set[int] = set()

    @classmethod
    def recognise(cls, program: Program) -> FreeRtos | None:
        """Return the kernel, if the program has one."""
        found = (program.address(name) for name in _CURRENT)
        current_at = next((address for address in found if address is not None), None)
        ready_at = program.address(_READY)
        if current_at is None or ready_at is None:
            return None
        return cls(program, current_at, ready_at)

    def current(self, view: MemoryView) -> int | None:
        """Return the running task's control block; None before the scheduler runs."""
        running_at = self._program.address(_RUNNING)
        ranges = [(self._current_at, 4)] + ([(running_at, 4)] if running_at is not None else [])
        words = [word(data, 0) if data else 0 for data in view.read(ranges)]
        return words[0] or None if all(words) else None

    def read(self, view: MemoryView) -> KernelState:
        """Walk all lists of tasks."""
        names = [name for name in (_RUNNING, _COUNT, _TICKS) if self._program.address(name)]
        heads = self._heads()
        ranges = [(self._current_at, 4), *((self._program.address(n) or 0, 4) for n in names)]
        data = view.read([*ranges, *((head.address, self._shape.size) for head in heads)])
        words = [word(each, 0) if each else 0 for each in data[: len(ranges)]]
        variables = dict(zip(names, words[1:], strict=True))
        current = words[0] or None
        if current is None or not variables.get(_RUNNING, 1):
            return KernelState(self.kernel)
        walk = read_lists(
            view,
            self._shape,
            list(zip(heads, data[len(ranges) :], strict=True)),
            item_at=self._fields.offset("state_item"),
            length=self._fields.length,
        )
        warnings = list(walk.warnings)
        blocks = dict(walk.items)
        if current not in {item[0] for item in blocks}:
            found = view.read([(current, self._fields.length)])[0]
            if found is None:
                warnings.append(f"pxCurrentTCB is {current:#010x}, where no memory is")
                current = None
            else:
                blocks[(current, found)] = ThreadState.READY
        expected = variables.get(_COUNT)
        if expected is not None and len(blocks) < expected:
            blocks |= self._between_lists(view, {address for address, _ in blocks})
        if len(blocks) != expected:
            warnings += walk.missing
        if expected is not None and len(blocks) != expected and not warnings:
            warnings.append(f"the kernel counts {expected} tasks, its lists have {len(blocks)}")
        self._seen = {address for address, _ in blocks}
        ticks = variables.get(_TICKS)
        ends = self._heap_ends(view, [block for block, _ in blocks.items()])
        waits = describe_waits(
            view,
            self._program,
            self._shape,
            (event for (_, block), state in blocks.items() if (event := self._event(block, state))),
            {address: text(self._fields.raw(block, "name")) for address, block in blocks},
        )
        threads = [
            self._record(address, block, state, current, ticks, ends, waits)
            for (address, block), state in blocks.items()
        ]
        threads.sort(key=lambda each: (-(each.priority or 0), each.address))
        return KernelState(
            self.kernel, tuple(threads), current, started=True, warnings=tuple(warnings)
        )

    def _between_lists(
        self, view: MemoryView, found: set[int]
    ) -> dict[tuple[int, bytes], ThreadState]:
        """Find tasks of the last walk that the kernel is just moving from one list to another.

        Their list items still say whose they are.
        """
        missing = sorted(self._seen - found)
        blocks = view.read([(address, self._fields.length) for address in missing])
        owner, items = self._shape.owner_in_item, ("state_item", "event_item")
        return {
            (address, block): ThreadState.UNKNOWN
            for address, block in zip(missing, blocks, strict=True)
            if block is not None
            and all(word(self._fields.raw(block, item), owner) == address for item in items)
        }

    def _heads(self) -> list[ListHead]:
        """List the lists that tasks hang on."""
        known = {self._program.address(name): name for name in (*_LISTS, *_NEIGHBOURS)}
        heads = []
        size = self._program.size(_READY)
        count = size // self._shape.size if size else _MOST_PRIORITIES
        for priority in range(min(count, _MOST_PRIORITIES)):
            address = self._ready_at + priority * self._shape.size
            if address in known:  # the count was not known, and here the next variable begins
                break
            name = f"the ready list of priority {priority}"
            heads.append(ListHead(address, name, ThreadState.READY, surely=bool(size)))
        for name, state in _LISTS.items():
            found = self._program.address(name)
            if found is not None:
                heads.append(ListHead(found, name, state))
        return heads

    def _record(
        self,
        address: int,
        block: bytes,
        state: ThreadState,
        current: int | None,
        ticks: int | None,
        ends: dict[int, int],
        waits: dict[int, str],
    ) -> ThreadRecord:
        fields = self._fields
        base = fields.number(block, "stack")
        end = fields.get(block, "stack_end")
        if end is not None:
            end += 4  # it is the highest word
        end = end or self._program.end_of_variable(base) or ends.get(base)
        if address == current:
            state, detail = ThreadState.RUNNING, ""
        else:
            state, detail = self._doing(block, state, ticks, waits)
        priority, own = fields.get(block, "priority"), fields.get(block, "own_priority")
        if own is not None and own != priority:
            detail = f"{detail}, priority inherited, its own is {own}".removeprefix(", ")
        return ThreadRecord(
            address=address,
            name=text(fields.raw(block, "name")),
            state=state,
            priority=priority,
            detail=detail,
            stack=StackArea(base, end, FILL) if base else None,
            saved=SavedAt(fields.number(block, "top"), _LAYOUTS),
        )

    def _event(self, block: bytes, state: ThreadState) -> int:
        """Return the list of waiting tasks that a task hangs on, 0 if on none."""
        if state not in (ThreadState.BLOCKED, ThreadState.SUSPENDED):
            return 0
        return word(self._fields.raw(block, "event_item"), self._shape.container_in_item)

    def _doing(
        self, block: bytes, state: ThreadState, ticks: int | None, objects: dict[int, str]
    ) -> tuple[ThreadState, str]:
        """Say what a task does and waits for; without a time-out it is on the suspended list."""
        fields = self._fields
        wait = objects.get(self._event(block, state), "")
        notified = _WAITS_FOR_NOTIFICATION in fields.raw(block, "notify_state")
        if not wait and notified and state is not ThreadState.READY:
            wait = "for a notification"
        if wait and state is ThreadState.SUSPENDED:
            return ThreadState.BLOCKED, wait
        if state is not ThreadState.BLOCKED or ticks is None:
            return state, wait
        left = word(fields.raw(block, "state_item"), 0) - ticks & 0xFFFF_FFFF
        if left >= 1 << 31:  # the time is up, and nobody has looked yet
            return state, wait
        return state, f"{wait}, {left} ticks at most" if wait else f"for {left} ticks"

    def _heap_ends(self, view: MemoryView, blocks: list[tuple[int, bytes]]) -> dict[int, int]:
        """Find where stacks end that heap_4 or heap_5 gave, by the header that it puts before.

        The header is a null pointer and the block's length, header included, with bit 31 set.
        """
        if "stack_end" in self._fields:
            return {}
        bases = [self._fields.number(block, "stack") for _, block in blocks]
        bases = [b for b in bases if b >= 8 and self._program.end_of_variable(b) is None]
        found = {}
        for base, data in zip(bases, view.read([(b - 8, 8) for b in bases]), strict=True):
            if data is None or word(data, 0) or not word(data, 4) >> 31:
                continue
            length = (word(data, 4) & 0x7FFF_FFFF) - 8
            if 0 < length <= view.room(base):
                found[base] = base + length
        return found


def _tcb(types: UnitTypes) -> Structure | None:
    return types.pointed_at("pxCurrentTCB") or types.structure("tskTaskControlBlock")
