"""A change of hands on the wire; packets typed by hand."""

from __future__ import annotations

from onchip.services.share.port_state import PortState
from onchip.services.share.swap import Wire
from tests.support.scripted_link import ScriptedLink

POWERED = 0x5000_0000


def state(tar: int, csw: int = 0x2300_0052) -> PortState:
    made = PortState()
    for request, value in ((0x04, POWERED), (0x08, 0), (0x01, csw), (0x05, tar)):
        made.note(request, value)
    return made


FIRST = (
    "05 00 06 08 00 00 00 00 04 00 00 00 50 08 00 00 00 00 01 52 00 00 23 05 00 00 00 20 "
    "08 00 00 00 00",
    "05 06 01",
)
SECOND = (
    "05 00 08 00 1e 00 00 00 08 00 00 00 00 03 07 "
    "08 00 00 00 00 01 51 00 00 23 05 00 10 00 20 08 00 00 00 00",
    "05 08 01 52 00 00 63 10 00 00 20",
)


def test_csw_and_tar_are_read_back_and_the_next_ones_written() -> None:
    one, other = state(0x2000_0000), state(0x2000_1000, 0x2300_0051)
    wire = Wire(ScriptedLink(FIRST, SECOND))
    wire.give(one, POWERED)
    wire.give(one, POWERED)  # nothing to be done
    wire.give(other, POWERED)
    assert one.csw == {0: 0x6300_0052}
    assert one.tar == {0: 0x2000_0010}


def test_settings_that_differ_are_sent_again() -> None:
    one, other = PortState(), PortState()
    one.settings = {0x11: bytes.fromhex("11 40 42 0f 00"), 0x13: b"\x13\x00"}
    other.settings = {0x11: bytes.fromhex("11 00 09 3d 00"), 0x13: b"\x13\x00"}
    link = ScriptedLink(
        ("11 40 42 0f 00", "11 00"), ("13 00", "13 00"), ("11 00 09 3d 00", "11 00"),
        ("11 40 42 0f 00", "11 00"),
    )  # fmt: skip
    wire = Wire(link)
    for each in (one, other, one):
        wire.give(each, 0)
    assert len(link.written) == 4


def test_a_port_that_does_not_answer_leaves_what_was_guessed() -> None:
    one, other = state(0x2000_0000), state(0x2000_1000, 0x2300_0051)
    wire = Wire(ScriptedLink(FIRST, (SECOND[0], "05 02 07")))
    wire.give(one, POWERED)
    wire.give(other, POWERED)
    assert one.tar == {0: 0x2000_0000}


def test_silence_is_passed_over() -> None:
    wire = Wire(ScriptedLink((FIRST[0], None)))
    wire.give(state(0x2000_0000), POWERED)


def test_before_others_use_the_port_it_is_read_back() -> None:
    one = state(0x2000_0000)
    link = ScriptedLink(
        FIRST, ("05 00 04 00 1e 00 00 00 08 00 00 00 00 03 07", "05 04 01 52 00 00 23 04 00 00 20"),
        FIRST,
    )  # fmt: skip
    wire = Wire(link)
    wire.save()  # nobody's: nothing to be read
    wire.give(one, POWERED)
    wire.save()
    assert one.tar == {0: 0x2000_0004}
    one.tar[0] = 0x2000_0000
    wire.give(one, POWERED)


def test_many_ports_take_several_packets() -> None:
    many = PortState()
    for ap in range(5):
        many.note(0x08, ap << 24)
        many.note(0x01, 0x2300_0052)
        many.note(0x05, ap)
    link = ScriptedLink(
        *[(f"05 00 {count:02x}", f"05 {count:02x} 01") for count in (12, 4)], strict=False
    )
    Wire(link).give(many, 0)
    assert [len(packet) <= 64 for packet in link.written] == [True, True]
    assert sum(packet[2] for packet in link.written) == 16
