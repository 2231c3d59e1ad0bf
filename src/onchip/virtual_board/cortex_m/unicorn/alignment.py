"""Faults for accesses that are not aligned, which Unicorn makes on ARMv6-M only.

DDI 0403 A3.2.1: LDM, STM, LDRD, STRD, VLDR, VSTR and their like must be aligned, others if
CCR.UNALIGN_TRP says so. Unicorn can translate code so that every unaligned access in it faults, and
such code is as fast as any other. So each piece of code that it has just translated, and that has
an instruction of the first kind, is translated again in this way before it runs. Nothing is asked
at an access.

Where another instruction then turns out to make use of unaligned accesses, the piece is translated
once more without these faults, and its instructions of the first kind become exits. Relative to SP
and PC they are always aligned. Accesses of doubleword registers (VLDR.64) are not looked at:
Unicorn has no such fault for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .context import UnicornContext
from .library import CodeCache
from .table import MemoryTable

# Over the high bytes of halfwords: LDM and STM, narrow; LDM to STRD, wide; VSTM to VLDR.
_MULTIPLE = re.compile(b"[\xc0-\xcf\xe8\xe9\xec\xed]")
_SP, _PC = 13, 15
_SCRATCH = 0x2000_0000


def must_be_aligned(first: int, second: int) -> bool:
    """Tell whether an instruction accesses words that have to be aligned, and may not be."""
    if first & 0xF000 == 0xC000:  # LDM, STM
        return True
    if first & 0xF in (_SP, _PC):
        return False
    if first & 0xFE00 == 0xE800:
        if not first & 0x0040:  # LDM, STM
            return first & 0x0180 in (0x0080, 0x0100)
        return bool(first & 0x0120)  # LDRD, STRD; the others are exclusives, TBB and TBH
    if first & 0xFE00 == 0xEC00 and second & 0x0F00 == 0x0A00:
        return bool(first & 0x01A0)  # VLDM, VLDR, VSTM, VSTR of single registers; not VMOV
    return False


class AlignmentChecks:
    """Keeps the code of one engine translated as it must be.

    ``cut()`` is called within a slice, before code that has to be translated again executes.
    ``changed()`` is called when ``exits`` have changed.
    """

    def __init__(
        self,
        uc: Any,
        context: UnicornContext,
        cache: CodeCache,
        table: MemoryTable,
        cut: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        self._uc, self._context, self._cache, self._table = uc, context, cache, table
        self._cut, self._changed = cut, changed
        self._everything = self._asleep = False
        self._loose: set[int] = set()
        """Instructions that have made use of unaligned accesses."""
        self.exits: set[int] = set()
        """Instructions that have to be looked at each time; see ``base_of``."""
        self.pending: list[int] = []
        """Code that was translated just now, and has to be again."""
        uc.mem_map(_SCRATCH, 4096)  # a jump: no translation is reported before there was one
        uc.mem_write(_SCRATCH, b"\xff\xe7\x30\xbf")
        uc.emu_start(_SCRATCH | 1, 0, count=2)
        uc.mem_unmap(_SCRATCH, 4096)

    def check_everything(self, *, everything: bool) -> None:
        """Let all unaligned accesses fault, or those that always do."""
        if everything != self._everything:
            self._everything = everything
            self._uc.ctl_flush_tb()

    def faults(self, address: int) -> bool:
        """Tell whether the unaligned access of the instruction at ``address`` is a fault.

        If not, the instruction will not stop again.
        """
        first, second = self._instruction(address)
        if self._everything or must_be_aligned(first, second) or _is_exclusive(first):
            return True
        self._loose.add(address)
        self._cache.forget(address, address + 1)
        return False

    def base_of(self, address: int) -> int:
        """Return the number of the register that an instruction in ``exits`` addresses by."""
        first, _ = self._instruction(address)
        return first >> 8 & 7 if first < 0xE800 else first & 0xF

    @contextmanager
    def looked_at(self) -> Iterator[None]:
        """Leave alone what is translated meanwhile."""
        self._asleep = True
        yield
        self._asleep = False

    def bytes_changed(self, address: int, length: int) -> None:
        """Forget what was learnt of code that is another one now."""
        if self._loose or self.exits:
            places = range(address - 3, address + length)
            self._loose.difference_update([a for a in self._loose if a in places])
            self.exits.difference_update([a for a in self.exits if a in places])
            self._changed()

    def translate_again(self) -> None:
        """Translate what is pending so that unaligned accesses fault."""
        starts, self.pending = self.pending, []
        self._context.check_alignment(strict=True)
        for start in starts:
            self._cache.forget(start, start + 1)
            self._uc.ctl_request_cache(start)
        self._context.check_alignment(strict=False)

    def translated(self, start: int, end: int) -> None:
        """Look at a piece of code that was translated just now, within a slice."""
        if self._asleep:
            return
        multiples = () if self._everything else self._multiples(start, end)
        if not (multiples or self._everything):
            return
        if self._everything or not any(start <= loose < end for loose in self._loose):
            self.pending.append(start)
        elif self.exits.issuperset(multiples):
            return
        else:
            self.exits.update(multiples)
            self._changed()
        self._cut()

    def _multiples(self, start: int, end: int) -> list[int]:
        """Return where in a piece of code what must be aligned may be (or data like it)."""
        code = self._table.content(start, end - start)
        found = []
        for match in _MULTIPLE.finditer(code[1::2]):
            at = 2 * match.start()
            halfwords = int.from_bytes(code[at : at + 4], "little")
            if must_be_aligned(halfwords & 0xFFFF, halfwords >> 16):
                found.append(start + at)
        return found

    def _instruction(self, address: int) -> tuple[int, int]:
        return self._table.halfword(address), self._table.halfword(address + 2)


def _is_exclusive(first: int) -> bool:
    """Tell whether it is LDREX, STREX or one of their like."""
    return first & 0xFFE0 in (0xE840, 0xE8C0)
