"""Trouble with USB, by name: who holds a device, which rule is missing, what a lost probe leaves.

What libusb and hidapi raise is renamed in the links; the words and the errors are here, once for
both.
"""

from __future__ import annotations

import os
import sys
from importlib.resources import files
from pathlib import Path

from onchip.errors import ProbeBusy, ProbeDenied, ProbeError, ProbeLost

RULES_NAME = "69-onchip.rules"
"""Below 73, so that systemd's seat rules, which come there, see the tag ``uaccess``."""
RULES_DIRECTORIES = (
    Path("/etc/udev/rules.d"),
    Path("/run/udev/rules.d"),
    Path("/lib/udev/rules.d"),
)
PROC = Path("/proc")


def rules_file() -> Path:
    """Return the udev rules that ship with onchip."""
    return Path(str(files("onchip.probe") / "udev" / RULES_NAME))


def installed_rules() -> Path | None:
    """Return where our udev rules are installed; None if they are not."""
    for directory in RULES_DIRECTORIES:
        if (directory / RULES_NAME).is_file():
            return directory / RULES_NAME
    return None


def holders(node: str, *, ours: bool = False) -> list[str]:
    """Return who has the device file ``node`` open: ``openocd (pid 123)``.

    Our own process counts with ``ours``, for who has not opened the node yet. Only Linux tells, and
    of other users' processes only the superuser hears.
    """
    try:
        wanted = Path(node).stat().st_rdev
    except (OSError, ValueError):
        return []
    found = []
    for process in _processes(ours=ours):
        try:
            descriptors = list((process / "fd").iterdir())
        except OSError:
            continue  # another user's, or ended meanwhile
        if any(_is_device(descriptor, node, wanted) for descriptor in descriptors):
            found.append(f"{_name(process)} (pid {process.name})")
    return found


def busy(what: str, node: str | None, *, ours: bool = False) -> ProbeBusy:
    """Return the error for a probe that another process holds, or with ``ours`` this one."""
    who = " and ".join(holders(node, ours=ours)) if node else ""
    return ProbeBusy(
        f"{what} is in use by {who or 'another program'}",
        hint="close that one first; `onchip serve` lets several share a probe",
    )


def denied(what: str, node: str | None) -> ProbeDenied:
    """Return the error for a probe that this user may not open."""
    if sys.platform == "win32":
        return ProbeDenied(
            f"Windows does not let onchip open {what}",
            hint="another program may hold it, or its interface lacks the driver WinUSB",
        )
    where = f" ({node})" if node else ""
    if not sys.platform.startswith("linux"):
        return ProbeDenied(
            f"this user may not open {what}{where}",
            hint="close other programs that use it",
        )
    installed = installed_rules()
    if installed is not None:
        return ProbeDenied(
            f"this user may not open {what}{where}, though {installed} is installed",
            hint="unplug the probe and plug it in again; in a container, hand the device in",
        )
    return ProbeDenied(
        f"this user may not open {what}{where}: no udev rule gives access to it",
        hint=f"sudo cp {rules_file()} /etc/udev/rules.d/ && sudo udevadm control --reload && "
        "sudo udevadm trigger, then plug it in again",
    )


def no_driver(what: str) -> ProbeDenied:
    """Return the error for a v2 interface that no driver serves (Windows)."""
    return ProbeDenied(
        f"no driver serves the CMSIS-DAP v2 interface of {what}",
        hint="on Windows give that interface the driver WinUSB, with Zadig for example; newer "
        "probe firmware asks for it by itself",
    )


def lost(what: str, reason: str) -> ProbeLost:
    """Return the error for a probe that went away."""
    return ProbeLost(f"{what} is gone ({reason})", hint="plug it in again")


def missing_library(module: str, package: str, why: str) -> ProbeError:
    """Return the error for a Python library that cannot be imported."""
    return ProbeError(
        f"probes on USB need the Python module {module}, which cannot be used: {why}",
        hint=f"pip install {package}",
    )


def _processes(*, ours: bool) -> list[Path]:
    try:
        entries = list(PROC.iterdir())
    except OSError:
        return []
    others = (e for e in entries if e.name.isdecimal() and (ours or _pid(e) != os.getpid()))
    return sorted(others, key=_pid)


def _pid(process: Path) -> int:
    return int(process.name)


def _is_device(descriptor: Path, node: str, wanted: int) -> bool:
    try:
        if str(descriptor.readlink()) == node:
            return True
        return wanted != 0 and descriptor.stat().st_rdev == wanted
    except OSError:
        return False


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text("utf-8", "replace").strip()
    except OSError:
        return "a program"
