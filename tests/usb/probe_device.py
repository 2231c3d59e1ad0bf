"""The probe of a virtual board as a USB device: descriptors, and packets at its endpoints.

A CMSIS-DAP v2 interface (bulk), a v1 interface (HID), or both. An interface has as many packet
buffers as DAP_Info says: while all are taken by requests not yet executed or responses not yet
fetched, its OUT endpoint answers NAK. ``most_in_flight`` tells whether the host ever needed that.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Generator, Sequence

from onchip.virtual_board.board import VirtualBoard
from onchip.virtual_board.probe.device import ProbeDevice
from onchip.virtual_board.probe.model import load_probe_model

from .usbredir import BULK, INTERRUPT, Endpoint, Setup, Speed

VENDOR_ID, PRODUCT_ID, RELEASE = 0x1209, 0x0001, 0x0100
"""The identifiers that pid.codes gives to everybody for tests."""

DEVICE, CONFIGURATION, STRING, INTERFACE, ENDPOINT, QUALIFIER, BOS = 1, 2, 3, 4, 5, 6, 15
HID, REPORT = 0x21, 0x22
MS_VENDOR_REQUEST = 0x20
MS_PLATFORM = bytes.fromhex("DF60DDD88945C74C9CD2659D9E648A9F")
"""The MS OS 2.0 platform capability, {D8DD60DF-4589-4CC7-9CD2-659D9E648A9F}, as in the BOS."""
V2_INTERFACE_GUID = "{CDB3B5AD-293B-4663-AA36-1AAE46463776}"
"""What CMSIS-DAP's specification has firmware tell Windows for a v2 interface."""

V2_OUT, V2_IN, V1_OUT, V1_IN, SWO_IN = 0x01, 0x81, 0x02, 0x82, 0x83
VENDOR, PRODUCT, SERIAL, V2_NAME, V1_NAME = 1, 2, 3, 4, 5
REPORT_SIZE = 64
TRANSFER_ABORT = b"\x07"

Running = Generator[None, None, list[bytes]]


class DapInterface:
    """One CMSIS-DAP interface: packets come in, wait for the firmware, responses for the host."""

    def __init__(self, probe: ProbeDevice, max_packet_size: int) -> None:
        self.probe = probe
        self.max_packet_size = max_packet_size
        self.requests: deque[bytes] = deque()
        self.responses: deque[bytes] = deque()
        self.packets = 0
        self.most_in_flight = 0
        self.abandoned = 0
        self._unfinished = b""

    @property
    def in_flight(self) -> int:
        """Packets the host has sent and not got the response of."""
        return len(self.requests) + len(self.responses)

    def accept(self, data: bytes) -> bool:
        """Take one transfer: a packet, unless it ends at a full USB packet and may go on."""
        count = self.probe.model.packet_count
        if self._unfinished + data == TRANSFER_ABORT:
            self.probe.firmware.transfers.abort = True
            return True
        self.most_in_flight = max(self.most_in_flight, self.in_flight + 1)
        if self.in_flight >= count:
            return False
        self._unfinished += data
        full = bool(data) and len(data) % self.max_packet_size == 0
        if full and len(self._unfinished) < self.probe.model.packet_size:
            return True
        packet, self._unfinished = self._unfinished, b""
        if packet:
            self.packets += 1
            self.requests.append(packet)
        return True

    def forget(self) -> None:
        """Drop what is under way: a bus reset, or the plug."""
        self.requests.clear()
        self.responses.clear()
        self._unfinished = b""
        self.probe.firmware.forget_queue()


