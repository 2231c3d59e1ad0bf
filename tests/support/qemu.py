"""A program on qemu-system-arm, driven through its gdb stub: just enough of the protocol."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from tests.support.firmware import Firmware
from tests.support.tools import require

MACHINES = {"m0": "microbit", "m3": "mps2-an385", "m4f": "netduinoplus2"}
TIMEOUT_S = 30.0


class Qemu:
    """One machine, stopped at its first instruction."""

    def __init__(self, firmware: Firmware, machine: str) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="onchip-qemu-")
        path = Path(self._scratch.name) / "gdb"
        command = [
            *(str(require("qemu-system-arm")), "-M", machine, "-kernel", str(firmware.path)),
            *("-nographic", "-monitor", "none", "-serial", "none", "-S"),
            *("-chardev", f"socket,path={path},server=on,wait=off,id=gdb", "-gdb", "chardev:gdb"),
        ]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(TIMEOUT_S)
        self._connect(path)
        self._buffer = b""
        # Only a client that has read the description gets xpsr (as register 25).
        self.command("qXfer:features:read:target.xml:0,ffb")

    def _connect(self, path: Path) -> None:
        while True:
            try:
                self._socket.connect(str(path))
                return
            except (FileNotFoundError, ConnectionRefusedError):
                if self._process.poll() is not None:
                    assert self._process.stderr is not None
                    raise AssertionError(self._process.stderr.read().decode()) from None

    def __enter__(self) -> Qemu:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()
        self._process.kill()
        self._process.wait()
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._scratch.cleanup()

    def command(self, text: str) -> str:
        """Send one packet and return the answer."""
        packet = text.encode()
        self._socket.sendall(b"$%b#%02x" % (packet, sum(packet) & 0xFF))
        while True:
            start = self._buffer.find(b"$")
            end = self._buffer.find(b"#", start)
            if start >= 0 and 0 <= end <= len(self._buffer) - 3:
                answer = self._buffer[start + 1 : end].decode()
                self._buffer = self._buffer[end + 3 :]
                self._socket.sendall(b"+")
                return answer
            more = self._socket.recv(65536)
            assert more, "QEMU closed its gdb stub"
            self._buffer += more

    def run_to(self, address: int) -> None:
        """Run until ``address``."""
        assert self.command(f"Z1,{address:x},2") == "OK"
        stopped = self.command("c")
        assert stopped.startswith(("S05", "T05")), stopped

    def step(self) -> None:
        """Run one instruction."""
        assert self.command("s").startswith(("S05", "T05"))

    def registers(self) -> dict[str, int]:
        """Return r0-r12, sp, lr, pc and xpsr."""
        data = bytes.fromhex(self.command("g"))
        names = [f"r{n}" for n in range(13)] + ["sp", "lr", "pc"]
        found = {n: int.from_bytes(data[4 * i : 4 * i + 4], "little") for i, n in enumerate(names)}
        return found | {"xpsr": int.from_bytes(bytes.fromhex(self.command("p19")), "little")}

    def read(self, address: int, length: int) -> bytes:
        """Return memory."""
        parts = []
        for start in range(0, length, 1024):
            size = min(1024, length - start)
            parts.append(bytes.fromhex(self.command(f"m{address + start:x},{size:x}")))
        return b"".join(parts)
