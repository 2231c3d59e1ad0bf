"""One client's conversation: a payload comes in, payloads go out. No socket, no clock.

``handle`` answers a packet at once, except what makes the core run: ``stopped`` answers that.
Requests are served by functions in the modules of ``serve``, one for each message class. Whatever
goes wrong becomes an answer; nothing but a bug leaves this module as an exception.
"""

from __future__ import annotations

from onchip.errors import OnchipError, UsageError, WireError
from onchip.services.gdb.conversation import Conversation
from onchip.services.gdb.serve import (
    files,
    flash,
    lldb,
    memory,
    points,
    registers,
    run_control,
    session,
    threads,
    trace,
)
from onchip.services.gdb.serve.handlers import Handlers, Reply
from onchip.wire.gdb_rsp import Request, parse_request
from onchip.wire.gdb_rsp.memory import MemoryRequest
from onchip.wire.gdb_rsp.points import InsertPoint
from onchip.wire.gdb_rsp.registers import ReadRegisters
from onchip.wire.gdb_rsp.replies import EFAULT, EMPTY, ErrorNumber, ErrorText

HANDLERS: Handlers = {
    **memory.HANDLERS,
    **registers.HANDLERS,
    **run_control.HANDLERS,
    **points.HANDLERS,
    **threads.HANDLERS,
    **session.HANDLERS,
    **flash.HANDLERS,
    **files.HANDLERS,
    **lldb.HANDLERS,
    **trace.HANDLERS,
}

_NUMBER_ONLY = (*MemoryRequest.__args__, ReadRegisters)
"""Older GDBs take ``E.text`` for data here: they get a number unless they asked for texts."""

_MOST_REMEMBERED = 100


class Stub(Conversation):
    """A conversation that serves requests.

    A read that is refused stands in the log once: GDB tries the same addresses at every stop.
    """

    def handle(self, payload: bytes) -> None:
        """Serve one packet."""
        request: Request | None = None
        try:
            request = parse_request(payload)
            handler = HANDLERS.get(type(request))
            reply: Reply = EMPTY if handler is None else handler(self, request)
        except WireError as error:
            reply = ErrorText(str(error)).encode()
        except OnchipError as error:
            self.target.note(error)
            reply = self._refusal(request, error)
        if reply is not None:
            self.send(reply)

    def _refusal(self, request: Request | None, error: OnchipError) -> bytes:
        if isinstance(request, _NUMBER_ONLY) and not self.error_texts:
            if not isinstance(error, UsageError):
                self._log_once(str(error))
            return ErrorNumber(EFAULT).encode()
        self.log(str(error))
        # Of the refusal of a Z1, GDBs before 15 show what stands behind the next full stop.
        before = "refused." if isinstance(request, InsertPoint) and not self.error_texts else ""
        return ErrorText(before + str(error)).encode()

    def _log_once(self, text: str) -> None:
        if text in self.refused_reads:
            return
        if len(self.refused_reads) == _MOST_REMEMBERED:
            self.refused_reads.clear()
        self.refused_reads.add(text)
        self.log(text)
