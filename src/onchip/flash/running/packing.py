"""Packs pages for a wire that is slower than the flash, as LZ4 blocks.

The target unpacks (``unpack`` in ``algorithms/driver.S``) into a window in its RAM, chunk behind
chunk, and starts over at its end. What was unpacked there before is what matches refer to, so the
host keeps the same bytes here.

    token | more of its length | literals | offset, 16 bits | more of its length | token | ...

The token's upper half is the number of literals, its lower half the length of the match less four;
15 goes on in bytes that are added up to the first below 255. The last sequence is literals only.
Format: LZ4 Block Format Description (lz4_Block_format.md).
"""

from __future__ import annotations

from collections.abc import Iterator

from . import driver
from .command import Command
from .runner import Runner

_SHORTEST = 4
_LAST_LITERALS = 5
_LAST_MATCH_BEFORE_END = 12
_FARTHEST = 0xFFFF
_SKIP_SHIFT = 6
_WORTH = 0.9
_LONGEST_PAUSE = 16
_UNPACK_S_A_BYTE = 40e-6


class Window:
    """The bytes that the target has unpacked last; ``pack`` refers to them."""

    def __init__(self, size: int) -> None:
        self._content = bytearray(size)
        self._written = 0
        self._at = 0
        self._seen: dict[bytes, int] = {}

    def pack(self, data: bytes) -> tuple[int, bytes]:
        """Return where in the window ``data`` will be unpacked to, and its packed form.

        The window holds ``data`` from now on; `forget` takes that back.
        """
        if self._at + len(data) > len(self._content):
            self._at = 0
        at = self._at
        self._old = bytes(self._content[at : at + len(data)])
        self._content[at : at + len(data)] = data
        return at, b"".join(self._sequences(data, at))

    def keep(self, length: int) -> None:
        """Take note that the target does unpack the last ``length`` bytes."""
        self._at += length
        self._written = max(self._written, self._at)

    def forget(self) -> None:
        """Take note that the target never sees what was packed last."""
        self._content[self._at : self._at + len(self._old)] = self._old

    def _sequences(self, data: bytes, at: int) -> Iterator[bytes]:
        seen, content = self._seen, self._content
        full = self._written == len(content)
        length, literals, i, misses = len(data), 0, 0, 0
        while i < length - _LAST_MATCH_BEFORE_END:
            key = data[i : i + _SHORTEST]
            source = seen.get(key)
            seen[key] = at + i
            if source is None or not self._usable(source, key, at, i, length, full=full):
                i += 1 + (misses >> _SKIP_SHIFT)
                misses += 1
                continue
            misses = 0
            matched = self._extend(source, data, i)
            distance = (at + i - source) % len(content)
            yield _sequence(data[literals:i], distance, matched)
            i += matched
            literals = i
        yield _sequence(data[literals:], 0, 0)

    def _usable(self, source: int, key: bytes, at: int, i: int, length: int, *, full: bool) -> bool:
        """Say whether the target has those bytes there, and has them still."""
        content = self._content
        if content[source : source + _SHORTEST] != key:
            return False
        if at <= source < at + length:
            return source < at + i
        behind = source >= at
        if behind and not full:
            return False  # the way from there to here leads over what was never written
        return 0 < (at + i - source) % len(content) <= _FARTHEST

    def _extend(self, source: int, data: bytes, i: int) -> int:
        content = self._content
        size = len(content)
        most = len(data) - _LAST_LITERALS - i
        matched = _SHORTEST
        while matched < most and content[(source + matched) % size] == data[i + matched]:
            matched += 1
        return matched


def _sequence(literals: bytes, distance: int, matched: int) -> bytes:
    rest = max(0, matched - _SHORTEST)
    token = bytes((min(len(literals), 15) << 4 | min(rest, 15),))
    first = token + _more(len(literals)) + literals
    return first + distance.to_bytes(2, "little") + _more(rest) if matched else first


def _more(length: int) -> bytes:
    if length < 15:
        return b""
    return b"\xff" * ((length - 15) // 255) + bytes(((length - 15) % 255,))


class Packer:
    """Decides, chunk by chunk, whether to pack; the calls that unpack and program it.

    A chunk is packed while the target has nothing to do, as it is then the wire that everything
    waits for, and only if that saves a tenth of it. Where it does not, some chunks are not tried.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._address, self._end = runner.window
        self._window = Window(self._end - self._address)
        self._pause = 0
        self._paused = 0

    def commands(self, pages: Command) -> list[Command]:
        """Return the calls that do what ``pages`` does, which may be itself."""
        size = len(pages.data)
        if not self._wanted(size):
            return [pages]
        at, packed = self._window.pack(pages.data)
        if len(packed) > _WORTH * size:
            self._window.forget()
            self._pause = min(2 * self._pause + 1, _LONGEST_PAUSE)
            self._paused = 0
            return [pages]
        self._window.keep(size)
        self._pause = 0
        to = self._address + at
        window = self._address.to_bytes(4, "little") + self._end.to_bytes(4, "little")
        unpack = Command(
            self._runner.part(driver.UNPACK),
            (to, 0, 0, 0),
            "unpacking",
            pages.address,
            timeout_s=1.0 + size * _UNPACK_S_A_BYTE,
            data=window + packed,
            places=((1, 8), (2, 8 + len(packed)), (3, 0)),
        )
        address, length, _ = pages.arguments
        return [unpack, pages.elsewhere((address, length, to))]

    def _wanted(self, size: int) -> bool:
        if not self._runner.starved or size > self._end - self._address:
            return False
        self._paused += 1
        return self._paused > self._pause
