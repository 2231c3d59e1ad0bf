"""A client's socket and the connection behind it."""

from __future__ import annotations

import socket
import time

from onchip.services.gdb.connection import Connection


class Client:
    """Moves bytes between a socket that never blocks and a connection."""

    def __init__(self, sock: socket.socket, connection: Connection, name: str) -> None:
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.connection = connection
        self.name = name
        self._heard_at = time.monotonic()

    @property
    def is_done(self) -> bool:
        """Whether the connection is to be closed now."""
        return self.connection.closing and not self.connection.outgoing

    def receive(self) -> bool:
        """Take what came; return whether the client is still there."""
        try:
            data = self.sock.recv(1 << 16)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if data:
            self._heard_at = time.monotonic()
            self.connection.feed(data)
        return bool(data)

    def flush(self) -> bool:
        """Send as much as the socket takes; return whether the client is still there."""
        try:
            while self.connection.outgoing:
                self.connection.outgoing.send(self.sock.send)
                self._heard_at = time.monotonic()
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def keep_alive(self, after_s: float) -> None:
        """Give a sign of life if the client heard nothing for ``after_s``."""
        if time.monotonic() - self._heard_at >= after_s:
            self._heard_at = time.monotonic()
            self.connection.keep_alive()
