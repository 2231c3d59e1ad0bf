"""A host's end of a counted board's socket, and the loop that takes its orders.

Imports nothing but the standard library: it runs in the environment of each host.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable

HEADER = struct.Struct("<IHBB")
SIGNATURE = 0x0050_4144
PACKET, ANSWER, WAIT, NOTHING, SLEEP, NOW = range(1, 7)


class Wire:
    """One connection. Packets are sent when the host waits: until then its time stands still."""

    def __init__(self, address: str) -> None:
        host, port = address.rsplit(":", 1)
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self._socket.makefile("rb")
        self._unsent = bytearray()
        self._turn = threading.RLock()  # a GDB server has a thread of its own

    def write(self, packet: bytes) -> None:
        """Send one packet."""
        self._put(PACKET, packet)

    def read(self, timeout_s: float) -> bytes | None:
        """Return the next answer, or None when there was none in time."""
        kind, payload = self._ask(WAIT, round(timeout_s * 1000).to_bytes(4, "little"))
        return payload if kind == ANSWER else None

    def sleep(self, seconds: float) -> None:
        """Let simulated time pass."""
        self._put(SLEEP, round(seconds * 1e9).to_bytes(8, "little"))

    def now(self) -> float:
        """Return the simulated time in seconds."""
        return int.from_bytes(self._ask(NOW, b"")[1], "little") / 1e9

    def flush(self) -> None:
        """Send what is still here."""
        with self._turn:
            self._socket.sendall(self._unsent)
            self._unsent.clear()

    def close(self) -> None:
        """Hang up."""
        self.flush()
        self._stream.close()
        self._socket.close()

    def _put(self, kind: int, payload: bytes) -> None:
        with self._turn:
            self._unsent += HEADER.pack(SIGNATURE, len(payload), kind, 0) + payload

    def _ask(self, kind: int, payload: bytes) -> tuple[int, bytes]:
        with self._turn:
            self._put(kind, payload)
            self.flush()
            head = self._stream.read(HEADER.size)
            if len(head) < HEADER.size:
                raise OSError("the board hung up")
            _, length, answer, _ = HEADER.unpack(head)
            return answer, self._stream.read(length)


def serve_orders(jobs: dict[str, Callable[..., object]], wire: Callable[[], Wire]) -> None:
    """Read orders, lines of JSON ``[job, argument ...]``; answer each with a line of JSON.

    The order ``cpu`` asks for the processor time of this process, in seconds.
    """
    jobs = {**jobs, "cpu": time.process_time}
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        answer: dict[str, object] = {}
        try:
            answer["result"] = jobs[name](*arguments)
        except Exception as error:  # the outermost loop: whatever it is belongs in the report
            traceback.print_exc()
            answer["error"] = f"{type(error).__name__}: {error}"
        wire().flush()
        sys.__stdout__.write(json.dumps(answer) + "\n")
        sys.__stdout__.flush()
