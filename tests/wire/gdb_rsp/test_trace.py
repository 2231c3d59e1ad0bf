"""Tracepoints on the wire and in files: vectors as GDB writes them, what is malformed."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onchip.errors import WireError
from onchip.wire.gdb_rsp import parse_request
from onchip.wire.gdb_rsp.trace_file import TraceFile, TraceFrame, description_lines
from onchip.wire.gdb_rsp.trace_run import (
    AskTracepoint,
    AskTraceStatus,
    AskVariable,
    ControlTrace,
    FrameFound,
    ListTrace,
    ReadTraceBuffer,
    SaveTrace,
    Search,
    SelectFrame,
    SetDisconnected,
    SetTraceBuffer,
    TraceEnd,
    TraceNotes,
    TraceStatus,
)
from onchip.wire.gdb_rsp.tracepoints import (
    AddActions,
    CollectMemory,
    CollectRegisters,
    DefineTracepoint,
    DefineVariable,
    Evaluate,
    ReadOnlyRegions,
    SwitchTracepoint,
    TraceInit,
    TracepointSource,
)

VECTORS = [
    (b"QTinit", TraceInit()),
    (b"QTDP:1:8000120:E:0:0-", DefineTracepoint(1, 0x8000120, more=True)),
    (
        b"QTDP:a:8000120:D:3:5:X3,220127",
        DefineTracepoint(10, 0x8000120, False, 3, 5, b"\x22\x01\x27"),
    ),
    (b"QTDP:1:8000120:E:0:0:F4", DefineTracepoint(1, 0x8000120, fast=4)),
    (b"QTDP:1:8000120:E:0:0:S-", DefineTracepoint(1, 0x8000120, static=True, more=True)),
    (
        b"QTDP:-1:8000120:R3FFFFM7,FFFFFFF8,4M-1,20000000,10-",
        AddActions(
            1,
            0x8000120,
            (
                CollectRegisters(0x3FFFF),
                CollectMemory(7, 0xFFFFFFF8, 4),
                CollectMemory(None, 0x20000000, 16),
            ),
            more=True,
        ),
    ),
    (
        b"QTDP:-1:8000120:SX3,2e0001R1",
        AddActions(1, 0x8000120, (Evaluate(b"\x2e\0\x01"), CollectRegisters(1)), stepping=True),
    ),
    (
        b"QTDPsrc:1:8000120:cond:0:5:61203e2036",
        TracepointSource(1, 0x8000120, "cond", 0, 5, b"a > 6"),
    ),
    (b"QTDV:2:fffffffffffffffb:0:68697473", DefineVariable(2, -5, "hits")),
    (b"QTEnable:1:8000120", SwitchTracepoint(1, 0x8000120, True)),
    (b"QTDisable:1:8000120", SwitchTracepoint(1, 0x8000120, False)),
    (b"QTro:8000000,8000400:0,10", ReadOnlyRegions(((0x8000000, 0x8000400), (0, 0x10)))),
    (b"QTro", ReadOnlyRegions()),
    (b"QTStart", ControlTrace(True)),
    (b"QTStop", ControlTrace(False)),
    (b"QTFrame:ffffffff", SelectFrame(Search.NUMBER, None)),
    (b"QTFrame:1f", SelectFrame(Search.NUMBER, 31)),
    (b"QTFrame:pc:8000120", SelectFrame(Search.PC, 0x8000120)),
    (b"QTFrame:tdp:2", SelectFrame(Search.TRACEPOINT, 2)),
    (b"QTFrame:range:8000000:8000120", SelectFrame(Search.INSIDE, 0x8000000, 0x8000120)),
    (b"QTFrame:outside:8000000:8000120", SelectFrame(Search.OUTSIDE, 0x8000000, 0x8000120)),
    (b"qTStatus", AskTraceStatus()),
    (b"qTP:1:8000120", AskTracepoint(1, 0x8000120)),
    (b"qTV:2", AskVariable(2)),
    (b"qTfP", ListTrace("P", True)),
    (b"qTsV", ListTrace("V", False)),
    (b"qTBuffer:0,7d0", ReadTraceBuffer(0, 2000)),
    (b"QTBuffer:circular:1", SetTraceBuffer(circular=True)),
    (b"QTBuffer:size:10000", SetTraceBuffer(size=0x10000)),
    (b"QTBuffer:size:-1", SetTraceBuffer(size=-1)),
    (b"QTDisconnected:1", SetDisconnected(True)),
    (b"QTNotes:user:6d65;tstop:646f6e65;", TraceNotes(user="me", stop="done")),
    (b"QTSave:612e7466", SaveTrace("a.tf")),
]  # fmt: skip


@pytest.mark.parametrize(("payload", "request_"), VECTORS, ids=[repr(v[0])[2:-1] for v in VECTORS])
def test_requests_as_gdb_sends_them(payload, request_):
    assert parse_request(payload) == request_
    assert request_.encode() == payload


def test_gdb_writes_addresses_and_offsets_with_more_digits():
    long = parse_request(b"QTDP:-1:0000000008000120:M7,FFFFFFFFFFFFFFF8,4")
    assert long == AddActions(1, 0x8000120, (CollectMemory(7, 0xFFFFFFF8, 4),))
    assert parse_request(b"QTDP:-1:10:MFFFFFFFF,10,4").actions == (CollectMemory(None, 0x10, 4),)
    assert parse_request(b"QTFrame:-1") == SelectFrame(Search.NUMBER, None)


@pytest.mark.parametrize(
    "payload",
    [
        b"QTDP", b"QTDP:1", b"QTDP:1:0:E:0", b"QTDP:1:0:Q:0:0", b"QTDP:1:0:E:0:0:Z",
        b"QTDP:1:0:E:0:0:X2,27", b"QTDP:1:0:E:0:0:X1,2727", b"QTDP:1:0:E:0:0:F", b"QTDP:-1:0",
        b"QTDP:-1:0:L", b"QTDP:-1:0:R", b"QTDP:-1:0:M7,4", b"QTDP:-1:0:M7,x,4", b"QTDP:-1:0:M7,4,",
        b"QTDP:-1:0:X", b"QTDP:-1:0:X2,27", b"QTDP:-x:0:R1", b"QTDPsrc:1:0:at:0:1",
        b"QTDPsrc:1:0:a-t:0:1:61", b"QTDPsrc:1:0:at:0:1:6", b"QTDV:1:0:0", b"QTDV:1:0:0:6",
        b"QTEnable:1", b"QTDisable", b"QTro:1", b"QTFrame", b"QTFrame:x", b"QTFrame:foo:1",
        b"QTFrame:range:1", b"QTFrame:pc:", b"qTP:1", b"qTV:", b"qTBuffer:0", b"QTBuffer:foo:1",
        b"QTBuffer:size:", b"QTBuffer:circular", b"QTDisconnected:", b"QTNotes:foo:61;",
        b"QTNotes:user:6;", b"QTSave:6",
    ],
)  # fmt: skip
def test_malformed_requests_are_refused(payload):
    with pytest.raises(WireError):
        parse_request(payload)


@given(st.sampled_from([payload for payload, _ in VECTORS]), st.data())
def test_a_cut_or_changed_request_raises_nothing_else(payload, data):
    cut = data.draw(st.integers(0, len(payload)))
    changed = bytearray(payload[:cut])
    if changed:
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(WireError):
        parse_request(bytes(changed))


# ---- answers


@pytest.mark.parametrize(
    ("payload", "answer"),
    [(b"F-1", FrameFound(None)), (b"F1fT2", FrameFound(31, 2))],
)
def test_frames_that_are_found(payload, answer):
    assert answer.encode() == payload
    assert FrameFound.decode(payload) == answer


def test_a_status_says_what_gdb_reads():
    status = TraceStatus(
        end=TraceEnd.ERROR, tracepoint=3, text="oh", frames=2, created=3, free=16, size=32,
        circular=True, start_us=255, stop_us=256, user="me", notes="a note",
    )  # fmt: skip
    payload = (
        b"T0;terror:6f68:3;tframes:2;tcreated:3;tfree:10;tsize:20;circular:1;disconn:0;"
        b"starttime:ff;stoptime:100;username:6d65;notes:61206e6f7465"
    )
    assert status.encode() == payload
    assert TraceStatus.decode(payload) == status


@pytest.mark.parametrize("end", list(TraceEnd))
def test_every_end_is_told(end):
    text = "why" if end in (TraceEnd.STOPPED, TraceEnd.ERROR) else ""
    status = TraceStatus(True, end, 2, text)
    assert TraceStatus.decode(status.encode()) == status


@pytest.mark.parametrize("payload", [b"", b"T2;tfull:0", b"T0;tfull:x", b"T0;tstop:x:0"])
def test_malformed_states_are_refused(payload):
    with pytest.raises(WireError):
        TraceStatus.decode(payload)


@pytest.mark.parametrize("payload", [b"F", b"F1", b"FxT1", b"F1Tx"])
def test_malformed_frame_answers_are_refused(payload):
    with pytest.raises(WireError):
        FrameFound.decode(payload)


# ---- frames and files

FRAME = TraceFrame(2, bytes(range(8)), ((0x2000_0000, b"abc"),), ((1, -2),))
FRAME_BYTES = bytes.fromhex(
    "0200 24000000"  # tracepoint 2, 36 bytes
    "52 0001020304050607"
    "4d 0000002000000000 0300 616263"
    "56 01000000 feffffffffffffff"
)


def test_a_frame_as_the_format_has_it():
    assert FRAME.encode(8) == FRAME_BYTES
    assert FRAME.length(8) == len(FRAME_BYTES)
    assert list(TraceFrame.decode_all(FRAME_BYTES + bytes(4), 8)) == [FRAME]


def test_registers_are_cut_or_filled_to_the_length_of_the_block():
    assert FRAME.encode(4)[6:11] == b"R\0\x01\x02\x03"
    assert FRAME.encode(10)[6:17] == b"R" + bytes(range(8)) + b"\0\0"


def test_a_long_range_takes_several_blocks():
    frame = TraceFrame(1, None, ((0x1000, bytes(0x18000)),))
    data = frame.encode(0)
    assert len(data) == frame.length(0)
    (found,) = TraceFrame.decode_all(data, 0)
    assert [(address, len(piece)) for address, piece in found.memory] == [
        (0x1000, 0xFFFF),
        (0x10FFF, 0x8001),
    ]


@given(
    st.integers(1, 0x7FFF),
    st.none() | st.binary(min_size=6, max_size=6),
    st.lists(st.tuples(st.integers(0, 0xFFFF_FFFF), st.binary(max_size=40)), max_size=4),
    st.lists(st.tuples(st.integers(0, 99), st.integers(-(1 << 63), (1 << 63) - 1)), max_size=3),
)
def test_frames_round_trip(tracepoint, registers, memory, variables):
    frame = TraceFrame(tracepoint, registers, tuple(memory), tuple(variables))
    assert list(TraceFrame.decode_all(frame.encode(6), 6)) == [frame]


@pytest.mark.parametrize("cut", range(3, len(FRAME_BYTES)))
def test_a_frame_that_is_cut_is_refused(cut):
    with pytest.raises(WireError):
        list(TraceFrame.decode_all(FRAME_BYTES[:cut], 8))


@pytest.mark.parametrize("body", [b"Q", b"R\0", b"M\0", b"V\0"])
def test_a_frame_of_other_blocks_is_refused(body):
    data = b"\x01\0" + len(body).to_bytes(4, "little") + body
    with pytest.raises(WireError):
        list(TraceFrame.decode_all(data, 8))


def test_a_file_as_gdb_writes_it():
    description = description_lines(b"<target>\n</target>\n")
    file = TraceFile(8, (b"status 0;tstop::0", *description), (FRAME,))
    data = file.encode()
    assert data == (
        b"\x7fTRACE0\nR 8\nstatus 0;tstop::0\ntdesc <target>\ntdesc </target>\n\n"
        + FRAME_BYTES
        + bytes(4)
    )
    assert TraceFile.decode(data) == file


@pytest.mark.parametrize(
    "data",
    [b"", b"\x7fTRACE0\n", b"\x7fTRACE0\nR x\n\n", b"\x7fTRACE0\nS 8\n\n", b"TRACE0\nR 8\n\n"],
)
def test_what_is_no_trace_file(data):
    with pytest.raises(WireError):
        TraceFile.decode(data)
