"""CMSIS-DAP v1 over HID devices made of Python: report ids, padding, and each trouble's name."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onchip.errors import ProbeBusy, ProbeDenied, ProbeError, ProbeLost, ProbeTimeout
from onchip.probe import hid, trouble
from onchip.probe.hid import HidLink, hid_interfaces, load_hidapi
from onchip.probe.hid_reports import ReportSizes, report_sizes
from onchip.probe.link import usb_link
from onchip.session import open_session
from onchip.virtual_board.board import VirtualBoard
from tests.support.fake_usb import FakeBus
from tests.support.fake_usb_device import FakeDevice, board_firmware, echo, report_descriptor
from tests.support.images import counting_loop


def link_to(bus: FakeBus, device: FakeDevice) -> HidLink:
    bus.devices.append(device)
    (found,) = hid_interfaces()
    return HidLink(found)


@pytest.fixture
def device(tmp_path: Path) -> FakeDevice:
    """A device whose device file is there, as long as a test does not remove it."""
    return FakeDevice(echo, hid_path=b"1-2:1.0")


@pytest.fixture
def link(bus: FakeBus, device: FakeDevice) -> Iterator[HidLink]:
    link = link_to(bus, device)
    yield link
    link.close()


def test_a_packet_is_padded_behind_the_report_id(link: HidLink, device: FakeDevice) -> None:
    link.write(b"\x00\xff")
    assert device.reports == [b"\x00" + b"\x00\xff".ljust(64, b"\0")]
    assert link.read(1) == b"\x00\xff".ljust(64, b"\0")
    assert link.description == "hid:0d28:0204:0240abcd"
    assert usb_link(link) is link


@pytest.mark.parametrize("size", [64, 512, 1024])
def test_reports_are_as_long_as_the_device_says(bus: FakeBus, size: int) -> None:
    device = FakeDevice(
        echo, hid_path=b"x", hid_reports=report_descriptor(size), hid_report_size=size
    )
    link = link_to(bus, device)
    assert link.report_sizes == ReportSizes(size, size)
    link.write(b"\x01")
    assert len(link.read(1)) == size
    link.settle_packet_size(16)
    assert link.longest_packet == size
    assert (link.protocol, link.platform) == ("v1", sys.platform)
    link.close()


def test_without_a_report_descriptor_reports_have_64_bytes(bus: FakeBus) -> None:
    link = link_to(bus, FakeDevice(echo, hid_path=b"x", hid_reports=None))
    assert link.report_sizes == ReportSizes(64, 64)
    link.close()


def test_a_packet_that_does_not_fit_is_refused(link: HidLink, device: FakeDevice) -> None:
    with pytest.raises(ProbeError, match="65 bytes do not fit into a HID report of 64"):
        link.write(bytes(65))
    assert device.reports == []


def test_packets_may_be_written_ahead(link: HidLink, device: FakeDevice) -> None:
    for number in range(4):
        link.write(bytes((number,)))
    assert [link.read(1)[0] for _ in range(4)] == [0, 1, 2, 3]
    assert device.most_in_flight == 4


def test_silence_is_a_time_out(link: HidLink, device: FakeDevice) -> None:
    device.firmware = lambda packet: []
    link.write(b"\0")
    with pytest.raises(ProbeTimeout, match=r"did not answer within 0.02 s"):
        link.read(0.02)


def test_a_late_answer_keeps_its_place(link: HidLink, device: FakeDevice) -> None:
    device.answers_late = True
    link.write(b"\1")
    with pytest.raises(ProbeTimeout):
        link.read(0.01)
    device.send_late()
    link.write(b"\2")
    assert [link.read(1)[0], link.read(1)[0]] == [1, 2]


def test_unplugging_is_a_lost_probe(link: HidLink, device: FakeDevice) -> None:
    link.write(b"\0")
    device.unplug()
    with pytest.raises(ProbeLost, match="is gone") as caught:
        link.read(1)
    assert caught.value.hint == "plug it in again"
    with pytest.raises(ProbeLost, match="is closed"):
        link.write(b"\0")


def test_writing_to_an_unplugged_probe_is_a_lost_probe(link: HidLink, device: FakeDevice) -> None:
    device.unplug()
    with pytest.raises(ProbeLost, match="no such device"):
        link.write(b"\0")


def _with_node(bus: FakeBus, monkeypatch: pytest.MonkeyPatch, path: Path) -> FakeDevice:
    """Plug a device in whose path is a device file."""
    path.write_text("")
    monkeypatch.setattr(hid.HidInterface, "node", property(lambda self: str(path)))
    device = FakeDevice(echo, hid_path=str(path).encode())
    bus.devices.append(device)
    return device


def test_a_probe_that_takes_no_packet_is_a_time_out(
    bus: FakeBus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    device = _with_node(bus, monkeypatch, tmp_path / "hidraw0")
    link = HidLink(hid_interfaces()[0])
    device.takes_packets, device.hid_error = False, "broken pipe"
    with pytest.raises(ProbeTimeout, match="takes no packet"):
        link.write(b"\0")
    device.takes_packets = True
    link.write(b"\1")
    assert link.read(1)[0] == 1
    link.close()


@pytest.mark.parametrize("error", [errno.ENODEV, errno.ESHUTDOWN, errno.EPIPE])
def test_a_probe_that_is_just_being_unplugged_is_gone(
    bus: FakeBus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: int
) -> None:
    node = tmp_path / "hidraw0"
    device = _with_node(bus, monkeypatch, node)
    link = HidLink(hid_interfaces()[0])
    device.takes_packets, device.hid_error = False, os.strerror(error)
    # its node is still there, and goes a moment later
    monkeypatch.setattr(hid.time, "sleep", lambda seconds: node.unlink(missing_ok=True))
    with pytest.raises(ProbeLost, match="is gone"):
        link.write(b"\0")


def test_a_signal_during_the_wait_does_no_harm(
    bus: FakeBus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    device = _with_node(bus, monkeypatch, tmp_path / "hidraw0")
    link = HidLink(hid_interfaces()[0])
    link.write(b"\1")
    device.in_status = "interrupted"  # one read error
    assert link.read(1)[0] == 1
    (tmp_path / "hidraw0").unlink()
    device.in_status = "gone"
    with pytest.raises(ProbeLost):
        link.read(1)


def test_a_device_that_another_program_has_open_is_busy(
    bus: FakeBus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _with_node(bus, monkeypatch, tmp_path / "hidraw0")
    process = trouble.PROC / "99"
    (process / "fd").mkdir(parents=True)
    (process / "comm").write_text("pyocd\n")
    (process / "fd" / "3").symlink_to(tmp_path / "hidraw0")
    with pytest.raises(ProbeBusy, match=r"in use by pyocd \(pid 99\)"):
        HidLink(hid_interfaces()[0])


def test_a_second_session_of_our_own_is_busy_too(
    bus: FakeBus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _with_node(bus, monkeypatch, tmp_path / "hidraw0")
    process = trouble.PROC / str(os.getpid())
    (process / "fd").mkdir(parents=True)
    (process / "fd" / "3").symlink_to(tmp_path / "hidraw0")
    with pytest.raises(ProbeBusy, match=rf"pid {os.getpid()}"):
        HidLink(hid_interfaces()[0])


def test_no_permission_names_the_rule(
    bus: FakeBus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    device = _with_node(bus, monkeypatch, tmp_path / "hidraw0")
    device.hid_open_fails = True
    with pytest.raises(ProbeDenied, match=r"hidraw0\): no udev rule") as caught:
        HidLink(hid_interfaces()[0])
    assert "69-onchip.rules" in (caught.value.hint or "")


def test_a_device_that_left_before_it_was_opened_is_lost(
    bus: FakeBus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    device = _with_node(bus, monkeypatch, tmp_path / "hidraw0")
    (found,) = hid_interfaces()
    device.unplug()
    (tmp_path / "hidraw0").unlink()
    with pytest.raises(ProbeLost, match="unplugged before it was opened"):
        HidLink(found)


def test_of_a_device_with_several_usages_the_vendors_page_counts(
    bus: FakeBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus.devices.append(FakeDevice(hid_path=b"x"))
    (entry,) = bus.hidraw.enumerate()
    pages = [entry | {"usage_page": page} for page in (0x0C, 0xFF00, 0x01)]
    monkeypatch.setattr(bus.hidraw, "enumerate", lambda: pages)
    (found,) = hid_interfaces()
    assert found.usage_page == 0xFF00


# ---- the module


def test_hidraw_comes_first_on_linux(bus: FakeBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hid", ModuleType("hid"))
    monkeypatch.setattr(sys, "platform", "linux")
    assert load_hidapi() is bus.hidraw


def test_elsewhere_and_without_hidraw_it_is_hid(
    bus: FakeBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "hidraw", None)
    assert load_hidapi() is bus.hidraw
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delitem(sys.modules, "hidraw")
    assert load_hidapi() is bus.hidraw


def test_a_missing_hidapi_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hidraw", None)
    monkeypatch.setitem(sys.modules, "hid", None)
    with pytest.raises(ProbeError, match="cannot be used") as caught:
        load_hidapi()
    assert caught.value.hint == "pip install hidapi"


def test_another_packages_hid_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hidraw", None)
    monkeypatch.setitem(sys.modules, "hid", ModuleType("hid"))
    with pytest.raises(ProbeError, match="hid is another package's"):
        load_hidapi()


def test_the_real_module_has_what_is_used() -> None:
    module = load_hidapi()
    assert isinstance(module.enumerate(), list)
    for name in ("open_path", "write", "read", "close", "error", "get_report_descriptor"):
        assert hasattr(module.device, name)


# ---- report descriptors


def test_a_report_descriptor_typed_from_the_manual() -> None:
    # HID 1.11, 6.2.2: usage page FF00, usage 1, collection, 8 bits, 64 times, in and out
    text = "06 00ff 09 01 a1 01 15 00 26 ff00 75 08 95 40 09 01 81 02 95 40 09 01 91 02 c0"
    assert report_sizes(bytes.fromhex(text)) == ReportSizes(64, 64)


def test_the_longest_of_several_reports_counts() -> None:
    text = "75 08 85 01 95 04 81 02 85 02 95 08 81 02 91 02 a4 95 ff b4 91 02"
    assert report_sizes(bytes.fromhex(text)) == ReportSizes(8, 16)


def test_a_long_item_is_stepped_over() -> None:
    text = "75 08 95 02 fe 02 00 81 02 81 02"
    assert report_sizes(bytes.fromhex(text)) == ReportSizes(2, 0)


@given(st.binary(max_size=80))
def test_rubbish_has_some_size(descriptor: bytes) -> None:
    sizes = report_sizes(descriptor)
    assert sizes.input >= 0
    assert sizes.output >= 0


def test_sizes_that_cannot_be_are_not_believed(bus: FakeBus) -> None:
    device = FakeDevice(echo, hid_path=b"x", hid_reports=report_descriptor(60000))
    link = link_to(bus, device)
    assert link.report_sizes == ReportSizes(64, 64)
    link.close()


# ---- the whole way, with a virtual board in the device


@pytest.mark.parametrize("model", ["hid-64x1", "hid-64x4-basic"])
def test_a_board_is_halted_read_and_flashed_over_hid(bus: FakeBus, model: str) -> None:
    with VirtualBoard("nrf52840", probe_model=model) as board:
        device = FakeDevice(board_firmware(board), hid_path=b"1-2:1.0")
        with open_session(link_to(bus, device)) as session:
            assert session.chip_name == "nrf52840"
            session.core.halt()
            session.memory.write(0x2000_0100, bytes(range(256)))
            assert session.memory.read(0x2000_0100, 256) == bytes(range(256))
            report = session.flash(counting_loop("nrf52840"))
            assert report.verified_bytes == report.image_bytes
        assert device.most_in_flight <= board.probe.model.packet_count
