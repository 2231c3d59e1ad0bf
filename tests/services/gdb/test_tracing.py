"""Tracepoints at the stub: the core stops for the moment in which a frame is collected."""

from __future__ import annotations

import pytest

from onchip.services.gdb import EXPEDITED
from onchip.wire.gdb_rsp.replies import ErrorText, StopReply
from onchip.wire.gdb_rsp.trace_file import TraceFile, TraceFrame
from onchip.wire.gdb_rsp.trace_run import TraceEnd, TraceStatus
from onchip.wire.gdb_rsp.tracepoints import AddActions, DefineTracepoint, Evaluate

from .fakes import FLASH, LOOP, RAM, Talk

AT = LOOP + 4
R0_IS_3 = bytes.fromhex("260000 2203 13 27")
ALL = f"R{(1 << 17) - 1:X}"
END = LOOP + 0x20  # a breakpoint, once around behind AT


@pytest.fixture
def talk():
    """A loop that counts in r0 and in memory, a breakpoint behind AT."""
    talk = Talk()
    talk.ask(b"?")

    def count(core):
        core.values["r0"] += 1
        core.memory.write(RAM, bytes([core.values["r0"] & 0xFF]))

    talk.core.program[LOOP] = count
    talk.core.values |= {"r0": 0, "r7": RAM + 0x10}
    talk.core.memory.write(RAM, b"\0abc\0def")
    talk.ask(b"Z1,%x,2" % END)
    talk.ask(b"QTinit")
    return talk


def define(talk, *actions, steps=(), at=AT, number=1, count=0, passes=0, condition=None):
    more = bool(actions or steps)
    tracepoint = DefineTracepoint(number, at, True, count, passes, condition, more=more)
    assert talk.ask(tracepoint.encode()) == b"OK"
    lines = [a.encode() for a in actions] + [
        b"S" * (not i) + s.encode() for i, s in enumerate(steps)
    ]
    for index, line in enumerate(lines):
        dash = b"-" if index < len(lines) - 1 else b""
        assert talk.ask(b"QTDP:-%x:%x:%b%b" % (number, at, line, dash)) == b"OK"


def start(talk):
    assert talk.ask(b"QTStart") == b"OK"


def status(talk):
    return TraceStatus.decode(talk.ask(b"qTStatus"))


def turn(talk, count=1):
    """Continue to the breakpoint, so often, as GDB passes one that it stands at."""
    for _ in range(count):
        if talk.core.values["pc"] == END:
            talk.ask(b"z1,%x,2" % END)
            talk.run(b"vCont;s")
            talk.ask(b"Z1,%x,2" % END)
        assert StopReply.decode(talk.run(b"vCont;c")).get("hwbreak") == ""


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


def test_a_pass_count_ends_the_run_and_not_the_program(talk):
    define(talk, passes=2)
    start(talk)
    turn(talk, 4)
    told = status(talk)
    assert (told.running, told.end, told.tracepoint) == (False, TraceEnd.PASS_COUNT, 1)
    assert told.frames == 2
    assert list(talk.core.breakpoints.kinds) == [END]


def test_a_full_buffer_ends_the_run(talk):
    define(talk, f"M-1,{RAM:X},20")
    assert talk.ask(b"QTBuffer:size:80") == b"OK"
    start(talk)
    assert talk.ask(b"QTBuffer:size:40").startswith(b"E.")
    turn(talk, 5)
    told = status(talk)
    assert (told.running, told.end, told.frames, told.size) == (False, TraceEnd.FULL, 2, 128)
    assert told.free == 128 - 2 * (6 + 11 + 32)


def test_a_circular_buffer_loses_the_oldest(talk):
    define(talk, f"M-1,{RAM:X},20")
    talk.ask(b"QTBuffer:size:80")
    talk.ask(b"QTBuffer:circular:1")
    start(talk)
    turn(talk, 5)
    told = status(talk)
    assert (told.running, told.frames, told.created, told.circular) == (True, 2, 5, True)
    talk.ask(b"QTFrame:0")
    assert talk.ask(f"m{RAM:x},1".encode()) == b"04"


def test_a_frame_that_never_fits_ends_a_circular_run_too(talk):
    define(talk, f"M-1,{RAM:X},20")
    talk.ask(b"QTBuffer:size:8")
    talk.ask(b"QTBuffer:circular:1")
    start(talk)
    turn(talk)
    assert status(talk).end is TraceEnd.FULL


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


