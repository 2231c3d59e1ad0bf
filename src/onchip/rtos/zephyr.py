"""Zephyr: all threads are linked from ``_kernel``, if it was built with CONFIG_THREAD_MONITOR.
Else those are found that are variables of their own, by the size of a control block.

r4-r11 and the stack pointer of a sleeping thread are in its control block (``callee_saved``),
s16-s31 in ``arch.preempt_float``, the low byte of EXC_RETURN in ``arch.mode_exc_return``; with
CONFIG_USE_SWITCH everything is on its stack, where ``switch_handle`` points. Offsets are those that
DWARF tells; without it those of ``_kernel_thread_info_offsets``, which Zephyr has for debuggers
with CONFIG_DEBUG_THREAD_INFO.
Source: kernel_structs.h, kernel/thread.h, arch/arm/thread.h, swap_helper.S, arm-m-switch.h,
thread_info.c.
"""

from __future__ import annotations

from functools import partial

from onchip.rtos.chains import Next, follow
from onchip.rtos.fields import Fields, Place
from onchip.rtos.frames import FPU_ALL, SavedAt
from onchip.rtos.memory_view import MemoryView, text, word
from onchip.rtos.program import Program
from onchip.rtos.thread import KernelState, StackArea, ThreadRecord, ThreadState

FILL = 0xAA

_KERNEL = "_kernel"
_OFFSETS = ("_kernel_thread_info_offsets", "_kernel_openocd_offsets")
_COUNT = ("_kernel_thread_info_num_offsets", "_kernel_openocd_num_offsets")

SYMBOLS = (_KERNEL, *_OFFSETS, *_COUNT)

_FUNCTIONS = ("z_cstart", "z_init_thread_base", "z_impl_k_thread_create", "z_setup_new_thread")
_MEMBERS = {
    "state": "base.thread_state",
    "priority": "base.prio",
    "pended_on": "base.pended_on",
    "timeout": "base.timeout.node.next|base.timeout.node",
    "r4": "callee_saved.v1",
    "psp": "callee_saved.psp",
    "handle": "switch_handle",
    "next": "next_thread",
    "name": "name",
    "stack": "stack_info.start",
    "stack_size": "stack_info.size",
    "entry": "entry.pEntry",
    "mode": "arch.mode",
    "exc_return": "arch.mode_exc_return",
    "floats": "arch.preempt_float",
}
_NEEDED = ("state", "priority")
_DUMMY, _PENDING, _BIT_2, _DEAD, _SUSPENDED = 1, 2, 4, 8, 16

# indices into _kernel_thread_info_offsets
_CURRENT, _THREADS, _NEXT, _STATE, _PRIORITY, _STACK_PTR = 1, 2, 4, 5, 7, 8
_NAME, _ARCH, _FLOATS, _EXC_RETURN = 9, 10, 11, 13
_MISSING = 0xFFFF_FFFF
_LONGEST_TABLE = 32
_OWN_THREADS = {"z_main_thread": "main", "z_idle_threads": "idle"}
_NO_MONITOR = "built without CONFIG_THREAD_MONITOR: only threads that are variables are known"
_FTYPE = 1 << 4

_GENERAL = ("xpsr", *(f"r{n}" for n in range(13)), "lr", "pc")
_SWITCHED = (
    (FPU_ALL, *_GENERAL),
    _GENERAL,
    (FPU_ALL, "psplim", *_GENERAL),
    ("psplim", *_GENERAL),
)
"""CONFIG_USE_SWITCH: with CONFIG_FPU or without, with CONFIG_BUILTIN_STACK_GUARD or without."""


