"""CMSIS-DAP v2: packets over two bulk endpoints, with libusb's asynchronous transfers.

::

    write   submits an IN transfer for the answer, then the OUT transfer with the packet
    read    pumps libusb's events in the calling thread until the next answer is there

Nothing waits in ``write``, so what is written ahead travels while the probe works; and nothing is
submitted that was not written, so no more is in flight than the caller allows. Answers come in the
order of the questions. One that comes after its time-out stays in that order: whoever reads next
gets it, and the client, which knows that it lost step, drops it.

A packet ends with a short USB packet. One that is shorter than the probe's packet size and fills
its last USB packet is therefore followed by an empty one, as the specification's firmware expects:
it reads until a short packet or DAP_PACKET_SIZE bytes.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from onchip.errors import ProbeError, ProbeLost, ProbeNotFound, ProbeTimeout

from .link import UsbIdentity
from .trouble import busy, denied, lost, no_driver
from .usb import BulkInterface, UsbDevice, load_usb1, open_context

_PUMP_S = 0.25
"""The longest wait inside libusb: so Ctrl-C is noticed on systems whose wait it does not end."""
_MOST_AHEAD = 256
"""IN transfers kept submitted at most, whatever got lost: CMSIS-DAP counts packets in a byte."""
_CLOSE_S = 1.0
_LONGEST_PACKET = 1 << 15


class UsbBulkLink:
    """A `Link` to the CMSIS-DAP v2 interface of one device."""

    def __init__(self, device: UsbDevice, interface: BulkInterface) -> None:
        """Open the device and claim the interface.

        Raises:
            ProbeNotFound: it is no longer plugged in.
            ProbeBusy: another program has the interface.
            ProbeDenied: this user may not open it, or no driver serves it.
            ProbeError: libusb cannot be used, or fails otherwise.
        """
        self.usb: UsbIdentity = device.identity
        self._device = device
        self._interface = interface
        self._packet_size = interface.max_packet_size
        self._responses: deque[bytes] = deque()
        self._unanswered = 0
        self._in_pending = 0
        self._submitted: set[Any] = set()
        self._idle: list[Any] = []
        self._trouble: tuple[int, int] | None = None  # libusb's status, endpoint
        self._handle: Any = None
        self._usb1 = load_usb1()
        self._context = open_context(self._usb1)
        try:
            self._open()
        except BaseException:
            self._shut()
            raise

    @property
    def description(self) -> str:
        """``usb:VID:PID:SERIAL``."""
        serial = self.usb.serial or f"at {self._device.location}"
        return f"usb:{self.usb}:{serial}"

    @property
    def protocol(self) -> str:
        """``v2``."""
        return "v2"

    @property
    def platform(self) -> str:
        """`sys.platform` here."""
        return sys.platform

    @property
    def longest_packet(self) -> int:
        """More than any real probe's, and what libusb moves in one piece."""
        return _LONGEST_PACKET

    def settle_packet_size(self, size: int) -> None:
        """Let answers be as long as that, and end packets that are shorter."""
        self._packet_size = size

    def write(self, packet: bytes) -> None:
        """Send one packet; see `Link.write`. Returns at once.

        Raises:
            ProbeLost: the probe is gone.
            ProbeError: libusb refuses the transfer.
        """
        self._check()
        self._unanswered += 1
        if self._in_pending < min(self._unanswered, _MOST_AHEAD):
            self._submit_in()
        endpoint = self._interface.endpoint_out
        self._submit(endpoint, packet, self._sent)
        fills = len(packet) % self._interface.max_packet_size == 0
        if fills and len(packet) < self._packet_size:
            self._submit(endpoint, b"", self._sent)

    def read(self, timeout_s: float) -> bytes:
        """Return the next response; see `Link.read`.

        Raises:
            ProbeTimeout: none came within ``timeout_s``.
            ProbeLost: the probe is gone.
            ProbeError: an endpoint stalled, or the answer was longer than a packet may be.
        """
        deadline = time.monotonic() + timeout_s
        while not self._responses:
            self._check()
            if not self._in_pending:
                self._submit_in()
            remaining = deadline - time.monotonic()
            self._pump(min(max(remaining, 0.0), _PUMP_S))
            if remaining <= 0 and not self._responses:
                self._check()
                raise ProbeTimeout(
                    f"{self.description} did not answer within {timeout_s:g} s",
                    hint="if this repeats, unplug the probe and plug it in again",
                )
        self._unanswered = max(0, self._unanswered - 1)
        return self._responses.popleft()

    def close(self) -> None:
        """Take back what is in flight, release the interface. Closing twice is harmless."""
        if self._handle is not None:
            self._take_back()
            with contextlib.suppress(self._usb1.USBError):
                self._handle.releaseInterface(self._interface.number)
        self._shut()

    def now(self) -> float:
        """Return the monotonic clock of this machine, in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for ``seconds`` of real time."""
        time.sleep(seconds)

    def __repr__(self) -> str:
        return f"<UsbBulkLink {self.description}{'' if self._handle else ' (closed)'}>"

    # ---- opening and closing

    def _open(self) -> None:
        usb1, device = self._usb1, self._device
        raw = self._find()
        try:
            self._handle = raw.open()
            self._claim()
        except usb1.USBErrorAccess as error:
            raise denied(self.description, device.node) from error
        except usb1.USBErrorBusy as error:
            raise busy(self.description, device.node) from error
        except (usb1.USBErrorNotSupported, usb1.USBErrorNotFound) as error:
            raise no_driver(self.description) from error
        except usb1.USBErrorNoDevice as error:
            raise lost(self.description, "unplugged while it was opened") from error
        except usb1.USBError as error:
            raise ProbeError(f"{self.description} cannot be opened: {error}") from error

    def _find(self) -> Any:
        place = (self._device.bus, self._device.address)
        for raw in self._context.getDeviceIterator(skip_on_error=True):
            if (raw.getBusNumber(), raw.getDeviceAddress()) == place and (
                raw.getVendorID(),
                raw.getProductID(),
            ) == (self.usb.vendor_id, self.usb.product_id):
                return raw
        raise ProbeNotFound(
            f"{self.description} is no longer plugged in", hint="`onchip list` shows what is"
        )

    def _claim(self) -> None:
        usb1, number = self._usb1, self._interface.number
        with contextlib.suppress(usb1.USBErrorNotSupported):  # there, no driver is in the way
            self._handle.setAutoDetachKernelDriver(True)
        self._handle.claimInterface(number)
        if self._interface.alternate:
            self._handle.setInterfaceAltSetting(number, self._interface.alternate)

    def _take_back(self) -> None:
        """Cancel what is in flight, and wait until libusb has given it back."""
        for transfer in tuple(self._submitted):
            with contextlib.suppress(self._usb1.USBError):
                transfer.cancel()
        deadline = time.monotonic() + _CLOSE_S
        while self._submitted and time.monotonic() < deadline:
            with contextlib.suppress(self._usb1.USBError):
                self._context.handleEventsTimeout(0.05)

    def _shut(self) -> None:
        self._idle.clear()
        if self._handle is not None:
            self._handle.close()
            self._handle = None
        self._context.close()

    # ---- transfers

    def _submit_in(self) -> None:
        unit = self._interface.max_packet_size
        length = -(-self._packet_size // unit) * unit  # anything else could overflow
        self._in_pending += 1
        try:
            self._submit(self._interface.endpoint_in, length, self._received)
        except BaseException:
            self._in_pending -= 1
            raise

    def _submit(self, endpoint: int, content: bytes | int, done: Callable[[Any], None]) -> None:
        transfer = self._idle.pop() if self._idle else self._handle.getTransfer()
        transfer.setBulk(endpoint, content, callback=done)
        try:
            transfer.submit()
        except self._usb1.USBErrorNoDevice as error:
            raise self._gone("unplugged") from error
        except self._usb1.USBErrorIO as error:
            raise self._gone("USB transfers fail") from error
        except self._usb1.USBError as error:
            raise ProbeError(
                f"a USB transfer to {self.description} was refused: {error}"
            ) from error
        self._submitted.add(transfer)

    def _pump(self, seconds: float) -> None:
        try:
            self._context.handleEventsTimeout(seconds)
        except self._usb1.USBErrorInterrupted:
            return
        except self._usb1.USBError as error:
            raise self._gone(str(error)) from error

    def _received(self, transfer: Any) -> None:
        """Take an IN transfer back. Called by libusb, inside `_pump`."""
        self._in_pending -= 1
        self._back(transfer)
        # an empty answer is only the end of the one before it
        if transfer.getStatus() == self._usb1.TRANSFER_COMPLETED and transfer.getActualLength():
            self._responses.append(bytes(transfer.getBuffer()[: transfer.getActualLength()]))

    def _sent(self, transfer: Any) -> None:
        """Take an OUT transfer back. Called by libusb, inside `_pump`."""
        self._back(transfer)

    def _back(self, transfer: Any) -> None:
        self._submitted.discard(transfer)
        self._idle.append(transfer)
        status = transfer.getStatus()
        if status not in (self._usb1.TRANSFER_COMPLETED, self._usb1.TRANSFER_CANCELLED):
            self._trouble = self._trouble or (status, transfer.getEndpoint())

    # ---- trouble

    def _check(self) -> None:
        """Raise what went wrong since the last call.

        Raises:
            ProbeLost: the link is closed, or the probe gone.
            ProbeError: an endpoint stalled, or an answer was too long.
        """
        if self._handle is None:
            raise ProbeLost(f"the link to {self.description} is closed", hint="connect again")
        if self._trouble is None:
            return
        (status, endpoint), self._trouble = self._trouble, None
        if status == self._usb1.TRANSFER_STALL:
            with contextlib.suppress(self._usb1.USBError):
                self._handle.clearHalt(endpoint)
            raise ProbeError(
                f"{self.description} refuses packets: its endpoint {endpoint:#04x} stalled",
                hint="the stall was cleared; plug the probe in again if this repeats",
            )
        if status == self._usb1.TRANSFER_OVERFLOW:
            raise ProbeError(
                f"{self.description} sent more than the {self._packet_size} bytes that it says its "
                "packets have",
                hint="its firmware may have an update",
            )
        gone = status == self._usb1.TRANSFER_NO_DEVICE
        raise self._gone("unplugged" if gone else "USB transfers fail")

    def _gone(self, reason: str) -> ProbeLost:
        self.close()
        return lost(self.description, reason)
