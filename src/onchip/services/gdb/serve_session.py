"""What both sides can do, threads, documents, ``monitor``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onchip.errors import OnchipError, UsageError
from onchip.services.gdb.handlers import Handlers, Reply
from onchip.services.gdb.monitor import run_command
from onchip.services.gdb.serve_memory import PACKET_SIZE
from onchip.services.gdb.target import THREAD
from onchip.wire.gdb_rsp import query, threads
from onchip.wire.gdb_rsp.replies import EMPTY, OK, ErrorNumber, encode_object_part

if TYPE_CHECKING:
    from onchip.services.gdb.stub import Stub

_FEATURES = (
    f"PacketSize={PACKET_SIZE:x}",
    "QStartNoAckMode+",
    "swbreak+",
    "hwbreak+",
    "vContSupported+",
    "qXfer:features:read+",
    "qXfer:memory-map:read+",
    "qXfer:threads:read+",
    "binary-upload+",
    "error-message+",
)


def _supported(stub: Stub, request: query.Supported) -> Reply:
    stub.error_texts = "error-message+" in request.features
    return ";".join(_FEATURES).encode()


def _no_ack(stub: Stub, request: query.StartNoAckMode) -> Reply:
    stub.no_ack_wanted = True
    return OK


def _must_reply_empty(stub: Stub, request: query.MustReplyEmpty) -> Reply:
    return EMPTY


def _read_object(stub: Stub, request: query.ReadObject) -> Reply:
    document = stub.target.document(request.object, request.annex)
    if document is None:
        known = request.object in ("features", "memory-map", "threads")
        return ErrorNumber(0).encode() if known else EMPTY  # E00: no such annex
    return encode_object_part(document, request.offset, min(request.length, PACKET_SIZE // 2))


def _monitor(stub: Stub, request: query.MonitorCommand) -> Reply:
    """Print what the command says as it comes; a command that fails ends with an error."""
    try:
        run_command(stub, request.text)
    except OnchipError as error:
        stub.print(f"{error}\n")
        return ErrorNumber(1).encode()
    return OK


def _ok(stub: Stub, request: query.OfferSymbols | query.PassSignals) -> Reply:
    return OK


def _select(stub: Stub, request: threads.SelectThread) -> Reply:
    _check(request.thread.thread)
    return OK


def _alive(stub: Stub, request: threads.IsThreadAlive) -> Reply:
    _check(request.thread.thread)
    return OK


def _check(thread: int) -> None:
    if thread not in (-1, 0, THREAD):
        raise UsageError(f"there is no thread {thread}; the core is thread {THREAD}")


def _current(stub: Stub, request: threads.CurrentThread) -> Reply:
    return b"QC%x" % THREAD


def _list(stub: Stub, request: threads.ListThreads) -> Reply:
    return b"m%x" % THREAD if request.first else b"l"


def _describe(stub: Stub, request: threads.DescribeThread) -> Reply:
    _check(request.thread.thread)
    state = "running" if stub.target.run.running else "halted"
    return f"{stub.target.core.name}, {state}".encode().hex().encode()


def _is_attached(stub: Stub, request: threads.IsAttached) -> Reply:
    """1: the firmware was there before GDB, so leaving means detaching, not killing."""
    return b"1"


HANDLERS: Handlers = {
    query.Supported: _supported,
    query.StartNoAckMode: _no_ack,
    query.MustReplyEmpty: _must_reply_empty,
    query.ReadObject: _read_object,
    query.MonitorCommand: _monitor,
    query.OfferSymbols: _ok,
    query.PassSignals: _ok,
    threads.SelectThread: _select,
    threads.IsThreadAlive: _alive,
    threads.CurrentThread: _current,
    threads.ListThreads: _list,
    threads.DescribeThread: _describe,
    threads.IsAttached: _is_attached,
}
