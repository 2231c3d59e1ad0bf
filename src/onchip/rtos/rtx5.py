"""RTX5: everything begins at ``osRtxInfo``.

Threads are on the ready list, on the list of those that wait for a time, on that of those that wait
for ever, or terminated. Offsets are those that DWARF tells; without it those of 5.2 and later.
Source: rtx_os.h, rtx_thread.c, irq_armv7m.S.
"""

from __future__ import annotations

from functools import partial

from onchip.rtos.chains import Next, follow
from onchip.rtos.fields import Fields, Place
from onchip.rtos.frames import FPU_HIGH, R4_R11, SavedAt
from onchip.rtos.memory_view import MemoryView, read_names
from onchip.rtos.program import Program
from onchip.rtos.thread import KernelState, StackArea, ThreadRecord, ThreadState

FILL = 0xCC

_INFO = "osRtxInfo"
SYMBOLS = (_INFO,)

_FUNCTIONS = ("osRtxThreadListPut", "osRtxThreadDispatch", "osRtxTick_Handler", "osRtxInfo")
_INFO_MEMBERS = {
    "kernel_state": "kernel.state",
    "current": "thread.run.curr",
    "ready": "thread.ready.thread_list",
    "delayed": "thread.delay_list",
    "waiting": "thread.wait_list",
    "terminated": "thread.terminate_list",
}
_MEMBERS = {
    "id": "id",
    "state": "state",
    "name": "name",
    "thread_next": "thread_next",
    "delay_next": "delay_next",
    "delay": "delay",
    "priority": "priority",
    "priority_base": "priority_base",
    "stack_frame": "stack_frame",
    "stack_mem": "stack_mem",
    "stack_size": "stack_size",
    "sp": "sp",
}
_KNOWN_INFO = Fields(
    {
        "kernel_state": Place(8, 1),
        "current": Place(20),
        "ready": Place(36),
        "delayed": Place(44),
        "waiting": Place(48),
        "terminated": Place(52),
    }
)
_KNOWN = Fields(
    {
        "id": Place(0, 1),
        "state": Place(1, 1),
        "name": Place(4),
        "thread_next": Place(8),
        "delay_next": Place(16),
        "delay": Place(28),
        "priority": Place(32, 1, is_signed=True),
        "priority_base": Place(33, 1, is_signed=True),
        "stack_frame": Place(34, 1),
        "stack_mem": Place(48),
        "stack_size": Place(52),
        "sp": Place(56),
    }
)
_LISTS = {
    "the ready list": ("ready", "thread_next"),
    "the delay list": ("delayed", "delay_next"),
    "the wait list": ("waiting", "delay_next"),
    "the list of terminated threads": ("terminated", "thread_next"),
}
_THREAD_IDS, _RUNNING = (0x01, 0xF1), 2  # the second value since 5.5.3
_STATES = {
    0: ThreadState.NOT_STARTED,
    1: ThreadState.READY,
    2: ThreadState.RUNNING,
    3: ThreadState.BLOCKED,
    4: ThreadState.TERMINATED,
}
_WAITS = (
    "",
    "for a time",
    "for a thread's end",
    "for thread flags",
    "for event flags",
    "for a mutex",
    "for a semaphore",
    "for a memory block",
    "for a message",
    "for room in a queue",
)


class Rtx5:
    """The RTX5 kernel of a program."""

    kernel = "RTX5"

    def __init__(self, program: Program, info_at: int) -> None:
        self._info_at = info_at
        types = program.types(_FUNCTIONS)
        info = None if types is None else types.structure("osRtxInfo_t")
        thread = None if types is None else types.structure("osRtxThread_t")
        known = Fields.from_layout(info, _INFO_MEMBERS, _INFO_MEMBERS)
        fields = Fields.from_layout(thread, _MEMBERS, _MEMBERS)
        both = known is not None and fields is not None
        self._info = known if both and known is not None else _KNOWN_INFO
        self._fields = fields if both and fields is not None else _KNOWN

    @classmethod
    def recognise(cls, program: Program) -> Rtx5 | None:
        """Return the kernel, if the program has one."""
        info_at = program.address(_INFO)
        return None if info_at is None else cls(program, info_at)

    def current(self, view: MemoryView) -> int | None:
        """Return the running thread's control block; None before the kernel runs."""
        info = view.read([(self._info_at, self._info.length)])[0]
        return None if info is None else self._running(info)

    def _running(self, info: bytes) -> int | None:
        if self._info.number(info, "kernel_state") < _RUNNING:
            return None
        return self._info.get(info, "current") or None

    def read(self, view: MemoryView) -> KernelState:
        """Walk the lists of threads."""
        info = view.read([(self._info_at, self._info.length)])[0]
        if info is None or self._running(info) is None:
            return KernelState(self.kernel)
        current = self._info.number(info, "current")
        fields = self._fields
        starts: dict[str, tuple[int, Next]] = {"the running thread": (current, lambda block: 0)}
        for name, (head, link) in _LISTS.items():
            starts[name] = (self._info.number(info, head), partial(fields.number, name=link))
        walk = follow(
            view,
            starts,
            fields.length,
            is_thread=lambda block: fields.number(block, "id") in _THREAD_IDS,
        )
        pointers = [fields.number(block, "name") for _, _, block in walk.threads]
        names = read_names(view, pointers)
        records = [
            self._record(address, block, names.get(fields.number(block, "name"), ""), current)
            for _, address, block in walk.threads
        ]
        records.sort(key=lambda each: (-(each.priority or 0), each.address))
        return KernelState(
            self.kernel,
            tuple(records),
            current if current in walk else None,
            started=True,
            warnings=tuple(walk.warnings),
        )

    def _record(self, address: int, block: bytes, name: str, current: int) -> ThreadRecord:
        fields = self._fields
        value = fields.number(block, "state")
        state = _STATES.get(value & 0xF, ThreadState.UNKNOWN)
        waits = _WAITS[value >> 4] if value >> 4 < len(_WAITS) else ""
        delay = fields.number(block, "delay")
        if address == current:
            state, waits = ThreadState.RUNNING, ""
        elif state is ThreadState.BLOCKED and delay not in (0, 0xFFFF_FFFF) and value >> 4 != 1:
            waits += ", with a time-out"
        priority, own = fields.number(block, "priority"), fields.number(block, "priority_base")
        if priority != own:
            waits = f"{waits}, priority inherited, its own is {own}".removeprefix(", ")
        base, size = fields.number(block, "stack_mem"), fields.number(block, "stack_size")
        return ThreadRecord(
            address=address,
            name=name,
            state=state,
            priority=priority,
            detail=waits,
            stack=StackArea(base, base + size, FILL) if base else None,
            saved=SavedAt(
                fields.number(block, "sp"),
                ((FPU_HIGH, *R4_R11),),
                exc_return=0xFFFF_FF00 | fields.number(block, "stack_frame"),
            ),
        )
