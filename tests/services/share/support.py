"""A virtual board behind a `ProbeServer`, for tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from onchip.probe.tcp import TcpLink
from onchip.services.share import ProbeServer
from onchip.services.share import server as server_module
from onchip.session import Session, open_session
from onchip.virtual_board.board import VirtualBoard

FP_COMP0 = 0xE000_2008
DWT_FUNCTION0 = 0xE000_1028
DEMCR = 0xE000_EDFC
VC_BITS = 0x07F1
LOOP = bytes.fromhex("0130 fde7")  # adds r0, #1; b back


class Shared:
    """A board, served; what the server logged; what ended it."""

    def __init__(self, board: VirtualBoard, server: ProbeServer, log: list[str]) -> None:
        self.board = board
        self.server = server
        self.log = log
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        try:
            self.server.serve_forever()
        except BaseException as error:  # the test looks at it
            self.failure = error

    def link(self, token: str = "") -> TcpLink:
        return TcpLink("127.0.0.1", self.server.port, token=token)

    def session(self) -> Session:
        return open_session(self.link())

    def wait(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, self.log
            time.sleep(0.005)

    def logged(self, text: str) -> None:
        self.wait(lambda: any(text in line for line in self.log))

    def peek(self, address: int) -> int:
        return self.board.bus.read(address, 4, debugger=True)


@contextmanager
def served(
    chip: str = "stm32f407", *, token: str = "", probe_model: str = "bulk-512x4"
) -> Iterator[Shared]:
    log: list[str] = []
    with (
        # After so long a silence the turn passes to who waits, and these tests pass it often.
        patch.object(server_module, "_PAUSE_S", 0.001),
        patch.object(server_module, "_UNAWARE_S", 0.1),
        VirtualBoard(chip, probe_model=probe_model) as board,
    ):
        board.bus.write_block(0x2000_0000, LOOP)
        link = board.link()
        with ProbeServer(
            link,
            port=0,
            packet_count=board.probe.model.packet_count,
            token=token,
            on_log=log.append,
        ) as server:
            shared = Shared(board, server, log)
            shared.thread.start()
            try:
                yield shared
            finally:
                server.stop()
                shared.thread.join(10)
                assert not shared.thread.is_alive()
        link.close()


def run_the_loop(session: Session) -> None:
    session.core.halt()
    session.core.write_registers({"pc": 0x2000_0000, "sp": 0x2000_8000, "xpsr": 1 << 24})


def vanish(session: Session) -> None:
    """End as a killed process does."""
    session.link.close()


def comparators(shared: Shared) -> list[int]:
    return [shared.peek(FP_COMP0 + 4 * n) for n in range(6)]


def watching(shared: Shared) -> list[bool]:
    return [bool(shared.peek(DWT_FUNCTION0 + 16 * n) & 0xF) for n in range(4)]
