"""Semihosting calls that GDB does on its machine: the packets, one by one."""

from __future__ import annotations

import struct

import pytest

from onchip.services.gdb.options import GdbOptions

from ..fake_core import LOOP, RAM
from ..fakes import Talk

BLOCK, NAME, DATA = RAM + 0x100, RAM + 0x200, RAM + 0x300
ERROR = 0xFFFF_FFFF


@pytest.fixture
def talk():
    talk = Talk(options=GdbOptions(semihosting=True, gdb_files=True))
    talk.ask(b"qSupported:swbreak+")
    talk.ask(b"?")
    talk.core.memory.write(LOOP, b"\xab\xbe")
    talk.core.values["sp"] = RAM + 0x1000
    return talk


def call(talk, number, *block, go=b"vCont;c"):
    """Let the program call; return GDB's question."""
    talk.core.memory.write(BLOCK, struct.pack(f"<{len(block)}I", *block))
    talk.core.values |= {"r0": number, "r1": BLOCK, "pc": LOOP}
    talk.core.own_bkpt = None
    assert talk.ask(go) is None
    return step(talk)


def step(talk):
    talk.sent.clear()
    for _ in range(3):
        talk.target.poll()
        talk.core.run(3)
    return talk.sent[-1] if talk.sent else None


def answer(talk, packet):
    """Answer; return the next question, or what r0 is then."""
    talk.sent.clear()
    assert talk.ask(packet) is None or talk.sent
    if talk.sent:
        return talk.sent[-1]
    result = talk.core.values["r0"]
    talk.target.run.interrupt()
    assert talk.wait().startswith(b"T0")
    return result


def test_open_write_and_close(talk):
    talk.core.memory.write(NAME, b"out.txt\0")
    assert call(talk, 1, NAME, 4, 7) == b"Fopen,20000200/8,601,1a4"
    assert talk.ask(b"m20000200,8") == b"6f75742e74787400"  # GDB reads the name meanwhile
    assert answer(talk, b"F3") == 4
    assert call(talk, 5, 4, DATA, 10) == b"Fwrite,3,20000300,a"
    assert answer(talk, b"F4") == 6
    assert call(talk, 2, 4) == b"Fclose,3"
    assert answer(talk, b"F0") == 0


@pytest.mark.parametrize(
    ("mode", "flags"), [(0, 0), (1, 0), (2, 2), (6, 0x602), (8, 0x209), (11, 0x20A)]
)
def test_modes_of_open(talk, mode, flags):
    talk.core.memory.write(NAME, b"f\0")
    assert call(talk, 1, NAME, mode, 1) == b"Fopen,20000200/2,%x,1a4" % flags


def test_an_error_is_minus_one_and_an_errno(talk):
    talk.core.memory.write(NAME, b"f\0")
    call(talk, 1, NAME, 0, 1)
    assert answer(talk, b"F-1,2") == ERROR
    assert call(talk, 0x13) is None
    assert talk.core.values["r0"] == 2


def test_opening_the_console_asks_nobody(talk):
    talk.core.memory.write(NAME, b":tt\0")
    assert call(talk, 1, NAME, 4, 3) is None
    assert talk.core.values["r0"] == 2


def test_text(talk):
    talk.core.memory.write(BLOCK, b"hello\0")
    talk.core.values |= {"r0": 4, "r1": BLOCK, "pc": LOOP}
    assert talk.ask(b"vCont;c") is None
    assert step(talk) == b"Fwrite,1,20000100,5"
    assert answer(talk, b"F5") == 0
    talk.core.values |= {"r0": 3, "r1": BLOCK, "pc": LOOP}
    assert talk.ask(b"vCont;c") is None
    assert step(talk) == b"Fwrite,1,20000100,1"


def test_reading(talk):
    assert call(talk, 6, 1, DATA, 8) == b"Fread,0,20000300,8"
    assert talk.ask(b"X20000300,3:abc") == b"OK"
    assert answer(talk, b"F3") == 5


def test_a_character_is_read_below_the_stack(talk):
    talk.core.memory.write(RAM + 0xFFC, b"keep")
    assert call(talk, 7) == b"Fread,0,20000ffc,1"
    talk.ask(b"X20000ffc,1:q")
    assert answer(talk, b"F1") == ord("q")
    assert talk.core.memory.read(RAM + 0xFFC, 4) == b"keep"


def test_the_length_is_found_by_seeking(talk):
    assert call(talk, 0x0C, 4) == b"Flseek,3,0,1"
    assert answer(talk, b"F10") == b"Flseek,3,0,2"
    assert answer(talk, b"F123") == b"Flseek,3,10,0"
    assert answer(talk, b"F10") == 0x123


@pytest.mark.parametrize(
    "name", [b"/etc/passwd", b"../x", b"a/../../x", b"..", b"C:x", b"a\\b", b"a\0b"]
)
def test_names_that_lead_out_of_gdbs_directory_are_refused(talk, name):
    talk.core.memory.write(NAME, name + b"\0")
    talk.core.memory.write(DATA, b"good\0")
    size = len(name)
    for number, block in (
        (0x01, (NAME, 0, size)),
        (0x0E, (NAME, size)),
        (0x0F, (NAME, size, DATA, 4)),
        (0x0F, (DATA, 4, NAME, size)),
        (0x01, (DATA, 4, 3)),  # its zero is not where it should be
    ):
        assert call(talk, number, *block) is None
        assert talk.core.values["r0"] == ERROR
        talk.target.run.interrupt()
        talk.wait()