def test_tstop_and_its_notes(talk):
    define(talk)
    start(talk)
    assert talk.ask(b"QTStart").startswith(b"E.")
    talk.ask(b"QTNotes:user:6d65;notes:6161;")
    talk.ask(b"QTNotes:tstop:656e6f756768;")
    assert talk.ask(b"QTStop") == b"OK"
    told = status(talk)
    assert (told.end, told.text, told.user, told.notes) == (TraceEnd.STOPPED, "enough", "me", "aa")
    assert told.stop_us >= told.start_us > 0
    turn(talk)
    assert status(talk).frames == 0
    assert talk.ask(b"QTStop") == b"OK"


def test_tracepoints_are_switched_and_added_while_a_run_is_under_way(talk):
    define(talk)
    start(talk)
    turn(talk)
    assert talk.ask(b"QTDisable:1:%x" % AT) == b"OK"
    turn(talk)
    assert status(talk).frames == 1
    assert talk.ask(b"QTEnable:1:%x" % AT) == b"OK"
    define(talk, ALL, at=AT + 2, number=2)
    turn(talk)
    assert [frame.tracepoint for frame in talk.target.trace.buffer] == [1, 1, 2]
    assert talk.ask(b"QTEnable:7:%x" % AT).startswith(b"E.")


def test_too_few_comparators_refuse_the_run_whole(talk):
    for number in range(4):
        define(talk, at=AT + 2 * number, number=number + 1)
    assert ErrorText.decode(talk.ask(b"QTStart")).text.startswith("no comparator left")
    assert not status(talk).running
    turn(talk)
    assert status(talk).frames == 0
    talk.ask(b"QTDisable:4:%x" % (AT + 6))
    start(talk)
    assert talk.ask(DefineTracepoint(9, AT + 8).encode()).startswith(b"E.")  # the fourth is END's
    assert talk.ask(b"qTP:9:%x" % (AT + 8)).startswith(b"E.")
    assert talk.ask(b"QTEnable:4:%x" % (AT + 6)).startswith(b"E.")


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


def test_another_client_is_told_everything(talk):
    define(talk, "R80", f"M-1,{RAM:X},4", steps=("R1",), count=2, passes=9, condition=R0_IS_3)
    talk.ask(b"QTDPsrc:1:%x:cond:0:7:%b" % (AT, b"r0 =".hex().encode()))
    talk.ask(b"QTDPsrc:1:%x:cond:4:7:%b" % (AT, b"= 3".hex().encode()))
    talk.ask(b"QTDV:2:5:0:6869")
    other = Talk(talk.session, target=talk.target)
    told = [other.ask(b"qTfP")]
    while told[-1] != b"l":
        told.append(other.ask(b"qTsP"))
    assert told == [
        b"T1:%x:E:2:9:X7,26000022031327" % AT,
        b"A1:%x:R80" % AT,
        b"A1:%x:M-1,20000000,4" % AT,
        b"S1:%x:R1" % AT,
        b"Z1:%x:cond:0:7:%b" % (AT, b"r0 == 3".hex().encode()),
        b"l",
    ]
    assert other.ask(b"qTfV") == b"1:0:1:" + b"trace_timestamp".hex().encode()
    assert [other.ask(b"qTsV"), other.ask(b"qTsV")] == [b"2:5:0:6869", b"l"]


def test_two_clients_look_at_frames_of_their_own(talk):
    other = Talk(talk.session, target=talk.target)
    other.ask(b"?")
    define(talk, ALL)
    start(talk)
    turn(talk, 2)
    assert other.ask(b"QTFrame:0") == b"F0T1"
    assert talk.ask(b"QTFrame:1") == b"F1T1"
    assert [each.ask(b"p0")[:2] for each in (other, talk)] == [b"01", b"02"]
    talk.ask(b"D")
    assert status(other).running  # somebody is there


def test_the_buffer_is_read_as_gdb_knows_its_registers(talk):
    define(talk, ALL, f"M-1,{RAM:X},4")
    start(talk)
    turn(talk)
    whole = bytes.fromhex(talk.ask(b"qTBuffer:0,1000").decode())
    assert len(whole) == 6 + 1 + 4 * 23 + 8 * 16 + 4 + 11 + 4
    talk.ask(b"g")
    short = bytes.fromhex(talk.ask(b"qTBuffer:0,1000").decode())
    (frame,) = TraceFrame.decode_all(short, 4 * len(EXPEDITED))
    assert frame.registers is not None
    assert frame.registers[:4] == b"\x01\0\0\0"
    assert talk.ask(b"qTBuffer:%x,4" % (len(short) - 4)) == b"01616263"
    assert talk.ask(b"qTBuffer:%x,4" % len(short)) == b"l"


