"""What one client has chosen, what it holds and what it waits for.

The functions that serve requests (``serve_*``) are handed this; ``stub`` finds them. ``send`` takes
a payload for the client, ``notify`` the payload of a notification, ``log`` a line for people.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from onchip.errors import OnchipError, UsageError
from onchip.services.gdb.documents.files import FileTable
from onchip.services.gdb.flash_job import FlashJob
from onchip.services.gdb.run.stop_queue import StopQueue
from onchip.services.gdb.run.stops import Stop
from onchip.services.gdb.symbol_inquiry import SymbolInquiry
from onchip.services.gdb.target import Target
from onchip.services.gdb.thread_list import CORE_THREAD, PROCESS
from onchip.services.gdb.trace.frame_view import FrameView
from onchip.wire.gdb_rsp.numbers import ThreadId
from onchip.wire.gdb_rsp.replies import ConsoleOutput, ErrorText, Exited, StopReply


def _nowhere(payload: bytes) -> None:
    """Take a notification for nobody."""


class Conversation:
    """One client of a target."""

    def __init__(
        self,
        target: Target,
        send: Callable[[bytes], None],
        log: Callable[[str], None],
        notify: Callable[[bytes], None] = _nowhere,
    ) -> None:
        self.target = target
        self.send = send
        self.log = log
        self.refused_reads: set[str] = set()
        """What the log was told of them."""
        self.name = "GDB"
        """Who this is, to other clients."""
        self.notify = notify
        self.extended = False
        self.error_texts = False
        self.multiprocess = False
        self.no_ack_wanted = False
        self.told: Stop | None = None
        """The stop that this client was told last, until it lets the core go on."""
        self.waiting = False
        self.closing = False
        self.cancelled = False
        """Whether what is being served for this client is to end soon."""
        self.is_gdb = False
        self.behind = False
        """Whether this client was told that a core stands which runs for another one."""
        self.missed: Stop | None = None
        """The stop of that core, to be told once this client lets it run."""
        self.passed_signals: frozenset[int] = frozenset()
        self.selected = ThreadId(0)
        """Whose registers ``g`` and its like mean."""
        self.view: FrameView | None = None
        """The trace frame that this client looks at in the place of the target."""
        self.listing: deque[bytes] = deque()
        """Definitions of a trace that this client asks for one after another."""
        self.knows_g = False
        """Whether this client has seen how long the answer to ``g`` is."""
        self.flash = FlashJob()
        self.stops = StopQueue()
        """Stops told as notifications, in non-stop mode."""
        self.symbols = SymbolInquiry()
        self.files = FileTable(target.files)

    # ---- stops

    def wait(self) -> bytes | None:
        """Return the answer to what made the core run: none now, the stop is; OK in non-stop."""
        if self.stops.on:
            return b"OK"
        self.waiting = True
        self.behind = False
        return None

    def stopped(self, stop: Stop) -> None:
        """Tell the client why the core stands still, if it waits for that."""
        if self.stops.on:
            if self.stops.add(stop):
                self.notify(b"Stop:" + self.stop_reply(stop))
            return
        if self.behind:
            self.behind, self.missed = False, stop
        if not self.waiting:
            return
        self.waiting = False
        if stop.text:
            self.print(stop.text)
        self.send(self.stop_reply(stop))

    def failed(self, error: OnchipError) -> None:
        """Tell a waiting client that the core was lost while it ran."""
        if self.waiting:
            self.waiting = False
            self.send(ErrorText(str(error)).encode())

    def stop_reply(self, stop: Stop) -> bytes:
        """Return the packet that tells ``stop``."""
        self.told = stop
        if stop.exit_code is not None:
            return Exited(stop.exit_code, PROCESS if self.multiprocess else None).encode()
        thread = self.encode_thread(self.current_thread).decode()
        return StopReply(stop.signal, (("thread", thread), *stop.pairs)).encode()

    @property
    def takes_calls(self) -> bool:
        """Whether this client can be asked to do a semihosting call: a GDB that waits."""
        return self.waiting and self.is_gdb

    def goes_on(self, *, by_step: bool) -> bool:
        """Take note that the client lets the core go on; say whether it is to stay where it is.

        It is when this is the step with which GDB means to pass an access that a watchpoint stopped
        after (docs/adr/0021).
        """
        told, self.told = self.told, None
        return by_step and self.is_gdb and told is self.target.run.last and told.at_watchpoint

    def need_live(self, what: str) -> None:
        """Refuse what cannot be done to a trace frame.

        Raises:
            UsageError: this client looks at one.
        """
        if self.view is not None:
            raise UsageError(f"{what}: a trace frame stays as it is", hint="tfind none")

    # ---- threads

    @property
    def current_thread(self) -> int:
        """Return the thread that executes; in non-stop mode a thread is a core."""
        return CORE_THREAD if self.stops.on else self.target.threads.current

    def thread_ids(self) -> list[int]:
        """Return the threads that this client sees."""
        return [CORE_THREAD] if self.stops.on else self.target.threads.ids()

    def encode_thread(self, thread: int) -> bytes:
        """Return a thread as this client writes it."""
        return ThreadId(thread, PROCESS if self.multiprocess else None).encode()

    # ---- what is shown

    def print(self, text: str) -> None:
        """Show ``text`` on the client's terminal; only while it waits or runs a command."""
        if text:
            self.send(ConsoleOutput(text.encode()).encode())

    def console(self, text: str) -> None:
        """Show what the target printed, if the client waits for it."""
        if self.waiting:
            self.print(text)

    def interrupted(self) -> bool:
        """Say whether Ctrl-C came while a command of this client is served."""
        return self.cancelled

    # ---- coming and going

    def attach(self) -> None:
        """Take part in debugging: from now on the core is this client's too.

        Raises:
            TransferError, ProbeError: the chip cannot be reached.
        """
        self.target.arrive(self)

    def leave(self) -> None:
        """Give up everything this client holds; harmless when done before.

        Raises:
            TransferError, ProbeError: the chip cannot be reached.
        """
        self.waiting = self.behind = False
        self.missed = self.view = None
        self.flash = FlashJob()
        self.stops.clear()
        self.files.clear()
        self.passed_signals = frozenset()
        self.target.depart(self)
