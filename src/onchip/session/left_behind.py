"""Opcodes that a process which was killed left in a chip's flash: found again by its journal.

Nothing is programmed by connecting. What was left is taken for what it is: reads show the program
instead, a halt there is nobody's, and it goes where this session lets the core run, does a job on
flash, or ends. Only what fits is believed: the opcode itself, and the program around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from onchip.cortex_m.opcodes import BKPT, hide
from onchip.probe.journal import FlashJournal, Hidden, journals_of
from onchip.probe.link import is_passing, usb_link

if TYPE_CHECKING:
    from onchip.cortex_m.core import Core
    from onchip.dap.client import DapClient
    from onchip.target.chip import Chip

_AROUND = 32
"""Bytes, and their alignment, by which a program is known again."""


class Connection(Protocol):
    """What is asked of the session."""

    client: DapClient
    core: Core
    chip: Chip | None

    @property
    def unique_id(self) -> bytes:
        """The chip's own number, if it has one."""


class LeftBehind:
    """The journal of one session's chip: what it says, and what goes into it."""

    def __init__(self, session: Connection) -> None:
        self._session = session
        self._journal: FlashJournal | None = None
        self._around: dict[int, bytes] = {}

    def keep(self, hidden: Mapping[int, bytes], *, changing: bool) -> None:
        """Write down what opcodes in flash hide; nothing where the board ends with this process.

        Raises:
            TransferError: the target does not answer.
        """
        if is_passing(self._session.client.link):
            return
        starts = {address & -_AROUND for address in hidden}
        self._around = {start: self._around.get(start) or self._program(start) for start in starts}
        self._file().write(Hidden(hidden, self._around, changing))

    def adopt(self) -> str:
        """Take in what an earlier session left in flash; return that in words, or nothing.

        Raises:
            TransferError: the target does not answer.
        """
        session = self._session
        if session.chip is None or is_passing(session.client.link):
            return ""
        found = self._file().read() if journals_of(session.chip.name) else None
        if found is None or (session.client.is_shared and not found.abandoned):
            return ""
        stands = {start: session.core.ap.read(start, _AROUND) for start in found.around}
        known = {start for start in stands if self._fits(found, start, stands[start])}
        complete = known == stands.keys()
        if not complete and not found.changing:
            known = set()  # another program, which may be like this one in places
        there = {
            address: halfword
            for address, halfword in found.halfwords.items()
            if address & -_AROUND in known and _at(stands, address) == BKPT
        }
        self._around = dict(found.around)
        session.core.breakpoints.adopt(there)
        if not there:
            self._file().write(Hidden())
        return " ".join(_said(there, found, incomplete=not complete and found.changing))

    @staticmethod
    def _fits(found: Hidden, start: int, data: bytes) -> bool:
        """Return whether the program is the one it was, but for opcodes in it."""
        here = {a: h for a, h in found.halfwords.items() if start <= a < start + _AROUND}
        opcodes = {a: h for a, h in here.items() if data[a - start : a - start + 2] == BKPT}
        return hide(opcodes, start, data) == found.around[start]

    def _program(self, start: int) -> bytes:
        return self._session.core.memory.read(start, _AROUND)

    def _file(self) -> FlashJournal:
        if self._journal is None:
            session = self._session
            assert session.chip is not None
            link, number = session.client.link, session.unique_id.hex()
            marks = [number or session.client.info.serial]
            if usb_link(link) is None:
                marks.append(link.description)  # virtual chips all have the same number
            self._journal = FlashJournal(session.chip.name, *marks)
        return self._journal


def _said(there: Mapping[int, bytes], found: Hidden, *, incomplete: bool) -> Iterator[str]:
    if there:
        yield (
            f"a session that was killed left breakpoints in flash, at {_list(there)}; reads do not "
            "show them, and they are taken out before the core runs, at the latest when this ends"
        )
    if incomplete:
        yield (
            f"a session was killed while it programmed flash, around {_list(found.halfwords)}: "
            "program the firmware again"
        )


def _at(stands: Mapping[int, bytes], address: int) -> bytes:
    start = address & -_AROUND
    return stands[start][address - start :][:2]


def _list(addresses: Mapping[int, bytes]) -> str:
    return ", ".join(f"{address:#010x}" for address in sorted(addresses))
