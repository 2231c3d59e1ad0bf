"""Port registers by number, and what that makes void above."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from onchip.coresight.debug_port import DebugPort
from onchip.dap import DapClient, RawPort
from onchip.errors import ProbeRefused, TransferFault
from onchip.virtual_board.board import VirtualBoard

SELECT, CSW, TAR, DRW, CTRL = 0x8, 0x1, 0x5, 0xD, 0x4
RAM = 0x2000_0000


@pytest.fixture
def client() -> Iterator[DapClient]:
    with VirtualBoard("bare-ram") as board:
        client = DapClient.open(board.link())
        DebugPort(client).connect()
        yield client
        client.close()


@pytest.fixture
def port(client: DapClient) -> RawPort:
    port = RawPort(client)
    port.write(SELECT, [0])
    port.write(CSW, [0x2300_0052])
    return port


def test_reads_and_writes(port: RawPort) -> None:
    port.write(TAR, [RAM])
    port.write(DRW, [1, 2, 3])
    port.write(TAR, [RAM])
    assert port.read(DRW, 3) == [1, 2, 3]


def test_what_was_remembered_is_void_after_a_change(client: DapClient, port: RawPort) -> None:
    before = client.generation
    port.read(0)
    assert client.generation == before
    port.write(TAR, [RAM])
    between = client.generation
    assert between > before
    port.read(DRW)
    assert client.generation > between


def test_a_fault(port: RawPort) -> None:
    port.write(TAR, [0xC000_0000])
    batch = port.batch()
    result = port.queue_read(batch, DRW)
    with pytest.raises(TransferFault):
        batch.run()
    with pytest.raises(TransferFault):
        _ = result.value
    assert port.read(0)[0] & 1


def test_questions(port: RawPort, client: DapClient) -> None:
    assert port.identify(0xF0) == int(client.info.capabilities)
    assert port.identify(0xFE) == client.packet_count
    assert port.identify(0xFF) == client.packet_size
    assert port.identify(0x02) == client.info.product
    assert port.identify(0x06) is None
    assert port.identify(0x42) is None
    with pytest.raises(ProbeRefused):
        port.vendor(0, b"\x01")