@pytest.mark.parametrize(
    ("number", "block", "question", "reply", "result"),
    [
        (0x09, (4,), b"Fisatty,3", b"F1", 1),
        (0x0A, (4, 0x20), b"Flseek,3,20,0", b"F20", 0),
        (0x0A, (4, 0x20), b"Flseek,3,20,0", b"F-1,1d", ERROR),
        (0x0C, (4,), b"Flseek,3,0,1", b"F-1,9", ERROR),
        (0x0E, (NAME, 3), b"Funlink,20000200/4", b"F0", 0),
        (0x0F, (NAME, 3, DATA, 4), b"Frename,20000200/4,20000300/5", b"F-1,2", ERROR),
        (0x05, (4, DATA, 8), b"Fwrite,3,20000300,8", b"F-1,1c", 8),
        (0x02, (9,), b"Fclose,8", b"F-1,9", ERROR),
    ],
)
def test_other_calls(talk, number, block, question, reply, result):
    talk.core.memory.write(NAME, b"old\0")
    talk.core.memory.write(DATA, b"newt\0")
    assert call(talk, number, *block) == question
    assert answer(talk, reply) == result


@pytest.mark.parametrize(
    ("number", "block", "result"),
    [
        (0x01, (NAME, 12, 1), ERROR),
        (0x01, (NAME, 0, 0), ERROR),
        (0x02, (1,), 0),
        (0x05, (4, DATA, 0), 0),
        (0x06, (4, DATA, 0), 0),
        (0x12, (NAME, 3), ERROR),  # no command is run
        (0x16, (DATA,), 0),
    ],
)
def test_what_needs_no_client(talk, number, block, result):
    assert call(talk, number, *block) is None
    assert talk.core.values["r0"] == result


def test_the_features_are_a_file_of_ours(talk):
    name = b":semihosting-features\0"
    talk.core.memory.write(NAME, name)
    results = []
    blocks = [(1, (NAME, 0, 21)), (0x0C, (0x7F00,)), (6, (0x7F00, DATA, 9)), (9, (0x7F00,)),
              (0x0A, (0x7F00, 4)), (0x0A, (0x7F00, 99)), (5, (0x7F00, DATA, 1)), (2, (0x7F00,)),
              (1, (NAME, 4, 21))]  # fmt: skip
    for number, block in blocks:
        call(talk, number, *block)
        results.append(talk.core.values["r0"])
        talk.target.run.interrupt()
        talk.wait()
    assert results == [0x7F00, 5, 4, 0, 0, ERROR, 1, 0, ERROR]
    assert talk.core.memory.read(DATA, 4) == b"SHFB"


def test_a_parameter_block_that_is_not_there(talk):
    talk.core.values |= {"r0": 5, "r1": 0x6000_0000, "pc": LOOP}
    talk.ask(b"vCont;c")
    step(talk)
    assert talk.core.values["r0"] == ERROR


@pytest.mark.parametrize("go", [b"vCont;c", b"vCont;s", b"vCont;r8000100,8000120"])
def test_ctrl_c_during_a_call_stops_after_it(talk, go):
    assert call(talk, 9, 4, go=go) == b"Fisatty,3"
    talk.sent.clear()
    talk.ask(b"F1,0,C")
    assert talk.wait().startswith(b"T02")
    assert talk.core.values["pc"] == LOOP + 2
    assert talk.core.values["r0"] == 1


@pytest.mark.parametrize("go", [b"vCont;c", b"vCont;s", b"vCont;r8000100,8000120"])
def test_a_call_that_ctrl_c_kept_from_being_done_is_made_anew(talk, go):
    assert call(talk, 6, 1, DATA, 4, go=go) == b"Fread,0,20000300,4"
    talk.sent.clear()
    talk.ask(b"F-1,4,C")
    assert talk.wait().startswith(b"T02")
    assert (talk.core.values["pc"], talk.core.values["r0"]) == (LOOP, 6)
    talk.ask(b"vCont;c")
    assert step(talk) == b"Fread,0,20000300,4"
    assert answer(talk, b"F4") == 0


def test_a_call_of_which_a_part_is_done_is_not_made_anew(talk):
    assert call(talk, 12, 4) == b"Flseek,3,0,1"
    assert answer(talk, b"F5") == b"Flseek,3,0,2"
    assert answer(talk, b"F-1,4,C") == b"Flseek,3,5,0"
    talk.sent.clear()
    talk.ask(b"F5")
    assert talk.wait().startswith(b"T02")
    assert (talk.core.values["pc"], talk.core.values["r0"]) == (LOOP + 2, ERROR)


def test_a_step_over_a_call_waits_for_it(talk):
    assert call(talk, 9, 4, go=b"vCont;s") == b"Fisatty,3"
    talk.sent.clear()
    talk.ask(b"F1")
    assert talk.wait().startswith(b"T05")
    assert talk.core.values["pc"] == LOOP + 2
    assert talk.core.values["r0"] == 1


def test_a_range_step_goes_on_after_a_call(talk):
    assert call(talk, 9, 4, go=b"vCont;r8000100,8000120") == b"Fisatty,3"
    talk.sent.clear()
    talk.ask(b"F1")
    assert talk.wait().startswith(b"T05")
    assert talk.core.values["pc"] == 0x0800_0120


def test_a_client_that_leaves_fails_its_call(talk):
    call(talk, 9, 4)
    talk.stub.leave()
    assert talk.core.values["r0"] == ERROR
    assert talk.core.running


def test_an_answer_that_nobody_asked_for_means_nothing(talk):
    assert talk.ask(b"F1") is None
    other = Talk(talk.session, target=talk.target)
    other.ask(b"?")
    call(talk, 9, 4)
    assert other.ask(b"F1") is None
    assert talk.core.values["r0"] == 9
    assert not talk.core.running


def test_without_a_waiting_gdb_calls_are_served_here(talk):
    talk.stub.is_gdb = False
    assert call(talk, 9, 4) is None
    assert talk.core.values["r0"] == ERROR
