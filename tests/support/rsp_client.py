"""A client of a GDB server, on a socket: it sends what a test says and waits for what comes."""

from __future__ import annotations

import socket

from onchip.wire.gdb_rsp.framing import Decoder, Event, Packet, encode_packet


class RspClient:
    """Sends bytes; gives back packets and acknowledgements in the order in which they come."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as GDB does
        self._decoder = Decoder(runs=True)
        self._events: list[Event] = []

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.sock.sendall(data)

    def next(self) -> Event:
        """Return what comes next.

        Raises:
            ConnectionError: the server hung up.
            TimeoutError: nothing comes.
        """
        while not self._events:
            data = self.sock.recv(65536)
            if not data:
                raise ConnectionError("closed")
            self._events += self._decoder.feed(data)
        return self._events.pop(0)

    def payload(self) -> bytes:
        """Return the payload of the next packet."""
        while not isinstance(event := self.next(), Packet):
            pass
        return event.payload

    def ask(self, payload: bytes) -> bytes:
        """Send a packet and return the next one."""
        self.send(encode_packet(payload))
        return self.payload()

    def closed(self) -> bool:
        """Wait until the server hangs up."""
        self.sock.settimeout(5)
        try:
            while self.sock.recv(65536):
                pass
        except ConnectionError:
            pass
        return True

    def close(self) -> None:
        """Hang up."""
        self.sock.close()
