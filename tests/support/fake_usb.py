"""A USB bus made of Python: modules shaped like ``usb1`` and ``hidraw``, and devices to plug in.

What a device does with packets is its ``firmware``: a callable from packet to responses, a virtual
board's for the whole way. In between there is real framing: OUT transfers become USB packets of at
most wMaxPacketSize, the device puts them together until a short one or its DAP packet size; IN goes
the same way back; HID reports are padded and have a report id. Troubles are attributes of a device.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

Firmware = Callable[[bytes], list[bytes]]


def report_descriptor(size: int, report_id: int | None = None) -> bytes:
    """Return the report descriptor of a device with reports of ``size`` bytes each way."""
    count = bytes((0x96, size & 0xFF, size >> 8))
    start = bytes.fromhex("0600ff 0901 a101 1500 26ff00 7508")
    number = b"" if report_id is None else bytes((0x85, report_id))
    return (
        start + number + count + bytes.fromhex("0901 8102") + count + bytes.fromhex("0902 9102 c0")
    )


def silent(packet: bytes) -> list[bytes]:
    """Answer nothing."""
    return []


def echo(packet: bytes) -> list[bytes]:
    """Answer with what was asked."""
    return [packet]


@dataclass
class FakeInterface:
    """An interface: class, string, endpoints as (address, attributes, wMaxPacketSize)."""

    number: int
    name: str
    kind: int = 0xFF
    endpoints: tuple[tuple[int, int, int], ...] = ((0x01, 2, 64), (0x82, 2, 64))
    subclass: int = 0
    alternate: int = 0


@dataclass
class FakeDevice:
    """A device; change its attributes to make trouble.

    ``open_error``, ``claim_error``, ``submit_error`` name an exception of ``usb1``.
    """

    firmware: Firmware = silent
    vendor_id: int = 0x0D28
    product_id: int = 0x0204
    product: str = "DAPLink CMSIS-DAP"
    manufacturer: str = "Arm"
    serial: str = "0240abcd"
    interfaces: tuple[FakeInterface, ...] = (FakeInterface(0, "CMSIS-DAP v2"),)
    bus: int = 1
    address: int = 5
    ports: tuple[int, ...] = (1, 2)
    dap_packet_size: int = 64
    hid_path: bytes | None = None
    hid_usage_page: int = 0xFF00
    hid_reports: bytes | None = field(default_factory=lambda: report_descriptor(64))
    hid_report_size: int = 64
    hid_interface_number: int = 0
    open_error: str = ""
    claim_error: str = ""
    submit_error: str = ""
    hid_open_fails: bool = False
    present: bool = True
    takes_packets: bool = True
    hid_error: str = "no such device"
    out_status: str = ""
    in_status: str = ""
    answers_late: bool = False

    def __post_init__(self) -> None:
        self.claimed: list[int] = []
        self.released: list[int] = []
        self.events: list[str] = []
        self.received: list[bytes] = []  # DAP packets as the firmware got them
        self.reports: list[bytes] = []  # HID reports as hidapi got them
        self.usb_packets: list[bytes] = []
        self.most_in_flight = 0
        self.cleared: list[int] = []
        self._partial = b""
        self._held: list[bytes] = []
        self.in_flight = 0
        self.to_host: deque[bytes] = deque()  # USB packets

    def unplug(self) -> None:
        self.present = False

    def take_usb_packet(self, packet: bytes, most: int) -> None:
        """Receive one USB packet on the OUT endpoint."""
        self.usb_packets.append(packet)
        self._partial += packet
        if len(packet) == most and len(self._partial) < self.dap_packet_size:
            return
        whole, self._partial = self._partial, b""
        self.run(whole, most)

    def run(self, packet: bytes, most: int) -> None:
        self.received.append(packet)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        for response in self.firmware(packet):
            self._answer(response, most)

    def _answer(self, response: bytes, most: int) -> None:
        if self.answers_late:
            self._held.append(response)
            return
        pieces = [response[at : at + most] for at in range(0, len(response), most)]
        if len(response) % most == 0 and len(response) < self.dap_packet_size:
            pieces.append(b"")
        self.to_host.extend(pieces)

    def send_late(self, most: int = 64) -> None:
        """Let the answers that were held back go."""
        held, self._held = self._held, []
        self.answers_late = False
        for response in held:
            self._answer(response, most)


class FakeBus:
    """What is plugged in, and the modules that show it."""

    def __init__(self, *devices: FakeDevice) -> None:
        self.devices = list(devices)
        self.usb1 = _make_usb1(self)
        self.hidraw = _make_hidraw(self)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> FakeBus:
        """Put the modules in the place of the real ones."""
        monkeypatch.setitem(sys.modules, "usb1", self.usb1)
        monkeypatch.setitem(sys.modules, "hidraw", self.hidraw)
        monkeypatch.setitem(sys.modules, "hid", self.hidraw)
        return self

    def present(self) -> list[FakeDevice]:
        return [device for device in self.devices if device.present]


# ---- usb1

_ERRORS = (
    "Access", "Busy", "IO", "Interrupted", "NoDevice", "NotFound", "NotSupported", "Other", "Pipe",
)  # fmt: skip
_STATUSES = ("COMPLETED", "ERROR", "TIMED_OUT", "CANCELLED", "STALL", "NO_DEVICE", "OVERFLOW")


def _make_usb1(bus: FakeBus) -> ModuleType:
    module: Any = ModuleType("usb1")
    module.USBError = type("USBError", (Exception,), {})
    for name in _ERRORS:
        setattr(module, f"USBError{name}", type(f"USBError{name}", (module.USBError,), {}))
    for value, name in enumerate(_STATUSES):
        setattr(module, f"TRANSFER_{name}", value)
    module.loadLibrary = lambda library=None: True
    module.getVersion = lambda: SimpleNamespace(major=1, minor=0, micro=99)
    module.USBContext = lambda: _Context(module, bus)
    return module


class _Context:
    def __init__(self, usb1: Any, bus: FakeBus) -> None:
        self.usb1, self.bus = usb1, bus
        self.handles: list[_Handle] = []
        self.is_open = False

    def open(self) -> _Context:
        self.is_open = True
        return self

    def close(self) -> None:
        self.is_open = False

    def getDeviceIterator(self, skip_on_error: bool = False) -> Iterator[_RawDevice]:
        assert self.is_open
        for device in self.bus.present():
            yield _RawDevice(self, device)

    def handleEventsTimeout(self, tv: float = 0) -> None:
        assert self.is_open
        if not sum(handle.work() for handle in self.handles):
            time.sleep(min(tv, 0.01))


class _RawDevice:
    def __init__(self, context: _Context, device: FakeDevice) -> None:
        self.context, self.fake = context, device

    def getBusNumber(self) -> int:
        return self.fake.bus

    def getDeviceAddress(self) -> int:
        return self.fake.address

    def getPortNumberList(self) -> list[int]:
        return list(self.fake.ports)

    def getVendorID(self) -> int:
        return self.fake.vendor_id

    def getProductID(self) -> int:
        return self.fake.product_id

    def getbcdDevice(self) -> int:
        return 0x0100

    def getManufacturerDescriptor(self) -> int:
        return 1

    def getProductDescriptor(self) -> int:
        return 2

    def getSerialNumberDescriptor(self) -> int:
        return 3 if self.fake.serial else 0

    def iterConfigurations(self) -> Iterator[_Configuration]:
        yield _Configuration(self.fake)

    def open(self) -> _Handle:
        self.fake.events.append("open")
        if self.fake.open_error:
            raise getattr(self.context.usb1, self.fake.open_error)(self.fake.open_error)
        handle = _Handle(self.context, self.fake)
        self.context.handles.append(handle)
        return handle


class _Configuration:
    def __init__(self, device: FakeDevice) -> None:
        self.fake = device

    def getConfigurationValue(self) -> int:
        return 1

    def __iter__(self) -> Iterator[list[_Setting]]:
        for index, interface in enumerate(self.fake.interfaces):
            yield [_Setting(interface, 4 + index)]


class _Setting:
    def __init__(self, interface: FakeInterface, index: int) -> None:
        self.interface, self.index = interface, index

    def getNumber(self) -> int:
        return self.interface.number

    def getAlternateSetting(self) -> int:
        return self.interface.alternate

    def getClass(self) -> int:
        return self.interface.kind

    def getSubClass(self) -> int:
        return self.interface.subclass

    def getDescriptor(self) -> int:
        return self.index if self.interface.name else 0

    def __iter__(self) -> Iterator[_Endpoint]:
        return (_Endpoint(*endpoint) for endpoint in self.interface.endpoints)


@dataclass
class _Endpoint:
    address: int
    attributes: int
    most: int

    def getAddress(self) -> int:
        return self.address

    def getAttributes(self) -> int:
        return self.attributes

    def getMaxPacketSize(self) -> int:
        return self.most


class _Handle:
    def __init__(self, context: _Context, device: FakeDevice) -> None:
        self.context, self.fake = context, device
        self.pending: list[_Transfer] = []
        self.closed = False
        self.alternates: list[tuple[int, int]] = []

    def getASCIIStringDescriptor(self, index: int) -> str:
        fake = self.fake
        texts = ["", fake.manufacturer, fake.product, fake.serial]
        return [*texts, *(interface.name for interface in fake.interfaces)][index]

    def setAutoDetachKernelDriver(self, enable: bool) -> None:
        self.fake.events.append(f"auto-detach {enable}")

    def setInterfaceAltSetting(self, number: int, alternate: int) -> None:
        self.fake.events.append(f"alternate {number} {alternate}")

    def claimInterface(self, number: int) -> None:
        if self.fake.claim_error:
            raise getattr(self.context.usb1, self.fake.claim_error)(self.fake.claim_error)
        self.fake.claimed.append(number)

    def releaseInterface(self, number: int) -> None:
        if not self.fake.present:
            raise self.context.usb1.USBErrorNoDevice("gone")
        self.fake.released.append(number)

    def clearHalt(self, endpoint: int) -> None:
        self.fake.cleared.append(endpoint)

    def getTransfer(self) -> _Transfer:
        return _Transfer(self)

    def close(self) -> None:
        assert not self.pending, "closed with transfers in flight"
        self.closed = True
        self.context.handles.remove(self)

    def most_of(self, endpoint: int) -> int:
        for interface in self.fake.interfaces:
            for address, _, most in interface.endpoints:
                if address == endpoint:
                    return most
        raise AssertionError(f"no endpoint {endpoint:#x}")

    def work(self) -> bool:
        """Let the bus move what it can; tell whether anything moved."""
        moved = False
        for transfer in sorted(self.pending, key=lambda transfer: transfer.endpoint & 0x80):
            if transfer in self.pending and self._move(transfer):
                moved = True
        return moved

    def _waits_behind(self, transfer: _Transfer) -> bool:
        """Tell whether another of its endpoint was submitted before."""
        earlier = self.pending[: self.pending.index(transfer)]
        return any(other.endpoint == transfer.endpoint for other in earlier)

    def _move(self, transfer: _Transfer) -> bool:
        fake = self.fake
        if transfer.cancelled:
            return transfer.finish("CANCELLED", 0)
        if not fake.present:
            return transfer.finish("NO_DEVICE", 0)
        if self._waits_behind(transfer):
            return False
        if transfer.endpoint & 0x80:
            return self._move_in(transfer)
        if fake.out_status:
            status, fake.out_status = fake.out_status, ""
            return transfer.finish(status, 0)
        if not fake.takes_packets:
            return False
        most = self.most_of(transfer.endpoint)
        content = bytes(transfer.buffer)
        for at in range(0, max(len(content), 1), most):
            fake.take_usb_packet(content[at : at + most], most)
        return transfer.finish("COMPLETED", len(content))

    def _move_in(self, transfer: _Transfer) -> bool:
        fake = self.fake
        if fake.in_status:
            status, fake.in_status = fake.in_status, ""
            return transfer.finish(status, 0)
        most = self.most_of(transfer.endpoint)
        assert len(transfer.buffer) % most == 0, "an IN buffer that can overflow"
        while fake.to_host:
            piece = fake.to_host.popleft()
            if transfer.filled + len(piece) > len(transfer.buffer):
                return transfer.finish("OVERFLOW", transfer.filled)
            transfer.buffer[transfer.filled : transfer.filled + len(piece)] = piece
            transfer.filled += len(piece)
            if len(piece) < most or transfer.filled == len(transfer.buffer):
                fake.in_flight -= 1
                return transfer.finish("COMPLETED", transfer.filled)
        return False


class _Transfer:
    def __init__(self, handle: _Handle) -> None:
        self.handle = handle
        self.endpoint = 0
        self.buffer = bytearray()
        self.filled = 0
        self.status = 0
        self.cancelled = False

    def setBulk(
        self,
        endpoint: int,
        buffer_or_len: bytes | int,
        callback: Callable[[_Transfer], None] | None = None,
        timeout: int = 0,
    ) -> None:
        assert self not in self.handle.pending
        self.endpoint = endpoint
        self.buffer = bytearray(buffer_or_len)
        self.callback = callback
        self.filled = 0
        self.cancelled = False

    def submit(self) -> None:
        assert not self.handle.closed
        usb1, fake = self.handle.context.usb1, self.handle.fake
        if fake.submit_error:
            raise getattr(usb1, fake.submit_error)(fake.submit_error)
        if not fake.present:
            raise usb1.USBErrorNoDevice("gone")
        self.handle.fake.events.append(f"submit {self.endpoint:02x}")
        self.handle.pending.append(self)

    def cancel(self) -> None:
        if self not in self.handle.pending:
            raise self.handle.context.usb1.USBErrorNotFound("not submitted")
        self.cancelled = True

    def finish(self, status: str, length: int) -> bool:
        self.handle.pending.remove(self)
        self.status = getattr(self.handle.context.usb1, f"TRANSFER_{status}")
        self.filled = length
        if self.callback is not None:
            self.callback(self)
        return True

    def getStatus(self) -> int:
        return self.status

    def getActualLength(self) -> int:
        return self.filled

    def getBuffer(self) -> bytearray:
        return self.buffer

    def getEndpoint(self) -> int:
        return self.endpoint


# ---- hidapi


def _make_hidraw(bus: FakeBus) -> ModuleType:
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

    def __init__(self, bus: FakeBus) -> None:
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


# ---- devices with a virtual board inside


def board_firmware(board: Any) -> Firmware:
    """Return the firmware that hands packets to ``board``; the board's faults apply."""

    def run(packet: bytes) -> list[bytes]:
        running = board.begin(packet)
        while True:
            try:
                next(running)
            except StopIteration as finished:
                return list(finished.value)

    return run
