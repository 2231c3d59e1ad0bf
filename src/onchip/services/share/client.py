"""One program at the other end of a socket: its frames, and what of it waits to be served."""

from __future__ import annotations

import contextlib
import hmac
import socket
import time
from collections import deque
from collections.abc import Callable
from functools import cached_property

from onchip.errors import WireError
from onchip.services.peers import peer_name
from onchip.services.share.guard import Guard
from onchip.services.share.planted import Planted
from onchip.services.share.screen import Screen
from onchip.wire.dap_tcp import DIALECT, Decoder, Frame, Kind, Reason, encode, encode_refusal

LINGER_S = 2.0
"""So long a client that was turned away may read why."""
_SEND_TIMEOUT_S = 5.0
_RECEIVE = 65_536


class Client:
    """One connection, what of it has not been served yet, and where it stands."""

    def __init__(self, connection: socket.socket, guard: Guard, *, token: str) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(_SEND_TIMEOUT_S)
        self.connection = connection
        self.packets: deque[bytes] = deque()
        self.ended = False
        self.leaving_at: float | None = None
        self.connected = False
        """Whether it uses the port: between its first packet that may and DAP_Disconnect."""
        self.joins = False
        """The same from when that packet has arrived."""
        self.may_be_busy = False
        """Whether it was told of its first company, and has not said DONE since."""
        self.asked = self.holds = False
        """Whether it waits for a turn of its own; whether it has one."""
        self.waits_since = 0.0
        self.active_at = 0.0
        self.holds_reset = False
        self.line_open = False
        """Whether it has reset the line, and has yet to read DPIDR: nothing else may be sent."""
        self.disturbed = False
        self.company = 0
        """How many others it was told of."""
        self.ours = False
        self.screen = Screen(self, guard)
        self.planted = Planted()
        self._guard = guard
        self._token = token
        self._admitted = not token
        self._decoder = Decoder()

    @cached_property
    def name(self) -> str:
        """Who it is; asked when it is wanted, since the answer takes a look at every process."""
        return peer_name(self.connection)

    @property
    def wants(self) -> bool:
        """Whether it waits for something that takes the probe."""
        return bool(self.packets) or self.asked

    def receive(self, refuse: Callable[[Client, Reason, str], None]) -> None:
        """Take in what has arrived; ``ended`` if that was all, or is no framing."""
        frames: list[Frame] = []
        try:
            data = self.connection.recv(_RECEIVE)
            frames = self._decoder.feed(data)
            self.ended = not data
        except (OSError, WireError):
            self.ended = True
        for frame in frames:
            if self.leaving_at is not None:
                return
            self._take(frame, refuse)

    def _take(self, frame: Frame, refuse: Callable[[Client, Reason, str], None]) -> None:
        if not self.wants:
            self.waits_since = time.monotonic()
        if frame.kind == Kind.TOKEN and self._token:
            self._admitted = hmac.compare_digest(frame.payload, self._token.encode())
            if not self._admitted:
                refuse(self, Reason.DENIED, "was shown a wrong token")
        elif not self._admitted:
            refuse(self, Reason.DENIED, "asks for a token")
        elif frame.kind == Kind.REQUEST:
            self.ours = self.ours or frame.dialect == DIALECT
            self.packets.append(frame.payload)
        elif frame.kind == Kind.TURN:
            self.asked = True
        elif frame.kind == Kind.DONE:
            self.asked = self.holds = self.may_be_busy = False

    def start_over(self) -> None:
        """Forget what it had set up, after it has let go of the port."""
        self.connected = self.joins = self.may_be_busy = False
        self.holds_reset = self.line_open = False
        self.screen = Screen(self, self._guard)
        self.planted = Planted()

    def send(self, frame: bytes) -> None:
        """Send one frame; ``ended`` if the client is gone, or does not read."""
        try:
            self.connection.sendall(frame)
        except OSError:
            self.ended = True
            self.packets.clear()

    def tell_company(self, count: int) -> None:
        """Tell it how many others there are, if it understands, and whether they drove the core."""
        if self.ours:
            self.send(encode(Kind.COMPANY, bytes((min(count, 255), self.disturbed))))
            self.disturbed = False

    def turn_away(self, reason: Reason, text: str) -> None:
        """Say why it is not served, and hang up once it may have read that."""
        self.packets.clear()
        self.asked = self.holds = False
        self.send(encode_refusal(reason, text))
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
        self.leaving_at = time.monotonic() + LINGER_S
