"""A semihosting call that a client is asked to do: under way until its answers have come."""

from __future__ import annotations

from collections.abc import Callable

from onchip.cortex_m import Core
from onchip.services.gdb.semihosting.host_files import Call, HostFiles
from onchip.wire.gdb_rsp.file_io import FileAnswer, FileCall, FileErrno


class HostCalls:
    """At most one call of one core. ``ask`` gives a question to a client, if one is there."""

    def __init__(self, core: Core) -> None:
        self.ask: Callable[[FileCall], bool] = lambda question: False
        self._core = core
        self._files = HostFiles()
        self._call: Call | None = None
        self._done_already = False
        """Whether a part of the call has happened on the client's machine."""

    @property
    def pending(self) -> bool:
        """Whether an answer is waited for; the core stands at its BKPT meanwhile."""
        return self._call is not None

    def begin(self) -> bool:
        """Begin the call that the halted core waits in; False: it is none for a client.

        Raises:
            TransferError: the core cannot be reached.
        """
        call = self._files.call(self._core)
        if call is None:
            return False
        try:
            question = next(call)
        except StopIteration as done:
            self._finish(done.value)
            return True
        if not self.ask(question):
            call.close()
            return False
        self._call, self._done_already = call, False
        return True

    def answer(self, answer: FileAnswer) -> bool:
        """Take a client's answer; return whether the call is over.

        Then r0 and pc are set; but a call that Ctrl-C kept from being done is made anew when the
        core runs on (Debugging with GDB, E.13.4).

        Raises:
            TransferError: the core cannot be reached.
        """
        call, self._call = self._call, None
        if call is None:
            return False
        if answer.interrupted and answer.errno == FileErrno.EINTR and not self._done_already:
            call.close()
            # Written, the core does not take it for a BKPT that it stands on and is to pass.
            self._core.write_register("pc", self._core.read_register("pc"))
            return True
        try:
            question = call.send(answer)
            while not self.ask(question):  # the client is gone
                question = call.send(FileAnswer(-1, FileErrno.EIO))
        except StopIteration as done:
            self._finish(done.value)
            return True
        self._call, self._done_already = call, True
        return False

    def forget(self) -> None:
        """Give up what is under way."""
        self._call = None

    def _finish(self, result: int) -> None:
        pc = self._core.read_register("pc")
        self._core.write_registers({"r0": result & 0xFFFF_FFFF, "pc": pc + 2})
