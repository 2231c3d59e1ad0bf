"""One client's byte stream around a stub: framing, acknowledgements, Ctrl-C. No socket."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from onchip.errors import OnchipError
from onchip.services.gdb.outbox import Outbox
from onchip.services.gdb.stub import Stub
from onchip.services.gdb.target import Target
from onchip.wire.gdb_rsp.framing import (
    ACK,
    NACK,
    BadPacket,
    Decoder,
    Event,
    Interrupt,
    Nack,
    Packet,
    encode_notification,
    encode_packet,
)
from onchip.wire.gdb_rsp.replies import ConsoleOutput, ErrorText

MOST_RETRIES = 8
"""A client that refuses one packet this often is not understood; the packet is given up."""

_LONG: Final = (b"qRcmd,", b"vFlashDone", b"qCRC:", b"qSearch:", b"vFile:open:")
"""What may take longer than a client waits in silence."""


class Connection:
    """Takes bytes from a client, keeps its packets until they are served, collects the answers.

    ``outgoing`` holds bytes for the client; ``on_output`` is told of them, in whatever thread.
    """

    def __init__(
        self,
        target: Target,
        log: Callable[[str], None],
        on_output: Callable[[], None] = lambda: None,
    ) -> None:
        self.stub = Stub(target, self._send, log, self._notify)
        self.outgoing = Outbox(on_output)
        self.serving = b""
        """The packet that a long job serves now."""
        self._target = target
        self._decoder = Decoder()
        self._waiting: deque[Event] = deque()
        self._acknowledging = True
        self._last_packet = b""
        self._retries = 0
        self._given_up = False

    @property
    def closing(self) -> bool:
        """Whether the client is done and only ``outgoing`` is left to be sent."""
        return self.stub.closing

    @property
    def next_is_long(self) -> bool:
        """Whether what is to be served next may take its time."""
        event = self._waiting[0] if self._waiting else None
        return isinstance(event, Packet) and event.payload.startswith(_LONG)

    @property
    def has_waiting(self) -> bool:
        """Whether something waits to be served."""
        return bool(self._waiting)

    def feed(self, data: bytes) -> None:
        """Take bytes from the client; what they complete waits for `serve`.

        Ctrl-C breaks off this client's own long job at once. So does the next packet: who sends one
        has stopped to wait for the answer, which then is not sent any more (GDB does that when
        Ctrl-C is pressed during ``monitor``).
        """
        for event in self._decoder.feed(data):
            match event:
                case Packet():
                    if self._acknowledging:
                        self.outgoing.put(ACK)
                    self._given_up = bool(self.serving)
                case BadPacket():
                    if self._acknowledging:
                        self.outgoing.put(NACK)
                    continue
                case Nack():
                    self._repeat()
                    continue
                case Interrupt() if self.serving:
                    self.stub.cancelled = True
                    continue
                case Interrupt():
                    pass
                case _:
                    continue
            self.stub.cancelled = self.stub.cancelled or self._given_up
            self._waiting.append(event)

    def serve(self) -> None:
        """Serve what waits longest. Nothing but a bug leaves this as an exception."""
        event = self._waiting.popleft()
        if isinstance(event, Interrupt):
            self._target.run.interrupt()
            return
        assert isinstance(event, Packet)
        if event.payload.startswith(_LONG):
            self.serving = event.payload
        self.stub.cancelled = False
        try:
            self.stub.handle(event.payload)
        finally:
            self.serving = b""
            self._given_up = False
        if self.stub.no_ack_wanted and self._acknowledging:
            self._acknowledging = False
            self._decoder.check = False

    def answer_failed(self, why: str) -> None:
        """Answer in the place of a handler that had a bug, or never got to its work."""
        self._send(ErrorText(why).encode())

    def keep_alive(self) -> None:
        """Say to a client that waits for an answer that it is being worked on.

        A ``monitor`` command may print nothing at any time. What else GDB waits for it waits for
        without a word; it passes over stray acknowledgements, and its time begins anew. LLDB would
        take one for the answer.
        """
        if self.serving.startswith(b"qRcmd,"):
            self.outgoing.put(encode_packet(ConsoleOutput(b"").encode()))
        elif (self.serving or self._waiting) and self.stub.is_gdb:
            self.outgoing.put(ACK)

    def break_off(self) -> None:
        """Let a long job of this client end soon."""
        self.stub.cancelled = True

    def lost(self) -> OnchipError | None:
        """Clean up after the client; return what went wrong with that."""
        try:
            self.stub.leave()
        except OnchipError as error:
            return error
        return None

    def _repeat(self) -> None:
        if self._acknowledging and self._retries < MOST_RETRIES:
            self._retries += 1
            self.outgoing.put(self._last_packet)

    def _notify(self, payload: bytes) -> None:
        """Send what is never acknowledged, and so never sent again."""
        self.outgoing.put(encode_notification(payload))

    def _send(self, payload: bytes) -> None:
        if self._given_up:
            return
        self._last_packet = encode_packet(payload)
        self._retries = 0
        self.outgoing.put(self._last_packet)
