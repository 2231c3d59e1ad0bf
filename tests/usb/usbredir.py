"""usbredir: the end that has the USB device. QEMU's ``usb-redir`` device is the other end.

No I/O here: bytes go into `Redirection.feed`, and come out of `Redirection.take_output`.

A packet of the protocol (all little-endian; the id has 4 bytes until both ends have said hello and
can do 8)::

    | type u32 | length u32 | id u32 or u64 | type's own header | data |

A data packet is one transfer, asked for by QEMU and answered under the same id when the device has
taken or given the data: as a device that answers NAK does, ours simply answers later.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

VERSION = b"onchip tests"


class Type(IntEnum):
    """What a packet is."""

    HELLO = 0
    DEVICE_CONNECT = 1
    DEVICE_DISCONNECT = 2
    RESET = 3
    INTERFACE_INFO = 4
    EP_INFO = 5
    SET_CONFIGURATION = 6
    GET_CONFIGURATION = 7
    CONFIGURATION_STATUS = 8
    SET_ALT_SETTING = 9
    GET_ALT_SETTING = 10
    ALT_SETTING_STATUS = 11
    START_INTERRUPT_RECEIVING = 15
    STOP_INTERRUPT_RECEIVING = 16
    INTERRUPT_RECEIVING_STATUS = 17
    CANCEL_DATA_PACKET = 21
    FILTER_REJECT = 22
    FILTER_FILTER = 23
    DEVICE_DISCONNECT_ACK = 24
    CONTROL_PACKET = 100
    BULK_PACKET = 101
    INTERRUPT_PACKET = 103


class Capability(IntEnum):
    """Bits of the word behind the version in HELLO; what both ends have is used."""

    CONNECT_DEVICE_VERSION = 1
    FILTER = 2
    DEVICE_DISCONNECT_ACK = 3
    EP_INFO_MAX_PACKET_SIZE = 4
    IDS_64_BITS = 5
    BULK_LENGTH_32_BITS = 6


class Status(IntEnum):
    """How a transfer ended."""

    SUCCESS = 0
    CANCELLED = 1
    INVALID = 2
    STALL = 4
    BABBLE = 6


class Speed(IntEnum):
    """As in DEVICE_CONNECT."""

    FULL = 1
    HIGH = 2


CONTROL, BULK, INTERRUPT, NO_ENDPOINT = 0, 2, 3, 255
OURS = sum(1 << capability for capability in Capability)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint: its transfer type, polling interval as in its descriptor, and interface."""

    kind: int
    interval: int
    interface: int
    max_packet_size: int


@dataclass(frozen=True, slots=True)
class Setup:
    """The eight bytes of a control transfer."""

    request_type: int
    request: int
    value: int
    index: int
    length: int


class Device(Protocol):
    """A USB device. ``accept`` and ``produce`` say NAK with False and with None."""

    @property
    def speed(self) -> Speed:
        """How fast its bus is."""

    @property
    def vendor_id(self) -> int:
        """idVendor."""

    @property
    def product_id(self) -> int:
        """idProduct."""

    @property
    def release(self) -> int:
        """bcdDevice."""

    @property
    def interfaces(self) -> Sequence[tuple[int, int]]:
        """Number and class of each."""

    @property
    def endpoints(self) -> Mapping[int, Endpoint]:
        """By address; the control endpoint is not among them."""

    def control(self, setup: Setup, data: bytes) -> bytes | None:
        """Answer a control transfer; None is a STALL."""

    def accept(self, endpoint: int, data: bytes) -> bool:
        """Take the data of one OUT transfer, if there is room."""

    def produce(self, endpoint: int) -> bytes | None:
        """Give the next message of an IN endpoint."""

    def cancelled(self, endpoint: int) -> None:
        """Hear that the host gave up waiting for an IN endpoint."""

    def reset(self) -> None:
        """Hear a bus reset: drop what was under way."""


@dataclass(slots=True)
class _Transfer:
    id: int
    endpoint: int
    data: bytes
    length: int


class ProtocolError(Exception):
    """The other end does not speak usbredir, or not as we do."""


