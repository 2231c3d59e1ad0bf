"""One client's byte stream around a stub: framing, acknowledgements, Ctrl-C. No socket."""

from __future__ import annotations

from collections.abc import Callable

from onchip.errors import OnchipError
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

MOST_RETRIES = 8
"""A client that refuses one packet this often is not understood; the packet is given up."""


class Connection:
    """Feeds bytes from a client to its stub; ``outgoing`` collects bytes for the client."""

    def __init__(self, target: Target, log: Callable[[str], None]) -> None:
        self.stub = Stub(target, self._send, log, self._notify)
        self.outgoing = bytearray()
        self._target = target
        self._decoder = Decoder()
        self._acknowledging = True
        self._last_packet = b""
        self._retries = 0

    @property
    def closing(self) -> bool:
        """Whether the client is done and only ``outgoing`` is left to be sent."""
        return self.stub.closing

    def feed(self, data: bytes) -> None:
        """Take bytes from the client and serve what they complete."""
        for event in self._decoder.feed(data):
            self._serve(event)

    def lost(self) -> OnchipError | None:
        """Clean up after the client; return what went wrong with that."""
        try:
            self.stub.leave()
        except OnchipError as error:
            return error
        return None

    def _serve(self, event: Event) -> None:
        match event:
            case Packet(payload):
                if self._acknowledging:
                    self.outgoing += ACK
                self.stub.handle(payload)
                if self.stub.no_ack_wanted and self._acknowledging:
                    self._acknowledging = False
                    self._decoder.check = False
            case BadPacket():
                if self._acknowledging:
                    self.outgoing += NACK
            case Nack():
                if self._acknowledging and self._retries < MOST_RETRIES:
                    self._retries += 1
                    self.outgoing += self._last_packet
            case Interrupt():
                self._target.run.interrupt()

    def _notify(self, payload: bytes) -> None:
        """Send what is never acknowledged, and so never sent again."""
        self.outgoing += encode_notification(payload)

    def _send(self, payload: bytes) -> None:
        self._last_packet = encode_packet(payload)
        self._retries = 0
        self.outgoing += self._last_packet
