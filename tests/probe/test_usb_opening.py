"""Opening a probe on USB: what keeps us out, and what is said of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from onchip.errors import (
    ProbeBusy,
    ProbeDenied,
    ProbeError,
    ProbeLost,
    ProbeNotFound,
)
from onchip.probe import trouble
from onchip.probe.usb import usb_devices
from onchip.probe.usb_bulk import UsbBulkLink
from tests.support.fake_usb import FakeBus
from tests.support.fake_usb_device import FakeDevice, echo


@pytest.fixture
def device() -> FakeDevice:
    return FakeDevice(echo)


def test_no_permission_names_the_rule_and_where_it_goes(bus: FakeBus, device: FakeDevice) -> None:
    bus.devices.append(device)
    (found,) = usb_devices()
    device.open_error = "USBErrorAccess"
    with pytest.raises(ProbeDenied, match="no udev rule gives access") as caught:
        UsbBulkLink(found, found.bulk[0])
    hint = caught.value.hint or ""
    assert "69-onchip.rules /etc/udev/rules.d/" in hint
    assert Path(hint.split()[2]).is_file()
    assert "/dev/bus/usb/001/005" in caught.value.message


def test_no_permission_with_the_rule_in_place_says_plug_it_in_again(
    bus: FakeBus, device: FakeDevice
) -> None:
    bus.devices.append(device)
    (found,) = usb_devices()
    device.open_error = "USBErrorAccess"
    rules = trouble.RULES_DIRECTORIES[0] / "69-onchip.rules"
    rules.parent.mkdir()
    rules.write_text("")
    with pytest.raises(ProbeDenied, match=r"69-onchip.rules is installed") as caught:
        UsbBulkLink(found, found.bulk[0])
    assert "plug it in again" in (caught.value.hint or "")


def test_a_claimed_interface_names_the_program_that_has_it(
    bus: FakeBus, device: FakeDevice
) -> None:
    bus.devices.append(device)
    (found,) = usb_devices()
    device.claim_error = "USBErrorBusy"
    process = trouble.PROC / "4711"
    (process / "fd").mkdir(parents=True)
    (process / "comm").write_text("openocd\n")
    (process / "fd" / "7").symlink_to("/dev/bus/usb/001/005")
    (trouble.PROC / "self").mkdir()
    node = Path(trouble.PROC / "node")
    node.write_text("")
    with pytest.raises(ProbeBusy, match="in use by another program"):
        UsbBulkLink(found, found.bulk[0])  # the node does not exist here
    assert trouble.holders(str(node)) == []
    (process / "fd" / "8").symlink_to(node)
    assert trouble.holders(str(node)) == ["openocd (pid 4711)"]
    assert "in use by openocd (pid 4711)" in str(trouble.busy("x", str(node)))


def test_our_own_process_is_not_in_the_way(bus: FakeBus) -> None:
    own = trouble.PROC / str(os.getpid()) / "fd"
    own.mkdir(parents=True)
    node = trouble.PROC / "node"
    node.write_text("")
    (own / "3").symlink_to(node)
    assert trouble.holders(str(node)) == []
    assert trouble.holders(str(node), ours=True) == [f"a program (pid {os.getpid()})"]


@pytest.mark.parametrize("error", ["USBErrorNotSupported", "USBErrorNotFound"])
def test_a_missing_driver_names_winusb(bus: FakeBus, device: FakeDevice, error: str) -> None:
    bus.devices.append(device)
    (found,) = usb_devices()
    device.open_error = error
    with pytest.raises(ProbeDenied, match="no driver serves") as caught:
        UsbBulkLink(found, found.bulk[0])
    assert "WinUSB" in (caught.value.hint or "")


def test_a_device_that_left_before_it_was_opened_is_not_found(
    bus: FakeBus, device: FakeDevice
) -> None:
    bus.devices.append(device)
    (found,) = usb_devices()
    device.unplug()
    with pytest.raises(ProbeNotFound, match="no longer plugged in"):
        UsbBulkLink(found, found.bulk[0])


@pytest.mark.parametrize(
    ("error", "kind"), [("USBErrorNoDevice", ProbeLost), ("USBErrorOther", ProbeError)]
)
def test_what_else_opening_may_meet(
    bus: FakeBus, device: FakeDevice, error: str, kind: type[ProbeError]
) -> None:
    bus.devices.append(device)
    (found,) = usb_devices()
    device.open_error = error
    with pytest.raises(kind):
        UsbBulkLink(found, found.bulk[0])