def test_a_trace_is_fetched_as_a_file(talk):
    define(talk, ALL, f"M-1,{RAM:X},4")
    start(talk)
    turn(talk)
    talk.ask(b"QTStop")
    assert talk.ask(b"QTSave:" + b"/a.tf".hex().encode()) == b"OK"
    talk.ask(b"QTinit")
    assert talk.ask(b"vFile:open:" + b"a.tf".hex().encode() + b",0,0") == b"F3"
    data = talk.ask(b"vFile:pread:3,2000,0").partition(b";")[2]
    file = TraceFile.decode(data)
    assert file.register_length == 4 * len(EXPEDITED)
    assert file.frames[0].memory == ((RAM, b"\x01abc"),)
    assert file.lines[0].startswith(b"status 0;tstop::0;tframes:1;")
    assert b"tp T1:%x:E:0:0" % AT in file.lines
    assert b"tp V1:%x:1:%x" % (AT, 6 + 1 + 4 * len(EXPEDITED) + 15) in file.lines
    assert b"tdesc <osabi>none</osabi>" in file.lines
    assert talk.ask(b"vFile:open:" + b"trace.tf".hex().encode() + b",0,0") == b"F4"


def test_only_so_many_traces_are_kept(talk):
    for number in range(8):
        assert talk.ask(b"QTSave:" + f"{number}".encode().hex().encode()) == b"OK"
    assert talk.ask(b"QTSave:39").startswith(b"E.")
    assert talk.ask(b"QTSave:37") == b"OK"


# ---- leaving and coming back


def test_a_run_ends_with_its_last_client_and_leaves_its_frames(talk):
    define(talk)
    start(talk)
    turn(talk)
    talk.stub.leave()
    assert not talk.core.breakpoints.kinds
    other = Talk(talk.session, target=talk.target)
    told = status(other)
    assert (told.running, told.end, told.frames) == (False, TraceEnd.DISCONNECTED, 1)
    assert other.ask(b"qTfP") == b"l"  # another program may be what the next one debugs


def test_a_run_goes_on_alone_if_it_is_to(talk):
    define(talk, ALL)
    talk.ask(b"QTDisconnected:1")
    start(talk)
    turn(talk)
    talk.stub.leave()
    assert talk.target.traces_alone
    for _ in range(10):
        talk.target.poll()
        talk.session.link.sleep(0.001)
    assert status(talk).frames > 3
    other = Talk(talk.session, target=talk.target)
    assert other.ask(b"?").startswith(b"T05")  # as always, the core is halted for who comes
    assert not talk.core.running
    assert not talk.target.traces_alone
    assert status(other).running
    assert other.ask(b"qTfP").startswith(b"T1:")
    other.ask(b"Z1,%x,2" % END)
    turn(other)
    before = status(other).frames
    turn(other)
    assert status(other).frames == before + 1


def test_a_run_that_ends_alone_leaves_the_core_running(talk):
    define(talk, passes=3)
    talk.ask(b"QTDisconnected:1")
    start(talk)
    talk.stub.leave()
    for _ in range(10):
        talk.target.poll()
        talk.session.link.sleep(0.001)
    assert status(talk).end is TraceEnd.PASS_COUNT
    assert talk.core.running
    assert not talk.target.run.running
    assert not talk.target.traces_alone


def test_a_new_experiment_ends_the_one_before(talk):
    define(talk)
    start(talk)
    turn(talk)
    talk.ask(b"QTFrame:0")
    assert talk.ask(b"QTinit") == b"OK"
    assert talk.ask(b"g") != b"x" * 152
    told = status(talk)
    assert (told.running, told.end, told.frames, told.created) == (False, TraceEnd.NOT_RUN, 0, 0)
    assert talk.ask(b"qTfP") == b"l"


def test_a_trace_goes_on_in_non_stop_mode():
    talk = Talk()
    talk.ask(b"QNonStop:1")
    assert talk.ask(b"?") == b"OK"
    talk.ask(b"QTinit")
    define(talk, ALL)
    start(talk)
    for _ in range(5):
        talk.target.poll()
        talk.session.link.sleep(0.001)
    assert status(talk).frames >= 2
    assert talk.ask(b"QTFrame:0") == b"F0T1"
    assert talk.ask(b"pf") == AT.to_bytes(4, "little").hex().encode()
    assert talk.core.running
    assert talk.ask(b"QTStop") == b"OK"
    frames = status(talk).frames
    for _ in range(5):
        talk.target.poll()
        talk.session.link.sleep(0.001)
    assert not talk.core.breakpoints.kinds  # out, since the core came to it once more
    assert talk.core.running
    assert status(talk).frames == frames
    assert not talk.notified
