"""Requests: vectors as GDB sends them, round trips, truncations, mutations."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onchip.errors import WireError
from onchip.wire.gdb_rsp import UnknownRequest, parse_request
from onchip.wire.gdb_rsp.flash import FlashDone, FlashErase, FlashWrite
from onchip.wire.gdb_rsp.lldb import CountWatchpoints, DescribeRegion
from onchip.wire.gdb_rsp.memory import (
    ComputeCrc,
    ReadMemory,
    ReadMemoryBinary,
    SearchMemory,
    WriteMemory,
    WriteMemoryBinary,
)
from onchip.wire.gdb_rsp.numbers import ThreadId
from onchip.wire.gdb_rsp.points import InsertPoint, PointKind, RemovePoint
from onchip.wire.gdb_rsp.query import (
    MonitorCommand,
    MustReplyEmpty,
    NextStop,
    OfferSymbols,
    PassSignals,
    ReadObject,
    StartNoAckMode,
    Supported,
    Switch,
)
from onchip.wire.gdb_rsp.registers import ReadRegister, ReadRegisters, WriteRegister, WriteRegisters
from onchip.wire.gdb_rsp.run_control import (
    Action,
    AskStopReason,
    AskVCont,
    Attach,
    Detach,
    ExtendedMode,
    Kill,
    Restart,
    Resume,
    Run,
    StopAll,
    VCont,
)
from onchip.wire.gdb_rsp.threads import (
    CurrentThread,
    DescribeThread,
    IsAttached,
    IsThreadAlive,
    ListThreads,
    SelectThread,
)

RANGE_STEP = Action("r", None, 0x8000100, 0x8000110, ThreadId(-1, 1))

VECTORS = [
    (b"m20000000,40", ReadMemory(0x20000000, 64)),
    (b"x8000000,10", ReadMemoryBinary(0x08000000, 16)),
    (b"M20000000,2:beef", WriteMemory(0x20000000, b"\xbe\xef")),
    (b"X20000000,3:a:\x00", WriteMemoryBinary(0x20000000, b"a:\x00")),
    (b"X20000000,0:", WriteMemoryBinary(0x20000000, b"")),
    (b"qCRC:8000000,100", ComputeCrc(0x08000000, 256)),
    (b"qSearch:memory:20000000;100;a;b", SearchMemory(0x20000000, 256, b"a;b")),
    (b"g", ReadRegisters()),
    (b"G00010203", WriteRegisters(bytes(range(4)))),
    (b"pf", ReadRegister(15)),
    (b"P10=01000000", WriteRegister(16, b"\x01\0\0\0")),
    (b"?", AskStopReason()),
    (b"c", Resume(step=False)),
    (b"s8000100", Resume(step=True, address=0x08000100)),
    (b"C05", Resume(step=False, signal=5)),
    (b"S05;8000100", Resume(step=True, signal=5, address=0x08000100)),
    (b"vCont?", AskVCont()),
    (b"vCont;c", VCont((Action("c"),))),
    (b"vCont;s:1;c", VCont((Action("s", thread=ThreadId(1)), Action("c")))),
    (b"vCont;r8000100,8000110:p1.-1", VCont((RANGE_STEP,))),
    (b"vCont;C05:1", VCont((Action("C", 5, thread=ThreadId(1)),))),
    (b"vCont;t:-1", VCont((Action("t", thread=ThreadId(-1)),))),
    (b"vCtrlC", StopAll()),
    (b"!", ExtendedMode()),
    (b"R00", Restart()),
    (b"k", Kill()),
    (b"vKill;1", Kill(1)),
    (b"D", Detach()),
    (b"D;1", Detach(1)),
    (b"vRun;", Run(b"")),
    (b"vRun;6677;61", Run(b"fw", (b"a",))),
    (b"vAttach;1", Attach(1)),
    (b"Z0,8000100,2", InsertPoint(PointKind.SOFTWARE_BREAKPOINT, 0x8000100, 2)),
    (b"Z2,20000010,4", InsertPoint(PointKind.WRITE_WATCHPOINT, 0x20000010, 4)),
    (b"Z0,8000100,2;X3,220027", InsertPoint(PointKind(0), 0x8000100, 2, (b"\x22\x00\x27",))),
    (
        b"Z1,8000100,2;X1,27X2,2227;cmds:1,X1,27",
        InsertPoint(PointKind(1), 0x8000100, 2, (b"\x27", b"\x22\x27"), (b"\x27",), True),
    ),
    (b"z4,20000010,4", RemovePoint(PointKind.ACCESS_WATCHPOINT, 0x20000010, 4)),
    (b"Hg0", SelectThread("g", ThreadId(0))),
    (b"Hc-1", SelectThread("c", ThreadId(-1))),
    (b"Hgp1.1", SelectThread("g", ThreadId(1, 1))),
    (b"T1", IsThreadAlive(ThreadId(1))),
    (b"qC", CurrentThread()),
    (b"qfThreadInfo", ListThreads(True)),
    (b"qsThreadInfo", ListThreads(False)),
    (b"qThreadExtraInfo,1", DescribeThread(ThreadId(1))),
    (b"qAttached", IsAttached()),
    (b"qAttached:1", IsAttached(1)),
    (b"qSupported:swbreak+;xmlRegisters=arm", Supported(("swbreak+", "xmlRegisters=arm"))),
    (b"QStartNoAckMode", StartNoAckMode()),
    (b"vMustReplyEmpty", MustReplyEmpty()),
    (b"qXfer:features:read:target.xml:0,ffb", ReadObject("features", "target.xml", 0, 0xFFB)),
    (b"qXfer:memory-map:read::0,ffb", ReadObject("memory-map", "", 0, 0xFFB)),
    (b"qRcmd,68656c70", MonitorCommand("help")),
    (b"qSymbol::", OfferSymbols()),
    (b"qSymbol:20000010:7078", OfferSymbols("px", 0x20000010)),
    (b"qSymbol::7078", OfferSymbols("px")),
    (b"QNonStop:1", Switch("QNonStop", True)),
    (b"QThreadEvents:0", Switch("QThreadEvents", False)),
    (b"vStopped", NextStop()),
    (b"qMemoryRegionInfo:20000000", DescribeRegion(0x20000000)),
    (b"qWatchpointSupportInfo:", CountWatchpoints()),
    (b"QPassSignals:e;10", PassSignals(frozenset({0xE, 0x10}))),
    (b"vFlashErase:8000000,4000", FlashErase(0x08000000, 0x4000)),
    (b"vFlashWrite:8000000:a:b", FlashWrite(0x08000000, b"a:b")),
    (b"vFlashDone", FlashDone()),
]  # fmt: skip


@pytest.mark.parametrize(("payload", "request_"), VECTORS, ids=[repr(v[0])[2:-1] for v in VECTORS])
def test_requests_as_gdb_sends_them(payload, request_):
    assert parse_request(payload) == request_
    assert request_.encode() == payload


@pytest.mark.parametrize(
    "payload", [b"", b"b", b"qTMinFTPILen", b"vFoo:open:", b"jThreadsInfo", b"_M1"]
)
def test_what_is_not_known(payload):
    assert parse_request(payload) == UnknownRequest(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"m", b"m0", b"m0,", b"mx,4", b"m0,4,4", b"m-1,4", b"m11112222333344445,1", b"m 0,4",
        b"M0,4:00", b"M0,1:0", b"M0,1: 00", b"M0,1:zz", b"X0,2:a", b"qCRC:0", b"qSearch:memory:0;4",
        b"qSearch:memory:0;4;", b"g1", b"G0", b"p", b"P1", b"P1=", b"P=00", b"cx", b"C", b"S;0",
        b"vCont", b"vCont;", b"vCont;q", b"vCont;r", b"vCont;r1", b"vCont;c1", b"vCont;s:x",
        b"vCont;C", b"vKill", b"vKill;x", b"Dx", b"D;", b"vRun", b"vRun;x", b"vAttach",
        b"Z", b"Z5,0,0", b"Z0,0", b"Z0,0,0;X", b"Z0,0,0;X2,27", b"Z0,0,0;Y", b"Z0,0,0;cmds:",
        b"Z0,0,0;X0,", b"z9,0,0", b"H", b"Hq1", b"Hg", b"T", b"Tp1.", b"qThreadExtraInfo",
        b"qAttached:", b"qXfer:features:read:target.xml", b"qXfer:features:write:a:0,1",
        b"qXfer:features:read:a:0", b"qRcmd,6", b"vFlashErase:0", b"vFlashWrite:0",
    ],
)  # fmt: skip
def test_malformed_bodies_are_refused(payload):
    with pytest.raises(WireError):
        parse_request(payload)


@given(st.sampled_from([payload for payload, _ in VECTORS]), st.data())
def test_mutations_give_a_request_or_a_wire_error(payload, data):
    mutated = bytearray(payload)
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.integers(0, len(mutated)))
        match data.draw(st.sampled_from(["cut", "flip", "insert"])):
            case "cut":
                del mutated[where:]
            case "flip" if where < len(mutated):
                mutated[where] ^= 1 << data.draw(st.integers(0, 7))
            case _:
                mutated[where:where] = data.draw(st.binary(max_size=4))
    with contextlib.suppress(WireError):
        request = parse_request(bytes(mutated))
        if not isinstance(request, UnknownRequest):  # what was understood can be said again
            assert parse_request(request.encode()) == request


@given(st.binary(max_size=80))
def test_random_payloads_give_a_request_or_a_wire_error(payload):
    with contextlib.suppress(WireError):
        parse_request(payload)


@given(
    st.integers(0, 2**64 - 1),
    st.binary(max_size=64),
    st.lists(st.binary(min_size=1, max_size=9), max_size=3),
    st.lists(st.binary(min_size=1, max_size=9), max_size=3),
)
def test_round_trips(address, data, conditions, commands):
    point = InsertPoint(
        PointKind.HARDWARE_BREAKPOINT,
        address,
        2,
        tuple(conditions),
        tuple(commands),
        bool(commands),
    )
    for request in (
        WriteMemory(address, data),
        WriteMemoryBinary(address, data),
        FlashWrite(address, data),
        Run(data, (data, b"x")),
        point,
    ):
        assert parse_request(request.encode()) == request


def test_vcont_names_the_first_action_of_a_thread():
    vcont = VCont((Action("s", thread=ThreadId(2)), Action("c")))
    assert vcont.action_for(1) == Action("c")
    assert vcont.action_for(2) == Action("s", thread=ThreadId(2))
    assert VCont((Action("s", thread=ThreadId(2)),)).action_for(1) is None
