"""CMSIS-DAP v1: packets in HID reports, through hidapi.

A packet travels in one output report and its response in one input report, both padded to the
report's size; reports have no id, for which hidapi wants a zero byte in front. The kernel keeps the
input reports until they are read, so packets may be written ahead.

The package ``hidapi`` brings two modules. On Linux ``hidraw`` is taken, which uses the kernel's own
driver; ``hid`` there would detach it and speak to USB itself. Elsewhere ``hid`` is the only one.

Linux lets any number of programs open one hidraw device, and gives each a copy of every response.
That cannot end well, so a device that another process has open is refused as busy.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from onchip.errors import ProbeError, ProbeLost, ProbeTimeout

from .hid_reports import ReportSizes, report_sizes
from .link import UsbIdentity
from .trouble import busy, denied, holders, lost, missing_library

DEFAULT_REPORT_SIZE = 64
"""What a full-speed device has; taken where hidapi is too old to tell."""
_GOING = tuple(os.strerror(number).lower() for number in (errno.ENODEV, errno.ESHUTDOWN))
_LOOKS, _LOOK_S = 5, 0.02
SYSFS_HIDRAW = Path("/sys/class/hidraw")

_LONGEST_REPORT = 4096
_SLICE_S = 0.25
"""The longest wait inside hidapi: so Ctrl-C is noticed on Windows, where it does not end a wait."""
_MOST_READ_ERRORS = 3
"""A signal that arrives during a wait looks like an error to hidapi: then it is tried again."""


@dataclass(frozen=True, slots=True)
class HidInterface:
    """A HID interface as hidapi lists it.

    ``path`` is hidapi's name for it; ``number`` its interface number, -1 where the system does not
    tell; ``location`` the place of its plug as Linux writes it (``1-1.2``), or empty.
    """

    path: bytes
    identity: UsbIdentity
    number: int = -1
    usage_page: int = 0
    location: str = ""

    @property
    def node(self) -> str | None:
        """The device file, where the path is one."""
        path = self.path.decode("utf-8", "replace")
        return path if path.startswith("/dev/") else None


def load_hidapi() -> Any:
    """Return hidapi's module.

    Raises:
        ProbeError: it is missing, or another package's module of that name is in the way.
    """
    names = ("hidraw", "hid") if sys.platform.startswith("linux") else ("hid",)
    why = ""
    for name in names:
        try:
            module = import_module(name)
        except (ImportError, OSError) as error:
            why = str(error)
            continue
        if hasattr(module, "device") and hasattr(module, "enumerate"):
            return module
        why = f"the installed module {name} is another package's"
    raise missing_library(names[0], "hidapi", why)


def hid_interfaces() -> list[HidInterface]:
    """Return all HID interfaces that hidapi lists, whatever they are, in the order of their paths.

    Raises:
        ProbeError: hidapi cannot be used.
    """
    module = load_hidapi()
    try:
        entries = module.enumerate()
    except OSError as error:
        raise ProbeError(f"the HID devices cannot be listed: {error}") from error
    found: dict[bytes, HidInterface] = {}
    for interface in map(_interface, entries):
        known = found.get(interface.path)  # listed once for each of its usages
        if known is None or interface.usage_page > known.usage_page:
            found[interface.path] = interface
    return [found[path] for path in sorted(found)]


def _interface(entry: dict[str, Any]) -> HidInterface:
    path = bytes(entry["path"])
    return HidInterface(
        path,
        UsbIdentity(
            entry["vendor_id"],
            entry["product_id"],
            entry.get("release_number") or 0,
            (entry.get("manufacturer_string") or "").strip(),
            (entry.get("product_string") or "").strip(),
            (entry.get("serial_number") or "").strip(),
        ),
        entry.get("interface_number", -1),
        entry.get("usage_page") or 0,
        _location(path),
    )


def _location(path: bytes) -> str:
    """Return where the device is plugged in: /sys knows, and the path of the libusb backend."""
    text = path.decode("utf-8", "replace")
    if text.startswith("/dev/hidraw"):
        with contextlib.suppress(OSError):
            for part in (SYSFS_HIDRAW / Path(text).name / "device").resolve().parts[::-1]:
                place, colon, _ = part.partition(":")
                if colon and "-" in place:  # the interface's directory: 1-1.2:1.0
                    return place
        return ""
    place, colon, _ = text.partition(":")
    return place if colon and "-" in place else ""


class HidLink:
    """A `Link` to one CMSIS-DAP v1 interface."""

    def __init__(self, interface: HidInterface) -> None:
        """Open the interface.

        Raises:
            ProbeBusy: another program has it open, where that can be told.
            ProbeDenied: this user may not open it.
            ProbeLost: it is no longer there.
            ProbeError: hidapi cannot be used.
        """
        self.usb: UsbIdentity = interface.identity
        self._interface = interface
        module = load_hidapi()
        node = interface.node
        if node is not None and holders(node, ours=True):
            raise busy(self.description, node, ours=True)
        device = module.device()
        try:
            device.open_path(interface.path)
        except OSError as error:
            if node is not None and not Path(node).exists():
                raise lost(self.description, "unplugged before it was opened") from error
            raise denied(self.description, node) from error
        self._device: Any = device
        self._sizes = _report_sizes(device)

    @property
    def description(self) -> str:
        """``hid:VID:PID:SERIAL``."""
        serial = self.usb.serial or f"at {self._interface.location or 'an unknown place'}"
        return f"hid:{self.usb}:{serial}"

    @property
    def report_sizes(self) -> ReportSizes:
        """How long the device's reports are, in bytes."""
        return self._sizes

    @property
    def protocol(self) -> str:
        """``v1``."""
        return "v1"

    @property
    def platform(self) -> str:
        """`sys.platform` here."""
        return sys.platform

    @property
    def longest_packet(self) -> int:
        """A report's length: no packet is longer, whatever the probe says."""
        return min(self._sizes.output, self._sizes.input)

    def settle_packet_size(self, size: int) -> None:
        """Nothing depends on it here: reports have their own length."""

    def write(self, packet: bytes) -> None:
        """Send one packet; see `Link.write`.

        Raises:
            ProbeLost: the probe is gone.
            ProbeTimeout: the probe takes no packet.
            ProbeError: the packet is longer than a report.
        """
        device = self._open_device()
        size = self._sizes.output
        if len(packet) > size:
            raise ProbeError(f"{len(packet)} bytes do not fit into a HID report of {size}")
        try:
            written = device.write(b"\0" + packet.ljust(size, b"\0"))
        except (OSError, ValueError) as error:
            raise self._gone(str(error)) from error
        if written >= 0:
            return
        reason = _last_error(device)
        if self._stays(reason):
            raise ProbeTimeout(
                f"{self.description} takes no packet ({reason})",
                hint="unplug the probe and plug it in again",
            )
        raise self._gone(reason)

    def read(self, timeout_s: float) -> bytes:
        """Return the next response, padded to the report's size; see `Link.read`.

        Raises:
            ProbeTimeout: none came within ``timeout_s``.
            ProbeLost: the probe is gone.
        """
        deadline = time.monotonic() + timeout_s
        errors = 0
        while True:
            device = self._open_device()
            remaining = deadline - time.monotonic()
            wait_ms = max(1, math.ceil(1000 * min(remaining, _SLICE_S)))  # zero would wait for ever
            try:
                report = device.read(self._sizes.input, wait_ms)
            except (OSError, ValueError) as error:
                errors += 1
                if errors > _MOST_READ_ERRORS or not self._still_there():
                    raise self._gone(str(error)) from error
                continue
            if report:
                return bytes(report)
            if time.monotonic() >= deadline:
                raise ProbeTimeout(
                    f"{self.description} did not answer within {timeout_s:g} s",
                    hint="if this repeats, unplug the probe and plug it in again",
                )

    def close(self) -> None:
        """Let go of the device. Closing twice is harmless."""
        device, self._device = self._device, None
        if device is not None:
            device.close()

    def now(self) -> float:
        """Return the monotonic clock of this machine, in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for ``seconds`` of real time."""
        time.sleep(seconds)

    def __repr__(self) -> str:
        return f"<HidLink {self.description}{'' if self._device else ' (closed)'}>"

    def _open_device(self) -> Any:
        if self._device is None:
            raise ProbeLost(f"the link to {self.description} is closed", hint="connect again")
        return self._device

    def _stays(self, reason: str) -> bool:
        """Tell whether a device that takes no packet is there, and not just being taken down.

        Unplugged, it still has its node for a moment, and says one of `_GOING`, or something else.
        """
        if any(word in reason.lower() for word in _GOING):
            return False
        for _ in range(_LOOKS):
            if not self._still_there():
                return False
            time.sleep(_LOOK_S)
        return True

    def _still_there(self) -> bool:
        """Tell whether the device file exists; where there is none, an error means it is gone."""
        node = self._interface.node
        return node is not None and Path(node).exists()

    def _gone(self, reason: str) -> ProbeLost:
        self.close()
        return lost(self.description, reason or "unplugged")


def _report_sizes(device: Any) -> ReportSizes:
    """Ask for the sizes; a device or a hidapi that does not tell has reports of 64 bytes."""
    descriptor = b""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # hidapi before 0.14 has no such
        descriptor = bytes(device.get_report_descriptor())
    sizes = report_sizes(descriptor)
    if 0 < sizes.input <= _LONGEST_REPORT and 0 < sizes.output <= _LONGEST_REPORT:
        return sizes
    return ReportSizes(DEFAULT_REPORT_SIZE, DEFAULT_REPORT_SIZE)


def _last_error(device: Any) -> str:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return str(device.error())
    return "hidapi gives no reason"
