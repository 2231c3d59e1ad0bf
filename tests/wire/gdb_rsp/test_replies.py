"""Replies: vectors, round trips, refusals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onchip.errors import WireError
from onchip.wire.gdb_rsp.framing import escape
from onchip.wire.gdb_rsp.replies import (
    AskSymbol,
    ConsoleOutput,
    ErrorNumber,
    ErrorText,
    Exited,
    StopReply,
    encode_object_part,
)

VECTORS = [
    (b"E0e", ErrorNumber(14)),
    (b"E.no memory there", ErrorText("no memory there")),
    (b"T05thread:1;hwbreak:;", StopReply(5, (("thread", "1"), ("hwbreak", "")))),
    (b"T05watch:20000010;", StopReply(5, (("watch", "20000010"),))),
    (b"T02", StopReply(2)),
    (b"W07", Exited(7)),
    (b"W00;process:1", Exited(0, 1)),
    (b"qSymbol:7078", AskSymbol("px")),
    (b"O6869", ConsoleOutput(b"hi")),
]


@pytest.mark.parametrize(("payload", "reply"), VECTORS)
def test_replies(payload, reply):
    assert reply.encode() == payload
    assert type(reply).decode(payload) == reply


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (ErrorNumber, b"E1"),
        (ErrorNumber, b"Ezz"),
        (ErrorText, b"E01"),
        (StopReply, b"T"),
        (StopReply, b"W00"),
        (StopReply, b"T05thread"),
        (Exited, b"T05"),
        (AskSymbol, b"T05"),
        (ConsoleOutput, b"OK"),
        (ConsoleOutput, b"E01"),
    ],
)
def test_other_payloads_are_refused(kind, payload):
    with pytest.raises(WireError):
        kind.decode(payload)


@given(st.text())
def test_error_texts_need_no_escapes_and_stay_on_one_line(text):
    payload = ErrorText(text).encode()
    assert escape(payload) == payload
    assert b"\n" not in payload


def test_stop_reply_finds_its_values():
    reply = StopReply(5, (("thread", "1"),))
    assert reply.get("thread") == "1"
    assert reply.get("watch") is None


@given(st.binary(max_size=100), st.integers(1, 40))
def test_documents_come_in_pieces(document, length):
    offset, got = 0, b""
    while True:
        part = encode_object_part(document, offset, length)
        got += part[1:]
        offset += length
        if part[:1] == b"l":
            break
    assert got == document
