"""Conditions and commands of breakpoints, evaluated here instead of in GDB.

GDB sends them as agent expressions. A false condition costs no trip to GDB; a breakpoint with
commands (``dprintf``) does them and never stops. What cannot be evaluated stops, and says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from onchip.cortex_m import Core
from onchip.errors import OnchipError
from onchip.services.gdb.agent import AgentExpression, Surroundings
from onchip.services.gdb.registers import RegisterLayout
from onchip.services.gdb.thread_list import ThreadList

Client = object
"""Who holds a breakpoint; compared by identity."""


@dataclass(frozen=True, slots=True)
class Condition:
    """When a breakpoint stops: if any of ``conditions`` is true; never if it has ``commands``."""

    conditions: tuple[AgentExpression, ...] = ()
    commands: tuple[AgentExpression, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the breakpoint just stops."""
        return not self.conditions and not self.commands

    @property
    def registers(self) -> frozenset[int]:
        """Return the numbers of the registers that are looked at."""
        programs = (*self.conditions, *self.commands)
        return frozenset(number for program in programs for number in program.registers)

    def wants_stop(self, target: Surroundings) -> bool:
        """Evaluate the conditions and do the commands; return whether the core is to stay.

        Raises:
            OnchipError: something could not be evaluated.
        """
        if self.conditions and not any(each.evaluate(target) for each in self.conditions):
            return False
        for command in self.commands:
            command.evaluate(target)
        return not self.commands


class Conditions:
    """The conditions of all clients' breakpoints.

    ``wanted(pc, client)``: it still holds one there; ``others(pc)``: somebody else does.
    """

    def __init__(
        self,
        core: Core,
        layout: RegisterLayout,
        threads: ThreadList,
        wanted: Callable[[int, Client], object],
        others: Callable[[int], bool],
        show: Callable[[str], None],
    ) -> None:
        self._core = core
        self._layout = layout
        self._threads = threads
        self._wanted = wanted
        self._others = others
        self._show = show
        self._by_address: dict[int, dict[Client, Condition]] = {}

    def set(self, client: Client, address: int, condition: Condition) -> None:
        """Set what ``client`` says of its breakpoint at ``address``."""
        self._by_address.setdefault(address & ~1, {})[client] = condition

    def release(self, client: Client) -> None:
        """Forget what ``client`` said."""
        for holders in self._by_address.values():
            holders.pop(client, None)
        self._by_address = {address: held for address, held in self._by_address.items() if held}

    @property
    def registers(self) -> tuple[str, ...] | None:
        """Return what the conditions look at; None: there are none, so that a stop is a stop."""
        held = [
            condition
            for pc, holders in self._by_address.items()
            for client, condition in holders.items()
            if not condition.is_empty and self._wanted(pc, client)
        ]
        if not held:
            return None
        numbers = {number for condition in held for number in condition.registers}
        specs = self._layout.specs
        return ("pc", *(specs[number].name for number in sorted(numbers) if number < len(specs)))

    def wants_stop(self, pc: int) -> bool:
        """Say whether anybody wants the core to stay at the breakpoint where it stands."""
        held = [
            condition
            for client, condition in self._by_address.get(pc, {}).items()
            if self._wanted(pc, client)
        ]
        try:
            answers = [condition.wants_stop(self) for condition in held]  # all: they may print
        except OnchipError as error:
            self._show(f"the condition of the breakpoint at 0x{pc:08x} has no value: {error}\n")
            return True
        return any(answers) or not held or self._others(pc)

    # ---- what an expression sees

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
