"""BKPT opcodes seen in packets; packets and responses typed by hand."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from onchip.services.share.planted import Planted

CSW16 = "01 11 00 00 23"  # write CSW: halfwords, single increment
TAR = "05 00 01 00 20"  # write TAR: 0x2000_0100
READ = "0f"
WRITE = "0d 00 be 00 00"  # write DRW: 0xBE00 in the lower lane


def _saw(planted: Planted, operations: list[str], answer: str) -> None:
    packet = bytes.fromhex(f"05 00 {len(operations):02x}" + "".join(operations))
    planted.saw(packet, bytes.fromhex(answer))


def test_an_opcode_over_what_was_read_is_noted() -> None:
    planted = Planted()
    _saw(planted, [CSW16, TAR, READ, TAR, WRITE], "05 05 01 34 12 00 00")
    assert planted.originals == {0x2000_0100: 0x1234}
    _saw(planted, [TAR, "0d 34 12 00 00"], "05 02 01")
    assert planted.originals == {}


def test_what_failed_did_not_happen() -> None:
    planted = Planted()
    _saw(planted, [CSW16, TAR, READ, TAR, WRITE], "05 04 04 34 12 00 00")
    assert planted.originals == {}


def test_a_semihosting_call_is_the_programs() -> None:
    planted = Planted()
    _saw(planted, [CSW16, TAR, READ, TAR, "0d ab be 00 00"], "05 05 01 34 12 00 00")
    assert planted.originals == {}


def test_an_opcode_over_what_nobody_read_is_not_noted() -> None:
    planted = Planted()
    _saw(planted, [CSW16, TAR, WRITE], "05 03 01")
    assert planted.originals == {}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=40), st.binary(max_size=40)), max_size=5))
def test_nothing_disturbs_it(pairs: list[tuple[bytes, bytes]]) -> None:
    planted = Planted()
    for packet, response in pairs:
        for head in (b"", b"\x05\x00", b"\x06\x00", b"\x7f"):
            planted.saw(head + packet, head[:1] + response)
