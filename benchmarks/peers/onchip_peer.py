"""onchip as one of the hosts: ``python -m benchmarks.peers.onchip_peer ADDRESS CHIP FREQUENCY``."""

from __future__ import annotations

import sys
from pathlib import Path

from onchip.errors import ProbeTimeout
from onchip.flash.images.image import Image
from onchip.session import Session
from onchip.session.connecting import ConnectMode, open_session
from onchip.target.chip import load_chip

from .wire import Wire, serve_orders

RAM = 0x2000_0000


class WireLink:
    """A ``Link`` on a counted board's socket."""

    description = "benchmark"

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.write = wire.write
        self.sleep = wire.sleep
        self.now = wire.now
        self.close = wire.close

    def read(self, timeout_s: float) -> bytes:
        packet = self._wire.read(timeout_s)
        if packet is None:
            raise ProbeTimeout("no answer")
        return packet


class OnchipHost:
    """The jobs."""

    def __init__(self, address: str, chip: str, frequency: str) -> None:
        self.wire = Wire(address)
        self._chip = chip
        self._frequency_hz = int(frequency)
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        assert self._session is not None
        return self._session

    def connect(self) -> None:
        self._session = open_session(
            WireLink(self.wire),
            chip=load_chip(self._chip),
            frequency_hz=self._frequency_hz,
            mode=ConnectMode.ATTACH,
        )

    def prepare(self) -> None:
        core = self.session.core
        core.halt()
        core.memory.write(RAM, bytes.fromhex("00bf") * 63 + bytes.fromhex("c0e7"))
        core.write_registers({"pc": RAM, "xpsr": 1 << 24, "msp": RAM + 0x1000})
        core.resume()

    def halt_registers(self) -> None:
        core = self.session.core
        batch = core.batch()
        core.queue_halt(batch)
        core.queue_read_registers(batch)
        batch.run()

    def register(self) -> None:
        self.session.core.read_register("r7")

    def step(self) -> None:
        self.session.core.step()

    def ram_write(self, file: str) -> None:
        self.session.memory.write(RAM, Path(file).read_bytes())

    def ram_read(self, file: str) -> None:
        Path(file).write_bytes(self.session.memory.read(RAM, 0x1_0000))

    def flash(self, file: str, base: int) -> None:
        self.session.flash(Image.from_segments([(base, Path(file).read_bytes())]), reset=False)

    def verify(self, file: str, base: int) -> None:
        self.session.verify(Image.from_segments([(base, Path(file).read_bytes())]))

    def erase(self, base: int, length: int) -> None:
        self.session.erase(base, length, reset=False)

    def gdb(self) -> int:
        from onchip.services.gdb import GdbServer

        self._server = GdbServer(self.session, 0)
        self._server.start()
        return self._server.port

    def close(self) -> None:
        self.session.close()


def jobs_of(host: object) -> dict:
    """Return the methods of a host, by name."""
    names = (
        *("connect", "prepare", "halt_registers", "register", "step", "ram_write", "ram_read"),
        *("flash", "verify", "erase", "gdb", "close"),
    )
    return {name: getattr(host, name) for name in names if hasattr(host, name)}


if __name__ == "__main__":
    host = OnchipHost(*sys.argv[1:4])
    serve_orders(jobs_of(host), lambda: host.wire)
