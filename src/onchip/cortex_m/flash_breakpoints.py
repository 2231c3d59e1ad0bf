"""Breakpoints programmed into flash: for when the comparators have run out.

A BKPT is programmed over the instruction, and what stood there back when it goes. Each of that
erases a sector, so changes are collected: what is wanted is brought into the chip when the core is
about to run, and not before (ADR 0015). Who programs is not known here: the session binds a
:class:`FlashPatcher`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Protocol

from ..errors import BreakpointError, OnchipError
from .opcodes import BKPT, Opcodes


class FlashPatcher(Protocol):
    """Programs single halfwords of flash, in place."""

    def refusal(self, address: int) -> tuple[str, str] | None:
        """Say why no opcode is programmed at ``address``, and what to try; None if one can be."""

    def keep(self, hidden: Mapping[int, bytes], *, changing: bool) -> None:
        """Keep, beyond this process's end, which halfwords opcodes in flash hide, by address.

        ``changing``: before a patch, with all that may stand there whatever becomes of it.

        Raises:
            TransferError: the debug hardware did not answer.
        """

    def patch(self, halfwords: Mapping[int, bytes]) -> None:
        """Program ``halfwords``, verified; the core is halted, its registers and RAM as found.

        Raises:
            FlashError: not all of it was programmed.
            TransferError, ProbeError, TargetError: the way to the target broke.
        """


class FlashBreakpoints:
    """The breakpoints in the flash of one core's chip: those there, and those to come and go."""

    def __init__(self, opcodes: Opcodes) -> None:
        self.patcher: FlashPatcher | None = None
        self._opcodes = opcodes

    def refusal(self, address: int) -> tuple[str, str] | None:
        """Say why ``address`` cannot have one, and what to try; None if it can."""
        if self.patcher is None:
            return "nobody here can program flash", "name the chip with --target"
        return self.patcher.refusal(address)

    def check(self, address: int) -> None:
        """Refuse what cannot be programmed.

        Raises:
            BreakpointError: with the reason.
        """
        refusal = self.refusal(address)
        if refusal is not None:
            raise BreakpointError(
                f"no flash breakpoint at {address:#010x}: {refusal[0]}", hint=refusal[1]
            )

    def placed(self, address: int) -> bool:
        """Return whether an opcode of ours stands at ``address`` now."""
        return address in self._opcodes.in_flash

    def changes(self, wanted: Iterable[int]) -> bool:
        """Return whether flash holds something else than ``wanted``."""
        return self._opcodes.in_flash.keys() != set(wanted)

    def apply(self, wanted: Iterable[int]) -> None:
        """Make flash hold the opcodes of ``wanted`` and no others; the core has to be halted.

        Raises:
            FlashError: not all of it was programmed; what does stand there is still known.
            TransferError, ProbeError, TargetError: the way to the target broke.
        """
        there = self._opcodes.in_flash
        wanted = set(wanted)
        come, go = sorted(wanted - there.keys()), sorted(there.keys() - wanted)
        if not come and not go:
            return
        assert self.patcher is not None
        before = self._opcodes.read_halfwords(come)
        self.patcher.keep(there | before, changing=True)
        try:
            self.patcher.patch(
                {address: there[address] for address in go} | dict.fromkeys(come, BKPT)
            )
        except BaseException:
            with contextlib.suppress(OnchipError):  # what went wrong first is what matters
                self._look(before)
            raise
        there |= before
        for address in go:
            del there[address]
        self.patcher.keep(there, changing=False)

    def _look(self, before: dict[int, bytes]) -> None:
        """Find out what became of a patch that failed."""
        there = self._opcodes.in_flash
        candidates = there | before
        found = self._opcodes.read_halfwords(sorted(candidates))
        there.clear()
        there |= {address: candidates[address] for address in found if found[address] == BKPT}