class UsbProbe:
    """The USB device; a `usbredir.Device`.

    ``interfaces`` is "v1", "v2" or "both". Behind v2 (and a lone v1) is the board's own probe; v1
    in a composite device is a second firmware on the same debug port, with its own packet size.
    A board whose serial is empty has a probe without a serial number.
    ``swo`` adds the third endpoint that a v2 interface may have; it stays silent.
    """

    def __init__(
        self, board: VirtualBoard, *, speed: Speed, interfaces: str = "both", swo: bool = False
    ) -> None:
        self.board = board
        self.speed = speed
        self.vendor_id, self.product_id, self.release = VENDOR_ID, PRODUCT_ID, RELEASE
        bulk_size = 512 if speed == Speed.HIGH else 64
        self.v1 = self.v2 = None
        self.interfaces: Sequence[tuple[int, int]] = ()
        self.endpoints: dict[int, Endpoint] = {}
        if interfaces != "v1":
            self.v2 = DapInterface(board.probe, bulk_size)
            ends = (V2_OUT, V2_IN, SWO_IN) if swo else (V2_OUT, V2_IN)
            self.endpoints |= {end: Endpoint(BULK, 0, 0, bulk_size) for end in ends}
            self.interfaces = ((0, 0xFF),)
        if interfaces != "v2":
            probe = board.probe if interfaces == "v1" else second_probe(board, "hid-64x4")
            self.v1 = DapInterface(probe, REPORT_SIZE)
            number = len(self.interfaces)
            interval = 4 if speed == Speed.HIGH else 1  # a millisecond, both
            for end in (V1_IN, V1_OUT):
                self.endpoints[end] = Endpoint(INTERRUPT, interval, number, REPORT_SIZE)
            self.interfaces = (*self.interfaces, (number, 0x03))
        self._serial_index = SERIAL if board.serial else 0
        self._strings = {
            VENDOR: "onchip",
            PRODUCT: board.probe.model.product,
            SERIAL: board.serial,
            V2_NAME: "onchip CMSIS-DAP v2",
            V1_NAME: "onchip CMSIS-DAP v1",
        }

    @property
    def active(self) -> list[DapInterface]:
        """The interfaces there are."""
        return [interface for interface in (self.v2, self.v1) if interface is not None]

    # ---- packets

    def accept(self, endpoint: int, data: bytes) -> bool:
        """Take an OUT transfer."""
        return self._at(endpoint).accept(data)

    def produce(self, endpoint: int) -> bytes | None:
        """Give a response."""
        if endpoint == SWO_IN:
            return None
        responses = self._at(endpoint).responses
        return responses.popleft() if responses else None

    def cancelled(self, endpoint: int) -> None:
        """Count a wait that the host gave up."""
        if endpoint != SWO_IN:
            self._at(endpoint).abandoned += 1

    def reset(self) -> None:
        """Drop what is under way."""
        for interface in self.active:
            interface.forget()

    def run(self) -> Generator[None, None, bool]:
        """Execute one packet of each interface that has one; whether there was any.

        Yields while the firmware repeats a transfer, and looks for DAP_TransferAbort in between.
        """
        found = False
        for interface in self.active:
            if not interface.requests:
                continue
            found = True
            responses = yield from self._start(interface, interface.requests[0])
            if interface.requests:  # not reset meanwhile
                interface.requests.popleft()
                interface.responses.extend(responses)
        return found

    def _start(self, interface: DapInterface, packet: bytes) -> Running:
        if interface.probe is self.board.probe:
            return self.board.begin(packet)
        self.board.clock.sync()
        return interface.probe.run(packet)

    def _at(self, endpoint: int) -> DapInterface:
        interface = self.v1 if endpoint & 15 == V1_OUT else self.v2
        assert interface is not None
        return interface

    # ---- control transfers

    def control(self, setup: Setup, data: bytes) -> bytes | None:
        """Answer a control transfer."""
        match setup.request_type, setup.request:
            case 0x80, 6:
                return self._descriptor(setup.value >> 8, setup.value & 0xFF)
            case 0x81, 6 if self.v1 is not None and setup.index == self._number(0x03):
                return {HID: hid_descriptor(), REPORT: report_descriptor()}.get(setup.value >> 8)
            case ((0x80 | 0x81 | 0x82), 0):  # GET_STATUS
                return b"\0\0"
            case 0x02, 1:  # CLEAR_FEATURE(ENDPOINT_HALT)
                return b""
            case 0x21, (0x0A | 0x0B):  # SET_IDLE, SET_PROTOCOL
                return b""
            case 0x21, 0x09 if self.v1 is not None:  # SET_REPORT
                return b"" if self.v1.accept(data) else None
            case 0xC0, request if request == MS_VENDOR_REQUEST and setup.index == 7:
                return self._ms_descriptors()
        return None

    def _number(self, kind: int) -> int:
        return next(number for number, found in self.interfaces if found == kind)

    def _descriptor(self, kind: int, index: int) -> bytes | None:
        match kind:
            case 1:
                return struct.pack(
                    "<BBHBBBBHHHBBBB",
                    *(18, DEVICE, 0x0210, 0, 0, 0, 64),
                    *(VENDOR_ID, PRODUCT_ID, RELEASE, VENDOR, PRODUCT, self._serial_index, 1),
                )
            case 2:
                return self._configuration()
            case 3 if index == 0:
                return bytes((4, STRING, 0x09, 0x04))
            case 3 if index in self._strings:
                text = self._strings[index].encode("utf-16-le")
                return bytes((2 + len(text), STRING)) + text
            case 6 if self.speed == Speed.HIGH:
                return struct.pack("<BBHBBBBBB", 10, QUALIFIER, 0x0210, 0, 0, 0, 64, 1, 0)
            case 15:
                return self._bos()
        return None

    def _configuration(self) -> bytes:
        body = b""
        for number, kind in self.interfaces:
            ends = sorted(end for end, e in self.endpoints.items() if e.interface == number)
            name = V1_NAME if kind == 0x03 else V2_NAME
            body += struct.pack("<9B", 9, INTERFACE, number, 0, len(ends), kind, 0, 0, name)
            if kind == 0x03:
                body += hid_descriptor()
            for end in ends:
                e = self.endpoints[end]
                body += struct.pack(
                    "<BBBBHB", 7, ENDPOINT, end, e.kind, e.max_packet_size, e.interval
                )
        count = len(self.interfaces)
        return (
            struct.pack("<BBHBBBBB", 9, CONFIGURATION, 9 + len(body), count, 1, 0, 0x80, 50) + body
        )

    def _bos(self) -> bytes:
        length = len(self._ms_descriptors())
        platform = struct.pack("<BBBB", 28, 16, 5, 0) + MS_PLATFORM
        platform += struct.pack("<IHBB", 0x0603_0000, length, MS_VENDOR_REQUEST, 0)
        return struct.pack("<BBHB", 5, BOS, 5 + len(platform), 1) + platform

    def _ms_descriptors(self) -> bytes:
        """Ask Windows to give the v2 interface WinUSB, and the GUID that hosts look for."""
        features = b""
        if self.v2 is not None:
            name = "DeviceInterfaceGUIDs\0".encode("utf-16-le")
            guid = f"{V2_INTERFACE_GUID}\0\0".encode("utf-16-le")
            features = struct.pack("<HH8s8s", 20, 3, b"WINUSB", b"")
            features += struct.pack("<HHHH", 10 + len(name) + len(guid), 4, 7, len(name)) + name
            features += struct.pack("<H", len(guid)) + guid
            if self.v1 is not None:  # a composite device: for its first function only
                function = struct.pack("<HHBBH", 8, 2, 0, 0, 8 + len(features)) + features
                features = struct.pack("<HHBBH", 8, 1, 0, 0, 8 + len(function)) + function
        return struct.pack("<HHIH", 10, 0, 0x0603_0000, 10 + len(features)) + features


def second_probe(board: VirtualBoard, model: str) -> ProbeDevice:
    """Return another firmware that drives the same debug port."""
    core = board.chip.core
    return ProbeDevice(
        load_probe_model(model),
        dp=board.dp,
        clock=board.clock,
        faults=board.faults,
        reset_line=board.reset_line,
        serial=board.serial,
        halted=lambda: core.halted,
        uart_send=board.chip.uart.feed,
    )


def hid_descriptor() -> bytes:
    """Return the HID descriptor: version 1.11, one report descriptor."""
    return struct.pack("<BBHBBBH", 9, HID, 0x0111, 0, 1, REPORT, len(report_descriptor()))


def report_descriptor() -> bytes:
    """Return reports without an id, of 64 bytes each way, on a vendor's usage page."""
    vendor_page, usage, collection, end = b"\x06\x00\xff", b"\x09\x01", b"\xa1\x01", b"\xc0"
    byte_range = b"\x15\x00\x26\xff\x00\x75\x08"  # logical 0 to 255, eight bits each
    count = bytes((0x95, REPORT_SIZE))
    reports = count + usage + b"\x81\x02" + count + usage + b"\x91\x02"  # input, output
    return vendor_page + usage + collection + byte_range + reports + end
