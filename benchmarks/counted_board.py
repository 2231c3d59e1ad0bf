"""A virtual board for hosts in other processes, on simulated time, with counters.

The framing is that of ``onchip.wire.dap_tcp`` with more kinds of frame, so that the board knows
what its own link would know: when the host waits.

=====  ========  ==========================================================
kind   from      meaning
=====  ========  ==========================================================
1      host      a packet
2      board     the answer to a packet, in answer to WAIT
3 WAIT host      the host waits for the next answer, for u32 milliseconds
4      board     there was none in that time
5      host      the host sleeps for u64 ns; not answered
6 NOW  both      what time is it? u64 ns
=====  ========  ==========================================================
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass

from onchip.errors import ProbeError
from onchip.probe.counting import CountingLink, Traffic
from onchip.virtual_board.board import VirtualBoard

HEADER = struct.Struct("<IHBB")
SIGNATURE = 0x0050_4144
PACKET, ANSWER, WAIT, NOTHING, SLEEP, NOW = range(1, 7)


def frame(kind: int, payload: bytes) -> bytes:
    """Return one frame."""
    return HEADER.pack(SIGNATURE, len(payload), kind, 0) + payload


@dataclass(frozen=True, slots=True)
class Cost:
    """What something cost on the wire; ``seconds`` are simulated."""

    packets: int
    round_trips: int
    seconds: float


class CountedBoard:
    """Plug a board in at a free TCP port of this machine, for one host after the other."""

    def __init__(self, chip: str, probe_model: str) -> None:
        self.board = VirtualBoard(chip, probe_model=probe_model)
        self._link: CountingLink | None = None
        self._traffic = Traffic()
        self._turn = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """``HOST:PORT``."""
        return f"127.0.0.1:{self.port}"

    def mark(self) -> Cost:
        """Return the counters as they stand."""
        with self._turn:
            traffic = self._traffic if self._link is None else self._link.mark()
            now = self.board.clock.now_ns / 1e9 if self._link is None else self._link.now()
            return Cost(traffic.packets, traffic.round_trips, now)

    def blank(self) -> None:
        """Make all flash blank, behind the host's back."""
        with self._turn:
            for memory in self.board.chip.flash_memories[:1]:
                memory.data[:] = b"\xff" * memory.size
                self.board.bus.code_changed(memory.base, memory.size)

    def flash(self, length: int) -> bytes:
        """Return the beginning of the flash."""
        with self._turn:
            return bytes(self.board.chip.flash_memories[0].data[:length])

    def close(self) -> None:
        """Unplug it."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        self.board.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection, contextlib.suppress(OSError, ProbeError):
                self._attend(connection)
            with self._turn:
                if self._link is not None:
                    self._traffic = self._link.mark()
                    self._link.close()
                    self._link = None

    def _attend(self, connection: socket.socket) -> None:
        link = CountingLink(self.board.link())
        link.traffic = self._traffic
        self._link = link
        stream = connection.makefile("rb")
        while len(head := stream.read(HEADER.size)) == HEADER.size:
            _, length, kind, _ = HEADER.unpack(head)
            payload = stream.read(length)
            with self._turn:
                answer = self._answer(link, kind, payload)
            if answer:
                connection.sendall(answer)

    def _answer(self, link: CountingLink, kind: int, payload: bytes) -> bytes:
        if kind == PACKET:
            link.write(payload)
        elif kind == WAIT:
            try:
                return frame(ANSWER, link.read(int.from_bytes(payload, "little") / 1000))
            except ProbeError:
                return frame(NOTHING, b"")
        elif kind == SLEEP:
            link.sleep(int.from_bytes(payload, "little") / 1e9)
        elif kind == NOW:
            return frame(NOW, round(link.now() * 1e9).to_bytes(8, "little"))
        return b""
