"""A module shaped like ``usb1``, for the devices of a `FakeBus`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

from tests.support.fake_usb_device import FakeDevice, FakeInterface, FakePorts

_ERRORS = (
    "Access", "Busy", "IO", "Interrupted", "NoDevice", "NotFound", "NotSupported", "Other", "Pipe",
)  # fmt: skip
_STATUSES = ("COMPLETED", "ERROR", "TIMED_OUT", "CANCELLED", "STALL", "NO_DEVICE", "OVERFLOW")


def make_usb1(bus: FakePorts) -> ModuleType:
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
    def __init__(self, usb1: Any, bus: FakePorts) -> None:
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
