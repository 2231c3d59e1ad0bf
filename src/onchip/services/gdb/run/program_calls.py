"""The program's calls to its debugger (semihosting): done here, or by a client that is asked."""

from __future__ import annotations

from collections.abc import Callable

from onchip.cortex_m import Core, HaltKind, HaltReason
from onchip.services.gdb.semihosting.console import Console
from onchip.services.gdb.semihosting.host_calls import HostCalls
from onchip.wire.gdb_rsp.file_io import FileAnswer

_BKPT_AB = 0xBEAB


class ProgramCalls:
    """The calls of one core's program; without a ``console`` none is served.

    ``is_point(pc)``: a client has a breakpoint there. ``show`` gets what the program prints.
    """

    def __init__(
        self, core: Core, is_point: Callable[[int], bool], show: Callable[[str], None]
    ) -> None:
        self.console: Console | None = None
        self.host: HostCalls | None = None
        """Has clients do the calls about files and the console."""
        self._core = core
        self._is_point = is_point
        self._show = show

    @property
    def pending(self) -> bool:
        """Whether a client's answer is waited for; the core stands at its BKPT meanwhile."""
        return self.host is not None and self.host.pending

    def serve(self, reason: HaltReason, pc: int) -> bool:
        """Serve a BKPT 0xAB at ``pc`` and move pc past it; say whether it was one.

        Raises:
            TransferError: the core cannot be reached.
        """
        if self.console is None or reason.kind not in (HaltKind.BREAKPOINT, HaltKind.SEMIHOSTING):
            return False
        if self._is_point(pc) or self._core.memory.read_u16(pc) != _BKPT_AB:
            return False
        if self.host is not None and self.host.begin():
            return True
        text = self.console.call(self._core)
        if text:
            self._show(text)
        self._core.write_register("pc", pc + 2)
        return True

    def answer(self, answer: FileAnswer) -> bool:
        """Take a client's answer; return whether the call is done, r0 and pc set.

        Raises:
            TransferError: the core cannot be reached.
        """
        return self.host is not None and self.host.answer(answer)

    def take_exit_code(self) -> int | None:
        """Return the exit code of a program that has just ended itself, once; else None."""
        if self.console is None or (code := self.console.exit_code) is None:
            return None
        self.console.exit_code = None
        self.console.close()
        return code

    def forget(self) -> None:
        """Give up what is under way: the core could not be reached."""
        if self.host is not None:
            self.host.forget()

    def close(self) -> None:
        """Close what the program left open: another one starts."""
        if self.console is not None:
            self.console.close()
