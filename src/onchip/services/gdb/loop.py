"""The loop of the GDB server: sockets, and in between a look at the core that runs.

The loop waits for clients' bytes; while the core runs it looks in between whether it still does:
often at first, then every 10 ms. Where time is simulated it passes that time on to the link, and
never faster than the clock on the wall goes. A client's bytes end the waiting at once. What may
take long is done by a worker; meanwhile bytes come and go, and everything else waits its turn.
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

from onchip.errors import OnchipError, ProbeLost, TransferError
from onchip.services.gdb.client import Client
from onchip.services.gdb.connection import Connection
from onchip.services.gdb.target import Target
from onchip.services.gdb.worker import Worker

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
PACKETS_PER_TURN = 32
"""A client that sends many packets at once does not keep the others waiting."""
CHECK_S = 1.0
"""A probe that nothing was asked of for so long is asked whether it is there."""
KEEP_ALIVE_S = 1.0
"""A client hears something this often while its answer takes long; GDB's patience is 2 s."""


class Loop:
    """Serves the clients that come to ``listener``, until ``stopping`` is set and it is woken."""

    def __init__(
        self,
        session: Session,
        target: Target,
        listener: socket.socket,
        stopping: threading.Event,
        log: Callable[[str], None],
        *,
        persist: bool,
    ) -> None:
        self.clients: dict[socket.socket, Client] = {}
        self._session = session
        self._target = target
        self._listener = listener
        self._stopping = stopping
        self._log = log
        self._persist = persist
        self._selector = selectors.DefaultSelector()
        self._wakers = socket.socketpair()
        for sock in (listener, *self._wakers):
            sock.settimeout(0)
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(self._wakers[0], selectors.EVENT_READ)
        self._worker = Worker(self.wake)
        target.run.others_wait = self._has_input
        self._gone: list[Client] = []
        self._pause_s = SHORTEST_PAUSE_S
        self._failed_polls = 0
        self._asked_at = time.monotonic()
        self._answers = -1
        self._real_time = True  # whether the link's clock runs by itself

    def wake(self) -> None:
        """End the waiting; from any thread, at any time."""
        with contextlib.suppress(OSError):  # it is awake already, or has ended by itself
            self._wakers[1].send(b"x")

    def _has_input(self) -> bool:
        """Say whether a socket brought something that the loop has not seen."""
        return not self._worker.busy and bool(self._selector.select(0))

    def _wake_from_job(self) -> None:
        """Have a job's output sent at once; what the loop itself puts out is sent anyway."""
        if self._worker.busy:
            self.wake()

    def run(self) -> None:
        """Serve.

        Raises:
            ProbeLost: the probe went away.
        """
        had_client = False
        before = self._session.link.now()
        time.sleep(2 * SHORTEST_PAUSE_S)
        self._real_time = self._session.link.now() > before
        while not self._stopping.is_set():
            began = time.monotonic()
            if not self._worker.busy:
                if self._target.lost is not None:
                    raise self._target.lost
                self._clean_up()
                if had_client and not self.clients and not self._is_wanted():
                    return
                self._serve_waiting()
                self._look()
            for client in list(self.clients.values()):
                self._flush(client)
            self._wait(began)
            had_client = had_client or bool(self.clients)

    def _is_wanted(self) -> bool:
        """Say whether to go on without a client."""
        return self._persist or self._target.keeps_a_trace

    def close(self) -> None:
        """Part with every client, once what they asked for last has ended."""
        for client in self.clients.values():
            client.connection.break_off()
        self._worker.join()
        for client in list(self.clients.values()):
            self._flush(client)
        for client in list(self.clients.values()):
            self._drop(client)
        self._clean_up()
        try:
            with self._session.lock:
                self._target.end()
        except OnchipError as error:
            self._log(f"ending the trace: {error}")
        self._selector.close()
        for sock in (self._listener, *self._wakers):
            sock.close()

    # ---- the core

    def _look(self) -> None:
        """Look whether the core still runs, if it does; if so, let the link's time pass."""
        if not self._target.run.running or self._target.lost is not None or self._worker.busy:
            if not self._target.run.running:
                self._pause_s = SHORTEST_PAUSE_S
                self._check_probe()
            return
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

    def _check_probe(self) -> None:
        """Ask an idle probe for a sign of life: it is not told otherwise that it was unplugged.

        One that answered somebody meanwhile is there. Where other programs share the probe, they
        would have to wait for this turn, and find out themselves.
        """
        due = time.monotonic() - self._asked_at >= CHECK_S
        if not due or self._worker.busy or self._target.lost is not None:
            return
        self._asked_at = time.monotonic()
        probe = self._session.client
        idle, self._answers = probe.answers == self._answers, probe.answers
        if not idle or probe.has_company:
            return
        try:
            with self._session.lock:
                probe.check()
            self._answers = probe.answers
        except ProbeLost as error:
            self._target.note(error)
            self._target.fail(error)
        except OnchipError as error:
            self._log(str(error))

    def _poll_failed(self, error: OnchipError) -> None:
        """A chip in reset or without power may come back; a probe that is gone does not."""
        self._failed_polls += 1
        passing = isinstance(error, TransferError) and self._failed_polls < MOST_FAILED_POLLS
        if not passing:
            self._failed_polls = 0
            self._log(f"the core was lost while it ran: {error}")
            self._target.fail(error)

    # ---- the sockets

    def _wait(self, began: float) -> None:
        """Take what the sockets bring; wait for it as long as nothing else is to be done."""
        for key, events in self._selector.select(self._timeout(began)):
            sock: Any = key.fileobj
            if sock is self._listener:
                self._accept()
            elif sock is self._wakers[0]:
                with contextlib.suppress(OSError):
                    sock.recv(1 << 12)
            elif events & selectors.EVENT_READ and sock in self.clients:
                self._receive(self.clients[sock])

    def _timeout(self, began: float) -> float | None:
        if self._worker.busy:
            return KEEP_ALIVE_S / 2
        asked = any(client.connection.has_waiting for client in self.clients.values())
        if asked or self._target.lost is not None or self._gone:
            return 0
        if not self._target.run.running:
            return max(0.0, self._asked_at + CHECK_S - time.monotonic())
        spent = time.monotonic() - began
        pause = 0.0 if self._target.run.stepping else self._pause_s
        return max(TURN_S, pause if self._real_time else pause - spent)

    def _accept(self) -> None:
        try:
            sock, address = self._listener.accept()
        except OSError:  # gone again before we looked
            return
        name = f"{address[0]}:{address[1]}"
        connection = Connection(self._target, self._log, self._wake_from_job)
        connection.stub.name = f"GDB {name}"
        client = Client(sock, connection, name)
        self.clients[sock] = client
        self._selector.register(sock, selectors.EVENT_READ)
        self._log(f"client {name} connected")

    def _receive(self, client: Client) -> None:
        if client.receive():
            self._pause_s = SHORTEST_PAUSE_S
        else:
            self._drop(client)

    def _serve_waiting(self) -> None:
        """Serve some of what each client asked for, up to the first thing that may take long."""
        for client in list(self.clients.values()):
            for _ in range(PACKETS_PER_TURN):
                if not client.connection.has_waiting or self._worker.busy:
                    break
                if client.connection.next_is_long:
                    self._worker.begin(lambda client=client: self._serve(client))  # type: ignore[misc]
                else:
                    self._serve(client)

    def _serve(self, client: Client) -> None:
        self._asked_at = time.monotonic()
        try:
            with self._session.lock:
                client.connection.serve()
        except OnchipError as error:
            # No turn at the probe, which was unplugged meanwhile; serving answers its own errors.
            self._target.note(error)
            client.connection.answer_failed(str(error))
        except Exception:
            # A bug of ours: the client gets an answer, the log a traceback, the service goes on.
            self._log(traceback.format_exc())
            client.connection.answer_failed("internal error; the server's log has a traceback")

    def _flush(self, client: Client) -> None:
        """Send what waits for the client, and a sign of life to one whose answer takes long."""
        if self._worker.busy:
            client.keep_alive(KEEP_ALIVE_S)
        if not client.flush() or len(client.connection.outgoing) > MOST_UNSENT or client.is_done:
            self._drop(client)
            return
        wanted = selectors.EVENT_READ
        if client.connection.outgoing:
            wanted |= selectors.EVENT_WRITE
        if self._selector.get_key(client.sock).events != wanted:
            self._selector.modify(client.sock, wanted)

    def _drop(self, client: Client) -> None:
        """Part with a client. What it left in the chip is taken out as soon as nothing is busy."""
        del self.clients[client.sock]
        self._selector.unregister(client.sock)
        client.sock.close()
        client.connection.break_off()
        self._gone.append(client)

    def _clean_up(self) -> None:
        while self._gone:
            client = self._gone.pop()
            error: OnchipError | None
            try:
                with self._session.lock:
                    error = client.connection.lost()
            except OnchipError as refused:  # no turn at the probe
                error = refused
            if error is not None:
                self._log(f"cleaning up after {client.name}: {error}")
            self._log(f"client {client.name} left")
