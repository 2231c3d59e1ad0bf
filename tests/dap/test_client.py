"""Opening a probe, single commands, and what odd firmware says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onchip.coresight.access_port import find_access_ports
from onchip.coresight.debug_port import DebugPort
from onchip.coresight.mem_ap import MemAp
from onchip.dap import DapClient
from onchip.errors import OnchipError, ProbeError, ProbeLost, ProbeRefused, ProbeTimeout
from onchip.probe.counting import CountingLink
from onchip.virtual_board.board import VirtualBoard
from onchip.wire.cmsis_dap import Delay, Info, InfoId
from tests.support.scripted_link import ScriptedLink

ASK = "7f 03 00 f0 00 fe 00 ff"
SETUP = [
    ("02 01", "02 01"),
    ("11 40 42 0f 00", "11 00"),
    ("13 00", "13 00"),
    ("04 00 0a 1a 02 00", "04 00"),
]


def test_a_probe_with_atomic_commands_is_open_in_two_packets() -> None:
    link = ScriptedLink(
        (ASK, "7f 03 00 01 11 00 01 04 00 02 00 02"),
        ("7f 04 02 01 11 40 42 0f 00 13 00 04 00 0a 1a 02 00", "7f 04 02 01 11 00 13 00 04 00"),
    )
    client = DapClient.open(link, frequency_hz=1_000_000)
    assert (client.packet_size, client.packet_count, client.atomic) == (512, 4, True)
    assert client.info.has_swd
    assert client.info.has_atomic_commands
    assert not client.info.has_uart
    assert client.frequency_hz == 1_000_000


def test_a_probe_without_them_is_asked_one_by_one() -> None:
    link = ScriptedLink(
        (ASK, "ff"),
        ("00 f0", "00 01 01"), ("00 fe", "00 01 01"), ("00 ff", "00 02 40 00"), *SETUP,
    )  # fmt: skip
    client = DapClient.open(link, frequency_hz=1_000_000)
    assert (client.packet_size, client.packet_count, client.atomic) == (64, 1, False)


def test_what_an_earlier_process_left_unread_is_passed_over() -> None:
    link = ScriptedLink(
        (ASK, "7f 03 00 01 11 00 01 04 00 02 00 02"),
        ("", "7f 04 02 01 11 00 13 00 04 00"),
    )
    link.late("05 01 01 11 22 33 44")
    link.late("06 01 00 01")
    assert DapClient.open(link).packet_size == 512


def test_a_device_that_is_no_probe() -> None:
    link = ScriptedLink(*[("", "42 42")] * 3, strict=False)
    with pytest.raises((ProbeError, ProbeTimeout)):
        DapClient.open(link)


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        (["00 01 02", "00 01 01", "00 02 40 00"], "no SWD port"),
        (["00 01 01", "00 01 01", "00 02 08 00"], "too small"),
        (["00 01 01", "00 01 01", "00 02 40 00", "02 00"], "could not set up"),
        (
            ["00 01 01", "00 01 01", "00 02 40 00", "02 01", "11 ff", "13 00", "04 00"]
            + ["11 ff"] * 9,
            "does not take a clock of 4000000 Hz, and no lower one",
        ),
    ],
)  # fmt: skip
def test_probes_that_cannot(answers: list[str], error: str) -> None:
    answers += ["11 00", "13 00", "04 00"]
    link = ScriptedLink((ASK, "ff"), *[("", a) for a in answers], strict=False)
    with pytest.raises(ProbeError, match=error):
        DapClient.open(link)


def test_a_probe_that_tells_nothing_of_its_size_gets_small_packets() -> None:
    link = ScriptedLink(
        (ASK, "ff"), ("", "00 01 01"), ("", "00 00"), ("", "00 00"), *[("", a) for _, a in SETUP],
        strict=False,
    )  # fmt: skip
    client = DapClient.open(link)
    assert (client.packet_size, client.packet_count) == (64, 1)


RESYNCHRONISED = (("00 ff", "00 02 40 00"), ("00 fe", "00 01 01"))


def test_one_command_and_its_troubles() -> None:
    again = (*RESYNCHRONISED[:1], ("00 fe", None))
    client = DapClient(
        ScriptedLink(
            ("09 0a 00", "09 00"), ("09 0a 00", "ff"), ("09 0a 00", None), *again,
            ("00 ff", "00 02 40 00"), ("00 fe", "00 01 01"), ("09 0a 00", None),
        )
    )  # fmt: skip
    assert client.command(Delay(10)).ok
    with pytest.raises(ProbeRefused, match="DAP_Delay"):
        client.command(Delay(10))
    with pytest.raises(ProbeTimeout, match="DAP_Delay"):
        client.command(Delay(10))
    with pytest.raises(ProbeLost):  # silent at first, and gone when it is to be brought into step
        client.command(Delay(10))


def test_a_response_that_is_cut_short_is_asked_for_once_more() -> None:
    client = DapClient(ScriptedLink(("00 f0", "00 05 01"), *RESYNCHRONISED, ("00 f0", "00 01 01")))
    assert client.command(Info(InfoId.CAPABILITIES)).capabilities.SWD
    again = ("00 f0", "00 05 01")
    client = DapClient(ScriptedLink(again, *RESYNCHRONISED, again, *RESYNCHRONISED))
    with pytest.raises(ProbeError, match="does not belong"):
        client.command(Info(InfoId.CAPABILITIES))
    assert client.usable


def test_another_commands_response_is_dropped_and_the_question_put_again() -> None:
    client = DapClient(ScriptedLink(("00 f0", "05 01 01"), *RESYNCHRONISED, ("00 f0", "00 01 01")))
    assert client.command(Info(InfoId.CAPABILITIES)).capabilities.SWD
    assert client.generation == 1


def test_what_does_something_is_not_done_twice() -> None:
    client = DapClient(ScriptedLink(("09 0a 00", "05 01 01"), *RESYNCHRONISED))
    with pytest.raises(ProbeError, match="does not belong"):
        client.command(Delay(10))
    assert client.usable


def test_a_clock_that_is_refused_gives_way_to_the_next_lower_one() -> None:
    link = ScriptedLink(
        (ASK, "ff"),
        ("00 f0", "00 01 01"), ("00 fe", "00 01 01"), ("00 ff", "00 02 40 00"),
        ("02 01", "02 01"),
        ("11 00 2d 31 01", "11 ff"),  # 20 MHz
        ("13 00", "13 00"),
        ("", "04 00"),
        ("11 80 96 98 00", "11 ff"),  # 10 MHz
        ("11 00 12 7a 00", "11 00"),  # 8 MHz
    )  # fmt: skip
    client = DapClient.open(link, frequency_hz=20_000_000)
    assert (client.frequency_hz, client.refused_frequency_hz) == (8_000_000, 20_000_000)


def test_a_probe_that_does_not_answer_what_it_does_not_know() -> None:
    link = ScriptedLink(
        (ASK, None), *RESYNCHRONISED,
        ("00 f0", "00 01 01"), ("00 fe", "00 01 01"), ("00 ff", "00 02 40 00"), *SETUP,
    )  # fmt: skip
    assert not DapClient.open(link, frequency_hz=1_000_000).atomic


def test_an_answer_to_what_ctrl_c_cut_short_is_not_taken_for_the_next_one() -> None:
    class Interrupted(ScriptedLink):
        def read(self, timeout_s: float) -> bytes:
            if len(self.written) == 1 and "interrupted" not in self.events:
                self.events.append("interrupted")
                raise KeyboardInterrupt
            return super().read(timeout_s)

    link = Interrupted(("00 f0", "00 01 01"), *RESYNCHRONISED, ("00 f0", "00 01 13"))
    client = DapClient(link)
    with pytest.raises(KeyboardInterrupt):
        client.command(Info(InfoId.CAPABILITIES))
    assert client.generation == 1
    assert client.command(Info(InfoId.CAPABILITIES)).capabilities.ATOMIC_COMMANDS


def test_asking_leaves_the_port_alone() -> None:
    link = ScriptedLink((ASK, "7f 03 00 01 11 00 01 04 00 02 00 02"))
    client = DapClient.ask(link)
    assert (client.packet_size, client.packet_count) == (512, 4)
    client.close()
    assert link.closed
    assert link.written == [bytes.fromhex(ASK)]
    with pytest.raises(ProbeLost):
        client.command(Delay(1))


def test_no_packet_is_written_ahead_any_more_once_one_of_several_was_lost() -> None:
    with VirtualBoard("bare-ram", probe_model="bulk-512x4") as board:
        client = DapClient.open(board.link())
        dp = DebugPort(client)
        dp.connect()
        (ap,) = find_access_ports(dp)
        assert isinstance(ap, MemAp)
        assert client.packet_count == 4
        board.faults.lose_request(3)
        assert len(ap.read(0x2000_0000, 8192)) == 8192
        assert client.packet_count == 1
        assert "in flight" in client.distrusted
        assert len(ap.read(0x2000_0000, 8192)) == 8192


def test_an_endpoint_that_stalled_costs_the_step_but_not_the_probe() -> None:
    class Stalls(ScriptedLink):
        def read(self, timeout_s: float) -> bytes:
            answer = super().read(timeout_s)
            if answer == b"\xee":
                raise ProbeError("its endpoint stalled")
            return answer

    client = DapClient(Stalls(("09 0a 00", "ee"), *RESYNCHRONISED, ("09 0a 00", "09 00")))
    with pytest.raises(ProbeError, match="stalled"):
        client.command(Delay(10))
    assert client.command(Delay(10)).ok


def test_closing_twice_is_harmless() -> None:
    link = ScriptedLink(("03", "03 00"))
    client = DapClient(link)
    client.close()
    client.close()
    assert link.closed
    with pytest.raises(ProbeLost, match="no longer connected"):
        client.command(Delay(1))


def test_closing_a_probe_that_is_gone() -> None:
    link = ScriptedLink()
    DapClient(link).close()
    assert link.closed


def test_strings_are_asked_for_when_looked_at_and_only_once() -> None:
    link = CountingLink(VirtualBoard("bare-ram", probe_model="bulk-512x4").link())
    client = DapClient.open(link)
    before = link.mark()
    assert "not asked" in repr(client.info)
    assert (link.traffic - before).packets == 0
    info = client.info
    shown = [info.vendor, info.product, info.serial, info.firmware, info.protocol_version]
    assert all(shown)
    assert isinstance(info.target_name + info.target_vendor, str)
    assert isinstance(info.board_name + info.board_vendor, str)
    spent = (link.traffic - before).packets
    assert info.vendor == shown[0]
    assert (link.traffic - before).packets == spent == 9
    assert info.product in repr(info)
    client.close()


@settings(max_examples=80)
@given(st.lists(st.binary(max_size=20), max_size=12))
def test_hostile_answers_while_opening_give_an_error_of_ours(answers: list[bytes]) -> None:
    link = ScriptedLink(strict=False)
    link.steps = [(b"", answer) for answer in answers]
    try:
        DapClient.open(link)
    except OnchipError:
        return


def test_traffic_is_counted() -> None:
    link = CountingLink(ScriptedLink(("01", "01"), ("02", "02"), ("03", "03 04")), tracing=True)
    link.write(b"\x01")
    link.write(b"\x02")
    link.read(1)
    link.read(1)
    before = link.mark()
    link.write(b"\x03")
    assert link.read(1) == b"\x03\x04"
    assert (link.traffic.packets, link.traffic.round_trips, link.traffic.most_in_flight) == (
        3,
        2,
        2,
    )
    spent = link.traffic - before
    assert (spent.packets, spent.round_trips, spent.bytes_out, spent.bytes_in) == (1, 1, 1, 2)
    assert link.trace[0] == (">", b"\x01")
    assert link.description == "script"
    link.sleep(1)
    assert link.now() >= 1
    link.close()
