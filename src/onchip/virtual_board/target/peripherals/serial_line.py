"""The two halves that every UART model shares: bytes leave and arrive at the line's speed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ..wiring import Alarm, Wiring


class Transmitter:
    """A shift register with ``depth`` bytes waiting before it.

    ``on_change`` is called when a byte has left, after it went to the board's UART port. While the
    pin is not ``connected``, bytes begin that nobody hears.
    """

    def __init__(
        self,
        wiring: Wiring,
        byte_ns: Callable[[], int],
        on_change: Callable[[], None],
        depth: int = 1,
        connected: Callable[[], bool] = lambda: True,
    ) -> None:
        self._wiring = wiring
        self._byte_ns = byte_ns
        self._on_change = on_change
        self._depth = depth
        self._connected = connected
        self._heard = True
        self._waiting: deque[int] = deque()
        self._shifting: int | None = None
        self._alarm = Alarm(wiring.timeline, self._sent)

    @property
    def idle(self) -> bool:
        """Whether nothing is being sent and nothing waits."""
        return self._shifting is None

    @property
    def has_room(self) -> bool:
        """Whether another byte can be given."""
        return len(self._waiting) < self._depth

    @property
    def is_empty(self) -> bool:
        """Whether no byte waits; one may still be on the line."""
        return not self._waiting

    @property
    def next_change_ns(self) -> int:
        """When the byte on the line will have left."""
        due = self._alarm.due_ns
        return self._wiring.timeline.now_ns if due is None else due

    def send(self, byte: int) -> bool:
        """Take a byte; False if there was no room, and it is lost."""
        if self._shifting is None:
            self._begin(byte)
        elif self.has_room:
            self._waiting.append(byte)
        else:
            return False
        return True

    def stop(self) -> None:
        """Forget everything, as a reset does; the byte on the line is lost."""
        self._waiting.clear()
        self._shifting = None
        self._alarm.cancel()

    def _begin(self, byte: int) -> None:
        self._shifting = byte
        self._heard = self._connected()
        self._alarm.set(self._wiring.timeline.now_ns + self._byte_ns())

    def _sent(self) -> None:
        if self._shifting is not None and self._heard:
            self._wiring.uart.transmit(bytes([self._shifting]))
        self._shifting = None
        if self._waiting:
            self._begin(self._waiting.popleft())
        self._on_change()


class Receiver:
    """Brings the board's bytes in, one each byte time, to ``on_byte``.

    ``listening`` tells whether the receiver is on; a byte on the line at another time is lost.
    """

    def __init__(
        self,
        wiring: Wiring,
        byte_ns: Callable[[], int],
        listening: Callable[[], bool],
        on_byte: Callable[[int], None],
    ) -> None:
        self._timeline = wiring.timeline
        self._byte_ns = byte_ns
        self._listening = listening
        self._on_byte = on_byte
        self._line: deque[int] = deque()
        self._alarm = Alarm(wiring.timeline, self._arrived)
        wiring.uart.receivers.append(self.feed)

    def feed(self, data: bytes) -> None:
        """Put bytes onto the line, behind those that are on it."""
        if not data or not self._listening():
            return
        self._line.extend(data)
        if self._alarm.due_ns is None:
            self._alarm.set(self._timeline.now_ns + self._byte_ns())

    def _arrived(self) -> None:
        byte = self._line.popleft()
        if self._line:
            self._alarm.set(self._timeline.now_ns + self._byte_ns())
        if self._listening():
            self._on_byte(byte)
