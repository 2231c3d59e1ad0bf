"""A kernel's threads in the form that the GDB server takes them: tasks with an id.

GDB lists all threads at every stop, and reads the registers of few: the list costs what it must,
and the first task that is asked for its registers reads those of all. What was read is good until
the core runs again; the server keeps it as long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from onchip.cortex_m.core import Core
from onchip.errors import UsageError
from onchip.rtos.frames import SavedRegisters
from onchip.rtos.inspector import SYMBOLS, Inspector
from onchip.rtos.thread import ThreadRecord, describe
from onchip.symbols.dwarf import DebugInfo
from onchip.target.memory_map import MemoryMap

Registers = Callable[[], Mapping[int, SavedRegisters]]


class RtosTask:
    """One thread, by the address of its control block."""

    def __init__(
        self,
        core: Core,
        record: ThreadRecord,
        description: str,
        registers: Registers,
        *,
        is_current: bool,
    ) -> None:
        self._core = core
        self._registers = registers
        self.id = record.address
        self.name = record.name
        self.description = description
        self.is_current = is_current

    def read_registers(self) -> Mapping[str, int]:
        """Return the registers that the thread goes on with; none where no frame was found.

        Raises:
            TransferError: the core cannot be asked about its floating-point registers.
        """
        return self._found.values

    @property
    def _found(self) -> SavedRegisters:
        return self._registers().get(self.id, SavedRegisters({}))

    def write_registers(self, values: Mapping[str, int]) -> None:
        """Change saved registers where they lie on the thread's stack.

        Raises:
            UsageError: one of them is not saved in memory; nothing was written.
            TransferError: a write failed.
        """
        found = self._found
        missing = sorted(set(values) - set(found.places))
        if missing:
            raise UsageError(
                f"{', '.join(missing)} of the sleeping thread {self.name} is not saved in memory",
                hint="a thread's sp follows from where its frame lies",
            )
        batch = self._core.batch()
        for name, value in values.items():
            data = value.to_bytes(8 if name[0] == "d" else 4, "little")
            self._core.memory.queue_write(batch, found.places[name], data)
        batch.run()
        found.values.update(values)


class RtosThreads:
    """The threads of a core's kernel, for the GDB server."""

    wanted_symbols: Sequence[str] = SYMBOLS
    """The variables whose addresses a debugger may tell."""

    def __init__(self, core: Core, memory_map: MemoryMap, debug: DebugInfo | None = None) -> None:
        self._core = core
        self._inspector = Inspector(core, memory_map, debug)
        self.warning: str | None = None

    def learn(self, symbols: Mapping[str, int]) -> None:
        """Take in the addresses of variables, and forget those of before."""
        self._inspector.learn(symbols)
        self.warning = None

    def current_id(self) -> int | None:
        """Return the running thread's id, in one round trip; None while no kernel runs.

        Raises:
            ProbeError: the probe is gone.
        """
        return self._inspector.current()

    def tasks(self) -> Sequence[RtosTask]:
        """Return the threads of the halted core; none where no kernel runs.

        What is wrong with the kernel's structures is in `warning` afterwards.

        Raises:
            TransferError: the core's registers cannot be read.
        """
        self.warning = None
        if self._inspector.kernel is None:
            return []
        survey = self._inspector.survey(anew=False)
        state = survey.state
        if state.warnings:
            self.warning = f"{state.kernel}: {'; '.join(state.warnings)}"
        registers = cache(lambda: self._inspector.registers(survey))
        return [
            RtosTask(
                self._core,
                record,
                describe(record, survey.uses.get(record.address)),
                registers,
                is_current=record.address == state.current,
            )
            for record in state.threads
        ]