class Zephyr:
    """The Zephyr kernel of a program."""

    kernel = "Zephyr"

    def __init__(self, program: Program, kernel_at: int) -> None:
        self._program = program
        self._kernel_at = kernel_at
        self._fields: Fields | None = None
        self._size = 0
        self._current_at: int | None = None
        self._threads_at: int | None = None
        self._use_types()

    @classmethod
    def recognise(cls, program: Program) -> Zephyr | None:
        """Return the kernel, if the program has one."""
        kernel_at = program.address(_KERNEL)
        tables = [program.address(name) for name in _OFFSETS]
        known = any(program.is_function(name) for name in _FUNCTIONS)
        if kernel_at is None or not (known or any(tables)):
            return None  # other programs may well have a variable of that name
        return cls(program, kernel_at)

    def _use_types(self) -> None:
        types = self._program.types(_FUNCTIONS)
        if types is None:
            return
        variable = types.variable(_KERNEL)
        whole = None if variable is None else variable.layout
        thread = types.structure("k_thread")
        self._fields = Fields.from_layout(thread, _MEMBERS, _NEEDED)
        self._size = 0 if thread is None else thread.size
        if whole is None:
            return
        cpus = whole.find("cpus")
        inner = None if cpus is None else cpus.layout
        current = whole.find("current") if inner is None else inner.find("current")
        if current is not None:
            self._current_at = self._kernel_at + (cpus.offset if cpus else 0) + current.offset
        threads = whole.find("threads")
        if threads is not None:
            self._threads_at = self._kernel_at + threads.offset

    def _use_table(self, view: MemoryView) -> None:
        """Take offsets from the table that the kernel has for debuggers; it is in flash."""
        found = (self._program.address(name) for name in _OFFSETS)
        counts = (self._program.address(name) for name in _COUNT)
        table_at = next((at for at in found if at is not None), None)
        count_at = next((at for at in counts if at is not None), None)
        if table_at is None or count_at is None:
            return
        data, length = view.read([(table_at, 4 * _LONGEST_TABLE), (count_at, 4)])
        if data is None:
            data = view.read([(table_at, 4 * (_FLOATS + 1))])[0] or b""
        count = min(word(length or b"", 0), len(data) // 4)
        offsets = [word(data, 4 * n) for n in range(count)]
        if count <= _STACK_PTR or _MISSING in (offsets[_STACK_PTR], offsets[_THREADS]):
            return

        def at(index: int) -> int | None:
            value = offsets[index] if index < count else _MISSING
            return None if value == _MISSING else value

        pointer = offsets[_STACK_PTR]
        places = {
            "state": Place(offsets[_STATE], 1),
            "priority": Place(offsets[_PRIORITY], 1, is_signed=True),
            "next": Place(offsets[_NEXT]),
            "psp": Place(pointer),
            "r4": Place(pointer - 32),
        }
        arch = at(_ARCH) or 0
        for name, index, size, base in (
            ("name", _NAME, 32, 0),
            ("floats", _FLOATS, 64, arch),
            ("exc_return", _EXC_RETURN, 1, arch),
        ):
            value = at(index)
            if value is not None:
                places[name] = Place(base + value, size)
        self._fields = Fields(places)
        self._current_at = self._kernel_at + offsets[_CURRENT]
        self._threads_at = self._kernel_at + offsets[_THREADS]

    def _ready(self, view: MemoryView) -> Fields | None:
        if self._fields is None or self._current_at is None:
            self._use_table(view)
        return self._fields

    def current(self, view: MemoryView) -> int | None:
        """Return the running thread's control block; None before the first one runs."""
        if self._ready(view) is None or self._current_at is None:
            return None
        data = view.read([(self._current_at, 4)])[0]
        return (word(data, 0) or None) if data else None

    def read(self, view: MemoryView) -> KernelState:
        """Walk the list of all threads."""
        fields = self._ready(view)
        if fields is None or self._current_at is None:
            why = "its structures are not known: build with -g, or CONFIG_DEBUG_THREAD_INFO"
            return KernelState(self.kernel, warnings=(why,))
        places = [self._current_at, *([self._threads_at] if self._threads_at else [])]
        words = [word(data, 0) if data else 0 for data in view.read([(at, 4) for at in places])]
        current = words[0]
        if not current:
            return KernelState(self.kernel)
        names: dict[int, str] = {}
        warnings = []
        starts: dict[str, tuple[int, Next]] = {}
        if "next" in fields and len(words) > 1:
            starts["_kernel.threads"] = (words[1], partial(fields.number, name="next"))
        else:
            warnings.append(_NO_MONITOR)
            names = self._static_threads()
            starts = {f"{name} at {at:#x}": (at, lambda block: 0) for at, name in names.items()}
        walk = follow(view, starts, fields.length)
        blocks = {
            address: block
            for _, address, block in walk.threads
            if address not in names or self._was_created(view, fields, block)
        }
        if current not in blocks:
            found = view.read([(current, fields.length)])[0]
            if found is None:
                why = f"the running thread is said to be at {current:#010x}, where no memory is"
                return KernelState(self.kernel, warnings=(*walk.warnings, why))
            if fields.number(found, "state") & _DUMMY:
                return KernelState(self.kernel)  # the one that starts the others
            blocks[current] = found
        records = [
            self._record(fields, at, block, current, names.get(at, ""))
            for at, block in blocks.items()
        ]
        records.sort(key=lambda each: (each.priority or 0, each.address))
        return KernelState(
            self.kernel, tuple(records), current, started=True, warnings=(*walk.warnings, *warnings)
        )

    @staticmethod
    def _was_created(view: MemoryView, fields: Fields, block: bytes) -> bool:
        """Say whether a control block that nothing links is in use, and is a real thread's."""
        is_dummy = fields.number(block, "state") & _DUMMY
        pointer = _pointer(fields, block)  # 0 before k_thread_create; flash may well lie there
        return not is_dummy and pointer != 0 and view.room(pointer) > 0

    def _static_threads(self) -> dict[int, str]:
        """Find the threads that are variables, by their size: K_THREAD_DEFINE makes such."""
        found = self._program.variables_of_size(self._size) if self._size else {}
        return {
            address: _OWN_THREADS.get(name, name.removeprefix("_k_thread_obj_"))
            for name, address in found.items()
        }

    def _record(
        self, fields: Fields, address: int, block: bytes, current: int, known_as: str
    ) -> ThreadRecord:
        state, detail = self._doing(fields, block)
        if address == current:
            state, detail = ThreadState.RUNNING, ""
        name = text(fields.raw(block, "name"))
        entry = fields.number(block, "entry")
        base, size = fields.number(block, "stack"), fields.number(block, "stack_size")
        return ThreadRecord(
            address=address,
            name=name or known_as or (self._program.name_of(entry & ~1) if entry else ""),
            state=state,
            priority=fields.get(block, "priority"),
            detail=detail,
            stack=StackArea(base, base + size, FILL) if base else None,
            saved=_saved(fields, address, block),
        )

    def _doing(self, fields: Fields, block: bytes) -> tuple[ThreadState, str]:
        """Say what the state's bits mean; a sleep is a suspension with a time-out before 4.1."""
        state = fields.number(block, "state")
        waits = bool(fields.number(block, "timeout"))
        if state & _DEAD:
            return ThreadState.TERMINATED, ""
        if state & _PENDING:
            queue = fields.number(block, "pended_on")
            on = f"on {self._program.name_of(queue)}" if queue else ""
            return ThreadState.BLOCKED, f"{on}, with a time-out".lstrip(", ") if waits else on
        if state & (_SUSPENDED | _BIT_2):
            if waits:
                return ThreadState.BLOCKED, "sleeping"
            return (
                (ThreadState.SUSPENDED, "") if state & _SUSPENDED else (ThreadState.NOT_STARTED, "")
            )
        return ThreadState.READY, ""


def _pointer(fields: Fields, block: bytes) -> int:
    """Return a sleeping thread's saved stack pointer."""
    return fields.number(block, "handle" if "handle" in fields else "psp")


def _saved(fields: Fields, address: int, block: bytes) -> SavedAt | None:
    """Say where a sleeping thread's registers are: on its stack and in its control block."""
    if "handle" in fields:
        return SavedAt(fields.number(block, "handle"), _SWITCHED)
    if "psp" not in fields or "r4" not in fields:
        return None
    exc_return = fields.get(block, "exc_return")
    places = {f"r{4 + n}": fields.offset("r4") + 4 * n for n in range(8)}
    if exc_return is not None:
        exc_return |= 0xFFFF_FF00
        if "floats" in fields and not exc_return & _FTYPE:
            places |= {f"d{8 + n}": fields.offset("floats") + 8 * n for n in range(8)}
    kept = {}
    for name, at in places.items():
        data = block[at : at + (8 if name[0] == "d" else 4)]
        kept[name] = (address + at, int.from_bytes(data, "little"))
    return SavedAt(fields.number(block, "psp"), ((),), exc_return, kept)
