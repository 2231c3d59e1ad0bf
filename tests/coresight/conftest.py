"""A MEM-AP with RAM behind it and no core: quick to make, and faults can be scripted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from onchip.coresight import DebugPort, MemAp, find_access_ports
from onchip.dap import DapClient
from onchip.probe.counting import CountingLink
from onchip.virtual_board.board import VirtualBoard

RAM = 0x2000_0000
RAM_LENGTH = 0x1_0000


@dataclass
class Rig:
    """A board with plain RAM, connected up to its AP."""

    board: VirtualBoard
    link: CountingLink
    client: DapClient
    dp: DebugPort
    ap: MemAp


def make_rig(probe_model: str = "bulk-512x4", chip: str = "bare-ram") -> Rig:
    board = VirtualBoard(chip, probe_model=probe_model)
    link = CountingLink(board.link())
    client = DapClient.open(link)
    dp = DebugPort(client)
    dp.connect()
    ap = next(p for p in find_access_ports(dp) if isinstance(p, MemAp))
    return Rig(board, link, client, dp, ap)


@pytest.fixture(params=["bulk-512x4", "hid-64x4", "hid-64x1", "bulk-64x8", "bulk-512x4-basic"])
def any_rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    made = make_rig(request.param)
    yield made
    made.board.close()


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = make_rig()
    yield made
    made.board.close()
