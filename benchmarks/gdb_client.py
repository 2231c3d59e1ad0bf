"""The least of a GDB: what one ``stepi`` and the refresh behind it ask of a server."""

from __future__ import annotations

import socket


class GdbClient:
    """A connection to a GDB server on this machine."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._stream = self._socket.makefile("rb")
        self._acknowledge = True
        self.ask("qSupported:multiprocess-;swbreak+;hwbreak+;vContSupported+")
        if self.ask("QStartNoAckMode") == "OK":
            self._acknowledge = False
        self.ask("?")

    def ask(self, packet: str) -> str:
        """Send a packet and return the answer to it."""
        return self.ask_binary(packet, b"")

    def ask_binary(self, packet: str, data: bytes) -> str:
        """Send a packet that ends with ``data``, none of whose bytes GDB would escape."""
        body = packet.encode() + data
        assert not set(data) & set(b"#$}*")
        self._socket.sendall(b"$%s#%02x" % (body, sum(body) & 0xFF))
        while True:
            start = self._stream.read(1)
            if start == b"":
                raise OSError("the GDB server hung up")
            if start != b"$":
                continue
            text = b""
            while (byte := self._stream.read(1)) != b"#":
                text += byte
            self._stream.read(2)
            if self._acknowledge:
                self._socket.sendall(b"+")
            if text[:1] != b"O" or text == b"OK":  # console output is no answer
                return text.decode("latin-1")

    def prepare(self, ram: int) -> None:
        """Give the core something to step through."""
        self.ask(f"M{ram:x},80:" + "00bf" * 64)
        self.ask("Pf=" + ram.to_bytes(4, "little").hex())

    def step_and_refresh(self, ram: int) -> None:
        """Do what GDB does for ``stepi``: step, registers, a look at the stack."""
        stop = self.ask("vCont;s:1")
        if stop[:1] not in ("T", "S"):
            raise OSError(f"the step was answered with {stop!r}")
        self.ask("g")
        self.ask(f"m{ram:x},40")

    def close(self) -> None:
        """Hang up."""
        self._stream.close()
        self._socket.close()
