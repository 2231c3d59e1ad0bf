"""The sockets of the GDB server: one loop in a thread of its own.

The loop waits for clients' bytes; while the core runs it looks in between whether it still does:
often at first, then every 10 ms. Where time is simulated it passes that time on to the link, and
never faster than the clock on the wall goes. A client's bytes end the waiting at once.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from onchip.errors import OnchipError, ProbeLost, TransferError, UsageError
from onchip.flash.progress import ProgressCallback, silent
from onchip.services.gdb.connection import Connection
from onchip.services.gdb.options import GdbOptions
from onchip.services.gdb.semihosting import Input, no_input
from onchip.services.gdb.target import Target
from onchip.wire.gdb_rsp.framing import encode_packet
from onchip.wire.gdb_rsp.replies import ErrorText

if TYPE_CHECKING:
    from onchip.session import Session

SHORTEST_PAUSE_S = 0.0005
LONGEST_PAUSE_S = 0.010
TURN_S = 0.0002
"""Between two looks others get their turn at the probe: the session's lock is free that long."""
MOST_FAILED_POLLS = 20
"""A running core that cannot be looked at this often in a row is lost."""
MOST_UNSENT = 1 << 22
"""A client that takes nothing is dropped when this many bytes wait for it."""


def _ignore(text: str) -> None:
    """Take a text for nobody."""


class _Client:
    """A socket and the connection behind it."""

    def __init__(self, sock: socket.socket, connection: Connection, name: str) -> None:
        self.sock = sock
        self.connection = connection
        self.name = name


