"""Tracepoints: ``QT...`` and ``qT...``; what is done is `Trace`'s, the selected frame the client's.

The packets about fast and static tracepoints (``qTMinFTPILen``, ``qTfSTM``) are not known here.
"""

from __future__ import annotations

from collections import deque

from onchip.errors import UsageError
from onchip.services.gdb.conversation import Conversation
from onchip.services.gdb.documents.files import BytesFile
from onchip.services.gdb.registers import EXPEDITED
from onchip.services.gdb.serve.handlers import Handlers, Reply
from onchip.services.gdb.serve.memory import PACKET_SIZE
from onchip.services.gdb.trace.buffer import DEFAULT_SIZE, LARGEST_SIZE
from onchip.services.gdb.trace.frame_view import FrameView
from onchip.wire.gdb_rsp import trace_run, tracepoints
from onchip.wire.gdb_rsp.replies import OK
from onchip.wire.gdb_rsp.trace_run import END_OF_LIST, FrameFound, Search

MOST_SAVED = 8
"""So many trace files are kept; each may be as long as the buffer."""


def _init(talk: Conversation, request: tracepoints.TraceInit) -> Reply:
    talk.attach()
    talk.view = None
    talk.target.trace.clear()
    return OK


def _define(talk: Conversation, request: tracepoints.DefineTracepoint) -> Reply:
    talk.target.trace.define(request)
    return OK


def _add_actions(talk: Conversation, request: tracepoints.AddActions) -> Reply:
    talk.target.trace.add_actions(request)
    return OK


def _add_source(talk: Conversation, request: tracepoints.TracepointSource) -> Reply:
    talk.target.trace.add_source(request)
    return OK


def _define_variable(talk: Conversation, request: tracepoints.DefineVariable) -> Reply:
    talk.target.trace.variables.define(request)
    return OK


def _switch(talk: Conversation, request: tracepoints.SwitchTracepoint) -> Reply:
    talk.target.trace.switch(request)
    return OK


def _read_only(talk: Conversation, request: tracepoints.ReadOnlyRegions) -> Reply:
    talk.target.trace.regions = request.regions
    return OK


def _control(talk: Conversation, request: trace_run.ControlTrace) -> Reply:
    talk.attach()
    talk.view = None
    if request.start:
        talk.target.trace.start()
        return OK
    talk.target.trace.stop()
    return OK


def _select(talk: Conversation, request: trace_run.SelectFrame) -> Reply:
    if request.search is Search.NUMBER and request.first is None:
        talk.view = None
        return OK
    after = None if talk.view is None else talk.view.frame
    found = talk.target.trace.buffer.find(request, after)
    if found is None:
        return FrameFound(None).encode()
    number, frame = found
    talk.view = FrameView(frame, talk.target.layout)
    return FrameFound(number, frame.tracepoint).encode()


def _status(talk: Conversation, request: trace_run.AskTraceStatus) -> Reply:
    return talk.target.trace.status().encode()


def _tracepoint(talk: Conversation, request: trace_run.AskTracepoint) -> Reply:
    tracepoint = talk.target.trace.find(request.number, request.address)
    return b"V%x:%x" % (tracepoint.hits, tracepoint.usage)


def _variable(talk: Conversation, request: trace_run.AskVariable) -> Reply:
    trace = talk.target.trace
    if talk.view is not None:
        value = talk.view.variable(request.number)
    else:
        value = trace.variables.value(request.number) if trace.has_run else None
    return b"U" if value is None else b"V%x" % (value & 0xFFFF_FFFF_FFFF_FFFF)


def _list(talk: Conversation, request: trace_run.ListTrace) -> Reply:
    trace = talk.target.trace
    if request.first and request.kind == "P":
        talk.listing = deque(trace.definitions())
    elif request.first:
        talk.listing = deque(each.encode_definition() for each in trace.variables)
    return talk.listing.popleft() if talk.listing else END_OF_LIST


def _read_buffer(talk: Conversation, request: trace_run.ReadTraceBuffer) -> Reply:
    """Send frames as ``tsave`` writes them: a block of registers is as long as GDB believes ``g``.

    That is all registers until it has seen one; then, those of every stop. What of them was not
    collected is zero there, since the format has no other word.
    """
    layout = talk.target.layout
    specs = [layout.by_name[name] for name in EXPEDITED] if talk.knows_g else layout.specs
    data = talk.target.trace.buffer.raw(sum(spec.bits // 8 for spec in specs))
    if request.offset > len(data):
        raise UsageError(f"the trace buffer holds {len(data)} bytes")
    length = min(request.length, PACKET_SIZE // 2 - 8)
    return data[request.offset : request.offset + length].hex().encode() or END_OF_LIST


def _set_buffer(talk: Conversation, request: trace_run.SetTraceBuffer) -> Reply:
    trace = talk.target.trace
    if request.circular is not None:
        trace.buffer.circular = request.circular
    if request.size is not None:
        size = DEFAULT_SIZE if request.size == -1 else request.size
        if size > LARGEST_SIZE:
            raise UsageError(f"a trace buffer has at most {LARGEST_SIZE} bytes here")
        if trace.running:
            raise UsageError("the trace buffer is in use", hint="stop the trace first (tstop)")
        trace.buffer.size = size
    return OK


def _disconnected(talk: Conversation, request: trace_run.SetDisconnected) -> Reply:
    talk.target.trace.disconnected = request.on
    return OK


def _notes(talk: Conversation, request: trace_run.TraceNotes) -> Reply:
    talk.target.trace.note(request)
    return OK


def _save(talk: Conversation, request: trace_run.SaveTrace) -> Reply:
    """Keep a trace file, for ``remote get``: no file of this machine is written."""
    target, name = talk.target, request.name.lstrip("/")
    if not name or (name in target.files and name not in target.saved_traces):
        raise UsageError(f"a trace cannot be saved as '{request.name}' here", hint="another name")
    if len(target.saved_traces - {name}) >= MOST_SAVED:
        raise UsageError(f"{MOST_SAVED} traces are kept already", hint="take one of their names")
    file = BytesFile(target.trace_file())
    target.saved_traces.add(name)
    target.files[name] = lambda: file
    return OK


HANDLERS: Handlers = {
    tracepoints.TraceInit: _init,
    tracepoints.DefineTracepoint: _define,
    tracepoints.AddActions: _add_actions,
    tracepoints.TracepointSource: _add_source,
    tracepoints.DefineVariable: _define_variable,
    tracepoints.SwitchTracepoint: _switch,
    tracepoints.ReadOnlyRegions: _read_only,
    trace_run.ControlTrace: _control,
    trace_run.SelectFrame: _select,
    trace_run.AskTraceStatus: _status,
    trace_run.AskTracepoint: _tracepoint,
    trace_run.AskVariable: _variable,
    trace_run.ListTrace: _list,
    trace_run.ReadTraceBuffer: _read_buffer,
    trace_run.SetTraceBuffer: _set_buffer,
    trace_run.SetDisconnected: _disconnected,
    trace_run.TraceNotes: _notes,
    trace_run.SaveTrace: _save,
}
