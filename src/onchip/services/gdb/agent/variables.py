"""Trace state variables: 64-bit numbers that conditions and actions of tracepoints read and set.

Number 1, ``$trace_timestamp``, is built in: the time of the target, in microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from onchip.wire.gdb_rsp.tracepoints import DefineVariable

TIMESTAMP: Final = DefineVariable(1, 0, "trace_timestamp", builtin=True)
_MASK: Final = (1 << 64) - 1


class TraceVariables:
    """The variables of one target; ``now_us`` tells the time."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self.now_us = now_us
        self._defined: dict[int, DefineVariable] = {}
        self._values: dict[int, int] = {}

    def __iter__(self) -> Iterator[DefineVariable]:
        return iter([TIMESTAMP, *self._defined.values()])

    def define(self, definition: DefineVariable) -> None:
        """Take in a variable, which has its first value now; the built-in one stays what it is."""
        if definition.number != TIMESTAMP.number:
            self._defined[definition.number] = definition
            self._values[definition.number] = definition.value

    def clear(self) -> None:
        """Forget all but the built-in one."""
        self._defined.clear()
        self._values.clear()

    def value(self, number: int) -> int:
        """Return a value, signed; one that was never set is 0."""
        return self.now_us() if number == TIMESTAMP.number else self._values.get(number, 0)

    def set(self, number: int, value: int) -> None:
        """Set a value, of which 64 bits are kept, signed."""
        value &= _MASK
        self._values[number] = value - (1 << 64) if value >> 63 else value
