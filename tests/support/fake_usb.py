"""A USB bus made of Python: modules shaped like ``usb1`` and ``hidraw``, for what is plugged in."""

from __future__ import annotations

import sys

import pytest

from tests.support.fake_hidapi import make_hidraw
from tests.support.fake_libusb import make_usb1
from tests.support.fake_usb_device import FakeDevice, FakePorts


class FakeBus(FakePorts):
    """What is plugged in, and the modules that show it."""

    def __init__(self, *devices: FakeDevice) -> None:
        super().__init__(*devices)
        self.usb1 = make_usb1(self)
        self.hidraw = make_hidraw(self)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> FakeBus:
        """Put the modules in the place of the real ones."""
        monkeypatch.setitem(sys.modules, "usb1", self.usb1)
        monkeypatch.setitem(sys.modules, "hidraw", self.hidraw)
        monkeypatch.setitem(sys.modules, "hid", self.hidraw)
        return self
