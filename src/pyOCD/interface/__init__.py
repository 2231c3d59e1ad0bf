"""Ways to probes. ``INTERFACE`` names them; put yours in, and its probes are found with the others.

The three classic names stand for what onchip's own drivers find. PYOCD_USB_BACKEND, where it is
set, names the only one that is asked.
"""

from __future__ import annotations

import os

from onchip.errors import UsageError
from pyOCD.interface.interface import Interface
from pyOCD.interface.link import InterfaceLink
from pyOCD.interface.onchip_interface import OnchipInterface

INTERFACE: dict[str, type[Interface]] = {
    "hidapiusb": OnchipInterface,
    "pyusb": OnchipInterface,
    "pywinusb": OnchipInterface,
}

BACKEND_VARIABLE = "PYOCD_USB_BACKEND"


def connected_interfaces(vid: int | None = None, pid: int | None = None) -> list[Interface]:
    """Return every probe that any interface finds, closed.

    Raises:
        UsageError: PYOCD_USB_BACKEND names none of ``INTERFACE``.
    """
    named = os.environ.get(BACKEND_VARIABLE)
    if named and named not in INTERFACE:
        raise UsageError(
            f"{BACKEND_VARIABLE}={named} is no interface", hint=f"there are {', '.join(INTERFACE)}"
        )
    kinds = [INTERFACE[named]] if named else list(dict.fromkeys(INTERFACE.values()))
    return [
        interface
        for kind in kinds
        if kind.isAvailable()
        for interface in kind.getAllConnectedInterface(vid, pid)
    ]


__all__ = ["INTERFACE", "Interface", "InterfaceLink", "OnchipInterface", "connected_interfaces"]
