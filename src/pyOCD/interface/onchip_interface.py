"""The probes that onchip knows: on USB, on sockets, virtual ones, under one name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol

from onchip.errors import UsageError
from onchip.session import PROBE_VARIABLE, Link, open_link, plugged_probes
from pyOCD.interface.interface import Interface

_FOREVER_S = 3600.0


class _Found(Protocol):
    """What is known of a probe that is plugged in; on USB it has an ``identity`` as well."""

    @property
    def spec(self) -> str: ...
    @property
    def serial(self) -> str: ...
    @property
    def probe_model(self) -> str: ...
    @property
    def chip(self) -> str: ...


class OnchipInterface(Interface):
    """A probe that `onchip.connect` could open as ``spec``."""

    def __init__(self, spec: str, serial: str = "", model: str = "", chip: str = "") -> None:
        super().__init__()
        self.spec = spec
        self.vendor_name = "onchip"
        self.product_name = f"{chip or 'board'} ({model or 'CMSIS-DAP'})"
        self.serial_number = serial or spec
        self.chip = chip
        self._link: Link | None = None

    @classmethod
    def of_probe(cls, probe: _Found) -> OnchipInterface:
        """Return the interface of a probe that was found."""
        interface = cls(probe.spec, probe.serial, probe.probe_model, probe.chip)
        usb = getattr(probe, "identity", None)
        if usb is not None:
            interface.vid, interface.pid = usb.vendor_id, usb.product_id
            interface.vendor_name = usb.manufacturer
            interface.product_name = probe.probe_model
        return interface

    @staticmethod
    def getAllConnectedInterface(
        vid: int | None = None, pid: int | None = None
    ) -> Sequence[Interface]:
        """Return the probes that are plugged in; ONCHIP_PROBE, where it is set, names the only one.

        ``vid`` and ``pid`` are accepted: CMSIS-DAP probes are known by more than their numbers.
        """
        named = os.environ.get(PROBE_VARIABLE)
        if named:
            return [OnchipInterface(named)]
        return [OnchipInterface.of_probe(probe) for probe in plugged_probes()]

    def init(self) -> None:
        if self._link is None:
            self._link = open_link(self.spec)

    @property
    def link(self) -> Link:
        """The session's own way to the probe.

        Raises:
            UsageError: `init` was not called.
        """
        if self._link is None:
            raise UsageError("this interface is not open", hint="call init() first")
        return self._link

    def write(self, data: Sequence[int]) -> None:
        self.link.write(bytes(data))

    def read(self, size: int = -1, timeout: int = -1) -> list[int]:
        return list(self.link.read(_FOREVER_S if timeout < 0 else timeout))

    def close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()
