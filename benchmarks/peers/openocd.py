"""OpenOCD as one of the hosts: a process of its own, ordered about over its Tcl port.

It finds the board through our stand-ins for libusb and hidapi (``tests/support``), built with a
simulated clock, so that what it sleeps passes on the board.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

SUPPORT = Path(__file__).parents[2] / "tests" / "support"
LIBRARIES = {
    "bulk": ("fakeusb.c", "libusb-1.0.so.0"),
    "hid": ("fakehid.c", "libhidapi-hidraw.so.0"),
}
BACKENDS = {"bulk": "usb_bulk", "hid": "hid"}
CONFIGS = {"stm32f407": "target/stm32f4x.cfg", "nrf52840": "target/nrf52.cfg"}
RAM = 0x2000_0000
_END = b"\x1a"


def free_port() -> int:
    """Return a TCP port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def build_library(folder: Path, transport: str) -> Path:
    """Build the stand-in for a USB library into ``folder``."""
    source, soname = LIBRARIES[transport]
    output = folder / soname
    subprocess.run(
        [
            *("gcc", "-DSIMULATED_TIME", "-O2", "-shared", "-fPIC", f"-Wl,-soname,{soname}"),
            *("-o", str(output), str(SUPPORT / source), "-lpthread"),
        ],
        check=True,
    )
    return output


class OpenOcdHost:
    """The jobs."""

    def __init__(
        self, address: str, chip: str, frequency_hz: int, transport: str, folder: Path
    ) -> None:
        self._khz = frequency_hz // 1000
        self._tcl_port, self._gdb_port = free_port(), free_port()
        library = build_library(folder, transport)
        program = shutil.which("openocd")
        assert program is not None
        commands = [
            f"tcl_port {self._tcl_port}; gdb_port {self._gdb_port}; telnet_port disabled",
            f"adapter driver cmsis-dap; cmsis_dap_backend {BACKENDS[transport]}",
            f"transport select swd; source [find {CONFIGS[chip]}]; adapter speed {self._khz}",
            "init; poll off",
        ]
        environment = {
            **os.environ,
            "LD_PRELOAD": str(library),
            "LD_LIBRARY_PATH": str(folder),
            "ONCHIP_BOARD": address,
            # OpenOCD 0.12 fills a packet only where it is not as long as the endpoint's; on
            # full-speed endpoints it is at its best.
            "ONCHIP_BOARD_PACKET": "64",
        }
        self._log = (folder / "openocd.log").open("wb")
        self._command = [program, *(part for each in commands for part in ("-c", each))]
        self._environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        self._tcl: socket.socket | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def cpu(self) -> float:
        """Return the seconds that it has been on a processor."""
        if self.process is None:
            return 0.0
        text = Path(f"/proc/{self.pid}/schedstat").read_text()
        return int(text.split()[0]) / 1e9

    def connect(self) -> None:
        self.process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + 30
        while self._tcl is None:
            assert self.process.poll() is None, "OpenOCD ended; see openocd.log"
            try:
                self._tcl = socket.create_connection(("127.0.0.1", self._tcl_port))
            except OSError:
                assert time.monotonic() < deadline, "OpenOCD does not listen"
                time.sleep(0.02)
        self._tell("set ready 1")

    def prepare(self) -> None:
        loop = " ".join(["0xbf00"] * 63 + ["0xe7c0"])
        self._tell("halt")
        self._tell(f"write_memory {RAM:#x} 16 {{{loop}}}")
        self._tell(f"reg xPSR 0x1000000; reg msp {RAM + 0x1000:#x}; reg pc {RAM:#x}")
        self._tell(f"resume {RAM:#x}")

    def halt_registers(self) -> None:
        self._tell("halt")

    def register(self) -> None:
        self._tell("reg r7 force")

    def step(self) -> None:
        self._tell("step")

    def ram_write(self, file: str) -> None:
        self._tell(f"load_image {file} {RAM:#x} bin")

    def ram_read(self, file: str) -> None:
        self._tell(f"dump_image {file} {RAM:#x} 0x10000")

    def flash(self, file: str, base: int) -> None:
        self._tell("reset init")
        self._tell(f"adapter speed {self._khz}")
        self._tell(f"flash write_image erase {file} {base:#x} bin")

    def verify(self, file: str, base: int) -> None:
        self._tell(f"verify_image {file} {base:#x} bin")

    def erase(self, base: int, length: int) -> None:
        self._tell(f"flash erase_address {base:#x} {length:#x}")

    def gdb(self) -> int:
        self._tell("reset halt")
        self._tell(f"adapter speed {self._khz}")
        return self._gdb_port

    def close(self) -> None:
        """End the process."""
        if self._tcl is not None:
            self._tcl.close()
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
        self._log.close()

    def _last_error(self) -> str:
        self._log.flush()
        lines = Path(self._log.name).read_text(errors="replace").splitlines()
        return next((line for line in reversed(lines) if line.startswith("Error")), "no reason")

    def _tell(self, script: str) -> str:
        """Run a Tcl script; an error of it is raised."""
        assert self._tcl is not None
        wrapped = f'set code [catch {{{script}}} text]; return "$code $text"'
        self._tcl.sendall(wrapped.encode() + _END)
        answer = b""
        while not answer.endswith(_END):
            part = self._tcl.recv(65536)
            if not part:
                raise OSError("OpenOCD hung up")
            answer += part
        code, _, text = answer[:-1].decode(errors="replace").partition(" ")
        if code != "0":
            said = " ".join(text.split()) or self._last_error()
            raise OSError(f"OpenOCD: {script}: {said}")
        return text
