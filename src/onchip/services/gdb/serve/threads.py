"""Threads: ``H T qC qfThreadInfo qsThreadInfo qThreadExtraInfo qAttached`` and their document."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from onchip.errors import UsageError
from onchip.services.gdb.conversation import Conversation
from onchip.services.gdb.serve.handlers import Handlers, Reply
from onchip.services.gdb.thread_list import CORE_THREAD, PROCESS
from onchip.wire.gdb_rsp import threads
from onchip.wire.gdb_rsp.numbers import ThreadId
from onchip.wire.gdb_rsp.replies import OK


def threads_xml(talk: Conversation) -> bytes:
    """Return the document that ``qXfer:threads`` reads.

    Raises:
        TransferError: the kernel's lists cannot be read.
    """
    rows = "".join(_row(talk, thread) for thread in talk.thread_ids())
    return f'<?xml version="1.0"?>\n<threads>\n{rows}</threads>\n'.encode()


def _row(talk: Conversation, thread: int) -> str:
    known = talk.target.threads
    name = quoteattr(_printable(known.name(thread)))
    kind = "core 0" if thread == CORE_THREAD else f"task 0x{thread:x}"
    return (
        f'<thread id="{talk.encode_thread(thread).decode()}" core="0" name={name} '
        f'id_str="{kind}">{escape(_printable(known.describe(thread)))}</thread>\n'
    )


def _printable(text: str) -> str:
    """A name comes from target memory: whatever XML cannot hold becomes a question mark."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _select(talk: Conversation, request: threads.SelectThread) -> Reply:
    _check(talk, request.thread)
    if request.operation == "g":
        talk.selected = request.thread
    return OK


def _alive(talk: Conversation, request: threads.IsThreadAlive) -> Reply:
    _check(talk, request.thread)
    return OK


def _check(talk: Conversation, thread: ThreadId) -> int:
    """Return the thread that is meant.

    Raises:
        UsageError: there is none of that number.
    """
    if thread.process not in (None, -1, 0, PROCESS):
        raise UsageError(f"there is no process {thread.process}; the core's program is {PROCESS}")
    if thread.thread in (-1, 0):
        return talk.current_thread
    if thread.thread not in talk.thread_ids():
        raise UsageError(f"there is no thread {thread.thread}")
    return thread.thread


def _current(talk: Conversation, request: threads.CurrentThread) -> Reply:
    return b"QC" + talk.encode_thread(talk.current_thread)


def _list(talk: Conversation, request: threads.ListThreads) -> Reply:
    if not request.first:
        return b"l"
    return b"m" + b",".join(talk.encode_thread(thread) for thread in talk.thread_ids())


def _describe(talk: Conversation, request: threads.DescribeThread) -> Reply:
    known, thread = talk.target.threads, _check(talk, request.thread)
    return _printable(known.describe(thread)).encode().hex().encode()


def _is_attached(talk: Conversation, request: threads.IsAttached) -> Reply:
    """1: the firmware was there before GDB, so leaving means detaching, not killing."""
    return b"1"


HANDLERS: Handlers = {
    threads.SelectThread: _select,
    threads.IsThreadAlive: _alive,
    threads.CurrentThread: _current,
    threads.ListThreads: _list,
    threads.DescribeThread: _describe,
    threads.IsAttached: _is_attached,
}
