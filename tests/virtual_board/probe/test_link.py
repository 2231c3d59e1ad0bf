"""The link: order, packets in flight, and what they cost in simulated time."""

from __future__ import annotations

import time

import pytest

from onchip.errors import BoardError, ProbeBusy, ProbeLost, ProbeTimeout
from onchip.virtual_board.board import BoardLink, VirtualBoard
from onchip.virtual_board.probe.model import known_probe_models, load_probe_model

from ..wires import CONNECT, CSW_WORDS, POWER_UP, READ_DPIDR, SELECT_0, TO_SWD

PACKET_COUNT = bytes.fromhex("00 fe")
DELAY_1_MS = bytes.fromhex("09 e8 03")


def board_with(model: str = "bulk-512x4") -> BoardLink:
    return VirtualBoard("bare-ram", model).link()


def attach(link: BoardLink) -> None:
    for packet in (CONNECT, *TO_SWD, READ_DPIDR, POWER_UP, SELECT_0, CSW_WORDS):
        link.write(bytes.fromhex(packet))
        link.read(1.0)


def test_description_and_board() -> None:
    link = board_with()
    assert link.description == "virtual:bare-ram"
    assert isinstance(link.board, VirtualBoard)


def test_time_passes_for_the_host_as_well() -> None:
    link = board_with()
    link.board.advance(10.0)
    assert link.now() == 10.0
    link.write(PACKET_COUNT)
    assert link.read(1.0) == b"\x00\x01\x04"
    assert link.now() == pytest.approx(10.0 + 147e-6)


def test_one_packet_costs_both_ways() -> None:
    link = board_with()
    link.write(PACKET_COUNT)
    assert link.now() == 0  # writing takes the host no time
    assert link.read(1.0) == b"\x00\x01\x04"
    assert link.now() == pytest.approx(147e-6)  # 12 + 60, 3, 12 + 60 us


def test_hid_packets_wait_for_their_frame() -> None:
    link = board_with("hid-64x1")
    times = []
    for _ in range(3):
        link.write(PACKET_COUNT)
        link.read(1.0)
        times.append(link.now())
    assert times[1] - times[0] == pytest.approx(2e-3)
    assert times[2] - times[1] == pytest.approx(2e-3)


def test_packets_in_flight_overlap() -> None:
    one_by_one, in_flight = board_with(), board_with()
    for _ in range(40):
        one_by_one.write(PACKET_COUNT)
        one_by_one.read(1.0)
    for n in range(44):
        if n >= 4:
            in_flight.read(1.0)
        if n < 40:
            in_flight.write(PACKET_COUNT)
    assert in_flight.now() < one_by_one.now() / 3
    assert one_by_one.board.statistics.round_trips == 40
    assert in_flight.board.statistics.round_trips == 1


def test_responses_keep_their_order() -> None:
    link = board_with()
    for info in (0xFE, 0xFF, 0xF1):
        link.write(bytes((0x00, info)))
    assert [link.read(1.0)[2] for _ in range(3)] == [0x04, 0x00, 0x40]


def test_beyond_the_packet_count_the_host_waits() -> None:
    link = board_with()
    for _ in range(4):
        link.write(DELAY_1_MS)
    assert link.now() == 0
    link.write(DELAY_1_MS)
    assert link.now() == pytest.approx(1e-3, rel=0.1)  # until the first was done
    for _ in range(5):
        assert link.read(1.0) == b"\x09\x00"
    assert link.now() == pytest.approx(5e-3, rel=0.1)
    with pytest.raises(ProbeTimeout):
        link.read(0.1)


def test_a_probe_may_drop_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    link = board_with()
    link._probe.model = replace(link._probe.model, overflow="drop")
    for _ in range(6):
        link.write(DELAY_1_MS)
    for _ in range(4):
        link.read(1.0)
    with pytest.raises(ProbeTimeout):
        link.read(1.0)


def test_sleep_lets_the_board_live() -> None:
    link = board_with()
    fired = []
    link.board.timeline.at(10_000_000, lambda: fired.append(link.board.timeline.now_ns))
    link.sleep(0.009)
    assert not fired
    link.sleep(0.002)
    assert fired == [10_000_000]
    assert link.now() == pytest.approx(0.011)


def test_a_packet_is_executed_when_it_arrives_not_when_it_is_written() -> None:
    link = board_with()
    attach(link)
    written = link.now()
    link.write(bytes.fromhex("05 00 02 05 00 00 00 20 0d 01 00 00 00"))
    assert link.board.bus.read(0x2000_0000, 4) == 0
    link.sleep(0.001)
    assert link.board.bus.read(0x2000_0000, 4) == 1
    assert link.read(1.0) == b"\x05\x02\x01"
    assert link.now() == pytest.approx(written + 0.001)  # it was there already


def test_timeout_within_a_match_wait_and_abort() -> None:
    link = board_with()
    attach(link)
    link.write(bytes.fromhex("04 00 64 00 ff ff"))
    link.read(1.0)
    # 65,536 reads at 1 MHz: three seconds
    link.write(bytes.fromhex("05 00 03 20 ff ff ff ff 05 00 00 00 20 1f 05 00 00 00"))
    started = link.now()
    with pytest.raises(ProbeTimeout):
        link.read(0.5)
    assert link.now() - started == pytest.approx(0.5)
    link.write(b"\x07")  # DAP_TransferAbort: no response of its own
    assert link.read(1.0)[:3] == b"\x05\x02\x11"
    assert link.now() - started < 0.52
    link.write(PACKET_COUNT)
    assert link.read(1.0) == b"\x00\x01\x04"


def test_abort_with_nothing_to_abort() -> None:
    link = board_with()
    attach(link)
    link.write(b"\x07")
    link.write(bytes.fromhex(READ_DPIDR))
    assert link.read(1.0).hex(" ") == "05 01 01 77 14 a0 2b"


def test_closed() -> None:
    link = board_with()
    link.write(PACKET_COUNT)
    link.close()
    link.close()
    for use in (lambda: link.write(PACKET_COUNT), lambda: link.read(1.0)):
        with pytest.raises(ProbeLost, match="closed"):
            use()
    again = link.board.link()
    again.write(PACKET_COUNT)
    assert again.read(1.0) == b"\x00\x01\x04"


def test_what_was_queued_goes_with_the_link() -> None:
    link = board_with()
    link.write(bytes.fromhex("7e 01 00 ff"))
    link.sleep(0.01)
    link.close()
    again = link.board.link()
    again.write(PACKET_COUNT)
    assert again.read(1.0) == b"\x00\x01\x04"


def test_one_link_at_a_time() -> None:
    link = board_with()
    with pytest.raises(ProbeBusy):
        link.board.link()


def test_a_link_that_owns_its_board() -> None:
    board = VirtualBoard("bare-ram")
    board.link(owns_board=True).close()
    with pytest.raises(BoardError):
        board.link()


def test_time_does_not_stand_on_the_hosts_clock() -> None:
    link = board_with()
    started = time.perf_counter()
    with pytest.raises(ProbeTimeout):
        link.read(3600.0)
    assert link.now() == 3600
    assert time.perf_counter() - started < 1


def test_models() -> None:
    for name in known_probe_models():
        model = load_probe_model(name)
        assert model.name == name
        assert model.capabilities.ATOMIC_COMMANDS is not name.endswith("-basic")
    assert load_probe_model("hid-64x4").packet_count == 4
    with pytest.raises(BoardError, match=r"no probe model 'x'; choose from bulk-512x4, "):
        load_probe_model("x")
