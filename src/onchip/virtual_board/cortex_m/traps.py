"""Instructions that the engine executes in silence though the core has to know.

The engine has no hook for SEV, for FP instructions while CPACR forbids them, for divisions while
CCR.DIV_0_TRP is set, or for changes of PRIMASK and its like. They are found by looking through the
memories for their encodings, and become exits. Data that looks like such an instruction is never
executed and does no harm. Code that a program writes for itself is not looked through again
(except for mask changes): there, SEV sets no event and FP and division do not trap.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from ..bus import Bus, Window

_CHUNK = 0x1000
_BLANKS = (b"\xff" * _CHUNK, bytes(_CHUNK))


class Trap(Enum):
    """Kinds of instructions to stop at."""

    SEND_EVENT = auto()
    FLOATING_POINT = auto()
    DIVIDE = auto()
    MASK_CHANGE = auto()


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
}


def classify(first: int, second: int) -> Trap | None:
    """Return what kind of trap the halfwords of an instruction are, or None."""
    if first == 0xBF40 or (first == 0xF3AF and second == 0x8004):
        return Trap.SEND_EVENT
    if first & 0xFC00 == 0xEC00 and second & 0x0E00 == 0x0A00:
        return Trap.FLOATING_POINT
    if first & 0xFFD0 == 0xFB90 and second & 0xF0F0 == 0xF0F0:
        return Trap.DIVIDE
    if first & 0xFFF4 == 0xB660 or (first & 0xFFF0 == 0xF380 and second & 0xFF00 == 0x8800):
        return Trap.MASK_CHANGE
    return None


def condition_holds(xpsr: int) -> bool:
    """Tell whether the IT block in ``xpsr``, if there is one, lets the next instruction execute."""
    it_state = xpsr >> 8 & 0xFC | xpsr >> 25 & 0x3
    if not it_state & 0xF:
        return True
    n, z, c, v = (bool(xpsr >> bit & 1) for bit in (31, 30, 29, 28))
    condition = it_state >> 4
    holds = (z, c, n, v, c and not z, n == v, n == v and not z, True)[condition >> 1]
    return holds if condition == 0xF else holds != bool(condition & 1)


class InstructionTraps:
    """Where in the address space such instructions are."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._found: dict[Trap, set[int]] = {}

    def addresses(self, kind: Trap, *, fresh: bool = False) -> set[int]:
        """Return the addresses of all instructions of ``kind``; ``fresh`` looks at RAM again."""
        found = self._found.get(kind)
        if found is None:
            found = self._found[kind] = set()
            for window in self._bus.windows:
                found |= self._scan(kind, window, window.base, window.end)
        elif fresh:
            for window in self._bus.windows:
                if window.memory is not None and window.memory.kind == "ram":
                    found |= self._scan(kind, window, window.base, window.end)
        return found

    def changed(self, address: int, length: int) -> bool:
        """Look again at bytes that have changed; return whether that changed ``addresses``."""
        window = self._bus.find(address)
        if window is None:
            return False
        first, last = max(address - 3 & ~1, window.base), min(address + length + 3, window.end)
        different = False
        for kind, found in self._found.items():
            if length < 256:
                old = {a for a in range(first, last, 2) if a in found}
            else:
                old = {a for a in found if first <= a < last}
            new = self._scan(kind, window, first, last)
            # An instruction at the edge may reach beyond what was looked at.
            new |= {a for a in old if a >= last - 3 and a not in new}
            if new != old:
                found -= old
                found |= new
                different = True
        return different

    def _scan(self, kind: Trap, window: Window, first: int, last: int) -> set[int]:
        memory = window.memory
        if memory is None:
            return set()
        start = first - window.base + window.offset
        data = _without_blank_end(bytes(memory.data[start : start + last - first]))
        found = set()
        for match in _PATTERNS[kind].finditer(data[1::2]):
            at = 2 * match.start()
            halfwords = int.from_bytes(data[at : at + 4], "little")
            if classify(halfwords & 0xFFFF, halfwords >> 16) is kind:
                found.add(first + at)
        return found


def _without_blank_end(data: bytes) -> bytes:
    """Cut off what is erased flash or empty RAM, most of a chip: there is nothing to find.

    One instruction's length stays, since its last bytes may look blank.
    """
    end = len(data)
    for blank in _BLANKS:
        while end >= _CHUNK and data[end - _CHUNK : end] == blank:
            end -= _CHUNK
    return data[: end + 4]
