"""A USB bus with nothing on it, in the place of this machine's."""

from __future__ import annotations

from pathlib import Path

import pytest

from onchip.probe import hid, trouble, usb
from tests.support.fake_usb import FakeBus


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeBus:
    """An empty bus; append a `FakeDevice` to ``bus.devices``."""
    monkeypatch.setattr(usb, "SYSFS", tmp_path / "sys")
    monkeypatch.setattr(hid, "SYSFS_HIDRAW", tmp_path / "hidraw")
    monkeypatch.setattr(trouble, "PROC", tmp_path / "proc")
    monkeypatch.setattr(trouble, "RULES_DIRECTORIES", (tmp_path / "rules.d",))
    return FakeBus().install(monkeypatch)