class Redirection:
    """One connection, from its first byte. `attach` is done when the other end has said hello."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.attached = False
        self.attach_wanted = True
        self._input = bytearray()
        self._output = bytearray()
        self._theirs: int | None = None
        self._out: dict[int, deque[_Transfer]] = {}
        self._in: dict[int, deque[_Transfer]] = {}
        self._receiving: set[int] = set()
        self._interrupt_id = 0
        self._configuration = 1
        self._alternate: dict[int, int] = {}
        hello = VERSION.ljust(64, b"\0") + struct.pack("<I", OURS)
        self._send(Type.HELLO, 0, hello)

    def feed(self, data: bytes) -> None:
        """Take bytes from the other end.

        Raises:
            ProtocolError: they are not usbredir.
        """
        self._input += data
        while True:
            header = "<IIQ" if self._both(Capability.IDS_64_BITS) else "<III"
            size = struct.calcsize(header)
            if len(self._input) < size:
                return
            kind, length, number = struct.unpack_from(header, self._input)
            if length > 1 << 24:
                raise ProtocolError(f"a packet of {length} bytes")
            if len(self._input) < size + length:
                return
            body = bytes(self._input[size : size + length])
            del self._input[: size + length]
            self._packet(kind, number, body)

    def take_output(self) -> bytes:
        """Return the bytes to send."""
        output = bytes(self._output)
        self._output.clear()
        return output

    def attach(self) -> None:
        """Plug the device in."""
        self.attach_wanted = True
        if self._theirs is None or self.attached:
            return
        self.attached = True
        device = self.device
        slots = [device.endpoints.get((n & 0x10) << 3 | n & 15) for n in range(32)]
        control = Endpoint(CONTROL, 0, 0, 64)
        slots[0] = slots[16] = control
        absent = Endpoint(NO_ENDPOINT, 0, 0, 0)
        rows = [slot or absent for slot in slots]
        body = bytes(row.kind for row in rows)
        body += bytes(row.interval for row in rows) + bytes(row.interface for row in rows)
        if self._both(Capability.EP_INFO_MAX_PACKET_SIZE):
            body += struct.pack("<32H", *(row.max_packet_size for row in rows))
        self._send(Type.EP_INFO, 0, body)
        numbers, classes = zip(*device.interfaces, strict=True)
        columns = (bytes(numbers), bytes(classes), b"", b"")
        body = struct.pack("<I", len(numbers)) + b"".join(c.ljust(32, b"\0") for c in columns)
        self._send(Type.INTERFACE_INFO, 0, body)
        body = struct.pack("<BBBBHH", device.speed, 0, 0, 0, device.vendor_id, device.product_id)
        if self._both(Capability.CONNECT_DEVICE_VERSION):
            body += struct.pack("<H", device.release)
        self._send(Type.DEVICE_CONNECT, 0, body)

    def detach(self) -> None:
        """Pull the device's plug. Transfers under way are never answered, as on a real bus."""
        self.attach_wanted = False
        if not self.attached:
            return
        self.attached = False
        self._forget()
        self._send(Type.DEVICE_DISCONNECT, 0, b"")

    def pump(self) -> None:
        """Let the device take and give what it now can."""
        if not self.attached:
            return
        for endpoint, queue in self._out.items():
            while queue and self.device.accept(endpoint, queue[0].data):
                transfer = queue.popleft()
                self._complete(transfer, Status.SUCCESS, b"", len(transfer.data))
        for endpoint, queue in self._in.items():
            while queue and (data := self.device.produce(endpoint)) is not None:
                transfer = queue.popleft()
                fits = len(data) <= transfer.length
                status = Status.SUCCESS if fits else Status.BABBLE
                data = data[: transfer.length]
                self._complete(transfer, status, data, len(data))
        for endpoint in sorted(self._receiving):
            while (data := self.device.produce(endpoint)) is not None:
                body = struct.pack("<BBH", endpoint, Status.SUCCESS, len(data)) + data
                self._send(Type.INTERRUPT_PACKET, self._interrupt_id, body)
                self._interrupt_id += 1

    # ---- packets

    def _both(self, capability: Capability) -> bool:
        return self._theirs is not None and bool((self._theirs & OURS) >> capability & 1)

    def _send(self, kind: Type, number: int, body: bytes) -> None:
        layout = "<IIQ" if self._both(Capability.IDS_64_BITS) else "<III"
        self._output += struct.pack(layout, kind, len(body), number) + body

    def _packet(self, kind: int, number: int, body: bytes) -> None:
        if self._theirs is None and kind != Type.HELLO:
            raise ProtocolError(f"packet {kind} before hello")
        try:
            known = Type(kind)
            self._dispatch(known, number, body)
        except (ValueError, struct.error, IndexError) as error:
            raise ProtocolError(f"packet {kind}, {body.hex()}: {error}") from error

    def _dispatch(self, kind: Type, number: int, body: bytes) -> None:
        match kind:
            case Type.HELLO:
                self._theirs = struct.unpack_from("<I", body, 64)[0] if len(body) >= 68 else 0
                if self.attach_wanted:
                    self.attach()
            case Type.RESET:
                self._forget()
                self.device.reset()
            case Type.SET_CONFIGURATION | Type.GET_CONFIGURATION:
                if kind == Type.SET_CONFIGURATION:
                    self._configuration = body[0]
                answer = bytes((Status.SUCCESS, self._configuration))
                self._send(Type.CONFIGURATION_STATUS, number, answer)
            case Type.SET_ALT_SETTING | Type.GET_ALT_SETTING:
                if kind == Type.SET_ALT_SETTING:
                    self._alternate[body[0]] = body[1]
                answer = bytes((Status.SUCCESS, body[0], self._alternate.get(body[0], 0)))
                self._send(Type.ALT_SETTING_STATUS, number, answer)
            case Type.START_INTERRUPT_RECEIVING | Type.STOP_INTERRUPT_RECEIVING:
                if kind == Type.START_INTERRUPT_RECEIVING:
                    self._receiving.add(body[0])
                else:
                    self._receiving.discard(body[0])
                answer = bytes((Status.SUCCESS, body[0]))
                self._send(Type.INTERRUPT_RECEIVING_STATUS, number, answer)
            case Type.CANCEL_DATA_PACKET:
                self._cancel(number)
            case Type.CONTROL_PACKET:
                self._control(number, body)
            case Type.BULK_PACKET:
                endpoint, _, length, _ = struct.unpack_from("<BBHI", body)
                start = 8
                if self._both(Capability.BULK_LENGTH_32_BITS):
                    length |= struct.unpack_from("<H", body, 8)[0] << 16
                    start = 10
                self._queue(_Transfer(number, endpoint, body[start:], length))
            case Type.INTERRUPT_PACKET:
                endpoint, _, length = struct.unpack_from("<BBH", body)
                self._queue(_Transfer(number, endpoint, body[4:], length))
            case Type.FILTER_FILTER | Type.FILTER_REJECT | Type.DEVICE_DISCONNECT_ACK:
                pass
            case _:
                raise ValueError(f"{kind.name} is not for this end")

    def _control(self, number: int, body: bytes) -> None:
        endpoint, request, request_type, _, value, index, length = struct.unpack_from(
            "<BBBBHHH", body
        )
        setup = Setup(request_type, request, value, index, length)
        data = self.device.control(setup, body[10:])
        status = Status.STALL if data is None else Status.SUCCESS
        data = (data or b"")[:length]
        moved = len(data) if request_type & 0x80 else len(body) - 10
        answer = struct.pack(
            "<BBBBHHH", endpoint, request, request_type, status, value, index, moved
        )
        self._send(Type.CONTROL_PACKET, number, answer + data)

    def _queue(self, transfer: _Transfer) -> None:
        if not self.attached:
            return  # was under way when the plug was pulled
        endpoint = self.device.endpoints.get(transfer.endpoint)
        if endpoint is None:
            self._complete(transfer, Status.INVALID, b"", 0)
            return
        queues = self._in if transfer.endpoint & 0x80 else self._out
        queues.setdefault(transfer.endpoint, deque()).append(transfer)

    def _complete(self, transfer: _Transfer, status: Status, data: bytes, length: int) -> None:
        endpoint = self.device.endpoints.get(transfer.endpoint)
        if endpoint is not None and endpoint.kind == INTERRUPT:
            body = struct.pack("<BBH", transfer.endpoint, status, length)
            self._send(Type.INTERRUPT_PACKET, transfer.id, body + data)
            return
        body = struct.pack("<BBHI", transfer.endpoint, status, length & 0xFFFF, 0)
        if self._both(Capability.BULK_LENGTH_32_BITS):
            body += struct.pack("<H", length >> 16)
        self._send(Type.BULK_PACKET, transfer.id, body + data)

    def _cancel(self, number: int) -> None:
        """Answer what has not been answered yet; otherwise the two crossed on the way."""
        for queues in (self._in, self._out):
            for endpoint, queue in queues.items():
                for transfer in [t for t in queue if t.id == number]:
                    queue.remove(transfer)
                    self._complete(transfer, Status.CANCELLED, b"", 0)
                    if endpoint & 0x80:
                        self.device.cancelled(endpoint)

    def _forget(self) -> None:
        self._out.clear()
        self._in.clear()
        self._receiving.clear()
