"""Whatever arrives, the probe answers something sensible and goes on."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ..wires import READ_DPIDR, TO_SWD, Wires

PLAIN = Wires()
PLAIN.attach()
SMALL = Wires(model="hid-64x4")

commands = st.sampled_from([*range(0x25), 0x7E, 0x7F, 0x80, 0x9F, 0xFF])
packets = st.builds(lambda code, rest: bytes((code,)) + rest, commands, st.binary(max_size=80))
# Transfers that are well-formed, so that they get past the parser and at the target.
requests = st.integers(0, 0xFF)


@st.composite
def transfers(draw: st.DrawFn) -> bytes:
    body = b""
    chosen = draw(st.lists(requests, min_size=1, max_size=12))
    for request in chosen:
        body += bytes((request,))
        if not request & 2 or request & 0x10:
            body += draw(st.binary(min_size=4, max_size=4))
    return bytes((5, 0, len(chosen))) + body


@st.composite
def blocks(draw: st.DrawFn) -> bytes:
    request, count = draw(requests), draw(st.integers(0, 12))
    payload = b"" if request & 2 else draw(st.binary(min_size=4 * count, max_size=4 * count))
    return bytes((6, 0, count, 0, request)) + payload


sequences = st.builds(
    lambda data: bytes((0x12, 8 * len(data) & 0xFF)) + data, st.binary(min_size=1, max_size=32)
)
anything = st.one_of(packets, transfers(), blocks(), sequences)


def tame(wires: Wires) -> None:
    """Take back what a random packet may have set up to make the next one slow."""
    for packet in ("04 00 10 00 10 00", "11 80 96 98 00", "13 00", "10 80 80 00 00 00 00"):
        wires(packet)


@settings(max_examples=120, deadline=2000)
@given(st.lists(anything, min_size=1, max_size=6))
def test_any_packets(sent: list[bytes]) -> None:
    for wires, size in ((PLAIN, 512), (SMALL, 64)):
        for packet in sent:
            answer = wires.board.exchange(packet)
            assert len(answer) <= size
            assert not answer or answer[0] in (packet[0], 0x7F, 0xFF)
            tame(wires)
    PLAIN.all("02 01", "08 00 1e 00 00 00", *TO_SWD)
    assert PLAIN("00 fe") == "00 01 04"
    PLAIN.board.power_cycle(0.001)
    PLAIN.all(*TO_SWD)
    assert PLAIN(READ_DPIDR) == "05 01 01 77 14 a0 2b"


@settings(max_examples=100, deadline=2000)
@given(transfers())
def test_a_response_counts_no_more_than_was_asked(packet: bytes) -> None:
    PLAIN.board.power_cycle(0.001)
    PLAIN.attach()
    tame(PLAIN)
    answer = PLAIN.board.exchange(packet)
    assert answer[0] == 5
    assert answer[1] <= packet[2]
    if answer[2] == 1:
        assert answer[1] == packet[2]


@settings(max_examples=50, deadline=2000)
@given(st.lists(st.one_of(st.none(), st.integers(0, 1)), max_size=400))
def test_any_bits(bits: list[int | None]) -> None:
    line = PLAIN.board.probe.port.line
    for bit in bits:
        assert line.clock(bit) in (0, 1)
    PLAIN.all("1d 01 bf", *TO_SWD)  # 63 cycles of listening end whatever was going on
    PLAIN.all(*TO_SWD)
    assert PLAIN(READ_DPIDR) == "05 01 01 77 14 a0 2b"
