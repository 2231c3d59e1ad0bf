"""What all clients of one server share: the session, its core, the documents about them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from onchip.cortex_m import BreakpointKind, ResetKind
from onchip.errors import OnchipError, ProbeLost
from onchip.flash.progress import ProgressCallback, silent
from onchip.services.gdb.agent.conditions import HaltedTarget
from onchip.services.gdb.agent.variables import TraceVariables
from onchip.services.gdb.documents.files import BytesFile, RegionFile, VirtualFile
from onchip.services.gdb.documents.memory_map_xml import memory_map_xml
from onchip.services.gdb.documents.target_xml import target_xml
from onchip.services.gdb.options import GdbOptions
from onchip.services.gdb.registers import RegisterLayout
from onchip.services.gdb.run.run_control import RunControl
from onchip.services.gdb.run.stops import Stop
from onchip.services.gdb.semihosting.console import Console, Input, no_input
from onchip.services.gdb.semihosting.host_calls import HostCalls
from onchip.services.gdb.thread_list import ThreadList
from onchip.services.gdb.thread_source import ThreadSource
from onchip.services.gdb.trace.tracing import Trace
from onchip.services.semihosting import SemihostingOptions, heap_finder, nothing_known
from onchip.wire.gdb_rsp.file_io import FileAnswer, FileCall, FileErrno

if TYPE_CHECKING:
    from onchip.session import Session


TRACE_FILE = "trace.tf"
"""What a client fetches to have the trace as a file."""


class Client(Protocol):
    """Someone to be told when the core stops; ``passed_signals`` are not worth stopping for."""

    passed_signals: frozenset[int]
    send: Callable[[bytes], None]

    @property
    def takes_calls(self) -> bool:
        """Whether it can be asked to do a semihosting call."""

    def stopped(self, stop: Stop) -> None:
        """The core stands still."""

    def failed(self, error: OnchipError) -> None:
        """The core was lost."""

    def console(self, text: str) -> None:
        """The target printed ``text``."""


class Target:
    """One core as the clients of a server see it."""

    def __init__(
        self,
        session: Session,
        options: GdbOptions,
        read_input: Input = no_input,
        *,
        threads: ThreadSource | None = None,
    ) -> None:
        self.session = session
        self.options = options
        self.debug = options.debug
        self.core = session.core
        mainline = "v6" not in self.core.architecture.lower()
        self.layout = RegisterLayout(has_fpu=self.core.has_fpu, mainline=mainline)
        self.threads = ThreadList(self.core, threads)
        self.seen = HaltedTarget(
            self.core, self.layout, self.threads, TraceVariables(self._now_us), self._printed
        )
        """The halted core, as agent expressions see it."""
        hardware = options.hardware_breakpoints_only
        kind = BreakpointKind.HARDWARE if hardware else BreakpointKind.AUTO
        self.trace = Trace(self.core, self.layout, self.seen, kind)
        self.run = RunControl(self.core, self.layout, self.threads, options, self.trace)
        self.run.passes = self._passes
        self._read_input = read_input
        self.serve_calls(on=options.semihosting)
        self.run.on_text = self._printed
        self.on_console: Callable[[str], None] = lambda text: None
        self.on_progress: ProgressCallback = silent
        """Told how far the programming of a ``load`` is."""
        self._saved_vector_catch: frozenset[str] = frozenset()
        self.lost: ProbeLost | None = None
        """Set once the probe is gone: nothing can be served any more."""
        self.files: dict[str, Callable[[], VirtualFile]] = {
            f"{region.name}.bin": partial(RegionFile, region, self.core.memory.read)
            for region in session.memory_map
        }
        """What a client can fetch by name."""
        self.files[TRACE_FILE] = lambda: BytesFile(self.trace_file())
        self.saved_traces: set[str] = set()
        """The names of files that are traces which a client had saved."""
        self._epoch_s = time.time() - session.link.now()
        self._asked: Client | None = None
        """Who was given a call of the program to do."""
        self._clients: set[Client] = set()
        """Those that take part in debugging; a client that only reads memory is none of them."""

    def serve_calls(self, *, on: bool) -> None:
        """Serve the program's calls to its debugger from now on, or leave them to GDB."""
        calls = self.run.calls
        if not on:
            calls.forget()
            calls.close()
            calls.console = calls.host = None
        elif calls.console is None:
            calls.console = Console(self._semihosting_options(), read_input=self._read_input)
            if self.options.gdb_files:
                calls.host = HostCalls(self.core)
                calls.host.ask = self._ask

    def document(self, kind: str, annex: str) -> bytes | None:
        """Return the XML document that qXfer asks for; None if there is none of that name."""
        match kind, annex:
            case "features", "target.xml":
                return target_xml(self.layout)
            case "memory-map", "":
                return memory_map_xml(self.session.memory_map)
        return None

    def poll(self) -> None:
        """Go on with what runs, and tell every client of the stop once there is one.

        Raises:
            TransferError, ProbeError, CoreTimeout: the core could not be reached, or got stuck.
        """
        stop = self.run.poll()
        if stop is not None:
            for client in self._clients:
                client.stopped(stop)
        elif self.run.running and not self._clients and not self.trace.running:
            self.core.release(self.trace.owner)  # the trace that went on alone has ended
            self.run.let_go()

    @property
    def keeps_a_trace(self) -> bool:
        """Whether somebody means to come back to a trace that runs, or has run."""
        return self.trace.disconnected and self.trace.has_run

    def end(self) -> None:
        """End what goes on without a client, since the service ends.

        Raises:
            TransferError, ProbeError, FlashError: as `depart`.
        """
        if self.trace.running:
            self.trace.leave()
            self.run.let_go()

    def trace_file(self) -> bytes:
        """Return what the trace has collected, as a file that GDB opens."""
        return self.trace.file(target_xml(self.layout))

    def _now_us(self) -> int:
        return int((self._epoch_s + self.session.link.now()) * 1e6)

    def learn(self, symbols: Mapping[str, int]) -> None:
        """Give the source of threads the addresses that a client knows."""
        if self.threads.source is not None:
            self.threads.source.learn(symbols)

    def _semihosting_options(self) -> SemihostingOptions:
        options = self.options.semihosting_options or SemihostingOptions()
        if options.heap is not nothing_known:
            return options
        return replace(options, heap=heap_finder(self.session.memory_map, self.debug))

    def _ask(self, question: FileCall) -> bool:
        """Give a call of the program to a client that waits for the core; False: none does."""
        self._asked = next((client for client in self._clients if client.takes_calls), None)
        if self._asked is None:
            return False
        self._asked.send(question.encode())
        return True

    def answer_call(self, client: Client, answer: FileAnswer) -> None:
        """Take the answer of the client that was asked; nobody else's means anything.

        Raises:
            TransferError, ProbeError: the chip cannot be reached.
        """
        if client is self._asked:
            self.run.answer_call(answer)

    def _passes(self, signal: int) -> bool:
        clients = self._clients
        return bool(clients) and all(signal in client.passed_signals for client in clients)

    def _printed(self, text: str) -> None:
        self.on_console(text)
        for client in self._clients:
            client.console(text)

    def note(self, error: OnchipError) -> None:
        """Remember that the probe is gone, if that is what ``error`` says."""
        if isinstance(error, ProbeLost):
            self.lost = error

    def fail(self, error: OnchipError) -> None:
        """Give up what runs: the core cannot be reached any more."""
        self.run.abandon()
        for client in self._clients:
            client.failed(error)

    def reset(self, kind: ResetKind = ResetKind.SYSTEM, *, halt: bool) -> None:
        """Reset the chip; with ``halt`` it stands before the first instruction of its program.

        A client that waits for a stop is told of this one.

        Raises:
            TargetError: the core has no reset of this kind, or did not come back.
        """
        self.session.reset(kind, halt=halt)
        self.run.was_reset(halt=halt)
        if halt and self.run.running:
            self.poll()

    def arrive(self, client: Client) -> None:
        """Count ``client`` in; the first one finds the chip set up for debugging.

        Raises:
            TransferError, ProbeError: the chip cannot be reached.
        """
        if not self._clients:
            if self.trace.running:
                self.run.abandon()  # it ran for the trace alone; it goes on as this client says
            self._saved_vector_catch = self.core.vector_catch
            wanted = self._saved_vector_catch | frozenset(self.options.vector_catch)
            if wanted != self._saved_vector_catch:
                self.core.vector_catch = wanted
        self._clients.add(client)

    def depart(self, client: Client) -> None:
        """Remove what ``client`` armed; after the last one the core is let go.

        Raises:
            TransferError, ProbeError: the chip cannot be reached.
        """
        if client is self._asked:
            self._asked = None
            self.run.answer_call(FileAnswer(-1, FileErrno.EIO))
        self.run.points.release(client)
        if client not in self._clients:
            return
        self._clients.discard(client)
        if self._clients:
            return
        if not self.trace.disconnected:
            self.trace.leave()
        if self.core.vector_catch != self._saved_vector_catch:
            self.core.vector_catch = self._saved_vector_catch
        self.session.resume_on_close = self.options.resume_on_detach
        if self.options.resume_on_detach:
            self.run.let_go()
        else:
            self.run.abandon()
