"""One board: its target and its flash, under the classic names."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from onchip.errors import UsageError
from onchip.session import Session, connect
from pyOCD.flash.flash import Flash
from pyOCD.target.target import Target


class Board:
    """A board that has been found; `init` connects, `uninit` lets go.

    ``probe`` is a name that `onchip.connect` knows.
    """

    def __init__(
        self,
        probe: str | None,
        target: str | None = None,
        frequency: int = 1_000_000,
        *,
        unique_id: str = "",
        name: str = "",
    ) -> None:
        self.probe = probe
        self.target_override = target
        self.debug_clock_frequency = frequency
        self.unique_id = unique_id or probe or ""
        self.name = name or "onchip board"
        self.test_binary = ""
        self.closed = False
        self._session: Session | None = None
        self.target = Target(self)
        self.flash = Flash(self)

    @property
    def session(self) -> Session:
        """The connection that everything is handed to."""
        if self._session is None:
            raise UsageError("this board is not connected", hint="call board.init() first")
        return self._session

    @property
    def link(self) -> object:
        """The way to the probe."""
        return self.session.link

    @property
    def target_type(self) -> str:
        """The chip's name, or ``cortex_m`` when it is not known."""
        chip = None if self._session is None else self._session.chip
        return self.target_override or ("cortex_m" if chip is None else chip.name)

    native_target = target_type

    def init(self) -> None:
        """Connect and halt the core."""
        if self._session is None:
            self._session = connect(
                self.probe,
                target=self.target_override,
                frequency_hz=self.debug_clock_frequency,
                connect="halt" if self.target.halt_on_connect else "attach",
            )
            self.closed = False

    def uninit(self, resume: bool = True) -> None:
        """Let the core run, unless ``resume`` is false, and let go of the probe."""
        self.closed = True
        session, self._session = self._session, None
        if session is not None:
            session.resume_on_close = resume
            session.close()

    def getUniqueID(self) -> str:
        return self.unique_id

    def getTargetType(self) -> str:
        return self.target_type

    def getTestBinary(self) -> str:
        return self.test_binary

    def getBoardName(self) -> str:
        return self.name

    def getInfo(self) -> str:
        return f"{self.name} [{self.target_type}]"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.uninit()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.unique_id}: {self.getInfo()}>"
