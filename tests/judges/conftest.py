"""The judges: other people's programs, unmodified."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.openocd import OpenOcd, build_fakehid, build_fakeusb
from tests.support.tools import require


@pytest.fixture(scope="session")
def openocd(tmp_path_factory: pytest.TempPathFactory) -> OpenOcd:
    """OpenOCD's CMSIS-DAP v1 (HID) driver, led to a board on TCP."""
    require("openocd")
    folder: Path = tmp_path_factory.mktemp("fakehid")
    return OpenOcd(build_fakehid(folder))


@pytest.fixture(scope="session")
def openocd_usb(tmp_path_factory: pytest.TempPathFactory) -> OpenOcd:
    """OpenOCD's CMSIS-DAP v2 (USB bulk) driver, led to a board on TCP."""
    require("openocd")
    folder: Path = tmp_path_factory.mktemp("fakeusb")
    return OpenOcd(build_fakeusb(folder), "usb_bulk")
