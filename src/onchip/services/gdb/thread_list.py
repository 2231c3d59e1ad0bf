"""The threads that GDB sees: the core itself, or the tasks of an RTOS that runs on it.

Thread 1 is the core. With a kernel, what executes is told as the kernel's current task; an
exception handler belongs to no task and is thread 1. What was told as executing keeps its name
until the core runs on, and a thread that is stepped keeps it over the step, into a handler and out
again: GDB would take another name for another thread's stop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from onchip.arch.exceptions import exception_name
from onchip.cortex_m import Core
from onchip.errors import UsageError
from onchip.services.gdb.thread_source import Task, ThreadSource

PROCESS: Final = 1
"""The only process: the core's program."""

CORE_THREAD: Final = 1
"""The core itself."""


class ThreadList:
    """The threads of one core; ``source`` None: there are no tasks."""

    def __init__(self, core: Core, source: ThreadSource | None = None) -> None:
        self.source = source
        self.on_warning: Callable[[str], None] = lambda text: None
        """Told why the list may not be complete, when that changes."""
        self._warning: str | None = None
        self._core = core
        self._told: int | None = None
        self._stepped: int | None = None
        self._tasks: Sequence[Task] | None = None
        self._last_ids: list[int] = [CORE_THREAD]

    def ran(self, *, stepped: int | None = None) -> None:
        """Forget what was so before the core ran; ``stepped``: it was this thread's step."""
        self._told = self._tasks = None
        self._stepped = stepped

    def stood(self) -> None:
        """Forget what was asked meanwhile: the core stands again."""
        self._told = self._tasks = None

    @property
    def current(self) -> int:
        """Return the thread that executes.

        Raises:
            TransferError: the kernel's variable cannot be read.
        """
        if self.source is None or not self._core.halted:
            return self._told or CORE_THREAD
        if self._told is None:
            running = self.source.current_id()
            if self._stepped is not None and self._stepped in (CORE_THREAD, running):
                self._told = self._stepped
            elif running is None or self._exception():
                self._told = CORE_THREAD
            else:
                self._told = running
        return self._told

    def executing_task(self) -> int | None:
        """Return the task that the kernel runs now; None without a kernel. The core is halted.

        Raises:
            TransferError: the kernel's variable cannot be read.
        """
        return None if self.source is None else self.source.current_id()

    def ids(self) -> list[int]:
        """Return all threads, what executes first; of a running core, those it had when it stood.

        Raises:
            TransferError: the kernel's lists cannot be read.
        """
        if self.source is not None and self._core.halted:
            current = self.current
            others = [task.id for task in self._known() if not self._is_executing(task)]
            self._last_ids = [current, *(number for number in others if number != current)]
        return self._last_ids

    def task(self, thread: int) -> Task | None:
        """Return the task behind ``thread``; None: its registers are the core's own.

        Raises:
            UsageError: there is no such thread.
            TransferError: the kernel's lists cannot be read.
        """
        if thread == self.current:
            return None
        for task in self._known():
            if task.id == thread and not self._is_executing(task):
                return task
        raise UsageError(f"there is no thread {thread}", hint="info threads lists them")

    def name(self, thread: int) -> str:
        """Return the name of a thread; raises as `task`."""
        task = self._described(thread)
        if task is not None:
            return task.name
        exception = self._exception() if self._known() and self._core.halted else 0
        return exception_name(exception) if exception else self._core.name

    def describe(self, thread: int) -> str:
        """Say more about a thread; raises as `task`."""
        task = self._described(thread)
        if task is not None:
            return task.description
        return f"{self._core.name}, {'halted' if self._core.halted else 'running'}"

    def _described(self, thread: int) -> Task | None:
        """Return the task that a thread is, whether it executes or not."""
        task = self.task(thread)
        if task is None and self.source is not None and self._core.halted:
            executing = [task for task in self._known() if self._is_executing(task)]
            return executing[0] if executing else None
        return task

    def _known(self) -> Sequence[Task]:
        if self.source is None or not self._core.halted:
            return self._tasks or ()
        if self._tasks is None:
            self._tasks = self.source.tasks()
            if self.source.warning not in (None, self._warning):
                self.on_warning(f"threads: {self.source.warning}")
            self._warning = self.source.warning
        return self._tasks

    def _is_executing(self, task: Task) -> bool:
        """Say whether ``task`` is what is told as executing."""
        current = self.current
        if current == CORE_THREAD:
            return task.is_current and not self._exception()
        return task.id == current

    def _exception(self) -> int:
        return self._core.read_register("xpsr") & 0x1FF
