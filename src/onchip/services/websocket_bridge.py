"""Joins a WebSocket to a TCP port of this machine: a GDB that is behind a web page, say.

The web server is connected to, so that a board behind a firewall can be reached. Bytes go through
as they are; where messages end means nothing. The thread ends when either side does.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable

from onchip.errors import OnchipError, UsageError, WireError
from onchip.wire.websocket import (
    Decoder,
    Message,
    Opcode,
    check_opening,
    encode_frame,
    opening_request,
    parse_url,
)

_TIMEOUT_S = 10.0
_LOOK_S = 0.25
_RECEIVE = 1 << 16
_PORTS = {"ws": 80, "wss": 443}


class WebSocketBridge:
    """Connects ``url`` (``ws://`` or ``wss://``) with ``port`` of this machine once it is started.

    ``on_end`` is called from the thread when it ends, with what went wrong or None.

    Raises:
        UsageError: it is no such URL.
    """

    def __init__(
        self, url: str, port: int, *, on_end: Callable[[OnchipError | None], None]
    ) -> None:
        try:
            self._parts = parse_url(url)
        except WireError as error:
            raise UsageError(error.message) from None
        self.url = url
        self._port = port
        self._on_end = on_end
        self._stopping = threading.Event()
        self._decoder = Decoder()
        self._kind = Opcode.TEXT
        self._thread = threading.Thread(target=self._run, name="websocket", daemon=True)

    def start(self) -> None:
        """Connect and carry bytes, in a thread."""
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the thread. Harmless when called twice, or from the thread itself."""
        self._stopping.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        trouble: OnchipError | None = None
        try:
            with self._connect() as web, socket.create_connection(
                ("127.0.0.1", self._port), timeout=_TIMEOUT_S
            ) as local:  # fmt: skip
                self._carry(web, local)
                with contextlib.suppress(OSError):
                    web.sendall(encode_frame(Opcode.CLOSE, b"", os.urandom(4)))
        except (OSError, WireError) as error:
            trouble = OnchipError(f"the WebSocket {self.url} failed: {error}")
        self._on_end(trouble)

    def _connect(self) -> socket.socket:
        parts = self._parts
        assert parts.hostname is not None
        address = parts.hostname, parts.port or _PORTS[parts.scheme]
        web = socket.create_connection(address, timeout=_TIMEOUT_S)
        try:
            if parts.scheme == "wss":
                context = ssl.create_default_context()
                web = context.wrap_socket(web, server_hostname=parts.hostname)
            nonce = os.urandom(16)
            web.sendall(opening_request(self.url, nonce))
            self._decoder = Decoder(self._open(web, nonce))
        except BaseException:
            web.close()
            raise
        return web

    @staticmethod
    def _open(web: socket.socket, nonce: bytes) -> bytes:
        answer = b""
        deadline = time.monotonic() + _TIMEOUT_S
        while (rest := check_opening(answer, nonce)) is None:
            data = web.recv(_RECEIVE)
            if not data or time.monotonic() > deadline:
                raise WireError("the server did not answer the handshake")
            answer += data
        return rest

    def _carry(self, web: socket.socket, local: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            for sock in (web, local):
                selector.register(sock, selectors.EVENT_READ)
            if not self._inward(self._decoder.feed(), web, local):
                return
            while not self._stopping.is_set():
                for key, _ in selector.select(_LOOK_S):
                    source = local if key.fileobj is local else web
                    data = _received(source)
                    if not data:
                        return
                    if source is local:
                        self._outward(data, web)
                    elif not self._inward(self._decoder.feed(data), web, local):
                        return

    def _outward(self, data: bytes, web: socket.socket) -> None:
        kind = self._kind if data.isascii() else Opcode.BINARY
        web.sendall(encode_frame(kind, data, os.urandom(4)))

    def _inward(self, messages: list[Message], web: socket.socket, local: socket.socket) -> bool:
        """Pass messages on; whether there may be more."""
        for message in messages:
            if message.opcode is Opcode.CLOSE:
                return False
            if message.opcode is Opcode.PING:
                web.sendall(encode_frame(Opcode.PONG, message.payload, os.urandom(4)))
            elif message.opcode in (Opcode.TEXT, Opcode.BINARY):
                self._kind = message.opcode
                local.sendall(message.payload)
        return True


def _received(sock: socket.socket) -> bytes:
    """Return what has come; TLS may hold back what no selector sees."""
    data = sock.recv(_RECEIVE)
    while isinstance(sock, ssl.SSLSocket) and sock.pending():
        data += sock.recv(_RECEIVE)
    return data
