"""USB devices made of Python, to be plugged into a `FakeBus`.

What a device does with packets is its ``firmware``: a callable from packet to responses, a virtual
board's for the whole way. OUT transfers come as USB packets of at most wMaxPacketSize; the device
puts them together until a short one or its DAP packet size; IN goes the same way back. Troubles are
attributes of a device.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Firmware = Callable[[bytes], list[bytes]]


def report_descriptor(size: int, report_id: int | None = None) -> bytes:
    """Return the report descriptor of a device with reports of ``size`` bytes each way."""
    count = bytes((0x96, size & 0xFF, size >> 8))
    start = bytes.fromhex("0600ff 0901 a101 1500 26ff00 7508")
    number = b"" if report_id is None else bytes((0x85, report_id))
    return (
        start + number + count + bytes.fromhex("0901 8102") + count + bytes.fromhex("0902 9102 c0")
    )


def silent(packet: bytes) -> list[bytes]:
    """Answer nothing."""
    return []


def echo(packet: bytes) -> list[bytes]:
    """Answer with what was asked."""
    return [packet]


@dataclass
class FakeInterface:
    """An interface: class, string, endpoints as (address, attributes, wMaxPacketSize)."""

    number: int
    name: str
    kind: int = 0xFF
    endpoints: tuple[tuple[int, int, int], ...] = ((0x01, 2, 64), (0x82, 2, 64))
    subclass: int = 0
    alternate: int = 0


@dataclass
class FakeDevice:
    """A device; change its attributes to make trouble.

    ``open_error``, ``claim_error``, ``submit_error`` name an exception of ``usb1``.
    """

    firmware: Firmware = silent
    vendor_id: int = 0x0D28
    product_id: int = 0x0204
    product: str = "DAPLink CMSIS-DAP"
    manufacturer: str = "Arm"
    serial: str = "0240abcd"
    interfaces: tuple[FakeInterface, ...] = (FakeInterface(0, "CMSIS-DAP v2"),)
    bus: int = 1
    address: int = 5
    ports: tuple[int, ...] = (1, 2)
    dap_packet_size: int = 64
    hid_path: bytes | None = None
    hid_usage_page: int = 0xFF00
    hid_reports: bytes | None = field(default_factory=lambda: report_descriptor(64))
    hid_report_size: int = 64
    hid_interface_number: int = 0
    open_error: str = ""
    claim_error: str = ""
    submit_error: str = ""
    hid_open_fails: bool = False
    present: bool = True
    takes_packets: bool = True
    hid_error: str = "no such device"
    out_status: str = ""
    in_status: str = ""
    answers_late: bool = False

    def __post_init__(self) -> None:
        self.claimed: list[int] = []
        self.released: list[int] = []
        self.events: list[str] = []
        self.received: list[bytes] = []  # DAP packets as the firmware got them
        self.reports: list[bytes] = []  # HID reports as hidapi got them
        self.usb_packets: list[bytes] = []
        self.most_in_flight = 0
        self.cleared: list[int] = []
        self._partial = b""
        self._held: list[bytes] = []
        self.in_flight = 0
        self.to_host: deque[bytes] = deque()  # USB packets

    def unplug(self) -> None:
        self.present = False

    def take_usb_packet(self, packet: bytes, most: int) -> None:
        """Receive one USB packet on the OUT endpoint."""
        self.usb_packets.append(packet)
        self._partial += packet
        if len(packet) == most and len(self._partial) < self.dap_packet_size:
            return
        whole, self._partial = self._partial, b""
        self.run(whole, most)

    def run(self, packet: bytes, most: int) -> None:
        self.received.append(packet)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        for response in self.firmware(packet):
            self._answer(response, most)

    def _answer(self, response: bytes, most: int) -> None:
        if self.answers_late:
            self._held.append(response)
            return
        pieces = [response[at : at + most] for at in range(0, len(response), most)]
        if len(response) % most == 0 and len(response) < self.dap_packet_size:
            pieces.append(b"")
        self.to_host.extend(pieces)

    def send_late(self, most: int = 64) -> None:
        """Let the answers that were held back go."""
        held, self._held = self._held, []
        self.answers_late = False
        for response in held:
            self._answer(response, most)


class FakePorts:
    """What is plugged in."""

    def __init__(self, *devices: FakeDevice) -> None:
        self.devices = list(devices)

    def present(self) -> list[FakeDevice]:
        return [device for device in self.devices if device.present]


def board_firmware(board: Any) -> Firmware:
    """Return the firmware that hands packets to ``board``; the board's faults apply."""

    def run(packet: bytes) -> list[bytes]:
        running = board.begin(packet)
        while True:
            try:
                next(running)
            except StopIteration as finished:
                return list(finished.value)

    return run
