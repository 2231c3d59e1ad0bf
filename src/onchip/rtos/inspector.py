"""Puts a kernel's reader together with a halted core: who runs, and with which registers.

    Thread mode     the kernel's running thread has the core's registers
    Handler mode    the core handles an exception, which is no thread's; the running thread was
                    interrupted, and its registers lie in the frame at the process stack pointer
                    (r4-r11 in the handler's frames, if it changed them: the unwinder follows those)
    main stack      in Thread mode: the kernel has not started, whatever its variables say
    in the middle   while the kernel switches, the thread that it calls running may not run yet: the
                    process stack pointer, which is on another one's stack, says so

Nothing here writes to the target.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from onchip.arch.exceptions import exception_name
from onchip.cortex_m.core import Core
from onchip.dap import Batch, Result
from onchip.rtos import frames, freertos, rtx5, threadx, zephyr
from onchip.rtos.frames import SavedRegisters
from onchip.rtos.interrupted import interrupted
from onchip.rtos.memory_view import CoreView
from onchip.rtos.program import Program
from onchip.rtos.stacks import measure
from onchip.rtos.thread import (
    Interrupt,
    KernelReader,
    KernelState,
    StackUse,
    Thread,
    ThreadState,
)
from onchip.symbols.dwarf import DebugInfo
from onchip.target.memory_map import MemoryMap

SYMBOLS = (*freertos.SYMBOLS, *zephyr.SYMBOLS, *rtx5.SYMBOLS, *threadx.SYMBOLS)
"""The variables of all kernels, for a debugger that is asked for addresses."""

_KERNELS = (freertos.FreeRtos, zephyr.Zephyr, rtx5.Rtx5, threadx.ThreadX)
_CORE = (*(f"r{n}" for n in range(13)), "sp", "lr", "pc", "xpsr", "msp", "psp", "control")
_MODE = ("xpsr", "control")
_SPSEL = 2
_FRAMELESS = (ThreadState.TERMINATED, ThreadState.NOT_STARTED)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The threads of a halted target. ``kernel`` is None where none was recognised.

    ``interrupt`` is the exception that the core handles, None in Thread mode. ``warnings`` say
    what was wrong with the kernel's structures.
    """

    kernel: str | None = None
    threads: tuple[Thread, ...] = ()
    interrupt: Interrupt | None = None
    warnings: tuple[str, ...] = ()
    started: bool = False


