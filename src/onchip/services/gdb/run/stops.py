"""Stops: what GDB is told when the core stands still.

Raises, besides what is said: ProbeError and TransferError when the chip cannot be reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from onchip.cortex_m import Core, HaltKind, HaltReason
from onchip.errors import OnchipError
from onchip.services.gdb.agent.conditions import Looking
from onchip.services.gdb.registers import EXPEDITED, RegisterLayout
from onchip.services.gdb.run.points import WATCH_NAMES, PointTable

_FAULT_SIGNALS = {3: 11, 4: 11, 5: 10, 6: 4}  # by exception number: SIGSEGV, SIGBUS, SIGILL
NO_SIGNAL, SIGINT, SIGTRAP, SIGABRT = 0, 2, 5, 6

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """The core stands still. ``pairs`` go into the stop reply; ``exit_code`` ends the program."""

    signal: int
    pairs: tuple[tuple[str, str], ...] = ()
    text: str = ""
    exit_code: int | None = None
    pc: int | None = None

    def at_breakpoint(self, pc: int) -> bool:
        """Say whether it was told as a breakpoint of the client's at ``pc``."""
        names = {name for name, _ in self.pairs}
        return self.pc == pc and not names.isdisjoint(("swbreak", "hwbreak"))

    @property
    def at_watchpoint(self) -> bool:
        """Whether a watchpoint made it."""
        return any(name in WATCH_NAMES for name, _ in self.pairs)


class StopTeller:
    """Turns why the core halted into stops."""

    def __init__(self, core: Core, layout: RegisterLayout, points: PointTable) -> None:
        self._core = core
        self._layout = layout
        self._points = points
        self.exception = 0
        """The exception that the core was in at the last stop: IPSR."""

    def describe(self, reason: HaltReason, *, quiet: bool = False) -> Stop:
        """Turn why the core halted into what GDB is told."""
        match reason.kind:
            case HaltKind.BREAKPOINT | HaltKind.SEMIHOSTING:
                pc = self.pc(reason)
                name = self._points.stop_name_at(pc)
                text = f"at 0x{pc:08x}: {reason.trouble}\n" if reason.trouble else ""
                return self.stop(SIGTRAP, () if name is None else ((name, ""),), text)
            case HaltKind.WATCHPOINT:
                watch = self._points.watch_name(reason.address, reason.access)
                return self.stop(SIGTRAP, () if watch is None else ((watch[0], f"{watch[1]:x}"),))
            case HaltKind.VECTOR_CATCH:
                text = "" if quiet else self._fault_text()
                return self.stop(self.fault_signal(), (), text)
            case HaltKind.LOCKUP:
                text = "the core is locked up: a fault came while it handled one\n"
                return self.stop(SIGABRT, (), text + ("" if quiet else self._fault_text()))
        return self.stop(SIGTRAP)

    def stop(
        self,
        signal: int,
        pairs: Pairs = (),
        text: str = "",
        *,
        values: Mapping[str, int] | None = None,
    ) -> Stop:
        """Return a stop with the registers that every stop tells; ``values`` if they were read."""
        values = values or self._core.read_registers(EXPEDITED)
        self.exception = values["xpsr"] & 0x1FF
        expedited = tuple(
            (f"{spec.number:02x}", spec.encode(values[spec.name]).hex())
            for spec in (self._layout.by_name[name] for name in EXPEDITED)
        )
        return Stop(signal, (*expedited, *pairs), text, pc=values["pc"])

    def looked_at(self) -> tuple[str, ...]:
        """Return what a stop is to bring along: what conditions look at, and mostly no more."""
        conditions = [c for c in self._core.breakpoints.conditions if isinstance(c, Looking)]
        if not conditions:
            return EXPEDITED  # a stop is a stop
        specs = self._layout.specs
        numbers = {n for each in conditions for n in each.registers if n < len(specs)}
        return ("pc", *(specs[number].name for number in sorted(numbers)))

    def pc(self, reason: HaltReason) -> int:
        """Return where the core stands."""
        return self._core.read_register("pc") if reason.pc is None else reason.pc

    def fault_signal(self) -> int:
        """Return the signal that the exception is told as which the core is in."""
        return _FAULT_SIGNALS.get(self._core.read_register("xpsr") & 0x1FF, SIGTRAP)

    def _fault_text(self) -> str:
        try:
            report = self._core.fault()
        except OnchipError as error:
            return f"the fault cannot be read: {error}\n"
        return f"{report}\n" if report is not None else ""
