"""Tracing experiments that end, go on alone, and are fetched: buffers, clients, files."""

from __future__ import annotations

import pytest

from onchip.services.gdb import EXPEDITED
from onchip.wire.gdb_rsp.replies import ErrorText
from onchip.wire.gdb_rsp.trace_file import TraceFile, TraceFrame
from onchip.wire.gdb_rsp.trace_run import TraceEnd
from onchip.wire.gdb_rsp.tracepoints import DefineTracepoint

from ..fake_core import RAM
from ..fakes import Talk
from .trace_bench import ALL, AT, END, R0_IS_3, define, looping, start, status, turn


@pytest.fixture
def talk():
    return looping()


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


def test_tstop_and_its_notes(talk):
    define(talk)
    start(talk)
    assert talk.ask(b"QTStart").startswith(b"E.")
    talk.ask(b"QTNotes:user:6d65;notes:6161;")
    assert talk.ask(b"QTStop") == b"OK"
    talk.ask(b"QTNotes:tstop:656e6f756768;")  # GDB says why when it has stopped
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
    assert talk.target.keeps_a_trace
    for _ in range(10):
        talk.target.poll()
        talk.session.link.sleep(0.001)
    assert status(talk).frames > 3
    other = Talk(talk.session, target=talk.target)
    assert other.ask(b"?").startswith(b"T05")  # as always, the core is halted for who comes
    assert not talk.core.running
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
