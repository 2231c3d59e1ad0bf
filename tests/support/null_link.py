"""A link that says OK at once to every transfer: measures the host alone."""

from __future__ import annotations

from onchip.wire.cmsis_dap import parse_block_request, parse_transfer_request


class NullLink:
    """Says OK to everything; reads give zeros. It keeps no time."""

    description = "null"

    def __init__(self, packet_size: int = 512) -> None:
        self._waiting: list[bytes] = []
        self._padding = bytes(packet_size)

    def write(self, packet: bytes) -> None:
        self._waiting.append(packet)

    def read(self, timeout_s: float) -> bytes:
        packet = self._waiting.pop(0)
        if packet[0] == 0x7F:
            return self._several(packet)
        return self._head(packet, 0) + self._padding

    def _head(self, packet: bytes, at: int) -> bytes:
        if packet[at] == 0x05:
            return bytes((5, packet[at + 2], 1))
        assert packet[at] == 0x06
        return b"\x06" + packet[at + 2 : at + 4] + b"\x01"

    def _several(self, packet: bytes) -> bytes:
        answer, at = bytearray(packet[:2]), 2
        for _ in range(packet[1]):
            answer += self._head(packet, at)
            if packet[at] == 0x05:
                _, operations, at = parse_transfer_request(packet, at)
                answer += bytes(4 * sum(value is None for _, value in operations))
            else:
                _, count, request, _, at = parse_block_request(packet, at)
                answer += bytes(4 * count if request & 2 else 0)
        return bytes(answer)

    def close(self) -> None:
        pass

    def now(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        pass
