"""What libusb and hidapi list becomes probes: found, merged, named, opened."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from onchip.errors import ProbeBusy, ProbeDenied, ProbeError
from onchip.probe import hid, usb
from onchip.probe.hid import HidInterface, HidLink
from onchip.probe.link import UsbIdentity
from onchip.probe.plugged import UsbProbe, open_usb, usb_probes
from onchip.probe.usb import load_usb1, usb_devices
from onchip.probe.usb_bulk import UsbBulkLink
from tests.support.fake_usb import FakeBus
from tests.support.fake_usb_device import FakeDevice, FakeInterface, echo

HID_V1 = FakeInterface(0, "CMSIS-DAP v1", kind=0x03, endpoints=((0x01, 3, 64), (0x81, 3, 64)))
BULK_V2 = FakeInterface(3, "CMSIS-DAP v2", endpoints=((0x04, 2, 64), (0x84, 2, 64)))
KEYBOARD = FakeInterface(1, "keys", kind=0x03, subclass=1, endpoints=((0x85, 3, 8),))


def probes(bus: FakeBus, *devices: FakeDevice) -> list[UsbProbe]:
    bus.devices += devices
    found, troubles = usb_probes()
    assert troubles == []
    return found


def test_an_empty_bus_has_no_probes(bus: FakeBus) -> None:
    assert probes(bus) == []


def test_a_bulk_interface_with_the_name_is_a_probe(bus: FakeBus) -> None:
    (probe,) = probes(bus, FakeDevice(product="Thing"))
    assert (probe.serial, probe.spec, probe.location) == ("0240abcd", "0240abcd", "1-1.2")
    assert probe.transports == ("v2",)
    assert probe.probe_model == "Thing"
    assert probe.bulk is not None
    assert probe.bulk.endpoint_swo is None


def test_the_third_endpoint_is_swo(bus: FakeBus) -> None:
    endpoints = ((0x01, 2, 512), (0x82, 2, 512), (0x83, 2, 512))
    (probe,) = probes(
        bus, FakeDevice(interfaces=(FakeInterface(0, "X CMSIS-DAP", 0xFF, endpoints),))
    )
    assert probe.bulk is not None
    assert (probe.bulk.endpoint_out, probe.bulk.endpoint_in, probe.bulk.endpoint_swo) == (
        1,
        130,
        131,
    )
    assert probe.bulk.max_packet_size == 512


@pytest.mark.parametrize(
    "interface",
    [
        FakeInterface(0, "Serial"),
        FakeInterface(0, ""),
        FakeInterface(0, "CMSIS-DAP", kind=0x0A),
        FakeInterface(0, "CMSIS-DAP", endpoints=((0x01, 2, 64),)),
        FakeInterface(0, "CMSIS-DAP", endpoints=((0x82, 2, 64), (0x01, 2, 64))),
        FakeInterface(0, "CMSIS-DAP", endpoints=((0x01, 3, 64), (0x82, 3, 64))),
        FakeInterface(0, "CMSIS-DAP", endpoints=tuple((n, 2, 64) for n in (1, 0x82, 0x83, 0x84))),
    ],
    ids=["other name", "no name", "other class", "one endpoint", "IN first", "interrupt", "four"],
)
def test_what_is_not_as_specified_is_none(bus: FakeBus, interface: FakeInterface) -> None:
    assert probes(bus, FakeDevice(product="Thing", interfaces=(interface,))) == []


def test_other_devices_are_not_even_opened(bus: FakeBus) -> None:
    device = FakeDevice(interfaces=(KEYBOARD, FakeInterface(0, "disk", kind=0x08)))
    assert probes(bus, device) == []
    assert device.events == []


def test_a_device_with_both_is_one_probe_and_v2_is_preferred(bus: FakeBus) -> None:
    device = FakeDevice(echo, interfaces=(HID_V1, BULK_V2), hid_path=b"/dev/hidraw7")
    (probe,) = probes(bus, device)
    assert probe.transports == ("v2", "v1")
    link = open_usb(probe)
    assert isinstance(link, UsbBulkLink)
    assert device.claimed == [3]
    link.close()


@pytest.mark.parametrize("error", ["USBErrorAccess", "USBErrorNotSupported", "USBErrorOther"])
def test_where_v2_cannot_be_opened_v1_is_taken(bus: FakeBus, error: str) -> None:
    device = FakeDevice(echo, interfaces=(HID_V1, BULK_V2), hid_path=b"1-1.2:1.0")
    (probe,) = probes(bus, device)
    device.open_error = error
    link = open_usb(probe)
    assert isinstance(link, HidLink)
    link.close()


def test_where_neither_can_be_opened_v2s_reason_is_said(bus: FakeBus) -> None:
    device = FakeDevice(interfaces=(HID_V1, BULK_V2), hid_path=b"1-1.2:1.0", hid_open_fails=True)
    (probe,) = probes(bus, device)
    device.open_error = "USBErrorNotSupported"
    with pytest.raises(ProbeDenied, match="no driver"):
        open_usb(probe)


def test_a_busy_probe_is_not_tried_by_its_other_interface(bus: FakeBus) -> None:
    device = FakeDevice(interfaces=(HID_V1, BULK_V2), hid_path=b"1-1.2:1.0")
    (probe,) = probes(bus, device)
    device.claim_error = "USBErrorBusy"
    with pytest.raises(ProbeBusy):
        open_usb(probe)


def test_a_hid_only_device_is_a_v1_probe(bus: FakeBus) -> None:
    device = FakeDevice(echo, interfaces=(HID_V1,), hid_path=b"1-1.2:1.0")
    (probe,) = probes(bus, device)
    assert probe.transports == ("v1",)
    link = open_usb(probe)
    assert isinstance(link, HidLink)
    link.close()


def test_of_several_hid_interfaces_the_named_one_is_taken(bus: FakeBus) -> None:
    other = FakeInterface(2, "trace", kind=0x03)
    device = FakeDevice(product="MCU-LINK", interfaces=(other, HID_V1), hid_path=b"1-1.2:1.0")
    (probe,) = probes(bus, device)
    assert probe.hid is not None
    assert probe.hid.number == 0
    device.hid_interface_number = 2
    assert usb_probes()[0] == []


def test_a_product_with_the_name_is_taken_by_its_vendor_page(bus: FakeBus) -> None:
    unnamed = FakeInterface(0, "", kind=0x03)
    device = FakeDevice(interfaces=(unnamed,), hid_path=b"1-1.2:1.0")
    (probe,) = probes(bus, device)
    assert probe.transports == ("v1",)
    device.hid_usage_page = 0x01
    assert usb_probes()[0] == []


def test_hidapi_alone_finds_v1_probes(bus: FakeBus, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> list[usb.UsbDevice]:
        raise ProbeError("no libusb")

    monkeypatch.setattr(usb, "usb_devices", fails)
    bus.devices.append(FakeDevice(hid_path=b"\\\\?\\hid#vid_0d28"))
    found, troubles = usb_probes()
    assert [probe.serial for probe in found] == ["0240abcd"]
    assert [str(each) for each in troubles] == ["no libusb"]


def test_libusb_alone_finds_v2_probes(bus: FakeBus, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> list[HidInterface]:
        raise ProbeError("no hidapi")

    monkeypatch.setattr(hid, "hid_interfaces", fails)
    bus.devices.append(FakeDevice())
    found, troubles = usb_probes()
    assert [probe.serial for probe in found] == ["0240abcd"]
    assert [str(each) for each in troubles] == ["no hidapi"]


# ---- names


def test_without_a_serial_the_place_is_the_name(bus: FakeBus) -> None:
    found = probes(
        bus,
        FakeDevice(serial="", address=5, ports=(1, 2)),
        FakeDevice(serial="", address=6, ports=(1, 3)),
    )
    assert [probe.serial for probe in found] == ["0d28:0204@1-1.2", "0d28:0204@1-1.3"]


def test_a_name_outlives_unplugging(bus: FakeBus) -> None:
    device = FakeDevice(serial="")
    (before,) = probes(bus, device)
    device.address += 1
    (after,) = usb_probes()[0]
    assert before.serial == after.serial


def test_probes_with_the_same_serial_are_told_apart_by_their_places(bus: FakeBus) -> None:
    found = probes(
        bus,
        FakeDevice(serial="1234", address=5, ports=(1, 2)),
        FakeDevice(serial="1234", address=6, ports=(1, 3)),
        FakeDevice(serial="77", address=7, ports=(2,)),
    )
    assert [probe.serial for probe in found] == ["1234@1-1.2", "1234@1-1.3", "77"]


def test_several_interfaces_are_several_probes(bus: FakeBus) -> None:
    second = FakeInterface(5, "CMSIS-DAP second", endpoints=((0x06, 2, 64), (0x86, 2, 64)))
    found = probes(bus, FakeDevice(interfaces=(BULK_V2, second)))
    assert [probe.serial for probe in found] == ["0240abcd", "0240abcd/2"]
    assert [probe.bulk.number for probe in found if probe.bulk] == [3, 5]


def test_hid_probes_without_serial_or_place_still_have_names(bus: FakeBus) -> None:
    one = HidInterface(b"DevSrvsID:1", UsbIdentity(1, 2, product="CMSIS-DAP"))
    two = HidInterface(b"DevSrvsID:2", UsbIdentity(1, 2, product="CMSIS-DAP"))
    from onchip.probe.plugged import merge

    first, second = merge([], [one, two])
    assert first.serial != second.serial
    assert first.serial.startswith("0001:0002@")


# ---- without permission, and without libraries


def _remember(device: FakeDevice) -> None:
    """Let /sys tell the strings, as Linux does."""
    directory = usb.SYSFS / "1-1.2"
    directory.mkdir(parents=True)
    (directory / "product").write_text(f"{device.product}\n")
    (directory / "serial").write_text(f"{device.serial}\n")
    for interface in device.interfaces:
        place = directory / f"1-1.2:1.{interface.number}"
        place.mkdir()
        (place / "interface").write_text(f"{interface.name}\n")


def test_a_probe_without_permission_is_named_all_the_same(bus: FakeBus) -> None:
    device = FakeDevice(open_error="USBErrorAccess")
    _remember(device)
    (probe,) = probes(bus, device)
    assert (probe.serial, probe.problem) == ("0240abcd", "denied")
    with pytest.raises(ProbeDenied, match="no udev rule"):
        open_usb(probe)


def test_another_device_without_permission_is_no_probe(bus: FakeBus) -> None:
    device = FakeDevice(
        open_error="USBErrorAccess", product="Disk", interfaces=(FakeInterface(0, "Vendor"),)
    )
    _remember(device)
    assert probes(bus, device) == []


def test_where_nothing_tells_the_strings_hidapi_does(bus: FakeBus) -> None:
    device = FakeDevice(
        open_error="USBErrorNotSupported", interfaces=(HID_V1, BULK_V2), hid_path=b"\\\\?\\hid#x"
    )
    (probe,) = probes(bus, device)
    assert (probe.transports, probe.problem) == (("v2", "v1"), "no driver")


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        ("USBErrorNotFound", "no driver"),
        ("USBErrorOther", "USBErrorOther"),
        ("USBErrorNoDevice", None),
    ],
)
def test_what_else_opening_may_meet(bus: FakeBus, error: str, problem: str | None) -> None:
    bus.devices.append(FakeDevice(open_error=error))
    assert [device.problem for device in usb_devices()] == ([] if problem is None else [problem])


def test_a_missing_libusb1_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "usb1", None)
    with pytest.raises(ProbeError, match="usb1") as caught:
        load_usb1()
    assert caught.value.hint == "pip install libusb1"


def test_a_library_that_does_not_load_is_named(
    bus: FakeBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(library: object = None) -> bool:
        raise OSError("wrong ELF class")

    monkeypatch.setattr(bus.usb1, "loadLibrary", fails)
    with pytest.raises(ProbeError, match="wrong ELF class") as caught:
        usb_devices()
    assert caught.value.hint == "pip install libusb-package"


def test_a_libusb_that_does_not_start_is_named(
    bus: FakeBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def open(self) -> None:
            raise bus.usb1.USBErrorOther("no usbfs")

    monkeypatch.setattr(bus.usb1, "USBContext", Broken)
    with pytest.raises(ProbeError, match="libusb does not start: no usbfs"):
        usb_devices()


def test_the_real_library_loads_and_lists() -> None:
    assert isinstance(usb_devices(), list)


def test_the_place_of_a_hidraw_device_is_found_in_sys(bus: FakeBus, tmp_path: Path) -> None:
    target = tmp_path / "devices/usb1/1-1/1-1.2/1-1.2:1.0/0003:0D28:0204.0001"
    target.mkdir(parents=True)
    (hid.SYSFS_HIDRAW / "hidraw3").mkdir(parents=True)
    (hid.SYSFS_HIDRAW / "hidraw3" / "device").symlink_to(target)
    device = FakeDevice(interfaces=(HID_V1, BULK_V2), hid_path=b"/dev/hidraw3", serial="")
    twin = FakeDevice(interfaces=(BULK_V2,), serial="", address=9, ports=(4,))
    found = probes(bus, device, twin)
    assert [(probe.serial, probe.transports) for probe in found] == [
        ("0d28:0204@1-1.2", ("v2", "v1")),
        ("0d28:0204@1-4", ("v2",)),
    ]
