"""Puts a kernel's reader together with a halted core.

A survey says which threads there are and what they do; a snapshot has their registers as well. On
the main stack in Thread mode no kernel runs its threads, whatever the variables say that an earlier
run left in RAM. Nothing here writes to the target.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from onchip.arch.exceptions import exception_name
from onchip.cortex_m.core import Core
from onchip.dap import Batch, Result
from onchip.errors import OnchipError
from onchip.rtos import freertos, rtx5, threadx, zephyr
from onchip.rtos.frames import SavedRegisters
from onchip.rtos.memory_view import CoreView, RepeatedView
from onchip.rtos.program import Program
from onchip.rtos.registers import is_live, thread_registers
from onchip.rtos.stacks import StackGauge
from onchip.rtos.thread import (
    Interrupt,
    KernelReader,
    KernelState,
    StackUse,
    Thread,
    ThreadRecord,
    ThreadState,
)
from onchip.symbols.dwarf import DebugInfo
from onchip.target.memory_map import MemoryMap

SYMBOLS = (*freertos.SYMBOLS, *zephyr.SYMBOLS, *rtx5.SYMBOLS, *threadx.SYMBOLS)
"""The variables of all kernels, for a debugger that is asked for addresses."""

_KERNELS = (freertos.FreeRtos, zephyr.Zephyr, rtx5.Rtx5, threadx.ThreadX)
_CORE = (*(f"r{n}" for n in range(13)), "sp", "lr", "pc", "xpsr", "msp", "psp", "control")
_MODE = ("xpsr", "control", "psp")
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

    def __repr__(self) -> str:
        return f"<Snapshot: {self.kernel or 'no kernel'}, {len(self.threads)} threads>"


@dataclass(frozen=True, slots=True)
class Survey:
    """The threads of a halted target without their registers."""

    state: KernelState
    uses: Mapping[int, StackUse] = field(default_factory=dict)


class Inspector:
    """Reads the threads of the kernel that a program has.

    ``debug`` is the program's ELF file; without it `learn` takes the addresses of variables.
    """

    def __init__(self, core: Core, memory_map: MemoryMap, debug: DebugInfo | None = None) -> None:
        self._core = core
        self._direct = CoreView(core, memory_map)
        self._view = RepeatedView(self._direct)
        self._gauge = StackGauge(self._view)
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
        mode = self._mode_aboard()
        current = self._reader.current(self._direct)
        return None if _runs_no_thread(mode()) else current

    def _mode_aboard(self) -> Callable[[], Mapping[str, int]]:
        """Let the next read fetch some registers too; return what gives them after it."""
        queued: list[Result[dict[str, int]]] = []

        def queue(batch: Batch) -> None:
            queued.append(self._core.queue_read_registers(batch, _MODE))

        def registers() -> Mapping[str, int]:
            try:
                return queued[0].value
            except (IndexError, OnchipError):  # there was no such read, or it failed
                return self._core.read_registers(_MODE)

        self._direct.take_aboard(queue)
        return registers

    def survey(self, *, anew: bool = True) -> Survey:
        """Read all threads and their stacks. The core must be halted.

        Without ``anew``, the marks of stacks that were measured before are only looked at again.

        Raises:
            CoreStateError: the core runs.
            TransferError: the core's registers cannot be read.
        """
        if self._reader is None:
            return Survey(KernelState(""))
        self._core.run.require_halted("reading threads")
        self._view.begin()
        mode = self._mode_aboard()
        state = self._reader.read(self._view)
        registers = mode()
        if _runs_no_thread(registers):
            return Survey(KernelState(self._reader.kernel))
        painted = [record for record in state.threads if record.stack is not None]
        live = state.current if is_live(state, registers) else None
        stacks = [
            (each.stack, registers["psp"] if each.address == live else _pointer(each))
            for each in painted
            if each.stack is not None
        ]
        uses = self._gauge.measure(stacks, anew=anew)
        addresses = (each.address for each in painted)
        return Survey(state, dict(zip(addresses, uses, strict=True)))

    def registers(
        self, survey: Survey, core: Mapping[str, int] | None = None
    ) -> dict[int, SavedRegisters]:
        """Return the threads' registers by control block; ``core``: the core's, if known.

        Raises:
            TransferError: the core cannot be asked about its floating-point registers.
        """
        known = self._core.read_registers(_CORE) if core is None else core
        return thread_registers(self._core, self._view, self._program, survey.state, known)

    def snapshot(self) -> Snapshot:
        """Read all threads, their stacks and registers. The core must be halted.

        Raises:
            CoreStateError: the core runs.
            TransferError: the core's registers cannot be read.
        """
        core = self._core.read_registers(_CORE)
        survey = self.survey()
        state = survey.state
        exception = core["xpsr"] & 0x1FF
        interrupt = None
        if exception:
            where = self._where(core)
            interrupt = Interrupt(exception, exception_name(exception), dict(core), where)
        if not state.started:
            return Snapshot(self.kernel, interrupt=interrupt, warnings=state.warnings)
        found = self.registers(survey, core)
        threads = tuple(self._thread(each, survey, found) for each in state.threads)
        lost = [
            thread.name or f"{thread.address:#010x}"
            for thread in threads
            if not thread.registers and thread.state not in _FRAMELESS
        ]
        warnings = [*state.warnings, *(f"no saved registers were found for {n}" for n in lost)]
        return Snapshot(self.kernel, threads, interrupt, tuple(warnings), started=True)

    def _thread(
        self, record: ThreadRecord, survey: Survey, found: Mapping[int, SavedRegisters]
    ) -> Thread:
        registers = found.get(record.address, SavedRegisters({}))
        return Thread(
            address=record.address,
            name=record.name,
            state=record.state,
            priority=record.priority,
            detail=record.detail,
            is_current=record.address == survey.state.current,
            stack=survey.uses.get(record.address),
            registers=registers.values,
            places=registers.places,
            where=self._where(registers.values),
        )

    def _where(self, registers: Mapping[str, int]) -> str:
        return self._program.name_of(registers["pc"]) if "pc" in registers else ""


def _pointer(record: ThreadRecord) -> int | None:
    return None if record.saved is None else record.saved.pointer


def _runs_no_thread(registers: Mapping[str, int]) -> bool:
    """Say whether the core is in Thread mode on the main stack, where no kernel runs its threads.

    So it is after a reset, when the RAM still holds what an earlier run left of the kernel.
    """
    return not registers["xpsr"] & 0x1FF and not registers["control"] & _SPSEL
