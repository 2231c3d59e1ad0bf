"""A tracepoint as the server keeps it: what was described, programs checked, counts."""

from __future__ import annotations

from collections.abc import Iterator

from onchip.errors import UsageError
from onchip.services.gdb.agent.expression import AgentExpression
from onchip.wire.gdb_rsp.tracepoints import (
    Action,
    AddActions,
    CollectMemory,
    CollectRegisters,
    DefineTracepoint,
    Evaluate,
    TracepointSource,
)


class Actions:
    """What is collected at a hit, or at each step behind one.

    ``mask`` has the numbers of registers that are wanted, ``memory`` ranges, ``programs`` agent
    expressions.
    """

    def __init__(self) -> None:
        self.mask = 0
        self.memory: list[CollectMemory] = []
        self.programs: list[AgentExpression] = []
        self.said: list[Action] = []

    def add(self, action: Action) -> None:
        """Add one; raises UsageError where it is an expression that could never be evaluated."""
        match action:
            case CollectRegisters():
                self.mask |= action.mask
            case CollectMemory():
                self.memory.append(action)
            case Evaluate():
                self.programs.append(AgentExpression(action.code))
        self.said.append(action)

    @property
    def registers(self) -> frozenset[int]:
        """Return the numbers of the registers that are looked at to know what to collect."""
        bases = {action.base for action in self.memory if action.base is not None}
        return frozenset(bases.union(*(program.registers for program in self.programs)))


class Tracepoint:
    """A tracepoint at one address.

    Raises:
        UsageError: it is of a kind that is not made here, or its condition is no program.
    """

    def __init__(self, definition: DefineTracepoint) -> None:
        if definition.fast is not None or definition.static:
            kind = "static" if definition.static else "fast"
            raise UsageError(
                f"there are no {kind} tracepoints here: no agent runs in the target",
                hint="use trace, which stops the core for the moment of collecting",
            )
        self.definition = definition
        self.number = definition.number
        self.address = definition.address & ~1
        self.enabled = definition.enabled
        code = definition.condition
        self.condition = None if code is None else AgentExpression(code)
        self.at_hit, self.at_step = Actions(), Actions()
        self.hits = self.usage = 0
        self._sources: list[TracepointSource] = []
        self._stepping = False

    @property
    def steps(self) -> int:
        """Return how many steps are collected behind each hit."""
        return self.definition.steps

    @property
    def mask(self) -> int:
        """Return the mask of all registers that are collected."""
        return self.at_hit.mask | self.at_step.mask

    def add_actions(self, request: AddActions) -> None:
        """Add actions; behind the first that are for steps all are. Raises UsageError."""
        self._stepping = self._stepping or request.stepping
        for action in request.actions:
            (self.at_step if self._stepping else self.at_hit).add(action)

    def add_source(self, source: TracepointSource) -> None:
        """Keep what the user wrote; a piece of a text goes behind the piece before it."""
        last = self._sources[-1] if self._sources else None
        if source.start and last is not None and last.kind == source.kind:
            text = last.text[: source.start] + source.text
            source = TracepointSource(
                source.number, source.address, source.kind, 0, source.length, text
            )
            self._sources.pop()
        self._sources.append(source)

    def definitions(self) -> Iterator[bytes]:
        """Return what another client is told of it, in GDB's words."""
        definition = DefineTracepoint(
            self.number,
            self.definition.address,
            self.enabled,
            self.definition.steps,
            self.definition.passes,
            self.definition.condition,
        )
        yield b"T" + definition.encode_definition()
        for letter, actions in ((b"A", self.at_hit), (b"S", self.at_step)):
            for action in actions.said:
                head = b"%b%x:%x:" % (letter, self.number, self.definition.address)
                yield head + action.encode()
        for source in self._sources:
            yield b"Z" + source.encode_definition()
