"""`onchip doctor`: well probes are found well, and each trouble is named with what to do."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from onchip.cli import checkup
from onchip.dap.quirks import Quirk
from onchip.probe import hid, plugged, trouble, usb
from onchip.virtual_board.board import VirtualBoard
from tests.support.fake_usb import FakeBus
from tests.support.fake_usb_device import (
    FakeDevice,
    FakeInterface,
    board_firmware,
    report_descriptor,
)

from .conftest import Onchip, Outcome

REAL_USB_PROBES = plugged.usb_probes
HIGH_SPEED = ((0x01, 2, 512), (0x82, 2, 512))
BOTH = (
    FakeInterface(0, "CMSIS-DAP v1", kind=0x03),
    FakeInterface(1, "CMSIS-DAP v2", endpoints=HIGH_SPEED),
)


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeBus:
    monkeypatch.setattr(plugged, "usb_probes", REAL_USB_PROBES)
    monkeypatch.setattr(usb, "SYSFS", tmp_path / "sys")
    monkeypatch.setattr(hid, "SYSFS_HIDRAW", tmp_path / "hidraw")
    monkeypatch.setattr(trouble, "PROC", tmp_path / "proc")
    monkeypatch.setattr(trouble, "RULES_DIRECTORIES", (tmp_path / "rules.d",))
    return FakeBus().install(monkeypatch)


@pytest.fixture
def board() -> Iterator[VirtualBoard]:
    with VirtualBoard("bare-ram", probe_model="bulk-512x4") as board:
        yield board


@pytest.fixture
def probe(bus: FakeBus, board: VirtualBoard) -> FakeDevice:
    """A well probe: v2 at high speed, a virtual board inside."""
    device = FakeDevice(
        board_firmware(board),
        interfaces=BOTH,
        dap_packet_size=512,
        hid_path=b"1-1.2:1.0",
        hid_reports=report_descriptor(512),
        hid_report_size=512,
    )
    bus.devices.append(device)
    return device


def findings(outcome: Outcome) -> dict[str, dict[str, str]]:
    """Return the findings by what was checked."""
    data = json.loads(outcome.out)
    assert data["healthy"] == (outcome.code == 0)
    return {each["check"]: each for each in data["findings"]}


def diagnosis(onchip: Onchip) -> dict[str, dict[str, str]]:
    return findings(onchip("doctor", "--json"))


def verdicts(found: dict[str, dict[str, str]]) -> set[str]:
    return {each["verdict"] for each in found.values()}


def test_a_well_probe_has_no_problem(onchip: Onchip, probe: FakeDevice) -> None:
    outcome = onchip("doctor", "--json")
    found = findings(outcome)
    assert outcome.code == 0
    assert verdicts(found) <= {"ok", "note"}
    assert found["open"]["text"] == "usb:0d28:0204:0240abcd"
    assert found["packets in flight"]["text"] == "4 written ahead, all answered"
    assert found["longest answer"]["text"] == "512 of 512 bytes"
    assert found["match-wait"]["verdict"] == "ok"
    assert "DPIDR 0x2ba01477" in found["target"]["text"]
    assert "named by --probe 0240abcd" in found["found"]["text"]
    assert probe.released == [1]


def test_it_reads_as_a_list_for_people(onchip: Onchip, probe: FakeDevice) -> None:
    outcome = onchip("doctor")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0] == "system"
    assert "  ok      libusb: 1.0.99, for CMSIS-DAP v2 probes" in lines
    assert "  ok      hidapi: 0.99.0 (module hidraw), for CMSIS-DAP v1 probes" in lines
    assert "0240abcd" in lines
    assert "problem" not in outcome.out


def test_nothing_plugged_in_is_a_note(onchip: Onchip, bus: FakeBus) -> None:
    outcome = onchip("doctor")
    assert outcome.code == 0
    assert "no probe is plugged in" in outcome.out
    assert "try another cable" in outcome.out


def test_missing_libraries_are_problems_with_what_to_install(
    onchip: Onchip, bus: FakeBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("usb1", "hidraw", "hid"):
        monkeypatch.setitem(sys.modules, name, None)
    outcome = onchip("doctor")
    assert outcome.code == 3
    assert "do: pip install libusb1" in outcome.out
    assert "do: pip install hidapi" in outcome.out
    assert outcome.out.endswith("\n2 problems found\n")


def test_the_udev_rules_are_looked_for(onchip: Onchip, bus: FakeBus) -> None:
    rules = diagnosis(onchip)["udev rules"]
    assert rules["verdict"] == "note"
    assert "cp" in rules["advice"]
    installed = trouble.RULES_DIRECTORIES[0] / trouble.RULES_NAME
    installed.parent.mkdir()
    installed.write_text("")
    rules = diagnosis(onchip)["udev rules"]
    assert (rules["verdict"], rules["text"]) == ("ok", str(installed))


@pytest.mark.parametrize(
    ("attribute", "error", "text", "advice"),
    [
        ("open_error", "USBErrorAccess", "no udev rule gives access", "69-onchip.rules"),
        ("open_error", "USBErrorNotSupported", "no driver serves", "WinUSB"),
        ("claim_error", "USBErrorBusy", "in use by another program", "close that one"),
    ],
)
def test_a_probe_that_cannot_be_opened(
    onchip: Onchip, probe: FakeDevice, attribute: str, error: str, text: str, advice: str
) -> None:
    probe.hid_open_fails = True
    REAL_USB_PROBES()
    setattr(probe, attribute, error)
    outcome = onchip("doctor", "--json")
    assert outcome.code == 3
    finding = findings(outcome)["open"]
    assert finding["verdict"] == "problem"
    assert text in finding["text"]
    assert advice in finding["advice"]


def test_a_probe_of_which_only_the_slower_way_is_open(onchip: Onchip, probe: FakeDevice) -> None:
    probe.claim_error = "USBErrorOther"
    outcome = onchip("doctor", "--json")
    assert outcome.code == 3
    assert "only its v1 interface" in findings(outcome)["open"]["text"]
    assert findings(outcome)["target"]["verdict"] == "ok"


def _limited(board: VirtualBoard, device: FakeDevice, most: int) -> Callable[[bytes], list[bytes]]:
    """Return firmware that drops what it has no room for, whatever it says of itself."""
    run = board_firmware(board)

    def limited(packet: bytes) -> list[bytes]:
        if device.in_flight > most:
            device.in_flight -= 1
            return []
        return run(packet)

    return limited


def test_a_probe_that_holds_fewer_packets_than_it_says(
    onchip: Onchip, probe: FakeDevice, board: VirtualBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkup, "_ANSWER_S", 0.05)
    probe.firmware = _limited(board, probe, 2)
    outcome = onchip("doctor", "--json")
    finding = findings(outcome)["packets in flight"]
    assert finding["verdict"] == "problem"
    assert "of 4 only 2 were answered" in finding["text"]
    assert "falls back to one" in finding["advice"]
    assert findings(outcome)["target"]["verdict"] == "ok"


def test_a_probe_that_does_not_answer(onchip: Onchip, probe: FakeDevice) -> None:
    probe.firmware = lambda packet: [b"\x42"] * 100
    outcome = onchip("doctor", "--json")
    assert outcome.code == 3
    assert "does not answer like a CMSIS-DAP probe" in findings(outcome)["DAP_Info"]["text"]


def test_a_probe_that_goes_away_meanwhile(
    onchip: Onchip, probe: FakeDevice, board: VirtualBoard
) -> None:
    run = board_firmware(board)

    def unplugged_later(packet: bytes) -> list[bytes]:
        if len(probe.received) == 12:
            probe.unplug()
        return run(packet)

    probe.firmware = unplugged_later
    outcome = onchip("doctor")
    assert outcome.code == 3
    assert "is gone (unplugged)" in outcome.out


def test_a_probe_for_jtag_alone(onchip: Onchip, probe: FakeDevice, board: VirtualBoard) -> None:
    run = board_firmware(board)

    def without_swd(packet: bytes) -> list[bytes]:
        if packet[0] == 0x7F:
            return [b"\xff"]
        if packet[:2] == b"\x00\xf0":
            return [b"\x00\x01\x02"]
        return run(packet)

    probe.firmware = without_swd
    finding = diagnosis(onchip)["DAP_Info"]
    assert (finding["verdict"], "no SWD" in finding["text"]) == ("problem", True)


def test_a_target_that_does_not_answer_is_a_note(
    onchip: Onchip, probe: FakeDevice, board: VirtualBoard
) -> None:
    board.power_off()
    outcome = onchip("doctor", "--json")
    assert outcome.code == 0
    target = findings(outcome)["target"]
    assert target["verdict"] == "note"
    assert "read DPIDR" in target["text"]
    assert "powered" in target["advice"]


def test_a_match_that_does_not_work_is_a_note(
    onchip: Onchip, probe: FakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Quirk(0x0D28, 0x0204, "its match is broken", "a test", match=False)
    monkeypatch.setattr("onchip.dap.quirks.known_quirks", lambda: (row,))
    found = diagnosis(onchip)
    assert found["quirk"]["text"] == "its match is broken (a test)"
    assert found["match-wait"]["verdict"] == "note"


def test_a_packet_size_that_the_reports_do_not_carry(
    onchip: Onchip, bus: FakeBus, board: VirtualBoard
) -> None:
    bus.devices.append(
        FakeDevice(board_firmware(board), interfaces=BOTH[:1], hid_path=b"1-1.2:1.0")
    )
    found = diagnosis(onchip)
    assert found["packet size"]["verdict"] == "problem"
    assert "claims 512 bytes, its USB interface carries 64" in found["packet size"]["text"]
    assert "one packet of 64 bytes in a millisecond" in found["speed"]["text"]


def test_one_probe_alone(onchip: Onchip, bus: FakeBus, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = onchip("doctor", "--probe", "virtual:bare-ram/hid-64x4-basic", "--json")
    assert outcome.code == 0
    found = findings(outcome)
    assert found["packets in flight"]["verdict"] == "ok"
    assert "longest answer" not in found
    monkeypatch.setenv("ONCHIP_PROBE", "virtual:bare-ram")
    assert "longest answer" in diagnosis(onchip)


def test_a_name_that_fits_nothing(onchip: Onchip, bus: FakeBus) -> None:
    outcome = onchip("doctor", "-u", "nobody")
    assert outcome.code == 3
    assert "no probe named 'nobody'" in outcome.out
