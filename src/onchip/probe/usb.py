"""libusb, and what it shows: the devices that carry an interface of CMSIS-DAP.

CMSIS-DAP v2 (its specification, "USB configuration") is an interface of class 0xFF whose string
contains ``CMSIS-DAP``, with bulk endpoints in this order: OUT for commands, IN for responses, and
perhaps a second IN for SWO. v1 is a HID interface; hidapi opens that one, but only the descriptors
tell which of a device's HID interfaces it is.

Only devices that have such interfaces are opened, to read their strings. Where that is refused,
Linux still tells the strings in /sys, so that a probe without permission is named, not overlooked.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onchip.errors import ProbeError

from .link import UsbIdentity
from .trouble import missing_library

MARK = "CMSIS-DAP"
SYSFS = Path("/sys/bus/usb/devices")

_HID_CLASS = 0x03
_VENDOR_CLASS = 0xFF
_BULK = 0x02
_IN = 0x80


@dataclass(frozen=True, slots=True)
class BulkInterface:
    """One CMSIS-DAP v2 interface; endpoints as addresses, ``max_packet_size`` in bytes."""

    number: int
    alternate: int
    name: str
    endpoint_out: int
    endpoint_in: int
    endpoint_swo: int | None
    max_packet_size: int


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """A device with interfaces that are, or may be, CMSIS-DAP.

    ``ports`` is the way from the root hub. ``hid_names`` are its HID interfaces, number and string.
    ``problem`` says why its strings could not be asked of it: "", "denied", "no driver" or what
    libusb says.
    """

    identity: UsbIdentity
    bus: int
    address: int
    ports: tuple[int, ...]
    bulk: tuple[BulkInterface, ...] = ()
    hid_names: tuple[tuple[int, str], ...] = ()
    problem: str = ""

    @property
    def location(self) -> str:
        """The place of the plug, as Linux writes it: ``1-1.2``. It outlives unplugging."""
        return f"{self.bus}-{'.'.join(str(port) for port in self.ports)}"

    @property
    def node(self) -> str | None:
        """The device file on Linux."""
        if not sys.platform.startswith("linux"):
            return None
        return f"/dev/bus/usb/{self.bus:03d}/{self.address:03d}"


def load_usb1() -> Any:
    """Return the module ``usb1``, with libusb loaded from the package ``libusb-package``.

    Raises:
        ProbeError: a library is missing.
    """
    try:
        import usb1
    except (ImportError, OSError) as error:
        raise missing_library("usb1", "libusb1", str(error)) from error
    try:
        usb1.loadLibrary(_bundled_libusb())
    except (OSError, AttributeError) as error:
        raise missing_library("libusb_package", "libusb-package", str(error)) from error
    return usb1


def _bundled_libusb() -> ctypes.CDLL | None:
    """Return libusb of the package ``libusb-package``; None lets ``usb1`` look for another."""
    try:
        import libusb_package
    except ImportError:
        return None
    path = libusb_package.get_library_path()
    if path is None:
        return None
    if sys.platform == "win32":
        return ctypes.WinDLL(str(path), use_errno=True, use_last_error=True)
    return ctypes.CDLL(str(path), use_errno=True)


def open_context(usb1: Any) -> Any:
    """Return an open ``USBContext``; the caller closes it.

    Raises:
        ProbeError: libusb does not start.
    """
    try:
        return usb1.USBContext().open()
    except usb1.USBError as error:
        raise ProbeError(
            f"libusb does not start: {error}",
            hint="in a container, /dev/bus/usb must be handed in",
        ) from error


def usb_devices() -> list[UsbDevice]:
    """Return the devices that may be probes, in the order of their places.

    Raises:
        ProbeError: libusb cannot be used.
    """
    usb1 = load_usb1()
    context = open_context(usb1)
    try:
        found = [
            device
            for raw in context.getDeviceIterator(skip_on_error=True)
            if (device := _examine(usb1, raw)) is not None
        ]
    except usb1.USBError as error:
        raise ProbeError(f"the USB devices cannot be listed: {error}") from error
    finally:
        context.close()
    return sorted(found, key=lambda device: (device.bus, device.ports, device.address))


def _examine(usb1: Any, raw: Any) -> UsbDevice | None:
    """Return what ``raw`` is; None for a device that cannot be a probe, or that is going away."""
    settings = list(_settings(raw))
    candidates = [(s, b) for s in settings if (b := _bulk_interface(s.setting)) is not None]
    hid = [s for s in settings if s.setting.getClass() == _HID_CLASS]
    if not candidates and not any(_plain_hid(s.setting) for s in hid):
        return None
    ports = tuple(_ports(usb1, raw))
    location = f"{raw.getBusNumber()}-{'.'.join(str(port) for port in ports)}"
    problem = ""
    handle = None
    try:
        handle = raw.open()
    except usb1.USBErrorAccess:
        problem = "denied"
    except (usb1.USBErrorNotSupported, usb1.USBErrorNotFound):
        problem = "no driver"
    except usb1.USBErrorNoDevice:
        return None
    except usb1.USBError as error:
        problem = str(error)
    strings = _Strings(usb1, handle, SYSFS / location)
    try:
        bulk = tuple(
            _named(interface, strings.interface(setting)) for setting, interface in candidates
        )
        return UsbDevice(
            UsbIdentity(
                raw.getVendorID(),
                raw.getProductID(),
                raw.getbcdDevice(),
                strings.text(raw.getManufacturerDescriptor(), "manufacturer"),
                strings.text(raw.getProductDescriptor(), "product"),
                strings.text(raw.getSerialNumberDescriptor(), "serial"),
            ),
            raw.getBusNumber(),
            raw.getDeviceAddress(),
            ports,
            tuple(b for b in bulk if MARK in b.name or (problem and not b.name)),
            tuple((s.setting.getNumber(), strings.interface(s)) for s in hid),
            problem,
        )
    finally:
        if handle is not None:
            handle.close()


@dataclass(frozen=True, slots=True)
class _Setting:
    configuration: int
    setting: Any


def _settings(raw: Any) -> Iterator[_Setting]:
    for configuration in raw.iterConfigurations():
        for interface in configuration:
            for setting in interface:
                yield _Setting(configuration.getConfigurationValue(), setting)


def _plain_hid(setting: Any) -> bool:
    """Tell whether a HID interface is no boot keyboard or mouse."""
    return bool(setting.getClass() == _HID_CLASS and setting.getSubClass() == 0)


def _bulk_interface(setting: Any) -> BulkInterface | None:
    """Return the v2 interface that ``setting`` would be by its endpoints, name still unknown."""
    if setting.getClass() != _VENDOR_CLASS:
        return None
    endpoints = list(setting)
    if len(endpoints) not in (2, 3) or any(e.getAttributes() & 0x03 != _BULK for e in endpoints):
        return None
    directions = [e.getAddress() & _IN for e in endpoints]
    if directions not in ([0, _IN], [0, _IN, _IN]):
        return None
    return BulkInterface(
        setting.getNumber(),
        setting.getAlternateSetting(),
        "",
        endpoints[0].getAddress(),
        endpoints[1].getAddress(),
        endpoints[2].getAddress() if len(endpoints) == 3 else None,
        max(1, endpoints[1].getMaxPacketSize()),
    )


def _named(interface: BulkInterface, name: str) -> BulkInterface:
    return BulkInterface(
        interface.number,
        interface.alternate,
        name,
        interface.endpoint_out,
        interface.endpoint_in,
        interface.endpoint_swo,
        interface.max_packet_size,
    )


def _ports(usb1: Any, raw: Any) -> list[int]:
    try:
        return list(raw.getPortNumberList())
    except usb1.USBError:
        return []


class _Strings:
    """The strings of one device: from the device itself, else from Linux's memory of them."""

    def __init__(self, usb1: Any, handle: Any, directory: Path) -> None:
        self._usb1 = usb1
        self._handle = handle
        self._directory = directory

    def text(self, index: int, file: str) -> str:
        """Return the string of descriptor ``index``, which /sys calls ``file``."""
        if index and self._handle is not None:
            with contextlib.suppress(self._usb1.USBError, UnicodeDecodeError):
                return (self._handle.getASCIIStringDescriptor(index) or "").strip()
        return _file_text(self._directory / file)

    def interface(self, setting: _Setting) -> str:
        """Return the string of an interface."""
        place = f"{self._directory.name}:{setting.configuration}.{setting.setting.getNumber()}"
        return self.text(setting.setting.getDescriptor(), f"{place}/interface")


def _file_text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
