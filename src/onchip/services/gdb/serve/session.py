"""What both sides can do, documents, symbols, ``monitor``."""

from __future__ import annotations

from onchip.errors import OnchipError
from onchip.services.commands import UnknownCommand
from onchip.services.gdb.conversation import Conversation
from onchip.services.gdb.serve.handlers import Handlers, Reply
from onchip.services.gdb.serve.memory import PACKET_SIZE
from onchip.services.gdb.serve.monitor import run_command
from onchip.services.gdb.serve.osdata_xml import osdata_xml
from onchip.services.gdb.serve.threads import threads_xml
from onchip.wire.gdb_rsp import query
from onchip.wire.gdb_rsp.replies import EMPTY, OK, AskSymbol, ErrorNumber, encode_object_part

_FEATURES = (
    f"PacketSize={PACKET_SIZE:x}",
    "QStartNoAckMode+",
    "QNonStop+",
    "QPassSignals+",
    "QThreadEvents+",
    "ConditionalBreakpoints+",
    "BreakpointCommands+",
    "swbreak+",
    "hwbreak+",
    "vContSupported+",
    "qXfer:features:read+",
    "qXfer:memory-map:read+",
    "qXfer:threads:read+",
    "qXfer:osdata:read+",
    "qXfer:traceframe-info:read+",
    "ConditionalTracepoints+",
    "TracepointSource+",
    "EnableDisableTracepoints+",
    "InstallInTrace+",
    "DisconnectedTracing+",
    "QTBuffer:size+",
    "tracenz+",
    "binary-upload+",
    "error-message+",
)

_OBJECTS = ("features", "memory-map", "threads", "osdata", "traceframe-info")


def _supported(talk: Conversation, request: query.Supported) -> Reply:
    talk.error_texts = "error-message+" in request.features
    talk.multiprocess = "multiprocess+" in request.features
    talk.is_gdb = "swbreak+" in request.features  # which LLDB does not say
    more = ("multiprocess+",) if talk.multiprocess else ()
    return ";".join((*_FEATURES, *more)).encode()


def _no_ack(talk: Conversation, request: query.StartNoAckMode) -> Reply:
    talk.no_ack_wanted = True
    return OK


def _must_reply_empty(talk: Conversation, request: query.MustReplyEmpty) -> Reply:
    return EMPTY


def _read_object(talk: Conversation, request: query.ReadObject) -> Reply:
    if (request.object, request.annex) == ("threads", ""):
        document: bytes | None = threads_xml(talk)
    elif request.object == "osdata":
        document = osdata_xml(talk, request.annex)
    elif (request.object, request.annex) == ("traceframe-info", ""):
        document = None if talk.view is None else talk.view.info_xml()
    else:
        document = talk.target.document(request.object, request.annex)
    if document is None:
        known = request.object in _OBJECTS
        return ErrorNumber(0).encode() if known else EMPTY  # E00: no such annex
    return encode_object_part(document, request.offset, min(request.length, PACKET_SIZE // 2))


def _monitor(talk: Conversation, request: query.MonitorCommand) -> Reply:
    """Print what the command says as it comes; a command that fails ends with an error.

    GDB gives a script up at an error. A command that is not known here was meant for another
    server, most often some setting of it, so it is said and passed over.
    """
    try:
        run_command(talk, request.text)
    except UnknownCommand as error:
        talk.print(f"{error}\n")
        return OK
    except OnchipError as error:
        talk.print(f"{error}\n")
        return ErrorNumber(1).encode()
    return OK


def _symbols(talk: Conversation, request: query.OfferSymbols) -> Reply:
    """Ask for the names that the source of threads wants, one after another."""
    inquiry, source = talk.symbols, talk.target.threads.source
    if source is None:
        return OK
    if request.name is None:
        inquiry.begin(source.wanted_symbols)
    else:
        inquiry.answer(request.name, request.address)
    name = inquiry.next()
    if name is not None:
        return AskSymbol(name).encode()
    talk.target.learn(inquiry.found)
    return OK


HANDLERS: Handlers = {
    query.Supported: _supported,
    query.StartNoAckMode: _no_ack,
    query.MustReplyEmpty: _must_reply_empty,
    query.ReadObject: _read_object,
    query.MonitorCommand: _monitor,
    query.OfferSymbols: _symbols,
}
