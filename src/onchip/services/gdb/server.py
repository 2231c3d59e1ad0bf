"""The GDB server: a port, a thread that serves it, and what both are made of."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from onchip.errors import ProbeLost
from onchip.flash.progress import ProgressCallback, silent
from onchip.services.gdb.documents.files import BytesFile
from onchip.services.gdb.loop import Loop
from onchip.services.gdb.options import GdbOptions
from onchip.services.gdb.semihosting.console import Input, no_input
from onchip.services.gdb.target import Target
from onchip.services.listening import listen

if TYPE_CHECKING:
    from onchip.services.gdb.thread_source import ThreadSource
    from onchip.session import Session


def _ignore(text: str) -> None:
    """Take a text for nobody."""


class GdbServer:
    """Serve GDB on a TCP port for one session.

    ``port`` 0 picks a free one. ``on_listening(port)`` is called once it accepts; the caller prints
    ``GDB server started on port N`` there. ``on_log(text)`` gets a line for people now and then,
    ``on_console(text)`` what the target prints through semihosting, ``on_progress(progress)`` how
    far the programming of a ``load`` is; ``read_input(length)`` returns what was typed for it.
    ``files`` are what GDB can fetch with ``remote get``, beside the chip's memories: each is made
    when it is opened. The session stays the caller's and is not closed; its lock is held only while
    a packet is served.
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
        files: Mapping[str, Callable[[], bytes]] | None = None,
    ) -> None:
        self._session = session
        self._address = (host, port)
        self._options = options or GdbOptions()
        self._on_listening = on_listening
        self._log = on_log or _ignore
        self._target = Target(session, self._options, read_input, threads=self._threads())
        self._target.on_console = on_console or _ignore
        self._target.on_progress = on_progress
        for name, make in (files or {}).items():
            self._target.files[name] = lambda make=make: BytesFile(make())  # type: ignore[misc]
        self._target.threads.on_warning = self._log
        self._listener: socket.socket | None = None
        self._loop: Loop | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: ProbeLost | None = None

    def __repr__(self) -> str:
        state = "serving" if self.is_alive else "not serving"
        return f"<GdbServer on port {self.port}, {state}>"

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
        if self._loop is not None:
            self._loop.wake()
        self.join(timeout_s)

    def join(self, timeout_s: float | None = None) -> None:
        """Wait until the serving thread has ended."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _listen(self) -> None:
        self._listener = listener = listen(*self._address)
        self._loop = Loop(
            self._session,
            self._target,
            listener,
            self._stopping,
            self._log,
            persist=self._options.persist,
        )
        if self._on_listening is not None:
            self._on_listening(self.port)

    def _run(self) -> None:
        assert self._loop is not None
        try:
            self._loop.run()
        except ProbeLost as error:
            self._failure = error
            self._log(f"the GDB server ends: {error.message}")
        finally:
            self._loop.close()

    def _threads(self) -> ThreadSource | None:
        """Return what finds the tasks of an RTOS, if that is wanted."""
        if not self._options.rtos_threads:
            return None
        from onchip.rtos import RtosThreads

        session = self._session
        return RtosThreads(session.core, session.memory_map, self._options.debug)
