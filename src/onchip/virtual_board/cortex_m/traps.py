"""Instructions that the engine executes in silence though the core has to know.

The engine has no hook for SEV, for FP instructions while CPACR forbids them, for divisions while
CCR.DIV_0_TRP is set, for changes of PRIMASK and its like, or of CONTROL while the MPU is on, and
makes the accesses of LDRT and STRT with the rights of the code. All these are found by looking
through the memories for their encodings, and become exits. Data that looks like such an instruction
is never executed and does no harm. What a program writes for itself is looked at when it is about
to execute (``Engine.on_code``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import Enum, auto

from ..bus import Bus, Window

_BLANKS = [(size, b"\xff" * size, bytes(size)) for size in (0x10_0000, 0x2_0000, 0x1000)]


class Trap(Enum):
    """Kinds of instructions to stop at."""

    SEND_EVENT = auto()
    FLOATING_POINT = auto()
    DIVIDE = auto()
    MASK_CHANGE = auto()
    PRIVILEGE_CHANGE = auto()
    UNPRIVILEGED = auto()
    """LDRT, STRT and their like, which access memory as unprivileged code."""


# Over the high bytes of the halfwords, that is every second byte. What they leave open is decided
# by ``classify``.
_PATTERNS = {
    Trap.SEND_EVENT: re.compile(rb"\xbf|\xf3(?=\x80)"),
    Trap.FLOATING_POINT: re.compile(
        b"[\xec-\xef](?=[" + bytes(h << 4 | c for h in range(16) for c in (10, 11)) + b"])",
        re.DOTALL,
    ),
    Trap.DIVIDE: re.compile(b"\xfb(?=[\xf0-\xff])", re.DOTALL),
    Trap.MASK_CHANGE: re.compile(b"\xb6|\xf3(?=\x88)"),
    Trap.PRIVILEGE_CHANGE: re.compile(b"\xf3(?=\x88)"),
    Trap.UNPRIVILEGED: re.compile(b"[\xf8\xf9](?=[" + bytes(range(0x0E, 0x100, 16)) + b"])"),
}
_ANY = re.compile(rb"[\xb6\xbf\xec-\xef\xf3\xf8\xf9\xfb]")
"""A byte that one of the patterns begins with."""
_FEW = 64


def classify(first: int, second: int) -> Trap | None:
    """Return what kind of trap the halfwords of an instruction are, or None."""
    if first == 0xBF40 or (first == 0xF3AF and second == 0x8004):
        return Trap.SEND_EVENT
    if first & 0xFC00 == 0xEC00 and second & 0x0E00 == 0x0A00:
        return Trap.FLOATING_POINT
    if first & 0xFFD0 == 0xFB90 and second & 0xF0F0 == 0xF0F0:
        return Trap.DIVIDE
    if first & 0xFE80 == 0xF800 and second & 0x0F00 == 0x0E00 and first & 0xF != 0xF:
        return Trap.UNPRIVILEGED
    if first & 0xFFF0 == 0xF380 and second == 0x8814:  # MSR CONTROL
        return Trap.PRIVILEGE_CHANGE
    if first & 0xFFF4 == 0xB660 or (first & 0xFFF0 == 0xF380 and second & 0xFF00 == 0x8800):
        return Trap.MASK_CHANGE
    return None


class InstructionTraps:
    """Where in the address space such instructions are."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._found: dict[Trap, set[int]] = {}
        self._places: set[int] | None = None  # all of them together, once somebody asks

    def addresses(self, *kinds: Trap) -> set[int]:
        """Return the addresses of all instructions of ``kinds``."""
        missing = [kind for kind in kinds if kind not in self._found]
        if missing:
            self._found |= {kind: set() for kind in missing}
            self._look_through(missing, self._bus.windows)
        return set().union(*(self._found[kind] for kind in kinds))

    def changed(self, address: int, length: int) -> bool:
        """Look again at bytes that have changed; return whether that changed ``addresses``."""
        window = self._bus.find(address)
        if window is None or window.memory is None:
            return False
        first, last = max(address - 3 & ~1, window.base), min(address + length + 3, window.end)
        if length <= _FEW and not self._may_hold_any(window, first, last):
            return False
        self._places = None
        different = False
        for kind, new in self._scan(self._found, window, first, last).items():
            found = self._found[kind]
            if length < 256:
                old = {a for a in range(first, last, 2) if a in found}
            else:
                old = {a for a in found if first <= a < last}
            # An instruction at the edge may reach beyond what was looked at.
            new |= {a for a in old if a >= last - 3 and a not in new}
            if new != old:
                found -= old
                found |= new
                different = True
        return different

    def _may_hold_any(self, window: Window, first: int, last: int) -> bool:
        """Tell whether a few bytes hold any such instruction, or did.

        Flash is programmed word by word, and each comes here: nothing else may take long.
        """
        if _ANY.search(_bytes(window, first, last)[1::2]):
            return True
        if self._places is None:
            self._places = set().union(*self._found.values())
        return not self._places.isdisjoint(range(first, last, 2))

    def _look_through(self, kinds: Sequence[Trap], windows: Iterable[Window]) -> None:
        self._places = None
        for window in windows:
            if window.memory is not None:
                for kind, found in self._scan(kinds, window, window.base, window.end).items():
                    self._found[kind] |= found

    @staticmethod
    def _scan(kinds: Iterable[Trap], window: Window, first: int, last: int) -> dict[Trap, set[int]]:
        data = _without_blank_end(_bytes(window, first, last))
        high = data[1::2]
        result: dict[Trap, set[int]] = {}
        for kind in kinds:
            found = result[kind] = set()
            for match in _PATTERNS[kind].finditer(high):
                at = 2 * match.start()
                halfwords = int.from_bytes(data[at : at + 4], "little")
                if classify(halfwords & 0xFFFF, halfwords >> 16) is kind:
                    found.add(first + at)
        return result


def _bytes(window: Window, first: int, last: int) -> bytes:
    """Return what memory holds from ``first`` up to ``last``."""
    assert window.memory is not None
    start = first - window.base + window.offset
    return bytes(window.memory.data[start : start + last - first])


def _without_blank_end(data: bytes) -> bytes:
    """Cut off what is erased flash or empty RAM, most of a chip: there is nothing to find.

    One instruction's length stays, since its last bytes may look blank.
    """
    end = len(data)
    for size, *blanks in _BLANKS:
        while end >= size and data[end - size : end] in blanks:
            end -= size
    return data[: end + 4]
