"""Stops and reconnects by the thousand on a virtual board: does anything pile up?

    python -m tests.services.gdb.soak --clients 1000 --stops 10

Each client connects, sets breakpoints and a watchpoint, lets the core run to so many stops, looks
around at each as GDB does, and leaves: by detaching, by killing, or without a word. Time is the
board's, so hours of it pass in a minute.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onchip
from onchip.services.gdb.connection import Connection
from onchip.services.gdb.options import GdbOptions
from onchip.services.gdb.target import Target
from onchip.wire.gdb_rsp.framing import encode_packet

from .fuzz import BOARD_LOOP, BOARD_RAM, armed_in_chip

_LEAVES = (b"D", b"k", b"")
_MOST_POLLS = 200


@dataclass(frozen=True)
class State:
    """What there is after so many clients."""

    clients: int
    stops: int
    blocks: int
    """Pieces of memory that Python holds."""
    resident_bytes: int
    simulated_s: float


def soak(clients: int, stops: int, *, every: int) -> Iterator[State]:
    """Serve so many clients, each to so many stops; yield the state after ``every`` of them."""
    told = 0
    with onchip.connect("virtual:stm32f407", connect="halt") as session:
        session.memory.write(BOARD_RAM, BOARD_LOOP)
        target = Target(session, GdbOptions())
        for number in range(1, clients + 1):
            with session.lock:
                session.core.halt()
                session.core.write_registers(
                    {"pc": BOARD_RAM, "xpsr": 1 << 24, "sp": BOARD_RAM + 0x1000}
                    | {"r1": BOARD_RAM + 0x100}
                )
            told += _client(target, stops, _LEAVES[number % len(_LEAVES)])
            armed = armed_in_chip(session.core)
            assert not armed, f"client {number} left {armed} behind"
            if number % every == 0:
                gc.collect()
                yield State(number, told, sys.getallocatedblocks(), _resident(), session.link.now())


def _client(target: Target, stops: int, leave: bytes) -> int:
    """Be one client; return how many stops it was told."""
    connection = Connection(target, lambda text: None)
    ask = _Asker(target, connection)
    ask(b"qSupported:multiprocess+;swbreak+;hwbreak+;error-message+")
    ask(b"?")
    for number in range(stops):
        point = (b"0,%x,2" % BOARD_RAM, b"1,%x,2" % BOARD_RAM, b"2,%x,4" % (BOARD_RAM + 0x100))
        kind = point[number % 3]
        ask(b"vCont;s:p1.1")
        assert ask(b"Z" + kind) == b"OK"
        assert ask(b"vCont;c:p1.-1").startswith(b"T05")
        ask(b"g")
        ask(b"m%x,40" % BOARD_RAM)
        assert ask(b"z" + kind) == b"OK"
    if leave:
        connection.feed(encode_packet(leave))
        connection.serve()
    assert connection.lost() is None
    return 2 * stops


class _Asker:
    """Sends a packet, lets time pass until it is answered, returns the answer."""

    def __init__(self, target: Target, connection: Connection) -> None:
        self._target = target
        self._connection = connection

    def __call__(self, payload: bytes) -> bytes:
        self._connection.outgoing.clear()
        self._connection.feed(encode_packet(payload))
        self._connection.serve()
        for _ in range(_MOST_POLLS):
            said = bytes(self._connection.outgoing)
            if b"$" in said:
                return said.partition(b"$")[2].rpartition(b"#")[0]
            self._target.poll()
        raise AssertionError(f"no answer to {payload!r}")


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def main() -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description="let the GDB server serve for long")
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--stops", type=int, default=10, help="of each client, and as many steps")
    arguments = parser.parse_args()
    for state in soak(arguments.clients, arguments.stops, every=max(1, arguments.clients // 10)):
        print(
            f"{state.clients:,} clients, {state.stops:,} stops, {state.simulated_s:.1f} s of the "
            f"board: {state.blocks:,} blocks, {state.resident_bytes / 2**20:.1f} MiB",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