class Inspector:
    """Reads the threads of the kernel that a program has.

    ``debug`` is the program's ELF file; without it `learn` takes the addresses of variables.
    """

    def __init__(self, core: Core, memory_map: MemoryMap, debug: DebugInfo | None = None) -> None:
        self._core = core
        self._view = CoreView(core, memory_map)
        self._debug = debug
        self._program = Program(debug)

    @cached_property
    def _reader(self) -> KernelReader | None:
        """The kernel; looked for when it is first asked about, for an ELF file is long to read."""
        found = (kernel.recognise(self._program) for kernel in _KERNELS)
        return next((reader for reader in found if reader is not None), None)

    @property
    def kernel(self) -> str | None:
        """The name of the kernel that the program has, None if it has none that is known."""
        return None if self._reader is None else self._reader.kernel

    def learn(self, addresses: Mapping[str, int]) -> None:
        """Take in where variables lie, in the place of what was learnt before."""
        self._program = Program(self._debug, addresses)
        self.__dict__.pop("_reader", None)

    def current(self) -> int | None:
        """Return the control block of the running thread, in one round trip, if one runs."""
        if self._reader is None:
            return None
        registers: list[Result[dict[str, int]]] = []

        def queue(batch: Batch) -> None:
            registers.append(self._core.queue_read_registers(batch, _MODE))

        self._view.take_aboard(queue)
        current = self._reader.current(self._view)
        if not registers or _runs_no_thread(registers[0].value):
            return None
        return current

    def snapshot(self) -> Snapshot:
        """Read all threads, their stacks and registers. The core must be halted.

        Raises:
            CoreStateError: the core runs.
            TransferError: the core's registers cannot be read.
        """
        core = self._core.read_registers(_CORE)
        exception = core["xpsr"] & 0x1FF
        interrupt = None
        if exception:
            name, where = exception_name(exception), self._where(core)
            interrupt = Interrupt(exception, name, dict(core), where)
        if self._reader is None:
            return Snapshot(interrupt=interrupt)
        if _runs_no_thread(core):
            return Snapshot(self.kernel)
        state = self._reader.read(self._view)
        if not state.started:
            return Snapshot(self.kernel, interrupt=interrupt, warnings=state.warnings)
        threads, warnings = self._threads(state, core)
        warnings = [*state.warnings, *warnings]
        return Snapshot(self.kernel, threads, interrupt, tuple(warnings), started=True)

    def _threads(
        self, state: KernelState, core: Mapping[str, int]
    ) -> tuple[tuple[Thread, ...], list[str]]:
        in_thread_mode = not core["xpsr"] & 0x1FF
        live = in_thread_mode or _owner(state, core["psp"]) in (state.current, None)
        found = self._saved(state, besides=state.current if live else None)
        if live and state.current is not None:
            running = (
                SavedRegisters(dict(core))
                if in_thread_mode
                else interrupted(self._core, self._view, core, self._debug)
            )
            if running is not None:
                found[state.current] = running
        pointers = {address: each.values["sp"] for address, each in found.items()}
        uses = self._uses(state, pointers)
        nothing = SavedRegisters({})
        threads = tuple(
            Thread(
                address=record.address,
                name=record.name,
                state=record.state,
                priority=record.priority,
                detail=record.detail,
                is_current=record.address == state.current,
                stack=uses.get(record.address),
                registers=found.get(record.address, nothing).values,
                places=found.get(record.address, nothing).places,
                where=self._where(found.get(record.address, nothing).values),
            )
            for record in state.threads
        )
        lost = [
            t.name or f"{t.address:#010x}"
            for t in threads
            if not t.registers and t.state not in _FRAMELESS
        ]
        return threads, [f"no saved registers were found for {name}" for name in lost]

    def _where(self, registers: Mapping[str, int]) -> str:
        return self._program.name_of(registers["pc"]) if "pc" in registers else ""

    def _saved(self, state: KernelState, *, besides: int | None) -> dict[int, SavedRegisters]:
        """Find the frames of the threads that sleep, in one round trip."""
        asleep = [
            (record.address, record.saved)
            for record in state.threads
            if record.saved is not None and record.address != besides
        ]
        ranges = [
            (saved.pointer, min(frames.LONGEST_FRAME, self._view.room(saved.pointer)))
            for _, saved in asleep
        ]
        data = self._view.read(ranges)
        stacked = [(saved, each or b"") for (_, saved), each in zip(asleep, data, strict=True)]
        layout = frames.best_layout(stacked, self._program.is_code)
        found = {}
        for (address, _), (saved, each) in zip(asleep, stacked, strict=True):
            frame = None if layout is None else saved.decode(each, layout, self._program.is_code)
            if frame is not None:
                found[address] = frame
        return found

    def _uses(self, state: KernelState, pointers: Mapping[int, int]) -> dict[int, StackUse]:
        """Measure the stacks of all threads."""
        painted = [(r.address, r.stack) for r in state.threads if r.stack is not None]
        found = measure(self._view, [(area, pointers.get(address)) for address, area in painted])
        return {address: use for (address, _), use in zip(painted, found, strict=True)}


def _runs_no_thread(registers: Mapping[str, int]) -> bool:
    """Say whether the core is in Thread mode on the main stack, where no kernel runs its threads.

    So it is after a reset, when the RAM still holds what an earlier run left of the kernel.
    """
    return not registers["xpsr"] & 0x1FF and not registers["control"] & _SPSEL


def _owner(state: KernelState, pointer: int) -> int | None:
    """Return the thread on whose stack ``pointer`` is: the one that begins nearest below it."""
    below = [
        (record.stack.base, record.address)
        for record in state.threads
        if record.stack is not None
        and record.stack.base <= pointer
        and (record.stack.end is None or pointer <= record.stack.end)
    ]
    return max(below)[1] if below else None
