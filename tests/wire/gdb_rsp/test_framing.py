"""Framing: vectors typed from the manual, every cut, hostile bytes."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from onchip.errors import WireError
from onchip.wire.gdb_rsp.framing import (
    LONGEST_PAYLOAD,
    Ack,
    BadPacket,
    Decoder,
    Interrupt,
    Nack,
    Notification,
    Packet,
    encode_notification,
    encode_packet,
    escape,
    expand_runs,
    unescape,
)


@pytest.mark.parametrize(
    ("payload", "packet"),
    [
        (b"", b"$#00"),
        (b"OK", b"$OK#9a"),
        (b"m0,4", b"$m0,4#fd"),
        (b"?", b"$?#3f"),
        (b"a}b", b"$a}]b#9d"),
        (b"#$*", b"$}\x03}\x04}\n#88"),
    ],
)
def test_packets_are_framed_as_the_manual_says(payload, packet):
    assert encode_packet(payload) == packet
    assert Decoder().feed(packet) == [Packet(payload)]


def test_notification():
    assert encode_notification(b"Stop:T05") == b"%Stop:T05#99"
    assert Decoder().feed(b"%Stop:T05#99") == [Notification(b"Stop:T05")]


def test_bytes_between_packets():
    assert Decoder().feed(b"+-\x03noise+$?#3f") == [
        Ack(),
        Nack(),
        Interrupt(),
        Ack(),
        Packet(b"?"),
    ]


def test_interrupt_byte_inside_a_packet_is_data():
    packet = encode_packet(b"X0,1:\x03")
    assert Decoder().feed(packet) == [Packet(b"X0,1:\x03")]


def test_wrong_checksum_is_refused_unless_told():
    assert Decoder().feed(b"$OK#9b") == [BadPacket("checksum 9b, computed 9a")]
    assert Decoder(check=False).feed(b"$OK#9b") == [Packet(b"OK")]


def test_checksum_that_is_not_hex_resynchronizes():
    events = Decoder().feed(b"$OK#zz$OK#9a")
    assert isinstance(events[0], BadPacket)
    assert events[-1] == Packet(b"OK")


def test_packet_within_a_packet_starts_over():
    events = Decoder().feed(b"$m0,$OK#9a")
    assert events == [BadPacket("a packet began within a packet"), Packet(b"OK")]


def test_endless_packet_is_dropped():
    decoder = Decoder()
    events = decoder.feed(b"$" + b"a" * (LONGEST_PAYLOAD + 1))
    assert events == [BadPacket(f"no end within {LONGEST_PAYLOAD} bytes")]
    assert decoder.feed(b"$OK#9a") == [Packet(b"OK")]


def test_escape_at_the_end_is_refused():
    assert Decoder().feed(b"$a}#de") == [BadPacket("a packet ends within an escape")]
    with pytest.raises(WireError):
        unescape(b"}")


@pytest.mark.parametrize(
    ("raw", "data"),
    [(b"0* ", b"0000"), (b"a0*\x20b", b"a0000b"), (b"x*~", b"x" * 98), (b"0* 1* ", b"00001111")],
)
def test_runs(raw, data):
    assert expand_runs(raw) == data


def test_run_of_a_run_repeats_its_byte():
    assert expand_runs(b"0* * ") == b"0" * 7


@pytest.mark.parametrize("raw", [b"* ", b"0*", b"0*\x1f", b"0*\x7f"])
def test_bad_runs_are_refused(raw):
    with pytest.raises(WireError):
        expand_runs(raw)


def test_runs_are_undone_only_when_asked():
    packet = b"$0* #7a"
    assert Decoder(runs=True).feed(packet) == [Packet(b"0000")]
    assert Decoder().feed(packet) == [Packet(b"0* ")]
    assert isinstance(Decoder(runs=True).feed(b"$*#2a")[0], BadPacket)


@given(st.binary())
@example(b"}}#$*")
def test_escape_round_trip(data):
    assert unescape(escape(data)) == data


@given(st.lists(st.binary(max_size=40), max_size=5), st.data())
def test_any_cut_of_the_stream_gives_the_same_packets(payloads, data):
    stream = b"".join(encode_packet(payload) for payload in payloads)
    decoder = Decoder(runs=True)
    events = []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        events += decoder.feed(stream[:cut])
        stream = stream[cut:]
    assert events == [Packet(payload) for payload in payloads]


@given(st.lists(st.binary(max_size=60), max_size=6), st.booleans())
def test_survives_anything_and_recovers(pieces, runs):
    decoder = Decoder(runs=runs)
    for piece in pieces:
        decoder.feed(piece)
    decoder.feed(b"#00")  # whatever was open is closed now
    assert decoder.feed(b"$OK#9a")[-1] == Packet(b"OK")
