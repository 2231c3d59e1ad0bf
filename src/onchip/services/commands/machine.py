"""The chip as commands see it: run control, numbers and names, and where text goes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from onchip.cortex_m import PSR_VIEWS, Core, CoreState, PointOwner, ResetKind
from onchip.errors import CoreStateError, UsageError

if TYPE_CHECKING:
    from onchip.session import Session
    from onchip.symbols.dwarf import DebugInfo

_LAST_ADDRESS = 0xFFFF_FFFF


class Machine(ABC):
    """One session, and how its core is run where commands are typed.

    ``debug`` names functions, variables and lines, when the program's ELF file is known.
    """

    def __init__(self, session: Session, debug: DebugInfo | None = None) -> None:
        self.session = session
        self.debug = debug

    def __repr__(self) -> str:
        names = "without names" if self.debug is None else "with names"
        return f"<{type(self).__name__}: {self.session.chip_name}, {names}>"

    @property
    def core(self) -> Core:
        """The session's core."""
        return self.session.core

    # ---- what differs between a shell and GDB

    @abstractmethod
    def print(self, text: str) -> None:
        """Show ``text``, which ends its own lines."""

    @abstractmethod
    def interrupted(self) -> bool:
        """Say whether the user wants a long command to end; looked at between its slices."""

    @property
    @abstractmethod
    def running(self) -> bool:
        """Whether the core runs."""

    @abstractmethod
    def halt(self) -> None:
        """Halt the core; harmless when it stands."""

    @abstractmethod
    def go(self) -> None:
        """Let the core run; harmless when it does."""

    @abstractmethod
    def reset(self, kind: ResetKind, *, halt: bool) -> None:
        """Reset the chip; with ``halt`` it stands before its first instruction."""

    @abstractmethod
    def set_breakpoint(
        self, address: int, *, ignore_count: int = 0, temporary: bool = False
    ) -> None:
        """Arm a breakpoint."""

    @abstractmethod
    def remove_breakpoint(self, address: int) -> None:
        """Take a breakpoint out."""

    @abstractmethod
    def set_watchpoint(
        self, address: int, length: int, access: str, *, value: int | None = None
    ) -> None:
        """Arm a watchpoint for ``write``, ``read`` or ``access``; of ``value`` alone, if given."""

    @abstractmethod
    def remove_watchpoint(
        self, address: int, length: int, access: str, *, value: int | None = None
    ) -> None:
        """Take a watchpoint out."""

    def before_flash(self) -> None:
        """Make ready for flash to change: a core that runs is halted, it is reset afterwards."""
        if self.running:
            self.halt()

    # ---- what does not

    def need_halted(self, what: str) -> None:
        """See that the core stands.

        Raises:
            CoreStateError: it runs.
        """
        if self.running:
            raise CoreStateError(f"{what} needs a halted core", hint="halt it first")

    def number(self, text: str) -> int:
        """Read ``0x2000_0000``, ``64``, a register, a symbol; or one of them ``+`` or ``-`` more.

        Raises:
            UsageError: it is none of them, or not within 32 bits.
        """
        for sign in "+-":
            left, found, right = text.rpartition(sign)
            if found and left:
                value = self.number(left) + int(sign + "1") * self.number(right)
                break
        else:
            value = self._simple_number(text)
        if not 0 <= value <= _LAST_ADDRESS:
            raise UsageError(f"{text!r} is not within 32 bits")
        return value

    def _simple_number(self, text: str) -> int:
        try:
            return int(text, 0)
        except ValueError:
            pass
        name = text.lower().removeprefix("$")
        if name in self.core.register_names or name in PSR_VIEWS:
            self.need_halted(f"the value of {name}")
            return self.core.read_register(name)
        symbol = None if self.debug is None else self.debug.symbol(text)
        if symbol is None:
            known = "a number or a register" if self.debug is None else "number, register or symbol"
            raise UsageError(
                f"{text!r} is not {known}", hint="write 0x20000000, 64, sp+8 or, with FILE, main"
            )
        return symbol.start

    def place(self, address: int) -> str:
        """Return ``0x08000124 main+4 at main.c:12``, with as much as is known."""
        text = f"0x{address:08x}"
        if self.debug is None:
            return text
        name, line = self.debug.name_of(address), self.debug.line_at(address)
        text += f" {name}" if name else ""
        return f"{text} at {line}" if line else text


def symbols_of(path: str | Path) -> DebugInfo:
    """Return the names and lines of the program in an ELF file, for a `Machine`.

    Raises:
        SymbolError: it cannot be read, or is no ELF file.
    """
    from onchip.symbols.dwarf import DebugInfo

    return DebugInfo.load(path)


class SessionMachine(Machine):
    """The machine of a shell or a script: the session is its own.

    ``write`` gets what commands print; ``is_interrupted`` says whether Ctrl-C came.
    """

    def __init__(
        self,
        session: Session,
        debug: DebugInfo | None = None,
        *,
        write: Callable[[str], object] | None = None,
        is_interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(session, debug)
        self.owner = PointOwner("the commands")
        """Whose the breakpoints are that commands set."""
        self._write = write or (lambda text: None)
        self._is_interrupted = is_interrupted

    def print(self, text: str) -> None:
        """Hand ``text`` to ``write``."""
        self._write(text)

    def interrupted(self) -> bool:
        """Say what ``is_interrupted`` says."""
        return self._is_interrupted()

    @property
    def running(self) -> bool:
        """Whether the core runs: asked of the chip, unless it is known to stand."""
        if self.core.halted:
            return False
        return self.core.state() in (CoreState.RUNNING, CoreState.SLEEPING)

    def halt(self) -> None:
        """Halt the core; from now on closing the session leaves it halted."""
        self.core.halt()
        self.session.resume_on_close = False

    def go(self) -> None:
        """Let the core run; closing the session leaves it so."""
        if self.core.halted:
            self.core.resume()
        self.session.resume_on_close = True

    def reset(self, kind: ResetKind, *, halt: bool) -> None:
        """Reset the chip."""
        self.session.reset(kind, halt=halt)

    def set_breakpoint(
        self, address: int, *, ignore_count: int = 0, temporary: bool = False
    ) -> None:
        """Arm a breakpoint: in a comparator, or in RAM as an instruction."""
        self.core.breakpoints.set(
            address, owner=self.owner, ignore_count=ignore_count, temporary=temporary
        )

    def remove_breakpoint(self, address: int) -> None:
        """Take a breakpoint out."""
        self.core.breakpoints.remove(address, owner=self.owner)

    def set_watchpoint(
        self, address: int, length: int, access: str, *, value: int | None = None
    ) -> None:
        """Arm a watchpoint."""
        self.core.watchpoints.set(address, length, access, value=value, owner=self.owner)

    def remove_watchpoint(
        self, address: int, length: int, access: str, *, value: int | None = None
    ) -> None:
        """Take a watchpoint out."""
        self.core.watchpoints.remove(address, length, access, value=value, owner=self.owner)
