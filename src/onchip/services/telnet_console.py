"""A target's console on a TCP port: what a program prints goes to whoever is connected.

What they type is kept until the program reads it. The sockets are served by a thread of their own;
`write` and `read` never wait.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from typing import Any

from onchip.errors import UsageError

MOST_KEPT = 1 << 16
"""Typed bytes beyond this are dropped: the program does not read them."""
_SEND_TIMEOUT_S = 0.5
_IAC, _SB, _SE = 0xFF, 0xFA, 0xF0  # RFC 854


class TelnetConsole:
    """Listens from `start` to `close`. ``port`` 0 picks a free one."""

    def __init__(self, port: int, *, host: str = "127.0.0.1") -> None:
        self._address = (host, port)
        self._lock = threading.Lock()
        self._typed = bytearray()
        self._clients: dict[socket.socket, _Stripper] = {}
        self._listener: socket.socket | None = None
        self._wakers: tuple[socket.socket, socket.socket] | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that is listened on, or that was asked for."""
        return self._address[1] if self._listener is None else self._listener.getsockname()[1]

    def start(self) -> None:
        """Listen, and serve in a thread.

        Raises:
            UsageError: the port cannot be had.
        """
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(self._address)
            listener.listen()
        except OSError as error:
            listener.close()
            raise UsageError(
                f"cannot listen on port {self._address[1]} for the console: {error.strerror}",
                hint="choose another port, or end what uses it",
            ) from error
        self._listener = listener
        self._wakers = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="telnet-console", daemon=True)
        self._thread.start()

    def write(self, text: str) -> None:
        """Show ``text`` to everyone who is connected."""
        data = text.replace("\r\n", "\n").replace("\n", "\r\n").encode()
        for client in list(self._clients):
            try:
                client.sendall(data)
            except OSError:  # it went, or takes nothing: the thread parts with it
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)

    def read(self, length: int) -> bytes:
        """Return up to ``length`` bytes that were typed; none if there are none yet."""
        with self._lock:
            data = bytes(self._typed[:length])
            del self._typed[:length]
        return data

    def close(self) -> None:
        """Hang up and stop listening. Closing twice is harmless."""
        wakers, self._wakers = self._wakers, None
        if wakers is None:
            return
        wakers[1].send(b"x")
        if self._thread is not None:
            self._thread.join()
        for sock in (*self._clients, self._listener, *wakers):
            if sock is not None:
                sock.close()
        self._clients.clear()
        self._listener = None

    def _serve(self) -> None:
        assert self._listener is not None
        assert self._wakers is not None
        listener, waker = self._listener, self._wakers[0]
        with selectors.DefaultSelector() as selector:
            for sock in (listener, waker):
                selector.register(sock, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    ready: Any = key.fileobj
                    if ready is waker:
                        return
                    if ready is listener:
                        self._accept(selector)
                    elif not self._receive(ready):
                        selector.unregister(ready)
                        del self._clients[ready]
                        ready.close()

    def _accept(self, selector: selectors.BaseSelector) -> None:
        assert self._listener is not None
        try:
            client, _ = self._listener.accept()
        except OSError:  # gone again before we looked
            return
        client.settimeout(_SEND_TIMEOUT_S)
        self._clients[client] = _Stripper()
        selector.register(client, selectors.EVENT_READ)

    def _receive(self, client: socket.socket) -> bool:
        """Take what was typed; say whether the client is still there."""
        try:
            data = client.recv(4096)
        except OSError:
            return False
        typed = self._clients[client].feed(data)
        with self._lock:
            self._typed += typed[: MOST_KEPT - len(self._typed)]
        return bool(data)


class _Stripper:
    """Takes a Telnet client's negotiation out of what is typed, and makes its line ends plain."""

    def __init__(self) -> None:
        self._command: list[int] | None = None
        self._after_return = False

    def feed(self, data: bytes) -> bytes:
        """Return the typed bytes among ``data``."""
        typed = bytearray()
        for byte in data:
            if self._command is not None:
                self._negotiate(byte, typed)
            elif byte == _IAC:
                self._command = []
            elif self._after_return and byte in b"\n\0":
                self._after_return = False
            else:
                self._after_return = byte == ord("\r")
                typed.append(ord("\n") if self._after_return else byte)
        return bytes(typed)

    def _negotiate(self, byte: int, typed: bytearray) -> None:
        """Follow one byte of a command: IAC WILL x, IAC SB ... IAC SE, or IAC IAC for 0xFF."""
        command = self._command
        assert command is not None
        if not command and byte == _IAC:
            typed.append(_IAC)
            self._command = None
            return
        command.append(byte)
        if command[0] == _SB:
            done = command[-2:] == [_IAC, _SE]
        else:
            done = len(command) == (2 if command[0] > _SB else 1)
        if done:
            self._command = None
