"""The seam where the I/O lives: everything above a ``Link`` is deterministic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
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
class UsbLink(Protocol):
    """What a link over USB has besides a `Link`'s methods: the device, and what a packet may be."""

    @property
    def usb(self) -> UsbIdentity:
        """The device."""
        ...

    @property
    def protocol(self) -> str:
        """``v1`` (HID reports) or ``v2`` (bulk endpoints)."""
        ...

    @property
    def platform(self) -> str:
        """The system on which the link is open, as `sys.platform` names it."""
        ...

    @property
    def longest_packet(self) -> int:
        """How many bytes of packet this way carries at most."""
        ...

    def settle_packet_size(self, size: int) -> None:
        """Take note that packets have at most ``size`` bytes."""
        ...


@runtime_checkable
class SharedLink(Protocol):
    """What a link has besides a `Link`'s methods where other processes may share its probe."""

    @property
    def shared(self) -> bool:
        """Whether what serves the probe is known to serve several clients."""
        ...

    @property
    def company(self) -> int:
        """How many others use the probe, as far as is known here."""
        ...

    def take_turn(self) -> bool:
        """Wait until nobody else uses the probe. Return whether others drove the core meanwhile.

        Raises:
            ProbeBusy: somebody does not let go of it.
            ProbeLost: the way is closed.
        """
        ...

    def end_turn(self) -> None:
        """Let the others have it; what is wrong with the way shows at its next use."""
        ...


@dataclass(frozen=True, slots=True)
class RecordedUsb:
    """The USB side of a link that is only remembered, so that a replay is treated alike."""

    usb: UsbIdentity
    protocol: str
    platform: str
    longest_packet: int

    @classmethod
    def of(cls, link: UsbLink) -> RecordedUsb:
        """Remember what ``link`` is."""
        return cls(link.usb, link.protocol, link.platform, link.longest_packet)

    @classmethod
    def parse(cls, table: Mapping[str, object]) -> RecordedUsb:
        """Read what `asdict` wrote.

        Raises:
            ValueError: it is not that.
        """
        try:
            usb = table["usb"]
            if not isinstance(usb, dict):
                raise ValueError("usb is not an object")
            longest = table["longest_packet"]
            if not isinstance(longest, int) or longest < 1:
                raise ValueError("longest_packet is no length")
            identity = UsbIdentity(**usb)
            return cls(identity, str(table["protocol"]), str(table["platform"]), longest)
        except (KeyError, TypeError) as error:
            raise ValueError(str(error)) from error

    def asdict(self) -> dict[str, object]:
        """Return it as JSON can hold it."""
        return asdict(self)

    def settle_packet_size(self, size: int) -> None:
        """Take note of nothing: no packet will travel."""


@runtime_checkable
class PassingLink(Protocol):
    """What a link has besides a `Link`'s methods where the board behind it ends with it."""

    @property
    def passing(self) -> bool:
        """Whether nothing is left of the board, or of what stands for one, when this ends."""
        ...


def is_passing(link: Link) -> bool:
    """Return whether the board behind ``link`` is of this process, or a recording of one."""
    return any(isinstance(inner, PassingLink) and inner.passing for inner in _layers(link))


def usb_link(link: Link) -> UsbLink | None:
    """Return the USB link that ``link`` is, or that it wraps as its ``link``; None if neither."""
    return next((inner for inner in _layers(link) if isinstance(inner, UsbLink)), None)


def shared_link(link: Link) -> SharedLink | None:
    """Return the shared link that ``link`` is, or that it wraps; None if neither."""
    return next((inner for inner in _layers(link) if isinstance(inner, SharedLink)), None)


def _layers(link: Link) -> Iterator[object]:
    inner: object = link
    while inner is not None:
        yield inner
        inner = getattr(inner, "link", None)
