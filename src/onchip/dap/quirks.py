"""What not to believe of certain probes: the rows of ``quirks.toml``, matched to a device.

Only USB tells what device it is, so other links have no quirks.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ..probe.link import UsbLink


@dataclass(frozen=True, slots=True)
class Quirk:
    """One row; see the head of ``quirks.toml``. What a row does not name is None."""

    vendor_id: int
    product_id: int
    why: str
    source: str
    product: str | None = None
    release_below: int | None = None
    protocol: str | None = None
    platform: str | None = None
    firmware: str | None = None
    packet_count: int | None = None
    packet_size: int | None = None
    atomic: bool | None = None
    match: bool | None = None

    def fits(self, link: UsbLink, firmware: Callable[[], str]) -> bool:
        """Tell whether the row is about the device of ``link``; ``firmware`` is asked last."""
        usb = link.usb
        return (
            (usb.vendor_id, usb.product_id) == (self.vendor_id, self.product_id)
            and (self.product is None or self.product.lower() in usb.product.lower())
            and (self.release_below is None or usb.release < self.release_below)
            and self.protocol in (None, link.protocol)
            and (self.platform is None or link.platform.startswith(self.platform))
            and (self.firmware is None or firmware().startswith(self.firmware))
        )


@cache
def known_quirks() -> tuple[Quirk, ...]:
    """Return the rows of ``quirks.toml``."""
    text = (files("onchip.dap") / "quirks.toml").read_text("utf-8")
    return tuple(Quirk(**row) for row in tomllib.loads(text)["quirk"])


def quirks_of(
    link: UsbLink, firmware: Callable[[], str], rows: Iterable[Quirk] | None = None
) -> list[Quirk]:
    """Return the rows that are about the device of ``link``."""
    rows = known_quirks() if rows is None else rows
    return [row for row in rows if row.fits(link, firmware)]
