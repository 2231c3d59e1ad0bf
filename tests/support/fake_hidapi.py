"""A module shaped like ``hidraw``: HID reports are padded, and have a report id."""

from __future__ import annotations

import time
from types import ModuleType
from typing import Any

from tests.support.fake_usb_device import FakeDevice, FakePorts


def make_hidraw(bus: FakePorts) -> ModuleType:
    module: Any = ModuleType("hidraw")

    def enumerate_devices(vendor_id: int = 0, product_id: int = 0) -> list[dict[str, Any]]:
        return [_hid_entry(device) for device in bus.present() if device.hid_path is not None]

    module.enumerate = enumerate_devices
    module.version_str = lambda: "0.99.0"
    module.device = lambda: FakeHidDevice(bus)
    return module


def _hid_entry(device: FakeDevice) -> dict[str, Any]:
    return {
        "path": device.hid_path,
        "vendor_id": device.vendor_id,
        "product_id": device.product_id,
        "serial_number": device.serial,
        "release_number": 0x0100,
        "manufacturer_string": device.manufacturer,
        "product_string": device.product,
        "usage_page": device.hid_usage_page,
        "usage": 1,
        "interface_number": device.hid_interface_number,
        "bus_type": 1,
    }


class FakeHidDevice:
    """``hidraw.device``: write returns -1 for an error, read raises OSError."""

    def __init__(self, bus: FakePorts) -> None:
        self.bus = bus
        self.fake: FakeDevice | None = None

    def open_path(self, path: bytes) -> None:
        for device in self.bus.present():
            if device.hid_path == path and not device.hid_open_fails:
                self.fake = device
                return
        raise OSError("open failed")

    def close(self) -> None:
        self.fake = None

    def get_report_descriptor(self) -> list[int]:
        assert self.fake is not None
        if self.fake.hid_reports is None:
            raise OSError("not told")
        return list(self.fake.hid_reports)

    def error(self) -> str:
        return "no such device" if self.fake is None else self.fake.hid_error

    def write(self, buff: bytes) -> int:
        if self.fake is None:
            raise ValueError("not open")
        fake = self.fake
        if not fake.present or not fake.takes_packets:
            return -1
        report = bytes(buff)
        fake.reports.append(report)
        assert report[0] == 0, "reports of CMSIS-DAP have no id"
        assert len(report) == 1 + fake.hid_report_size
        fake.received.append(report[1:])
        fake.in_flight += 1
        fake.most_in_flight = max(fake.most_in_flight, fake.in_flight)
        for response in fake.firmware(report[1:]):
            if fake.answers_late:
                fake._held.append(response)
            else:
                fake.to_host.append(response.ljust(fake.hid_report_size, b"\0"))
        return len(report)

    def read(self, max_length: int, timeout_ms: int = 0) -> list[int]:
        if self.fake is None:
            raise ValueError("not open")
        assert timeout_ms > 0, "zero blocks for ever"
        if not self.fake.present:
            raise OSError("read error")
        if self.fake.in_status:
            self.fake.in_status = ""
            raise OSError("read error")
        if not self.fake.to_host:
            time.sleep(min(timeout_ms / 1000, 0.01))
            return []
        self.fake.in_flight -= 1
        return list(self.fake.to_host.popleft()[:max_length])
