"""The fastest clock that carries patterns."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from onchip.coresight.access_port import find_access_ports
from onchip.coresight.debug_port import DebugPort
from onchip.coresight.mem_ap import MemAp
from onchip.coresight.swd_clock import CLOCKS_HZ, FIRST_CLOCK_HZ, fastest_clock
from onchip.dap import DapClient
from onchip.errors import ProbeLost
from onchip.virtual_board.board import BoardLink, VirtualBoard
from onchip.wire.cmsis_dap import SWJ_Clock

Trouble = Callable[[VirtualBoard], None]


class FussyLink:
    """Watches for DAP_SWJ_Clock: above a limit the board misbehaves, or the probe refuses."""

    def __init__(self, board: VirtualBoard, limit_hz: int, trouble: Trouble | None) -> None:
        self.board, self.limit_hz, self.trouble = board, limit_hz, trouble
        self.inner: BoardLink = board.link()
        self.clocks: list[int] = []
        self._refuse = False
        for name in ("description", "close", "now", "sleep"):
            setattr(self, name, getattr(self.inner, name))

    def write(self, packet: bytes) -> None:
        if packet[0] == SWJ_Clock.ID:
            clock_hz = int.from_bytes(packet[1:5], "little")
            self.clocks.append(clock_hz)
            self.board.faults.clear()
            if clock_hz > self.limit_hz:
                self._refuse = self.trouble is None
                if self.trouble is not None:
                    self.trouble(self.board)
        self.inner.write(packet)

    def read(self, timeout_s: float) -> bytes:
        response = self.inner.read(timeout_s)
        if self._refuse and response[0] == SWJ_Clock.ID:
            self._refuse = False
            return bytes((SWJ_Clock.ID, 0xFF))
        return response


def connected(link: FussyLink, frequency_hz: int = FIRST_CLOCK_HZ) -> tuple[DebugPort, MemAp]:
    client = DapClient.open(link, frequency_hz=frequency_hz)  # type: ignore[arg-type]
    dp = DebugPort(client)
    dp.connect()
    (ap,) = find_access_ports(dp)
    assert isinstance(ap, MemAp)
    return dp, ap


def parity(board: VirtualBoard) -> None:
    board.faults.parity(count=None)


def silence(board: VirtualBoard) -> None:
    board.faults.no_ack(count=None)


@pytest.mark.parametrize("trouble", [parity, silence, None], ids=["parity", "no ack", "refused"])
def test_the_last_clock_before_trouble_is_kept(trouble: Trouble | None) -> None:
    with VirtualBoard("bare-ram", probe_model="bulk-512x4") as board:
        link = FussyLink(board, 10_000_000, trouble)
        dp, ap = connected(link)
        assert fastest_clock(dp, ap) == 10_000_000
        assert dp.client.frequency_hz == 10_000_000
        ap.write(0x2000_0000, b"it works")
        assert ap.read(0x2000_0000, 8) == b"it works"
        assert max(link.clocks) == 12_000_000


def test_without_trouble_it_is_the_fastest_of_all() -> None:
    with VirtualBoard("bare-ram", probe_model="bulk-512x4") as board:
        dp, ap = connected(FussyLink(board, 10**9, None))
        assert fastest_clock(dp, ap) == CLOCKS_HZ[-1]
        ap.write(0x2000_0000, b"it works")
        assert ap.read(0x2000_0000, 8) == b"it works"


def test_a_bit_that_comes_back_wrong_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    with VirtualBoard("bare-ram", probe_model="hid-64x4") as board:
        link = FussyLink(board, 10**9, None)
        dp, ap = connected(link)
        read = link.read

        def flipped(timeout_s: float) -> bytes:
            response = bytearray(read(timeout_s))
            if response[0] == 0x05 and link.clocks[-1] > 4_000_000 and len(response) > 8:
                response[6] ^= 0x10
            return bytes(response)

        monkeypatch.setattr(link, "read", flipped)
        assert fastest_clock(dp, ap) == 4_000_000


def test_the_clock_in_use_is_where_it_starts() -> None:
    with VirtualBoard("bare-ram", probe_model="bulk-512x4") as board:
        link = FussyLink(board, 20_000_000, parity)
        dp, ap = connected(link, 16_000_000)
        assert fastest_clock(dp, ap) == 20_000_000
        assert link.clocks[0] == 20_000_000


def test_a_probe_that_goes_away_is_no_clock_that_fails() -> None:
    with VirtualBoard("bare-ram", probe_model="bulk-512x4") as board:
        link = FussyLink(board, 2_000_000, lambda board: board.unplug())
        dp, ap = connected(link)
        with pytest.raises(ProbeLost):
            fastest_clock(dp, ap)
