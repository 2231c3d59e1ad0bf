"""Finding and waking a Debug Port, over a scripted probe and on the board."""

from __future__ import annotations

import pytest

from onchip.coresight import DebugPort, MemAp, find_access_ports, swj
from onchip.coresight.access_port import AccessPort
from onchip.dap import DapClient
from onchip.errors import TargetError, TransferNoAck, UsageError
from tests.coresight.conftest import Rig, make_rig
from tests.support.scripted_link import ScriptedLink

SWITCH = "12 88" + " ff" * 7 + " 9e e7" + " ff" * 7 + " 00"
READ_DPIDR = "05 00 01 02"
TEST = "05 00 02 20 01 00 00 00 12 00 00 00 00"
RETRIES = "04 00 00 64 00 00 01"


def test_the_sequences_are_those_of_the_manual() -> None:
    """ADIv5.2 B5.2.1: at least 50 ones, 0xE79E lowest bit first, at least 50 ones, idle."""
    assert swj.JTAG_TO_SWD.encode() == bytes.fromhex(SWITCH)
    assert swj.LINE_RESET.encode() == bytes.fromhex("12 40" + "ff" * 7 + "00")
    wake = swj.DORMANT_TO_SWD
    assert wake.data[:17] == bytes.fromhex("ff 92f30962952d8586e9afdde3a20ebc19")
    bits = int.from_bytes(wake.data, "little") >> 136
    assert bits & 0xFFF == 0x1A0  # four low clocks, then 0x1A
    assert bits >> 12 & (1 << 56) - 1 == (1 << 56) - 1
    dormant = int.from_bytes(swj.JTAG_TO_DORMANT.data, "little") >> 56
    assert dormant & 0x7FFF_FFFF == 0x33BB_BBBA


def client_on(*steps: tuple[str, str | None]) -> DapClient:
    client = DapClient(ScriptedLink(*steps, strict=False))
    client.frequency_hz = 1_000_000
    return client


POWER = ("", "05 05 01")


def test_a_plain_connect() -> None:
    client = client_on(
        (SWITCH, "12 00"), (READ_DPIDR, "05 01 01 77 14 a0 2b"), (TEST, "05 01 11"), ("", "04 00"),
        ("", "05 05 01"),
    )  # fmt: skip
    dp = DebugPort(client)
    dp.connect()
    assert dp.idr == 0x2BA0_1477
    assert not client.polls
    sent = client.link.written  # type: ignore[attr-defined]
    assert sent[0] == bytes.fromhex(SWITCH)
    assert sent[4] == bytes.fromhex(
        "05 00 05 | 00 1e 00 00 00 | 08 00 00 00 00 | 04 00 00 00 50"
        "| 20 00 00 00 a0 | 16 00 00 00 a0".replace("|", "")
    )


@pytest.mark.parametrize("answer", ["05 02 01", "05 01 04", "05 00 07"])
def test_a_probe_whose_match_lies_is_polled(answer: str) -> None:
    client = client_on(
        (SWITCH, "12 00"), (READ_DPIDR, "05 01 01 77 14 a0 2b"), (TEST, answer), ("", "04 00"),
        ("", "05 04 01 00 00 00 f0"),
    )  # fmt: skip
    DebugPort(client).connect()
    assert client.polls


def test_nothing_answers() -> None:
    silent = [("", "12 00"), ("", "05 00 07")]
    steps = [*silent, ("", "12 00"), *silent, *silent]
    with pytest.raises(TransferNoAck, match="neither to JTAG-to-SWD nor to dormant"):
        DebugPort(client_on(*steps)).connect()


def test_a_dormant_port_is_woken() -> None:
    client = client_on(
        ("", "12 00"), ("", "05 00 07"), ("", "12 00"), ("", "12 00"),
        ("", "05 01 01 77 24 f1 0b"), ("", "05 01 11"), ("", "04 00"),
        ("", "05 07 01 01 00 00 02"),
    )  # fmt: skip
    dp = DebugPort(client)
    dp.connect()
    assert dp.idr.VERSION == 2
    assert dp.targetid == 0x0200_0001


def test_adiv6_is_recognised_and_refused() -> None:
    client = client_on(("", "12 00"), ("", "05 01 01 77 34 13 4c"), ("", "05 01 11"), ("", "04 00"))
    with pytest.raises(TargetError, match="ADIv6"):
        DebugPort(client).connect()


def test_one_of_several_ports_is_chosen() -> None:
    """ADIv5.2 B4.3.4: TARGETSEL is a write that nothing acknowledges: request 0x99, 5 clocks."""
    client = client_on(
        ("", "12 00"), ("", "1d 00 1f"), ("", "05 01 01 77 24 c1 0b"), ("", "05 01 11"),
        ("", "04 00"), ("", "05 07 01 27 29 00 01"),
    )  # fmt: skip
    DebugPort(client, targetsel=0x0100_2927).connect()
    sent = client.link.written  # type: ignore[attr-defined]
    assert sent[1] == bytes.fromhex("1d 04 08 99 85 21 27 29 00 01 00 08 00")


def test_a_domain_that_does_not_power_up() -> None:
    steps = [("", "12 00"), ("", "05 01 01 77 14 a0 2b"), ("", "05 01 11"), ("", "04 00")]
    client = client_on(*steps, ("", "05 04 11"), *[("", "05 02 11")] * 2000)
    with pytest.raises(TargetError, match="does not power up"):
        DebugPort(client).connect()
    assert client.link.now() >= 1.0


def test_registers_of_the_port(rig: Rig) -> None:
    dp = rig.dp
    assert dp.read(0x0) == dp.idr
    assert dp.read(0x4) & 0xF000_0000 == 0xF000_0000
    dp.write(0x8, 0x0000_00F0)
    assert dp.selected() == 0xF0
    dp.write(0x0, 0x1E)
    for register in (2, -4, 0x100):
        with pytest.raises(UsageError, match="no register"):
            dp.read(register)
    assert repr(dp).startswith("<DebugPort DPv1")


def test_disconnecting_takes_the_power_requests_back(rig: Rig) -> None:
    rig.dp.disconnect()
    assert rig.dp.read(0x4) & 0x5000_0000 == 0
    rig.dp.disconnect()


def test_ports_that_object_are_passed_over(rig: Rig) -> None:
    rig.board.faults.fault(after=4, count=1)
    found = find_access_ports(rig.dp)
    assert [ap.index for ap in found] == [0]
    assert isinstance(found[0], MemAp)


def test_a_control_port_is_no_memory_port() -> None:
    rig = make_rig(chip="nrf52840")
    found = find_access_ports(rig.dp)
    assert [type(ap) for ap in found] == [MemAp, AccessPort]
    control = found[1]
    assert isinstance(control, AccessPort)
    assert control.read(0xFC) == control.idr == 0x0288_0000
    control.write(0x00, 0)
    for register in (2, 0x100):
        with pytest.raises(UsageError):
            control.read(register)
    assert repr(control) == "<AccessPort 1 IDR=0x02880000>"
    rig.board.close()
