"""A TCP port that is listened on, and the loop of one thread that serves it until it is to end."""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Self

from onchip.errors import UsageError

_WAKE = b"\0"


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at ``host``:``port``; port 0 takes any that is free.

    Raises:
        UsageError: the address cannot be used, most often because the port is taken.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        # Python adds "(while attempting to bind on address ...)", which is told here already
        why = (error.strerror or str(error)).partition(" (while")[0]
        raise UsageError(
            f"cannot listen on {host}:{port}: {why}",
            hint="choose another port with --port, or 0 for any",
        ) from error


class PortServer(ABC):
    """Serves ``host``:``port`` by turns of a loop; port 0 takes any free one.

    A subclass looks at ``_selector`` in each turn, accepts from ``_listener``, and lets go of its
    clients in ``_leave_clients``.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._stopping = threading.Event()
        self._listener: socket.socket | None = None
        self._selector: selectors.BaseSelector
        self._wakers: tuple[socket.socket, socket.socket]

    def start(self) -> None:
        """Bind and listen; ``port`` is then the real one. Clients wait until ``serve_forever``.

        Raises:
            UsageError: the address cannot be used, most often because the port is taken.
        """
        self._listener = listen(self.host, self.port)
        self.port = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._wakers = socket.socketpair()
        for sock in (self._listener, self._wakers[0]):
            self._selector.register(sock, selectors.EVENT_READ)

    def serve_forever(self, *, handle_signals: bool = False) -> None:
        """Serve until ``stop``. ``handle_signals`` (main thread only): SIGINT, SIGTERM stop it.

        Raises:
            ProbeLost: what is served is gone.
        """
        if self._listener is None:
            self.start()
        with self._signals() if handle_signals else contextlib.nullcontext():
            while not self._stopping.is_set():
                self._turn()

    def stop(self) -> None:
        """Let ``serve_forever`` return. May be called from any thread, and more than once."""
        self._stopping.set()
        if self._listener is not None:
            with contextlib.suppress(OSError):  # already awake, or already closed
                self._wakers[1].send(_WAKE)

    def close(self) -> None:
        """Let go of every client, close the sockets. ``serve_forever`` must have returned."""
        self.stop()
        if self._listener is None:
            return
        self._leave_clients()
        self._selector.close()
        for held in (self._listener, *self._wakers):
            held.close()
        self._listener = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def _turn(self) -> None:
        """Wait for something to do, and do it."""

    @abstractmethod
    def _leave_clients(self) -> None:
        """Part with all that are connected."""

    def _woke(self, held: object) -> bool:
        """Return whether ``held``, which can be read, is only what wakes the loop; drain it."""
        if held is not self._wakers[0]:
            return False
        self._wakers[0].recv(1 << 12)
        return True

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        def handler(_number: int, _frame: FrameType | None) -> None:
            self.stop()

        before = {s: signal.signal(s, handler) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, previous in before.items():
                signal.signal(number, previous)
