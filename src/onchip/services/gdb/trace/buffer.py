"""The trace buffer: frames up to a limit in bytes, the oldest of which may give way to new ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from onchip.wire.gdb_rsp.trace_file import TraceFrame
from onchip.wire.gdb_rsp.trace_run import Search, SelectFrame

DEFAULT_SIZE: Final = 5 << 20
LARGEST_SIZE: Final = 256 << 20


class TraceBuffer:
    """Frames, numbered from 0 for the oldest. ``created`` counts those, too, that have gone."""

    def __init__(self) -> None:
        self.size = DEFAULT_SIZE
        self.circular = False
        self.created = 0
        self._frames: deque[TraceFrame] = deque()
        self._used = 0
        self._raw: tuple[int, bytes] | None = None

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[TraceFrame]:
        return iter(self._frames)

    @property
    def free(self) -> int:
        """Return how many bytes are left."""
        return max(0, self.size - self._used)

    @property
    def register_length(self) -> int:
        """Return how many bytes the longest block of registers has."""
        return max((len(each.registers or b"") for each in self._frames), default=0)

    def clear(self) -> None:
        """Forget every frame."""
        self._frames.clear()
        self._used = self.created = 0
        self._raw = None

    def add(self, frame: TraceFrame) -> bool:
        """Take in a frame, if there is room for it or room can be made; return whether it is in."""
        length = _length(frame)
        if length > self.size:
            return False
        while self.circular and self._frames and length > self.free:
            self._used -= _length(self._frames.popleft())
        if length > self.free:
            return False
        self._frames.append(frame)
        self._used += length
        self.created += 1
        self._raw = None
        return True

    def find(self, request: SelectFrame, after: TraceFrame | None) -> tuple[int, TraceFrame] | None:
        """Return the frame that is asked for and its number.

        Every search but that for a number begins behind the frame ``after``.
        """
        by_number = request.search is Search.NUMBER
        passed = after is None or by_number or all(each is not after for each in self._frames)
        for number, frame in enumerate(self._frames):
            if not passed:
                passed = frame is after
            elif number == request.first if by_number else _fits(frame, request):
                return number, frame
        return None

    def raw(self, register_length: int) -> bytes:
        """Return all frames as bytes, each block of registers of this length."""
        if self._raw is None or self._raw[0] != register_length:
            data = b"".join(frame.encode(register_length) for frame in self._frames)
            self._raw = (register_length, data)
        return self._raw[1]


def _length(frame: TraceFrame) -> int:
    return frame.length(len(frame.registers or b""))


def _fits(frame: TraceFrame, request: SelectFrame) -> bool:
    first, last, pc = request.first, request.last, frame.pc
    if first is None or pc is None:
        return False
    match request.search:
        case Search.PC:
            return pc == first
        case Search.TRACEPOINT:
            return frame.tracepoint == first
        case Search.INSIDE:
            return first <= pc <= last
    return not first <= pc <= last
