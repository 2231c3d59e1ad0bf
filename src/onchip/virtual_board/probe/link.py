"""The host's way to a virtual probe, on simulated time.

::

    host      write ........................................ read
    USB           | OUT: interval, transfer, latency |          | IN: the same |
    firmware                                         | runs |

The host's time stands still while the host computes; it moves when the host waits. Packets that
are written ahead travel and are executed while the host waits for the first response: that is what
makes pipelining pay. A packet is executed no later than the host needs to know of it, and no
earlier than it arrives.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator

from onchip.errors import ProbeLost, ProbeTimeout
from onchip.virtual_board.faults import PacketFault

from .device import ProbeDevice
from .model import ProbeModel

_NS = 1_000_000_000
_TRANSFER_ABORT = b"\x07"


class _Direction:
    """One endpoint: packets go one after the other, on the interval's grid."""

    def __init__(self, model: ProbeModel) -> None:
        self._interval_ns = model.interval_ns
        self._transfer_ns = model.transfer_ns
        self._latency_ns = model.latency_ns
        self._free_ns = 0

    def pass_through(self, ready_ns: int) -> int:
        """Return when a packet that is ready at ``ready_ns`` has come through."""
        start = max(ready_ns, self._free_ns)
        if self._interval_ns:
            start = -(-start // self._interval_ns) * self._interval_ns
        self._free_ns = start + (self._interval_ns or self._transfer_ns)
        return start + self._transfer_ns + self._latency_ns

    def block_until(self, ns: int) -> None:
        """Let nothing pass before ``ns``."""
        self._free_ns = max(self._free_ns, ns)


class VirtualLink:
    """A ``Link`` to one ``ProbeDevice``; see ``onchip.probe.link``."""

    passing = True
    """The board is of this process, and ends with it."""

    def __init__(
        self, probe: ProbeDevice, description: str, on_close: Callable[[], None] = lambda: None
    ) -> None:
        self._probe = probe
        self._description = description
        self._on_close = on_close
        self._closed = False
        self._connection = probe.connection
        self._now_ns = probe.clock.now_ns
        self._out = _Direction(probe.model)
        self._in = _Direction(probe.model)
        self._requests: deque[tuple[int, bytes]] = deque()
        self._responses: deque[tuple[int, bytes]] = deque()
        self._freed_ns: deque[int] = deque(maxlen=probe.model.packet_count)
        self._running: Generator[None, None, list[bytes]] | None = None
        self._fault: tuple[PacketFault | None, int] = (None, 0)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.description}>"

    @property
    def description(self) -> str:
        """The way in words: ``virtual:stm32f407``."""
        return self._description

    def now(self) -> float:
        """Return simulated seconds since the board was switched on."""
        self._catch_up()
        return self._now_ns / _NS

    def sleep(self, seconds: float) -> None:
        """Let simulated time pass, for the probe and the chip too."""
        self._catch_up()
        self._now_ns += round(seconds * _NS)
        self._pump(self._now_ns)
        if self._running is None:
            self._probe.clock.wait_until(self._now_ns)

    def write(self, packet: bytes) -> None:
        """Send one packet; waits while the probe has no buffer for it.

        Raises:
            ProbeLost: the link is closed, or the probe unplugged.
        """
        self._check()
        self._catch_up()
        arrival = self._out.pass_through(self._now_ns)
        self._pump(arrival)
        if packet[:1] == _TRANSFER_ABORT:
            # Taken at the endpoint, not queued: it is meant for what is running.
            self._probe.packets += 1
            self._probe.firmware.transfers.abort = True
            return
        if not self._requests and not self._responses:
            self._probe.round_trips += 1
        if self._full(arrival):
            if self._probe.model.overflow == "drop":
                return
            arrival = self._wait_for_buffer(arrival)
        self._requests.append((arrival, packet))

    def read(self, timeout_s: float) -> bytes:
        """Return the next response, and let time pass until it is there.

        Raises:
            ProbeTimeout: none came within ``timeout_s``.
            ProbeLost: the link is closed, or the probe unplugged.
        """
        if self._closed:
            self._check()
        deadline = self._now_ns + round(timeout_s * _NS)
        if not self._responses:
            self._pump(deadline, first_response=True)
        if self._responses and self._responses[0][0] <= deadline:
            arrival, packet = self._responses.popleft()
            self._now_ns = max(self._now_ns, arrival)
            return packet
        self._check()
        self._now_ns = deadline
        if self._running is None and not self._requests:
            self._probe.clock.wait_until(deadline)
        raise ProbeTimeout(
            f"{self._description} did not answer within {timeout_s:g} s",
            hint="the packet or its response was lost",
        )

    def close(self) -> None:
        """Let go of the probe; packets in flight are lost."""
        if self._closed:
            return
        self._closed = True
        self._requests.clear()
        self._responses.clear()
        self._running = None
        self._probe.firmware.forget_queue()
        self._on_close()

    # ---- the wire

    def _catch_up(self) -> None:
        """Let time that passed on the board with nothing in flight have passed here too."""
        if not self._requests and not self._responses:
            self._now_ns = max(self._now_ns, self._probe.clock.now_ns)

    @property
    def _lost(self) -> bool:
        return self._probe.connection is not self._connection or self._connection is None

    def _check(self) -> None:
        if self._closed:
            raise ProbeLost(f"{self._description} is closed")
        if self._lost:
            raise ProbeLost(f"{self._description} was unplugged")

    def _full(self, at_ns: int) -> bool:
        busy = sum(freed > at_ns for freed in self._freed_ns)
        return len(self._requests) + busy >= self._probe.model.packet_count

    def _wait_for_buffer(self, arrival: int) -> int:
        """Let the endpoint refuse the packet until a buffer is free; return when it gets in."""
        while self._requests and len(self._requests) >= self._probe.model.packet_count:
            # A repeated transfer pauses at the time given; give it more until it ends.
            self._pump(max(arrival, self._probe.clock.now_ns + _NS), first_response=True)
        busy = sorted(freed for freed in self._freed_ns if freed > arrival)
        spare = self._probe.model.packet_count - len(self._requests) - 1
        if len(busy) > spare:
            arrival = busy[len(busy) - spare - 1]
        self._out.block_until(arrival)
        self._now_ns = max(self._now_ns, arrival)
        return arrival

    def _pump(self, until_ns: int, *, first_response: bool = False) -> None:
        """Let the probe work off packets up to ``until_ns``, or until it has one response."""
        probe = self._probe
        while not self._lost and self._start(until_ns):
            assert self._running is not None
            probe.firmware.transfers.pause_at_ns = until_ns
            try:
                next(self._running)
            except StopIteration as finished:
                self._finish(finished.value)
                if first_response and self._responses:
                    return
            else:
                return  # still repeating at until_ns
        if self._lost:
            self._requests.clear()
            self._running = None

    def _start(self, until_ns: int) -> bool:
        """Have a packet running, if one arrives before ``until_ns``."""
        probe = self._probe
        while self._running is None:
            if not self._requests:
                return False
            arrival, packet = self._requests[0]
            if max(arrival, probe.clock.now_ns) > until_ns:
                return False
            probe.clock.wait_until(arrival)
            self._fault = probe.faults.next_packet()
            if self._lost:
                return False
            if self._fault[0] is PacketFault.LOSE_REQUEST:
                self._requests.popleft()
                continue
            self._running = probe.run(packet)
        return True

    def _finish(self, responses: list[bytes]) -> None:
        self._running = None
        self._requests.popleft()
        finished = self._probe.clock.now_ns
        self._freed_ns.append(finished)
        kind, delay_ns = self._fault
        for response in responses:
            if kind is PacketFault.LOSE_RESPONSE:
                continue
            arrival = self._in.pass_through(finished)
            if kind is PacketFault.LATE_RESPONSE:
                arrival += delay_ns
                self._in.block_until(arrival)
            self._responses.append((arrival, response))
            if kind is PacketFault.REPEAT_RESPONSE:
                self._responses.append((self._in.pass_through(finished), response))