class GdbServer:
    """Serve GDB on a TCP port for one session.

    ``port`` 0 picks a free one. ``on_listening(port)`` is called once it accepts; the caller prints
    ``GDB server started on port N`` there. ``on_log(text)`` gets a line for people now and then,
    ``on_console(text)`` what the target prints through semihosting, ``on_progress(progress)`` how
    far the programming of a ``load`` is; ``read_input(length)`` returns what was typed for it. The
    session stays the caller's and is not closed; its lock is held only while a packet is served.
    """

    def __init__(
        self,
        session: Session,
        port: int = 3333,
        *,
        host: str = "127.0.0.1",
        options: GdbOptions | None = None,
        on_listening: Callable[[int], None] | None = None,
        on_log: Callable[[str], None] | None = None,
        on_console: Callable[[str], None] | None = None,
        on_progress: ProgressCallback = silent,
        read_input: Input = no_input,
    ) -> None:
        self._session = session
        self._address = (host, port)
        self._options = options or GdbOptions()
        self._on_listening = on_listening
        self._log = on_log or _ignore
        self._target = Target(session, self._options, read_input)
        self._target.on_console = on_console or _ignore
        self._target.on_progress = on_progress
        self._listener: socket.socket | None = None
        self._wakers: tuple[socket.socket, socket.socket] | None = None
        self._selector: selectors.BaseSelector
        self._clients: dict[socket.socket, _Client] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: ProbeLost | None = None
        self._pause_s = SHORTEST_PAUSE_S
        self._failed_polls = 0
        self._real_time = (
            True  # whether the link's clock runs by itself, as a simulated one does not
        )

    @property
    def port(self) -> int:
        """Return the port that is listened on, or that was asked for."""
        if self._listener is None:
            return self._address[1]
        return int(self._listener.getsockname()[1])

    @property
    def is_alive(self) -> bool:
        """Whether the thread of ``start`` serves."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def failure(self) -> ProbeLost | None:
        """What ended the service, if it was not asked to end."""
        return self._failure

    def start(self) -> None:
        """Listen and serve in a thread of its own; return once clients are accepted.

        Raises:
            UsageError: the port cannot be had.
        """
        self._listen()
        self._thread = threading.Thread(target=self._run, name="gdb-server", daemon=True)
        self._thread.start()

    def serve(self) -> None:
        """Listen and serve until ``stop`` or the last client's leave; the caller waits.

        The work is done in a thread all the same, so that a KeyboardInterrupt ends the waiting and
        never an exchange with the probe. It ends the service too, before it goes on.

        Raises:
            UsageError: the port cannot be had.
            ProbeLost: the probe went away.
        """
        self.start()
        try:
            self.join()
        except BaseException:
            self.stop()
            raise
        if self._failure is not None:
            raise self._failure

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the service: every point removed, sockets closed. Harmless when called twice."""
        self._stopping.set()
        if self._wakers is not None:
            with contextlib.suppress(OSError):  # it ended by itself just now
                self._wakers[1].send(b"x")
        self.join(timeout_s)

    def join(self, timeout_s: float | None = None) -> None:
        """Wait until the serving thread has ended."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _listen(self) -> None:
        host, port = self._address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen()
        except OSError as error:
            listener.close()
            raise UsageError(
                f"cannot listen on port {port} of {host}: {error.strerror}",
                hint="choose another port, or end what uses it",
            ) from error
        self._listener = listener
        self._wakers = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        for sock in (listener, self._wakers[0]):
            sock.settimeout(0)
            self._selector.register(sock, selectors.EVENT_READ)
        if self._on_listening is not None:
            self._on_listening(self.port)

    def _run(self) -> None:
        try:
            self._loop()
        except ProbeLost as error:
            self._failure = error
            self._log(f"the GDB server ends: {error.message}")
        finally:
            self._close()

    def _loop(self) -> None:
        had_client = False
        before = self._session.link.now()
        time.sleep(2 * SHORTEST_PAUSE_S)
        self._real_time = self._session.link.now() > before
        while not self._stopping.is_set() and self._target.lost is None:
            began = time.monotonic()
            if self._target.run.running:
                self._poll()
            else:
                self._pause_s = SHORTEST_PAUSE_S
            if self._target.lost is None:
                self._wait(began)
            had_client = had_client or bool(self._clients)
            if had_client and not self._clients and not self._options.persist:
                return
        if self._target.lost is not None:
            raise self._target.lost

    def _poll(self) -> None:
        """Look whether the core still runs; if so, let the link's time pass."""
        try:
            with self._session.lock:
                self._target.poll()
                waits = self._target.run.running and not self._target.run.stepping
                if waits and not self._real_time:
                    self._session.link.sleep(self._pause_s)
            self._failed_polls = 0
        except OnchipError as error:
            self._target.note(error)
            self._poll_failed(error)
        self._pause_s = min(self._pause_s * 1.5, LONGEST_PAUSE_S)
        for client in list(self._clients.values()):
            self._flush(client)  # a stop does not wait for the sockets

    def _poll_failed(self, error: OnchipError) -> None:
        """A chip in reset or without power may come back; a probe that is gone does not."""
        self._failed_polls += 1
        passing = isinstance(error, TransferError) and self._failed_polls < MOST_FAILED_POLLS
        if not passing:
            self._failed_polls = 0
            self._log(f"the core was lost while it ran: {error}")
            self._target.fail(error)

    def _wait(self, began: float) -> None:
        """Serve what the sockets bring; wait for it as long as nothing else is to be done."""
        timeout: float | None = None
        if self._target.run.running:
            spent = time.monotonic() - began
            pause = 0.0 if self._target.run.stepping else self._pause_s
            timeout = max(TURN_S, pause if self._real_time else pause - spent)
        for key, events in self._selector.select(timeout):
            sock: Any = key.fileobj
            if sock is self._listener:
                self._accept()
            elif events & selectors.EVENT_READ and sock in self._clients:
                self._receive(self._clients[sock])
        for client in list(self._clients.values()):  # what one asks may stop another
            self._flush(client)

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            sock, address = self._listener.accept()
        except OSError:  # gone again before we looked
            return
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        name = f"{address[0]}:{address[1]}"
        self._clients[sock] = _Client(sock, Connection(self._target, self._log), name)
        self._selector.register(sock, selectors.EVENT_READ)
        self._log(f"client {name} connected")

    def _receive(self, client: _Client) -> None:
        try:
            data = client.sock.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(client)
            return
        try:
            with self._session.lock:
                client.connection.feed(data)
        except Exception:
            # A bug of ours: the client gets an answer, the log a traceback, the service goes on.
            self._log(traceback.format_exc())
            answer = ErrorText("internal error; the server's log has a traceback").encode()
            client.connection.outgoing += encode_packet(answer)
        self._pause_s = SHORTEST_PAUSE_S

    def _flush(self, client: _Client) -> None:
        """Send what waits for the client, as far as its socket takes it."""
        if client.sock not in self._clients:
            return
        outgoing = client.connection.outgoing
        try:
            while outgoing:
                del outgoing[: client.sock.send(outgoing)]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(client)
            return
        if len(outgoing) > MOST_UNSENT or (client.connection.closing and not outgoing):
            self._drop(client)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if outgoing else 0)
        if self._selector.get_key(client.sock).events != wanted:
            self._selector.modify(client.sock, wanted)

    def _drop(self, client: _Client) -> None:
        """Part with a client and take out of the chip what it left there."""
        del self._clients[client.sock]
        self._selector.unregister(client.sock)
        client.sock.close()
        with self._session.lock:
            error = client.connection.lost()
        if error is not None:
            self._log(f"cleaning up after {client.name}: {error}")
        self._log(f"client {client.name} left")

    def _close(self) -> None:
        for client in list(self._clients.values()):
            self._drop(client)
        self._selector.close()
        for sock in (self._listener, *(self._wakers or ())):
            if sock is not None:
                sock.close()
