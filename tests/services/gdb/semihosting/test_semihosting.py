"""The console calls of semihosting."""

from __future__ import annotations

import pytest

from onchip.services.gdb.options import GdbOptions
from onchip.services.semihosting import Directory, SemihostingOptions

from ..fake_core import FLASH, LOOP, RAM
from ..fakes import Talk


@pytest.fixture
def talk():
    talk = Talk(options=GdbOptions(semihosting=True))
    talk.printed = []
    talk.target.on_console = talk.printed.append
    talk.ask(b"?")
    talk.core.memory.write(LOOP, b"\xab\xbe")
    talk.ask(b"Z1,8000110,2")
    return talk


def call(talk, number, parameter=RAM + 0x100, block=(), data=b""):
    talk.core.memory.write(RAM + 0x100, b"".join(n.to_bytes(4, "little") for n in block) or data)
    talk.core.memory.write(RAM + 0x200, data)
    talk.core.values |= {"r0": number, "r1": parameter, "pc": LOOP}
    answer = talk.run(b"vCont;c")
    return talk.core.values["r0"], "".join(talk.printed), answer


def test_write0(talk):
    result, printed, answer = call(talk, 0x04, data=b"hello\0rest")
    assert (result, printed) == (0, "hello")
    assert b"hwbreak" in answer  # it went on
    assert talk.sent[0] == b"O" + b"hello".hex().encode()


def test_writec(talk):
    assert call(talk, 0x03, data=b"x")[1] == "x"


def test_write(talk):
    assert call(talk, 0x05, block=(1, RAM + 0x200, 3), data=b"abcdef")[:2] == (0, "abc")


def test_open_of_the_console_and_of_a_file(talk):
    assert call(talk, 0x01, block=(RAM + 0x200, 4, 3), data=b":tt\0")[0] == 2
    assert call(talk, 0x01, block=(RAM + 0x200, 4, 9), data=b"/etc/pass\0")[0] == 0xFFFFFFFF


@pytest.mark.parametrize(("number", "result"), [(0x02, 0), (0x09, 1), (0x0C, 0), (0x13, 0)])
def test_small_calls(talk, number, result):
    assert call(talk, number, block=(1,))[0] == result


def test_files_below_a_directory_and_closed_at_the_end(tmp_path):
    options = SemihostingOptions(directory=Directory(tmp_path))
    talk = Talk(options=GdbOptions(semihosting=True, semihosting_options=options))
    talk.printed = []
    talk.ask(b"?")
    talk.core.memory.write(LOOP, b"\xab\xbe")
    talk.ask(b"Z1,8000110,2")
    open_log = {"number": 0x01, "block": (RAM + 0x200, 4, 3), "data": b"log"}
    assert call(talk, **open_log)[0] == 4
    assert call(talk, 0x05, block=(4, RAM + 0x200, 4), data=b"data")[0] == 0
    talk.target.reset(halt=True)
    assert call(talk, 0x02, block=(4,))[0] == 0xFFFFFFFF
    assert (tmp_path / "log").read_bytes() == b"data"
    assert call(talk, **open_log)[0] == 4
    assert call(talk, 0x18, parameter=0x20026)[2] == b"W00"
    talk.core.values |= {"r0": 0x02, "r1": RAM + 0x100}
    talk.core.memory.write(RAM + 0x100, b"\4\0\0\0")
    talk.target.run.calls.console.call(talk.core)
    assert talk.core.values["r0"] == 0xFFFFFFFF
    options.directory.close()


def test_other_calls_fail_softly(talk):
    assert call(talk, 0x12, block=(1,))[0] == 0xFFFFFFFF  # SYS_SYSTEM


@pytest.mark.parametrize(
    ("number", "parameter", "block", "answer"),
    [
        (0x18, 0x20026, (), b"W00"),
        (0x18, 0x20023, (), b"W01"),
        (0x20, RAM + 0x100, (0x20026, 7), b"W07"),
        (0x20, RAM + 0x100, (0x20023, 7), b"W01"),
    ],
)
def test_exit(talk, number, parameter, block, answer):
    assert call(talk, number, parameter, block)[2] == answer
    assert not talk.core.running


def test_a_call_can_be_stepped_over(talk):
    talk.core.values |= {"r0": 0x03, "r1": RAM, "pc": LOOP}
    talk.core.memory.write(RAM, b"y")
    talk.run(b"vCont;s")
    assert talk.printed == ["y"]
    assert talk.core.values["pc"] == LOOP + 2


def test_an_exit_can_be_stepped_into(talk):
    talk.core.values |= {"r0": 0x18, "r1": 0x20026, "pc": LOOP}
    assert talk.run(b"vCont;s") == b"W00"


def test_a_text_without_end_ends(talk):
    talk.core.memory.write(FLASH + 0x200, b"z" * 0xFE00)
    talk.core.values |= {"r0": 0x04, "r1": FLASH + 0x200, "pc": LOOP}
    talk.ask(b"vCont;c")
    talk.session.link.sleep(0.001)
    talk.target.poll()
    assert talk.printed == ["z" * 0xFE00]


def test_without_the_option_it_is_a_breakpoint():
    talk = Talk()
    talk.ask(b"?")
    talk.core.memory.write(LOOP, b"\xab\xbe")
    assert talk.run(b"vCont;c").startswith(b"T05")
    assert talk.core.values["pc"] == LOOP
