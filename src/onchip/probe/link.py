"""The seam where the I/O lives: everything above a ``Link`` is deterministic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


class Link(Protocol):
    """A way to one CMSIS-DAP probe: packets go in, packets come out, in order.

    A packet is one CMSIS-DAP command or response without the transport's own framing: no HID report
    id, no padding needed on write, and perhaps padding on read. Packets may be written ahead; the
    caller keeps to the probe's packet count. Time is the link's too, so that a virtual board can
    own it: nobody above reads another clock.
    """

    @property
    def description(self) -> str:
        """Name the way for people: ``virtual:stm32f407``, ``tcp:127.0.0.1:4441``."""
        ...

    def write(self, packet: bytes) -> None:
        """Send one packet.

        Raises:
            ProbeLost: the way is closed.
        """
        ...

    def read(self, timeout_s: float) -> bytes:
        """Return the next response.

        Raises:
            ProbeTimeout: none came within ``timeout_s``.
            ProbeLost: the way is closed.
        """
        ...

    def close(self) -> None:
        """Let go of the probe. Closing twice is harmless."""
        ...

    def now(self) -> float:
        """Return the time in seconds since some fixed moment."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        ...


@dataclass(frozen=True, slots=True)
class UsbIdentity:
    """What a USB device's descriptor says of it; ``release`` is its bcdDevice."""

    vendor_id: int
    product_id: int
    release: int = 0
    manufacturer: str = ""
    product: str = ""
    serial: str = ""

    def __str__(self) -> str:
        return f"{self.vendor_id:04x}:{self.product_id:04x}"


@runtime_checkable
class UsbLink(Link, Protocol):
    """A link over USB: it knows what device is there, and must know how long a packet may be."""

    @property
    def usb(self) -> UsbIdentity:
        """The device."""
        ...

    @property
    def protocol(self) -> str:
        """``v1`` (HID reports) or ``v2`` (bulk endpoints)."""
        ...

    def settle_packet_size(self, claimed: int) -> int:
        """Take the packet size that the probe claims; return what this way really carries."""
        ...


def usb_link(link: Link) -> UsbLink | None:
    """Return the USB link that ``link`` is, or that it wraps as its ``link``; None if neither."""
    inner: object = link
    while not isinstance(inner, UsbLink):
        inner = getattr(inner, "link", None)
        if inner is None:
            return None
    return inner
