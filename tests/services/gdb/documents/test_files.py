"""``vFile``: what GDB can fetch as a file."""

from __future__ import annotations

import pytest

from onchip.errors import CoreStateError, ProbeLost
from onchip.services.gdb.documents.files import BytesFile
from onchip.wire.gdb_rsp.file_io import FileAnswer

from ..fake_core import RAM
from ..fakes import Talk


@pytest.fixture
def talk():
    talk = Talk()
    talk.target.files["core.elf"] = lambda: BytesFile(b"0123456789")
    talk.ask(b"?")
    return talk


def opened(talk, name):
    answer = FileAnswer.decode(talk.ask(b"vFile:open:" + name.encode().hex().encode() + b",0,0"))
    return answer.result


def test_a_file_is_read_and_closed(talk):
    assert talk.ask(b"vFile:setfs:0") == b"F0"
    assert opened(talk, "core.elf") == 3
    assert talk.ask(b"vFile:pread:3,4,2") == b"F4;2345"
    assert talk.ask(b"vFile:pread:3,40,a") == b"F0;"
    stat = FileAnswer.decode(talk.ask(b"vFile:fstat:3"))
    assert stat.result == len(stat.data) == 64
    assert stat.data[28:36] == (10).to_bytes(8, "big")
    assert talk.ask(b"vFile:close:3") == b"F0"
    assert talk.ask(b"vFile:close:3") == b"F-1,9"


def test_a_memory_is_a_file(talk):
    talk.core.memory.write(RAM + 4, b"onchip")
    assert opened(talk, "/sram.bin") == 3
    assert talk.ask(b"vFile:pread:3,6,4") == b"F6;onchip"
    assert talk.ask(b"vFile:pread:3,10,fffe") == b"F2;\0\0"
    assert talk.ask(b"vFile:pread:3,10,20000") == b"F0;"
    assert opened(talk, "boot.bin") == 4
    assert talk.ask(b"vFile:pread:4,4,0") == b"F-1,5"
    assert any("FAULT" in line for line in talk.logged)


@pytest.mark.parametrize(
    ("packet", "answer"),
    [
        (b"vFile:open:" + b"/etc/passwd".hex().encode() + b",0,0", b"F-1,2"),
        (b"vFile:open:" + b"core.elf".hex().encode() + b",601,1b6", b"F-1,1e"),
        (b"vFile:pread:9,1,0", b"F-1,9"),
        (b"vFile:pwrite:3,0,ab", b"F-1,9"),
        (b"vFile:fstat:3", b"F-1,9"),
        (b"vFile:unlink:" + b"core.elf".hex().encode(), b"F-1,1e"),
        (b"vFile:readlink:" + b"core.elf".hex().encode(), b"F-1,16"),
        (b"vFile:chmod:1", b""),
    ],
)
def test_refusals(talk, packet, answer):
    assert talk.ask(packet) == answer


def test_a_file_cannot_be_written(talk):
    opened(talk, "core.elf")
    assert talk.ask(b"vFile:pwrite:3,0,ab") == b"F-1,1e"


def test_too_many_files(talk):
    assert [opened(talk, "core.elf") for _ in range(17)] == [*range(3, 19), -1]
    talk.ask(b"D")
    assert opened(talk, "core.elf") == 3


def test_what_cannot_be_made_now(talk):
    def busy():
        raise CoreStateError("needs a halted core")

    talk.target.files["core.elf"] = busy
    assert talk.ask(b"vFile:open:" + b"core.elf".hex().encode() + b",0,0") == b"F-1,10"
    assert talk.logged == ["vFile:open: needs a halted core"]


def test_a_lost_probe_is_noticed(talk, monkeypatch):
    opened(talk, "sram.bin")

    def lost(address, length):
        raise ProbeLost("unplugged")

    monkeypatch.setattr(talk.core.memory, "_area", lost)
    assert talk.ask(b"vFile:pread:3,4,0") == b"F-1,5"
    assert talk.target.lost is not None


@pytest.mark.parametrize("packet", [b"vFile:open:zz,0,0", b"vFile:pread:3", b"vFile:x"])
def test_malformed(talk, packet):
    assert talk.ask(packet).startswith(b"E.")
