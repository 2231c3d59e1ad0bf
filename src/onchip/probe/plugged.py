"""Which probes are plugged in on USB: what libusb and hidapi list, put together.

A device that has a v2 interface (bulk) and a v1 interface (HID) is one probe: v2 is preferred, v1
taken where v2 cannot be opened. A device with several v2 interfaces is several probes.

The id of a probe is its serial number. Where that is missing, or where several probes have the
same, the id says the place of the plug too: it stays the same as long as the cable does.

    0240000034544e45001a00018aa9001b4091000097969900
    2e8a:000c@1-1.2             no serial number
    1234@1-1.3                  several probes say 1234
    E6614103E7@1-1.4/2          the second interface of one device
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from onchip.errors import ProbeBusy, ProbeDenied, ProbeError, ProbeLost

from . import hid, usb
from .hid import HidInterface, HidLink
from .link import Link, UsbIdentity
from .usb import MARK, BulkInterface, UsbDevice
from .usb_bulk import UsbBulkLink

_VENDOR_PAGES = 0xFF00


@dataclass(frozen=True, slots=True)
class UsbProbe:
    """One probe on USB. ``serial`` is its id for ``--probe``, see the module.

    At least one of ``bulk`` (with its ``device``) and ``hid`` is there.
    """

    serial: str
    identity: UsbIdentity
    location: str = ""
    device: UsbDevice | None = None
    bulk: BulkInterface | None = None
    hid: HidInterface | None = None

    @property
    def spec(self) -> str:
        """How ``--probe`` names it."""
        return self.serial

    @property
    def chip(self) -> str:
        """The chip behind it, which USB does not tell."""
        return ""

    @property
    def probe_model(self) -> str:
        """What it calls itself."""
        return self.identity.product or self.identity.manufacturer or str(self.identity)

    @property
    def protocol(self) -> str:
        """The way that is preferred: ``v2 bulk`` or ``v1 HID``."""
        return "v2 bulk" if self.bulk is not None else "v1 HID"

    @property
    def transports(self) -> tuple[str, ...]:
        """The ways to it, the preferred one first: ``v2``, ``v1``."""
        ways = (("v2", self.bulk), ("v1", self.hid))
        return tuple(name for name, interface in ways if interface is not None)

    @property
    def problem(self) -> str:
        """Why its strings could not be asked of it: "", "denied", "no driver", or libusb's word."""
        return "" if self.device is None else self.device.problem


def usb_probes() -> tuple[list[UsbProbe], list[ProbeError]]:
    """Return the probes that are plugged in on USB, and what kept a library from looking."""
    troubles: list[ProbeError] = []
    devices: list[UsbDevice] = []
    interfaces: list[HidInterface] = []
    try:
        devices = usb.usb_devices()
    except ProbeError as error:
        troubles.append(error)
    try:
        interfaces = hid.hid_interfaces()
    except ProbeError as error:
        troubles.append(error)
    return merge(devices, interfaces), troubles


def open_usb(probe: UsbProbe) -> Link:
    """Open the best way to ``probe``.

    Raises:
        ProbeBusy: another program has it.
        ProbeDenied: this user may not open it, or a driver is missing.
        ProbeError: it cannot be opened for another reason.
    """
    if probe.bulk is not None and probe.device is not None:
        try:
            return UsbBulkLink(probe.device, probe.bulk)
        except (ProbeBusy, ProbeLost):
            raise  # the other interface is the same probe
        except ProbeError as error:
            if probe.hid is None:
                raise
            try:
                return HidLink(probe.hid)
            except ProbeDenied:
                raise error from None
    if probe.hid is None:
        raise ProbeError(f"{probe.serial} has no interface that can be opened")
    return HidLink(probe.hid)


def merge(devices: Sequence[UsbDevice], interfaces: Sequence[HidInterface]) -> list[UsbProbe]:
    """Put together what libusb and hidapi list, and give each probe its id."""
    left = list(interfaces)
    found: list[tuple[UsbProbe, int]] = []
    for device in devices:
        own = [interface for interface in left if _same(device, interface, devices)]
        marked = _marked(device, own)
        left = [interface for interface in left if interface not in own]
        way = marked[0] if marked else None
        for position, bulk in enumerate(device.bulk, 1):
            if not bulk.name and way is None:
                continue  # nobody says that it is a probe
            probe = UsbProbe("", device.identity, device.location, device, bulk, way)
            found.append((probe, position if len(device.bulk) > 1 else 0))
        if not device.bulk:
            for position, interface in enumerate(marked, 1):
                probe = UsbProbe("", device.identity, device.location, device, None, interface)
                found.append((probe, position if len(marked) > 1 else 0))
    for interface in left:
        if MARK in interface.identity.product and _vendor_page(interface):
            found.append((UsbProbe("", interface.identity, interface.location, hid=interface), 0))
    return _with_ids(found)


def _same(device: UsbDevice, interface: HidInterface, devices: Sequence[UsbDevice]) -> bool:
    """Tell whether ``interface`` is one of ``device``."""
    ours, theirs = device.identity, interface.identity
    if (ours.vendor_id, ours.product_id) != (theirs.vendor_id, theirs.product_id):
        return False
    if interface.location:
        return interface.location == device.location
    if ours.serial and theirs.serial:
        return ours.serial == theirs.serial
    alike = [d for d in devices if d.identity.vendor_id == ours.vendor_id]
    return len([d for d in alike if d.identity.product_id == ours.product_id]) == 1


def _marked(device: UsbDevice, own: list[HidInterface]) -> list[HidInterface]:
    """Return which of a device's HID interfaces are CMSIS-DAP, the best first."""
    names = dict(device.hid_names)
    by_name = [i for i in own if MARK in names.get(i.number, "")]
    if by_name:
        return by_name
    if MARK not in device.identity.product and not any(
        MARK in interface.identity.product for interface in own
    ):
        return []
    return [interface for interface in own if _vendor_page(interface)][:1]


def _vendor_page(interface: HidInterface) -> bool:
    """Tell whether the interface may be a probe's: keyboards and the like have other pages."""
    return not interface.usage_page or interface.usage_page >= _VENDOR_PAGES


def _with_ids(found: list[tuple[UsbProbe, int]]) -> list[UsbProbe]:
    serials = Counter(
        (probe.identity.serial, probe.location) for probe, position in found if position < 2
    )
    shared = Counter(serial for serial, _ in serials.elements())
    probes = []
    for probe, position in found:
        serial = probe.identity.serial
        name = serial or str(probe.identity)
        if not serial or shared[serial] > 1:
            name += f"@{probe.location or _path_word(probe)}"
        if position > 1:
            name += f"/{position}"
        probes.append(replace(probe, serial=name))
    return sorted(probes, key=lambda probe: probe.serial)


def _path_word(probe: UsbProbe) -> str:
    """Return something that stands for the place where the system does not tell the place."""
    if probe.hid is None:
        return "?"
    return f"{sum(byte * 31**at for at, byte in enumerate(probe.hid.path)) & 0xFFFF_FFFF:08x}"
