"""A GDB client of a few lines, and the command `pyocd-gdbserver` in a thread of this process."""

from __future__ import annotations

import re
import threading
import time
from types import TracebackType
from typing import Self

import pytest

from onchip.wire.gdb_rsp.framing import encode_packet
from pyOCD.tools import gdb_server
from tests.support.rsp_client import RspClient


class Client(RspClient):
    """What GDB does, in a few words."""

    def receive(self, timeout_s: float = 10) -> bytes | None:
        """Return the next payload; None when there is none in time."""
        self.sock.settimeout(timeout_s)
        try:
            return self.payload()
        except TimeoutError:
            return None

    def monitor(self, line: str) -> str:
        """Run a monitor command and return what it printed."""
        answer, text = self.ask(b"qRcmd," + line.encode().hex().encode()), ""
        while answer.startswith(b"O") and answer != b"OK":
            text += bytes.fromhex(answer[1:].decode()).decode()
            more = self.receive()
            assert more is not None
            answer = more
        return text

    def stop(self) -> bytes:
        """Continue, and return the stop reply."""
        self.send(encode_packet(b"vCont;c"))
        while True:
            answer = self.receive()
            assert answer is not None, "the core runs on"
            if not answer.startswith(b"O"):
                return answer

    def set_register(self, number: int, value: int) -> None:
        answer = self.ask(b"P%x=" % number + value.to_bytes(4, "little").hex().encode())
        assert answer == b"OK"

    def register(self, number: int) -> int:
        return int.from_bytes(bytes.fromhex(self.ask(b"p%x" % number).decode()), "little")

    def write(self, address: int, data: bytes) -> None:
        assert self.ask(b"M%x,%x:" % (address, len(data)) + data.hex().encode()) == b"OK"

    def read(self, address: int, length: int) -> bytes:
        return bytes.fromhex(self.ask(b"m%x,%x" % (address, length)).decode())

    def load(self, address: int, data: bytes) -> bytes:
        """Do what GDB's load does, for data without bytes that need an escape."""
        assert self.ask(b"vFlashErase:%x,%x" % (address, 0x4000)) == b"OK"
        assert self.ask(b"vFlashWrite:%x:" % address + data) == b"OK"
        return self.ask(b"vFlashDone")


class Served:
    """`pyocd-gdbserver` with the given options; ``client`` is connected and attached."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *options: str) -> None:
        self._capsys = capsys
        self.out = self.err = ""
        self.code: int | None = None
        self._thread = threading.Thread(target=self._main, args=(["-p", "0", *options],))
        self._thread.start()
        self.port = self._wait_for_port()
        self.client = Client(self.port)
        self.attached = self.client.ask(b"?")

    def _main(self, argv: list[str]) -> None:
        self.code = gdb_server.main(argv)

    def captured(self) -> str:
        """Return everything that was printed so far."""
        texts = self._capsys.readouterr()
        self.out, self.err = self.out + texts.out, self.err + texts.err
        return self.out

    def _wait_for_port(self) -> int:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            found = re.search(r"GDB server started on port (\d+)\n", self.captured())
            if found:
                return int(found[1])
            time.sleep(0.01)
        raise AssertionError(f"no readiness line: {self.out}{self.err}")

    def ended(self, timeout_s: float = 10) -> bool:
        self._thread.join(timeout_s)
        self.captured()
        return not self._thread.is_alive()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.client.close()
        assert self.ended()
