"""pyOCD as one of the hosts: ``python pyocd_peer.py ADDRESS CHIP FREQUENCY PACKET_SIZE PACKETS``.

Runs in a virtual environment that holds pyOCD and nothing of onchip. pyOCD is as it was published;
its probe interface, the seam below its CMSIS-DAP driver, is given a socket in the place of USB.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from wire import Wire, serve_orders

_really_sleep = time.sleep
_wires: list[Wire] = []


def _sleep(seconds: float) -> None:
    """What pyOCD sleeps passes on the board; its servers' idle loops sleep for real."""
    if threading.current_thread() is threading.main_thread() and _wires:
        _wires[0].sleep(seconds)
    else:
        _really_sleep(seconds)


time.sleep = _sleep  # before pyOCD is imported, which takes it by name

from pyocd.core.session import Session
from pyocd.flash.eraser import FlashEraser
from pyocd.flash.file_programmer import FileProgrammer
from pyocd.gdbserver import GDBServer
from pyocd.probe.cmsis_dap_probe import CMSISDAPProbe
from pyocd.probe.pydapaccess.dap_access_cmsis_dap import DAPAccessCMSISDAP
from pyocd.probe.pydapaccess.interface.interface import Interface

RAM = 0x2000_0000
TARGETS = {"stm32f407": "stm32f412xg", "nrf52840": "nrf52840"}
"""pyOCD brings no STM32F407 of its own; the F412 has the same flash controller and sectors."""


class SocketInterface(Interface):
    """pyOCD's interface to a probe, on a socket."""

    def __init__(self, wire: Wire, packet_size: int, packet_count: int) -> None:
        super().__init__()
        self.vid, self.pid = 0x1209, 0x0001
        self.vendor_name, self.product_name = "onchip", "onchip virtual CMSIS-DAP"
        self.serial_number = "ONCHIP0001"
        self.packet_size, self.packet_count = packet_size, packet_count
        self._wire = wire

    @property
    def is_bulk(self) -> bool:
        return self.packet_size > 64

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass

    def write(self, data) -> None:
        self._wire.write(bytes(data))

    def read(self, timeout=None):
        answer = self._wire.read(10)
        if answer is None:
            raise OSError("no answer")
        return answer


class PyOcdHost:
    """The jobs."""

    def __init__(self, address: str, chip: str, frequency: str, size: str, count: str) -> None:
        self.wire = Wire(address)
        _wires.append(self.wire)
        self._chip = chip
        self._frequency_hz = int(frequency)
        self._shape = int(size), int(count)

    def connect(self) -> None:
        access = DAPAccessCMSISDAP(None, interface=SocketInterface(self.wire, *self._shape))
        options = {
            "target_override": TARGETS[self._chip],
            "frequency": self._frequency_hz,
            "connect_mode": "attach",
            "hide_programming_progress": True,
            "persist": True,  # GDB's clients come one after the other
        }
        self.session = Session(CMSISDAPProbe(access), options=options)
        self.session.open()
        self.core = self.session.target.selected_core

    def prepare(self) -> None:
        self.core.halt()
        self.core.write_memory_block8(RAM, list(bytes.fromhex("00bf") * 63 + bytes.fromhex("c0e7")))
        self.core.write_core_register("xpsr", 1 << 24)
        self.core.write_core_register("msp", RAM + 0x1000)
        self.core.write_core_register("pc", RAM)
        self.core.resume()

    def halt_registers(self) -> None:
        names = [f"r{n}" for n in range(13)] + ["sp", "lr", "pc", "xpsr", "msp", "psp", "cfbp"]
        names += ["fpscr"] + [f"s{n}" for n in range(32)]
        self.core.halt()
        self.core.read_core_registers_raw(names)

    def register(self) -> None:
        self.core.read_core_register("r7")

    def step(self) -> None:
        self.core.step()
        self.core.read_core_register("pc")

    def ram_write(self, file: str) -> None:
        self.core.write_memory_block8(RAM, list(Path(file).read_bytes()))
        self.session.target.flush()

    def ram_read(self, file: str) -> None:
        Path(file).write_bytes(bytes(self.core.read_memory_block8(RAM, 0x1_0000)))

    def flash(self, file: str, base: int) -> None:
        FileProgrammer(self.session, no_reset=True).program(
            file, file_format="bin", base_address=base
        )
        self.session.target.flush()

    def erase(self, base: int, length: int) -> None:
        FlashEraser(self.session, FlashEraser.Mode.SECTOR).erase([f"{base:#x}+{length:#x}"])

    def gdb(self) -> int:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.session.options.set("gdbserver_port", port)
        self.session.options.set("telnet_port", 0)  # else all that run side by side want 4444
        self.core.halt()
        GDBServer(self.session, core=0).start()
        return port

    def close(self) -> None:
        self.session.close()


JOBS = (
    *("connect", "prepare", "halt_registers", "register", "step", "ram_write", "ram_read"),
    *("flash", "erase", "gdb", "close"),
)

if __name__ == "__main__":
    host = PyOcdHost(*sys.argv[1:6])
    serve_orders({name: getattr(host, name) for name in JOBS}, lambda: host.wire)
