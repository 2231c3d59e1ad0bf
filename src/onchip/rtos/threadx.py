"""ThreadX: all threads are in a ring that ``_tx_thread_created_ptr`` leads into.

Each control block begins with the word ``THRD``. Offsets are those that DWARF tells; without it
those of a kernel whose ``TX_THREAD`` has no extensions. The saved stack pointer leads to EXC_RETURN
(older ports without an FPU push none), s16-s31 if there is an extended frame, and r4-r11.
Source: tx_api.h, tx_thread_schedule.S of the Cortex-M ports.
"""

from __future__ import annotations

from onchip.rtos.chains import follow
from onchip.rtos.fields import Fields, Place
from onchip.rtos.frames import EXC_RETURN, FPU_HIGH, R4_R11, Layout, SavedAt
from onchip.rtos.memory_view import MemoryView, read_names, word
from onchip.rtos.program import Program
from onchip.rtos.thread import KernelState, StackArea, ThreadRecord, ThreadState

FILL = 0xEF

_CREATED, _COUNT = "_tx_thread_created_ptr", "_tx_thread_created_count"
_CURRENT, _SYSTEM_STATE = "_tx_thread_current_ptr", "_tx_thread_system_state"
SYMBOLS = (_CREATED, _COUNT, _CURRENT, _SYSTEM_STATE)

_FUNCTIONS = ("_tx_thread_create", "_tx_thread_system_suspend", "_tx_thread_initialize")
_INITIALIZING = 0xF0F0_F0F0
"""The system state before the scheduler runs; it and the next value."""

_ID = 0x5448_5244
_PLACES = {
    "id": 0,
    "stack_ptr": 8,
    "stack_start": 12,
    "stack_size": 20,
    "name": 40,
    "priority": 44,
    "state": 48,
    "suspend_control_block": 108,
    "created_next": 136,
}
_MEMBERS = {name: f"tx_thread_{name}" for name in _PLACES}
_LAYOUTS: tuple[Layout, ...] = ((EXC_RETURN, FPU_HIGH, *R4_R11), R4_R11)
_STATES = (
    (ThreadState.READY, ""),
    (ThreadState.TERMINATED, "completed"),
    (ThreadState.TERMINATED, ""),
    (ThreadState.SUSPENDED, ""),
    (ThreadState.BLOCKED, "sleeping"),
    (ThreadState.BLOCKED, "on a queue"),
    (ThreadState.BLOCKED, "on a semaphore"),
    (ThreadState.BLOCKED, "on event flags"),
    (ThreadState.BLOCKED, "on a block pool"),
    (ThreadState.BLOCKED, "on a byte pool"),
    (ThreadState.BLOCKED, "on a driver"),
    (ThreadState.BLOCKED, "on a file"),
    (ThreadState.BLOCKED, "on the network"),
    (ThreadState.BLOCKED, "on a mutex"),
    (ThreadState.BLOCKED, "on a change of priority"),
)


class ThreadX:
    """The ThreadX kernel of a program."""

    kernel = "ThreadX"

    def __init__(self, program: Program, created_at: int, current_at: int) -> None:
        self._program = program
        self._created_at = created_at
        self._current_at = current_at
        types = program.types(_FUNCTIONS)
        thread = None if types is None else types.structure("TX_THREAD")
        known = Fields({name: Place(offset) for name, offset in _PLACES.items()})
        self._fields = Fields.from_layout(thread, _MEMBERS, _MEMBERS) or known

    @classmethod
    def recognise(cls, program: Program) -> ThreadX | None:
        """Return the kernel, if the program has one."""
        created_at, current_at = program.address(_CREATED), program.address(_CURRENT)
        if created_at is None or current_at is None:
            return None
        return cls(program, created_at, current_at)

    def current(self, view: MemoryView) -> int | None:
        """Return the running thread's control block; None while none runs."""
        words = self._variables(view)
        return words[_CURRENT] or None if self._started(words) else None

    def _variables(self, view: MemoryView) -> dict[str, int]:
        names = [name for name in SYMBOLS if self._program.address(name) is not None]
        data = view.read([(self._program.address(name) or 0, 4) for name in names])
        return {n: word(each, 0) if each else 0 for n, each in zip(names, data, strict=True)}

    @staticmethod
    def _started(words: dict[str, int]) -> bool:
        initializing = words.get(_SYSTEM_STATE, 0) in (_INITIALIZING, _INITIALIZING + 1)
        return bool(words[_CREATED]) and not initializing

    def read(self, view: MemoryView) -> KernelState:
        """Walk the ring of created threads."""
        words = self._variables(view)
        if not self._started(words):
            return KernelState(self.kernel)
        fields = self._fields
        walk = follow(
            view,
            {"the ring of threads": (words[_CREATED], lambda b: fields.number(b, "created_next"))},
            fields.length,
            is_thread=lambda block: fields.number(block, "id") == _ID,
        )
        current = words[_CURRENT] or None
        warnings = list(walk.warnings)
        if current is not None and current not in walk:
            warnings.append(f"the running thread {current:#010x} is not in the ring of threads")
            current = None
        expected = words.get(_COUNT, len(walk.threads))
        if expected != len(walk.threads) and not warnings:
            warnings.append(f"the kernel counts {expected} threads, not {len(walk.threads)}")
        pointers = [fields.number(block, "name") for _, _, block in walk.threads]
        names = read_names(view, pointers)
        records = [
            self._record(address, block, names.get(fields.number(block, "name"), ""), current)
            for _, address, block in walk.threads
        ]
        records.sort(key=lambda each: (each.priority or 0, each.address))
        return KernelState(
            self.kernel, tuple(records), current, started=True, warnings=tuple(warnings)
        )

    def _record(self, address: int, block: bytes, name: str, current: int | None) -> ThreadRecord:
        fields = self._fields
        number = fields.number(block, "state")
        unknown = (ThreadState.UNKNOWN, f"state {number}")
        state, detail = _STATES[number] if number < len(_STATES) else unknown
        on = fields.number(block, "suspend_control_block")
        if address == current:
            state, detail = ThreadState.RUNNING, ""
        elif detail.startswith("on ") and on:
            detail += f": {self._program.name_of(on)}"
        base, size = fields.number(block, "stack_start"), fields.number(block, "stack_size")
        return ThreadRecord(
            address=address,
            name=name,
            state=state,
            priority=fields.number(block, "priority"),
            detail=detail,
            stack=StackArea(base, base + size, FILL) if base else None,
            saved=SavedAt(fields.number(block, "stack_ptr"), _LAYOUTS),
        )
