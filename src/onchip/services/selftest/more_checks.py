"""The checks of flash, of a GDB session, and of the speed."""

from __future__ import annotations

import random
import socket
from collections import deque
from contextlib import closing

from onchip.services.gdb import GdbOptions, GdbServer
from onchip.services.selftest.bench import (
    COUNTER,
    SEED,
    SLED,
    Bench,
    CheckFailed,
    expect,
    expect_bytes,
)
from onchip.wire.gdb_rsp.framing import Decoder, Packet, encode_packet

_GDB_S = 10.0
_STEPS = 50


def erase(bench: Bench) -> str:
    """Erase the sector: every byte must be what erased flash reads."""
    sector, session = bench.sector, bench.session
    session.erase(sector.start, sector.size, reset=False)
    found = session.memory.read(sector.start, sector.size)
    expect_bytes(found, bytes([bench.area.erased_value]) * sector.size, sector.start)
    return f"{sector.size} bytes at 0x{sector.start:08x}"


def program(bench: Bench) -> str:
    """Program a binary and read every byte back; then find it in place."""
    sector, session, image = bench.sector, bench.session, bench.image()
    session.flash(image, base=sector.start, format="bin", reset=False)
    expect_bytes(session.memory.read(sector.start, len(image)), image, sector.start)
    again = session.flash(image, base=sector.start, format="bin", reset=False)
    expect(again.programmed_bytes == 0, "the same binary was programmed again")
    return f"{len(image)} bytes, read back"


def gdb(bench: Bench) -> str:
    """Serve GDB, and be the client: registers, memory, break, step, run, stop, detach."""
    bench.start(COUNTER, r0=0)
    base = bench.area.ram
    server = GdbServer(bench.session, 0, options=GdbOptions(persist=False))
    server.start()
    try:
        address = ("127.0.0.1", server.port)
        with closing(_GdbClient(socket.create_connection(address, timeout=_GDB_S))) as client:
            client.ask("qSupported:swbreak+", "PacketSize=")
            client.ask("?", "T")
            expect(len(client.ask("g")) >= 17 * 8, "the register packet is short")
            client.ask(f"M{base + 64:x},4:deadbeef", "OK")
            client.ask(f"m{base + 64:x},4", "deadbeef")
            client.ask("s", "T05")
            client.ask(f"Z0,{base:x},2", "OK")
            client.ask("c", "T05")
            client.ask(f"z0,{base:x},2", "OK")
            client.send(encode_packet(b"c"))
            client.send(b"\x03")
            expect(client.answer().startswith("T02"), "Ctrl-C did not stop the core")
            client.ask("D", "OK")
    finally:
        server.stop()
    return "registers, memory, break, step, Ctrl-C, detach"


class _GdbClient:
    """As much of GDB as the check needs."""

    def __init__(self, connection: socket.socket) -> None:
        # a packet behind an acknowledgement would else wait until the server's system tells of that
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = connection
        self._decoder = Decoder()
        self._packets: deque[bytes] = deque()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._connection.sendall(data)

    def answer(self) -> str:
        """Return the next packet, and acknowledge it.

        Raises:
            CheckFailed: none comes.
        """
        while not self._packets:
            try:
                data = self._connection.recv(4096)
            except OSError as error:
                raise CheckFailed("the GDB server does not answer") from error
            if not data:
                raise CheckFailed("the GDB server hung up")
            for event in self._decoder.feed(data):
                if isinstance(event, Packet):
                    self._packets.append(event.payload)
                    self.send(b"+")
        return self._packets.popleft().decode("latin-1")

    def ask(self, text: str, beginning: str = "") -> str:
        """Send a packet and return its answer, which must begin as given.

        Raises:
            CheckFailed: it does not, or none comes.
        """
        self.send(encode_packet(text.encode()))
        answer = self.answer()
        expect(answer.startswith(beginning), f"GDB asks {text!r} and is answered {answer!r}")
        return answer

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def speed(bench: Bench) -> str:
    """Measure reading and writing RAM, and steps; on the link's clock."""
    core, memory, base = bench.session.core, bench.session.memory, bench.area.ram
    core.halt()
    data = random.Random(SEED).randbytes(bench.area.ram_length)
    started = core.now()
    memory.write(base, data)
    memory.read_u32(base)  # the last packet has arrived
    written = core.now()
    found = memory.read(base, len(data))
    read = core.now()
    expect_bytes(found, data, base)
    bench.start(SLED)
    stepping = core.now()
    for _ in range(_STEPS):
        core.step()
    stepped = core.now()
    expect(core.read_register("pc") == base + 2 * _STEPS, "steps were lost")
    rates = (_rate(len(data), written - started), _rate(len(data), read - written))
    steps = _STEPS / max(stepped - stepping, 1e-9)
    return f"write {rates[0]}, read {rates[1]}, {steps:.0f} steps/s"


def _rate(length: int, seconds: float) -> str:
    return f"{length / 1024 / max(seconds, 1e-9):.0f} KiB/s"
