"""Conditions and commands of breakpoints, evaluated here instead of in GDB.

GDB sends them as agent expressions; the core's breakpoints ask them when the core stands there. A
false condition costs no trip to GDB; a breakpoint with commands (``dprintf``) does them and never
stops.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from onchip.cortex_m import Core, StoppedCore
from onchip.services.gdb.agent.expression import AgentExpression, Surroundings
from onchip.services.gdb.agent.variables import TraceVariables
from onchip.services.gdb.registers import RegisterLayout
from onchip.services.gdb.thread_list import ThreadList


class Looking(ABC):
    """A condition that can tell what it will look at, so that a stop brings it along."""

    __slots__ = ()

    @property
    @abstractmethod
    def registers(self) -> frozenset[int]:
        """Return the numbers of the registers that are looked at."""

    @abstractmethod
    def __call__(self, core: StoppedCore) -> bool:
        """Say whether the core is to stay where it stands; raises OnchipError."""


@dataclass(frozen=True, slots=True)
class AgentCondition(Looking):
    """When a breakpoint stops: if any of ``conditions`` is true; never if it has ``commands``."""

    target: Surroundings
    conditions: tuple[AgentExpression, ...] = ()
    commands: tuple[AgentExpression, ...] = ()

    @property
    def registers(self) -> frozenset[int]:
        """Return the numbers of the registers that are looked at."""
        programs = (*self.conditions, *self.commands)
        return frozenset(number for program in programs for number in program.registers)

    def __call__(self, core: StoppedCore) -> bool:
        """Evaluate the conditions and do the commands; return whether the core is to stay.

        Raises:
            OnchipError: something could not be evaluated.
        """
        if self.conditions and not any(each.evaluate(self.target) for each in self.conditions):
            return False
        for command in self.commands:
            command.evaluate(self.target)
        return not self.commands


class HaltedTarget(Surroundings):
    """The halted core as an agent expression sees it; ``show`` gets what one prints."""

    def __init__(
        self,
        core: Core,
        layout: RegisterLayout,
        threads: ThreadList,
        variables: TraceVariables,
        show: Callable[[str], None],
    ) -> None:
        self.variables = variables
        self._core = core
        self._layout = layout
        self._threads = threads
        self._show = show

    def read_memory(self, address: int, length: int) -> bytes:
        """Return target memory; raises OnchipError."""
        return self._core.memory.read(address, length)

    def read_register(self, number: int) -> int:
        """Return the register that GDB calls ``number``; raises OnchipError."""
        return self._core.read_register(self._layout.find(number).name)

    def thread_id(self) -> int:
        """Return the thread that executes."""
        return self._threads.current

    def print(self, text: str) -> None:
        """Show what a command prints."""
        self._show(text)

    def variable(self, number: int) -> int:
        """Return a trace state variable."""
        return self.variables.value(number)

    def set_variable(self, number: int, value: int) -> None:
        """Set a trace state variable."""
        self.variables.set(number, value)

    def collect(self, address: int, length: int) -> None:
        """Collect nothing: no frame is being made."""

    def collect_string(self, address: int, longest: int) -> None:
        """Collect nothing: no frame is being made."""

    def collect_variable(self, number: int) -> None:
        """Collect nothing: no frame is being made."""
