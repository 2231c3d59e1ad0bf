"""One client's conversation: a payload comes in, payloads go out. No socket, no clock.

``handle`` answers a packet at once, except what makes the core run: ``stopped`` answers that.
Requests are served by functions in the ``serve_*`` modules, one for each message class. Whatever
goes wrong becomes an answer; nothing but a bug leaves this module as an exception.
"""

from __future__ import annotations

from collections.abc import Callable

from onchip.errors import OnchipError, UsageError, WireError
from onchip.services.gdb import serve_flash, serve_memory, serve_run_control, serve_session
from onchip.services.gdb.handlers import Handlers, Reply
from onchip.services.gdb.run_control import Stop
from onchip.services.gdb.target import THREAD, Target
from onchip.wire.gdb_rsp import Request, parse_request
from onchip.wire.gdb_rsp.memory import MemoryRequest
from onchip.wire.gdb_rsp.registers import ReadRegisters
from onchip.wire.gdb_rsp.replies import (
    EFAULT,
    EMPTY,
    ConsoleOutput,
    ErrorNumber,
    ErrorText,
    Exited,
    StopReply,
)

HANDLERS: Handlers = {
    **serve_memory.HANDLERS,
    **serve_run_control.HANDLERS,
    **serve_session.HANDLERS,
    **serve_flash.HANDLERS,
}

_NUMBER_ONLY = (*MemoryRequest.__args__, ReadRegisters)
"""Older GDBs take ``E.text`` for data here: they get a number unless they asked for texts."""


class Stub:
    """What one client has chosen, and what it waits for.

    ``send`` takes a payload for the client. ``log`` takes a line for people.
    """

    def __init__(
        self, target: Target, send: Callable[[bytes], None], log: Callable[[str], None]
    ) -> None:
        self.target = target
        self.send = send
        self.log = log
        self.extended = False
        self.error_texts = False
        self.no_ack_wanted = False
        self.waiting = False
        self.closing = False
        self.flash = serve_flash.FlashJob()

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

    def stopped(self, stop: Stop) -> None:
        """Tell the client why the core stands still, if it waits for that."""
        if not self.waiting:
            return
        self.waiting = False
        if stop.text:
            self.print(stop.text)
        self.send(self.stop_reply(stop))

    def failed(self, error: OnchipError) -> None:
        """Tell a waiting client that the core was lost while it ran."""
        if self.waiting:
            self.waiting = False
            self.send(ErrorText(str(error)).encode())

    def print(self, text: str) -> None:
        """Show ``text`` on the client's terminal; only while it waits or runs a command."""
        if text:
            self.send(ConsoleOutput(text.encode()).encode())

    def console(self, text: str) -> None:
        """Show what the target printed, if the client waits for it."""
        if self.waiting:
            self.print(text)

    def interrupted(self) -> bool:
        """Say whether Ctrl-C came while a command of this client is served."""
        return False

    def attach(self) -> None:
        """Take part in debugging: from now on the core is this client's too.

        Raises:
            TransferError, ProbeError: the chip cannot be reached.
        """
        self.target.arrive(self)

    def leave(self) -> None:
        """Give up everything this client holds; harmless when done before.

        Raises:
            TransferError, ProbeError: the chip cannot be reached.
        """
        self.waiting = False
        self.flash = serve_flash.FlashJob()
        self.target.depart(self)

    @staticmethod
    def stop_reply(stop: Stop) -> bytes:
        """Return the packet that tells ``stop``."""
        if stop.exit_code is not None:
            return Exited(stop.exit_code).encode()
        return StopReply(stop.signal, (("thread", f"{THREAD:x}"), *stop.pairs)).encode()

    def _refusal(self, request: Request | None, error: OnchipError) -> bytes:
        if isinstance(request, _NUMBER_ONLY) and not self.error_texts:
            if not isinstance(error, UsageError):
                self.log(str(error))
            return ErrorNumber(EFAULT).encode()
        self.log(str(error))
        return ErrorText(str(error)).encode()
