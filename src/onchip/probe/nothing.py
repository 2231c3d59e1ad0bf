"""The quick look: is it certain that no probe is plugged in?

Asked before anything else is imported, of files that Linux shows: libusb, hidapi and the modules
that search properly take ten times as long as Python itself to start. So this module imports
nothing that the interpreter has not loaded by itself. Whatever it cannot tell counts as a probe.
"""

from __future__ import annotations

import os
import sys

_PORT = 4441
"""`discovery.DEFAULT_PORT`."""
_HUB_CLASS = "09"
_LISTEN = "0A"


def nothing_plugged_in(root: str = "") -> bool:
    """Tell whether neither USB nor a socket can have a probe, below ``root`` for tests."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        return _usb_is_empty(root) and not _notes() and not _listens(root)
    except OSError:
        return False


def _usb_is_empty(root: str) -> bool:
    """No device but hubs; where Linux shows no USB at all, no device files either."""
    if _names(f"{root}/sys/class/hidraw"):
        return False
    devices = f"{root}/sys/bus/usb/devices"
    if not os.path.isdir(devices):
        return not os.path.exists(f"{root}/dev/bus/usb")
    for name in _names(devices):
        if ":" in name:
            continue  # an interface of a device
        with open(f"{devices}/{name}/bDeviceClass") as file:
            if file.read().strip() != _HUB_CLASS:
                return False
    return True


def notes_path() -> str:
    """Return what `discovery.notes_directory` returns on Linux."""
    state = os.environ.get("XDG_STATE_HOME", "").strip() or os.path.expanduser("~/.local/state")
    return f"{state}/onchip/boards"


def _notes() -> bool:
    return any(name.endswith(".json") for name in _names(notes_path()))


def _listens(root: str) -> bool:
    """Tell whether a program of this machine listens on the boards' port."""
    for table, needed in (("tcp", True), ("tcp6", False)):
        path = f"{root}/proc/net/{table}"
        if not needed and not os.path.exists(path):
            continue
        with open(path) as file:
            for line in file.readlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == _PORT:
                    return True
    return False


def _names(directory: str) -> list[str]:
    return os.listdir(directory) if os.path.isdir(directory) else []
