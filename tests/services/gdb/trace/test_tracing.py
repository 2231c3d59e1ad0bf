"""Tracepoints at the stub: the core stops for the moment in which a frame is collected."""

from __future__ import annotations

import pytest

from onchip.wire.gdb_rsp.replies import StopReply
from onchip.wire.gdb_rsp.trace_run import TraceEnd
from onchip.wire.gdb_rsp.tracepoints import AddActions, DefineTracepoint, Evaluate

from ..fake_core import FLASH, LOOP, RAM
from .trace_bench import ALL, AT, END, R0_IS_3, define, looping, start, status, turn


@pytest.fixture
def talk():
    return looping()


def test_a_frame_holds_what_was_collected_and_nothing_else(talk):
    define(talk, ALL, f"M-1,{RAM:X},4", "M7,FFFFFFF1,3")
    start(talk)
    turn(talk, 2)
    assert talk.ask(b"QTFrame:1") == b"F1T1"
    registers = bytes.fromhex(talk.ask(b"g").decode())
    assert registers[:4] == b"\x02\0\0\0"
    assert registers[15 * 4 : 16 * 4] == AT.to_bytes(4, "little")
    assert talk.ask(f"m{RAM:x},8".encode()) == b"02616263"
    assert talk.ask(f"m{RAM + 1:x},2".encode()) == b"6162"
    assert talk.ask(f"x{RAM + 1:x},2".encode()) == b"bab"
    assert talk.ask(f"m{RAM + 8:x},1".encode()) == b"E0e"
    assert talk.ask(b"p14") == b"x" * 8  # no register that nobody asked for
    assert talk.ask(b"QTFrame:ffffffff") == b"OK"
    assert talk.ask(f"m{RAM:x},8".encode()) == b"0261626300646566"


def test_what_never_changes_comes_from_the_target(talk):
    talk.core.memory.write(FLASH, b"code")
    define(talk)
    talk.ask(b"QTro:%x,%x" % (FLASH, FLASH + 4))
    start(talk)
    turn(talk)
    talk.ask(b"QTFrame:0")
    assert talk.ask(f"m{FLASH:x},4".encode()) == b"code".hex().encode()
    assert talk.ask(f"m{FLASH + 2:x},4".encode()) == b"E0e"


def test_a_frame_without_registers_knows_its_pc(talk):
    define(talk)
    start(talk)
    turn(talk)
    talk.ask(b"QTFrame:0")
    assert talk.ask(b"pf") == AT.to_bytes(4, "little").hex().encode()
    assert talk.ask(b"p0") == b"x" * 8


def test_a_frame_cannot_be_changed(talk):
    define(talk)
    start(talk)
    turn(talk)
    talk.ask(b"QTFrame:0")
    for packet in (b"P0=01000000", b"G" + bytes(68).hex().encode(), f"M{RAM:x},1:00".encode()):
        assert talk.ask(packet).startswith(b"E"), packet
    for packet in (f"qCRC:{RAM:x},4".encode(), f"qSearch:memory:{RAM:x};4;a".encode()):
        assert talk.ask(packet).startswith(b"E"), packet
    assert talk.core.values["r0"] == 1
    turn(talk)  # who lets the core run looks at the target again
    assert talk.ask(f"m{RAM:x},1".encode()) == b"02"


def test_memory_that_is_not_there_is_left_out(talk):
    define(talk, f"M-1,{RAM + 0xFFFC:X},8", "M-1,C0000000,4", f"M-1,{RAM:X},1")
    start(talk)
    turn(talk)
    talk.ask(b"QTFrame:0")
    xml = talk.ask(b"qXfer:traceframe-info:read::0,1000").decode()
    assert f'<memory start="0x{RAM + 0xFFFC:x}" length="0x4"/>' in xml
    assert f'<memory start="0x{RAM:x}" length="0x1"/>' in xml
    assert "c0000000" not in xml
    talk.ask(b"QTFrame:ffffffff")
    assert talk.ask(b"qXfer:traceframe-info:read::0,1000") == b"E00"


def test_expressions_collect_memory_strings_and_variables(talk):
    talk.ask(b"QTDV:2:0:0:" + b"hits".hex().encode())
    code = {
        "teval $hits += r0": "2c0002 260000 02 2d0002 29 27",
        "collect $hits": "2c0002 2e0002 29 27",
        "collect 2 bytes": f"24{RAM + 4:08x} 0d02 29 27",
        "collect a string": f"24{RAM + 1:08x} 2220 2f 27",
        "collect 3 bytes at r7 - 8": "260007 2208 03 2203 0c 27",
    }
    define(talk, *(Evaluate(bytes.fromhex(each)).encode().decode() for each in code.values()))
    start(talk)
    turn(talk, 2)
    talk.ask(b"QTFrame:1")
    assert talk.ask(b"qTV:2") == b"V3"
    assert talk.ask(b"qTV:3") == b"U"
    assert talk.ask(f"m{RAM + 1:x},8".encode()) == b"abc\0d".hex().encode()
    assert talk.ask(f"m{RAM + 8:x},8".encode()) == b"000000"
    assert b'<tvar id="2"/>' in talk.ask(b"qXfer:traceframe-info:read::0,1000")
    talk.ask(b"QTFrame:ffffffff")
    assert talk.ask(b"qTV:2") == b"V3"


