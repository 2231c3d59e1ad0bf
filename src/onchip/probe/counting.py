"""Count what crosses a link: the measure of the packet budgets and of the benchmarks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .link import Link


@dataclass(slots=True)
class Traffic:
    """What went over a link. A round trip starts with a write while nothing is in flight."""

    packets: int = 0
    round_trips: int = 0
    bytes_out: int = 0
    bytes_in: int = 0
    most_in_flight: int = 0

    def __sub__(self, other: Traffic) -> Traffic:
        return Traffic(
            self.packets - other.packets,
            self.round_trips - other.round_trips,
            self.bytes_out - other.bytes_out,
            self.bytes_in - other.bytes_in,
            self.most_in_flight,
        )


class CountingLink:
    """A link that counts packets, round trips and bytes on their way to another link.

    ``trace`` holds the packets in both directions while ``tracing`` is true.
    """

    def __init__(self, link: Link, *, tracing: bool = False) -> None:
        self.link = link
        self.traffic = Traffic()
        self.tracing = tracing
        self.trace: list[tuple[str, bytes]] = []
        self._in_flight = 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.description}>"

    @property
    def description(self) -> str:
        """Name the way for people, as the link below does."""
        return self.link.description

    def write(self, packet: bytes) -> None:
        """Send one packet and count it."""
        traffic = self.traffic
        traffic.packets += 1
        traffic.bytes_out += len(packet)
        if self._in_flight == 0:
            traffic.round_trips += 1
        self._in_flight += 1
        traffic.most_in_flight = max(traffic.most_in_flight, self._in_flight)
        if self.tracing:
            self.trace.append((">", bytes(packet)))
        self.link.write(packet)

    def read(self, timeout_s: float) -> bytes:
        """Return the next response and count it."""
        packet = self.link.read(timeout_s)
        self._in_flight = max(0, self._in_flight - 1)
        self.traffic.bytes_in += len(packet)
        if self.tracing:
            self.trace.append(("<", bytes(packet)))
        return packet

    def close(self) -> None:
        """Let go of the probe."""
        self.link.close()

    def now(self) -> float:
        """Return the link's time in seconds."""
        return self.link.now()

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass on the link's clock."""
        self.link.sleep(seconds)

    def mark(self) -> Traffic:
        """Return a copy of the counters; subtract two marks to count what lies between."""
        return replace(self.traffic)
