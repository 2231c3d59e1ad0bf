"""File-I/O and Host I/O: vectors from the manual's examples, round trips, what is malformed."""

from __future__ import annotations

import pytest

from onchip.errors import WireError
from onchip.wire.gdb_rsp import parse_request
from onchip.wire.gdb_rsp.file_io import FileAnswer, FileCall, HostFile, Text, encode_stat

CALLS = [
    (b"Fread,3,1234,6", FileCall("read", (3, 0x1234, 6))),  # the manual's own example
    (b"Fopen,20000100/6,601,1a4", FileCall("open", (Text(0x20000100, 6), 0x601, 0o644))),
    (b"Frename,10/4,20/5", FileCall("rename", (Text(16, 4), Text(32, 5)))),
    (b"Fclose,3", FileCall("close", (3,))),
]
ANSWERS = [
    (b"F6", FileAnswer(6)),
    (b"F-1,9", FileAnswer(-1, 9)),
    (b"F-1,4,C", FileAnswer(-1, 4, interrupted=True)),
    (b"F0,0,C", FileAnswer(0, interrupted=True)),
    (b"F3;abc", FileAnswer(3, data=b"abc")),
    (b"F2;;\x00", FileAnswer(2, data=b";\0")),
    (b"F0;", FileAnswer(0, data=b"")),
]
REQUESTS = [
    (b"vFile:open:2f612e62,0,0", HostFile("open", (b"2f612e62", b"0", b"0"))),
    (b"vFile:pread:3,1000,0", HostFile("pread", (b"3", b"1000", b"0"))),
    (b"vFile:setfs:0", HostFile("setfs", (b"0",))),
]


@pytest.mark.parametrize(("payload", "message"), CALLS)
def test_calls(payload, message):
    assert message.encode() == payload
    assert FileCall.decode(payload) == message


@pytest.mark.parametrize(("payload", "message"), ANSWERS)
def test_answers(payload, message):
    assert message.encode() == payload
    assert parse_request(payload) == message


@pytest.mark.parametrize(("payload", "message"), REQUESTS)
def test_requests(payload, message):
    assert message.encode() == payload
    assert parse_request(payload) == message


@pytest.mark.parametrize(
    "payload",
    [b"F", b"Fx", b"F1,", b"F1,2,D", b"F1,2,C,3", b"F--1", b"vFile", b"vFile:open", b"vFile::1"],
)
def test_malformed_requests(payload):
    with pytest.raises(WireError):
        parse_request(payload)


@pytest.mark.parametrize("payload", [b"", b"F", b"F3", b"Fread,x", b"Fopen,1/,2"])
def test_malformed_calls(payload):
    with pytest.raises(WireError):
        FileCall.decode(payload)


def test_parameters_of_host_files():
    request = HostFile("open", (b"612e62", b"zz"))
    assert request.name(0) == "a.b"
    for wrong in (lambda: request.number(1), lambda: request.number(2), lambda: request.name(1)):
        with pytest.raises(WireError):
            wrong()


def test_stat_is_64_bytes_big_endian():
    data = encode_stat(0x12345, inode=7)
    assert len(data) == 64
    assert data[4:8] == b"\0\0\0\7"
    assert data[8:12] == (0o100444).to_bytes(4, "big")
    assert data[28:36] == (0x12345).to_bytes(8, "big")
    assert data[44:52] == (0x12345 // 512 + 1).to_bytes(8, "big")