def test_the_time_is_a_variable(talk):
    assert talk.ask(b"qTV:1") == b"U"  # before the first run
    define(talk, "X3,2e0001")
    start(talk)
    talk.session.slept += 2
    turn(talk)
    talk.ask(b"QTFrame:0")
    collected = int(talk.ask(b"qTV:1")[1:], 16)
    assert 2_000_000 <= collected - status(talk).start_us < 3_000_000


def test_a_condition_is_evaluated_here(talk):
    define(talk, condition=R0_IS_3)
    start(talk)
    turn(talk, 5)
    assert status(talk).frames == 1
    assert talk.ask(b"qTP:1:%x" % AT) == b"V1:6"
    assert talk.ask(b"qTP:2:%x" % AT).startswith(b"E.")


def test_steps_are_collected_behind_a_hit(talk):
    define(talk, ALL, steps=(ALL,), count=3)
    start(talk)
    turn(talk)
    pcs = []
    for number in range(4):
        assert talk.ask(b"QTFrame:%x" % number) == b"F%xT1" % number
        pcs.append(int.from_bytes(bytes.fromhex(talk.ask(b"pf").decode()), "little"))
    assert pcs == [AT, AT + 2, AT + 4, AT + 6]
    assert talk.ask(b"QTFrame:4") == b"F-1"


def test_steps_meet_breakpoints_and_other_tracepoints(talk):
    define(talk, ALL, steps=("R1",), count=40)
    define(talk, ALL, at=AT + 6, number=2)
    start(talk)
    turn(talk)
    assert talk.core.values["pc"] == END
    frames = list(talk.target.trace.buffer)
    assert [f.tracepoint for f in frames[:5]] == [1, 1, 1, 1, 2]
    assert len(frames) == 1 + (END - AT) // 2 + 1
    turn(talk)  # the steps that were left come first
    assert [f.pc for f in list(talk.target.trace.buffer)[len(frames) :][:2]] == [END + 2, END + 4]
    assert [f.tracepoint for f in talk.target.trace.buffer].count(2) == 2


def test_the_steps_of_a_client_arrive_at_tracepoints(talk):
    define(talk, ALL, steps=("R1",), count=2)
    start(talk)
    talk.run(b"vCont;r%x,%x" % (LOOP, AT))
    assert [f.pc for f in talk.target.trace.buffer] == [AT]
    talk.run(b"vCont;s")
    talk.run(b"vCont;r%x,%x" % (LOOP, AT + 8))
    assert [f.pc for f in talk.target.trace.buffer] == [AT, AT + 2, AT + 4]


def test_a_reset_ends_the_steps(talk):
    define(talk, steps=("R1",), count=1000)
    start(talk)
    turn(talk)
    assert talk.target.trace.stepping
    talk.target.reset(halt=True)
    assert not talk.target.trace.stepping
    assert status(talk).running


def test_an_interrupt_comes_between_steps(talk):
    define(talk, steps=("R1",), count=1000)
    start(talk)
    talk.ask(b"z1,%x,2" % END)
    assert talk.ask(b"vCont;c") is None
    for _ in range(3):
        talk.target.poll()
        talk.session.link.sleep(0.001)
    talk.target.run.interrupt()
    assert StopReply.decode(talk.wait()).signal == 2
    assert 32 <= status(talk).frames < 1000


@pytest.mark.parametrize(
    ("condition", "action"),
    [("2201 2200 05 27", ""), ("", "X5,2201220005"), ("24c0000000 17 27", "")],
)
def test_an_expression_without_a_value_ends_the_run_and_says_why(talk, condition, action):
    define(talk, *([action] if action else []), condition=bytes.fromhex(condition) or None)
    start(talk)
    turn(talk, 2)
    told = status(talk)
    assert (told.end, told.tracepoint) == (TraceEnd.ERROR, 1)
    assert "division by zero" in told.text or "FAULT" in told.text


def test_an_action_that_reads_what_is_not_there_is_passed_over(talk):
    define(talk, "X6,24c000000017", f"M-1,{RAM:X},1")
    start(talk)
    turn(talk, 2)
    assert status(talk).running
    assert status(talk).frames == 2


@pytest.mark.parametrize(
    "packet",
    [
        DefineTracepoint(2, AT, fast=4).encode(),
        DefineTracepoint(2, AT, static=True).encode(),
        DefineTracepoint(2, AT, condition=b"\x01").encode(),
        DefineTracepoint(1, AT).encode(),
        AddActions(2, AT).encode(),
        AddActions(1, AT, (Evaluate(b"\x01"),)).encode(),
        b"QTDPsrc:2:0:at:0:1:61",
        b"qTBuffer:1,10",
        b"QTBuffer:size:7fffffff",
        b"QTSave:",
        b"QTSave:" + b"flash.bin".hex().encode(),
    ],
)
def test_refusals(talk, packet):
    define(talk)
    assert talk.ask(packet).startswith(b"E.")


@pytest.mark.parametrize(
    ("packet", "found"),
    [
        (b"QTFrame:pc:%x" % (AT + 2), b"F1T2"),
        (b"QTFrame:tdp:1", b"F2T1"),
        (b"QTFrame:range:%x:%x" % (AT + 1, AT + 2), b"F1T2"),
        (b"QTFrame:outside:%x:%x" % (AT + 2, AT + 8), b"F2T1"),
        (b"QTFrame:pc:0", b"F-1"),
        (b"QTFrame:3", b"F3T2"),
    ],
)
def test_frames_are_found_behind_the_selected_one(talk, packet, found):
    define(talk)
    define(talk, at=AT + 2, number=2)
    start(talk)
    turn(talk, 2)
    talk.ask(b"QTFrame:0")
    assert talk.ask(packet) == found
