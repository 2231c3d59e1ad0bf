"""A user's own target, interface and transport, found and used like the built-in ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import onchip
from onchip.errors import ProbeLost, TransferFault, UsageError
from onchip.virtual_board.board import VirtualBoard
from pyOCD.board import MbedBoard
from pyOCD.core.target import Target as CoreTarget
from pyOCD.gdbserver import GDBServer
from pyOCD.interface import INTERFACE, Interface
from pyOCD.target import TARGET, CortexM, FlashRegion, MemoryMap, RamRegion, Target
from pyOCD.transport import CMSIS_DAP, READ_END, READ_START, TRANSPORT, Transport
from tests.pyocd.gdb_client import Client

RAM = 0x2000_0000
FLASH = 0x0800_0000


@pytest.fixture(autouse=True)
def tables_as_they_were(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for table in (TARGET, INTERFACE, TRANSPORT):
        for name in list(table):  # type: ignore[attr-defined]
            monkeypatch.setitem(table, name, table[name])  # type: ignore[index, arg-type]
    yield
    for table in (TARGET, INTERFACE, TRANSPORT):
        table.pop("mine", None)  # type: ignore[attr-defined]


# ---- Target


class MyTarget(Target):
    """A relative of the STM32F407 with less flash and RAM."""

    chip = "stm32f407"
    memoryMap = MemoryMap(
        FlashRegion(FLASH, length=0x8000, blocksize=0x4000, isBootMemory=True),
        RamRegion(RAM, length=0x4000),
    )

    def __init__(self, link: Any) -> None:
        super().__init__(link, self.memoryMap)
        self.resets = 0

    def resetStopOnReset(self, software_reset: bool | None = None) -> None:
        self.resets += 1
        super().resetStopOnReset(software_reset)


def test_a_target_of_ones_own() -> None:
    TARGET["mine"] = MyTarget
    board = MbedBoard.chooseBoard(target_override="mine")
    assert board is not None
    with board:
        target = board.target
        assert isinstance(target, MyTarget)
        assert board.target_type == "mine"
        assert target.getMemoryMap() is MyTarget.memoryMap
        assert 'length="0x8000"' in target.getMemoryMapXML()
        board.flash.flashBlock(FLASH + 0x4000, [1, 2, 3])
        assert target.readBlockMemoryUnaligned8(FLASH + 0x4000, 3) == [1, 2, 3]
        with pytest.raises(ValueError, match="not in flash"):
            board.flash.flashBlock(FLASH + 0x8000, [1])
        board.flash.init()
        assert target.resets == 1


class Unknown(Target):
    """A chip that onchip does not know, with the algorithm that its maker gives."""

    chip = "cortex_m"
    memoryMap = MemoryMap(
        FlashRegion(FLASH, length=0x8000, blocksize=0x4000, isBootMemory=True),
        RamRegion(RAM, length=0x8000),
    )
    flash_algorithm = Path(onchip.__file__).parent / "flash/algorithms/stm32f407.FLM"


def test_a_chip_that_onchip_does_not_know_with_its_makers_algorithm() -> None:
    TARGET["mine"] = Unknown
    board = MbedBoard.chooseBoard(target_override="mine")
    assert board is not None
    with board:
        board.flash.flashBlock(FLASH + 0x4000, list(range(200)))
        assert board.target.readBlockMemoryUnaligned8(FLASH + 0x4000, 200) == list(range(200))
        board.flash.erasePage(FLASH + 0x4000)
        assert board.target.read32(FLASH + 0x4000) == 0xFFFF_FFFF
        server = GDBServer(board, 0)
        client = Client(server.port)
        client.ask(b"?")
        assert client.load(FLASH, b"hello") == b"OK"
        assert client.read(FLASH, 5) == b"hello"
        client.close()
        server.stop()


def test_the_names_that_are_there() -> None:
    assert TARGET["cortex_m"] is CortexM
    assert TARGET["nrf51"] is TARGET["nrf51822"]
    assert {"lpc1768", "target_lpc1768", "stm32f407", "nrf52840"} <= set(TARGET)
    assert CoreTarget is Target


# ---- Interface


class MyInterface(Interface):
    """A way to a board in this process."""

    board: VirtualBoard | None = None

    def __init__(self) -> None:
        super().__init__()
        self.vendor_name, self.product_name = "me", "wire"
        self.serial_number = "mine-1"
        self.answers: deque[bytes] = deque()
        self.opened = self.fails = self.silent = False

    @staticmethod
    def getAllConnectedInterface(
        vid: int | None = None, pid: int | None = None
    ) -> Sequence[Interface]:
        return [MyInterface()]

    def init(self) -> None:
        self.opened = True

    def write(self, data: Sequence[int]) -> None:
        if self.fails:
            raise OSError("pulled out")
        assert self.board is not None
        self.answers.append(self.board.exchange(bytes(data)))

    def read(self, size: int = -1, timeout: int = -1) -> list[int]:
        return [] if self.silent else list(self.answers.popleft())

    def close(self) -> None:
        self.opened = False


@pytest.fixture
def my_interface() -> Iterator[None]:
    with VirtualBoard("stm32f407") as board:
        MyInterface.board = board
        INTERFACE["mine"] = MyInterface
        yield


@pytest.mark.usefixtures("my_interface")
def test_an_interface_of_ones_own() -> None:
    boards = MbedBoard.getAllConnectedBoards(close=True)
    assert [board.unique_id for board in boards] == ["virtual:stm32f407", "mine-1"]
    board = MbedBoard.chooseBoard(board_id="mine-1")
    assert board is not None
    interface = board.interface
    assert isinstance(interface, MyInterface)
    with board:
        assert interface.opened
        assert (interface.getPacketCount(), interface.packet_size) == (4, 512)
        assert board.getInfo() == "me wire [stm32f407]"
        board.target.write32(RAM, 0x1234)
        assert board.target.read32(RAM) == 0x1234
    assert not interface.opened


@pytest.mark.usefixtures("my_interface")
def test_the_environment_chooses_among_interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYOCD_USB_BACKEND", "mine")
    assert [b.unique_id for b in MbedBoard.getAllConnectedBoards(close=True)] == ["mine-1"]
    monkeypatch.setenv("PYOCD_USB_BACKEND", "parallel")
    with pytest.raises(UsageError, match="PYOCD_USB_BACKEND=parallel"):
        MbedBoard.getAllConnectedBoards()


@pytest.mark.usefixtures("my_interface")
def test_an_interface_that_is_not_available_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MyInterface, "isAvailable", staticmethod(lambda: False))
    assert len(MbedBoard.getAllConnectedBoards(close=True)) == 1


@pytest.mark.usefixtures("my_interface")
def test_an_interface_that_breaks_is_a_lost_probe() -> None:
    board = MbedBoard.chooseBoard(board_id="mine-1")
    assert board is not None
    interface = board.interface
    assert isinstance(interface, MyInterface)
    interface.fails = True
    with pytest.raises(ProbeLost, match="pulled out"):
        board.target.read32(RAM)
    board.uninit()


def test_an_interface_that_says_nothing_is_asked_in_vain() -> None:
    interface = Interface()
    assert interface.getAllConnectedInterface() == []
    assert interface.getInfo() == interface.getSerialNumber() == ""
    interface.setPacketCount(2)
    assert interface.getPacketCount() == 2
    with pytest.raises(UsageError, match=r"has no \w+\(\)"):
        interface.write([0])
    with pytest.raises(UsageError, match=r"has no \w+\(\)"):
        interface.read()


def test_the_built_in_interface_moves_packets_too() -> None:
    (interface,) = INTERFACE["pyusb"].getAllConnectedInterface(0x0D28, 0x0204)
    with pytest.raises(UsageError, match="not open"):
        interface.write([0])
    interface.init()
    interface.write([0, 0xFE])
    assert interface.read(timeout=1) == [0, 1, 4]
    interface.write([0, 0xFE])
    assert interface.read() == [0, 1, 4]
    interface.close()


# ---- Transport


class Adapter(Transport):
    """An adapter that speaks registers, not CMSIS-DAP: those of another transport, in fact."""

    used: list[str] = []

    def __init__(self, interface: Interface) -> None:
        super().__init__(interface)
        self.other = CMSIS_DAP(interface)

    def init(self, frequency: int = 1_000_000) -> None:
        self.other.init(frequency)

    def uninit(self) -> None:
        self.other.uninit()

    def readDP(self, addr: int, mode: Any = None) -> int:
        return self.other.readDP(addr)

    def writeDP(self, addr: int, data: int) -> None:
        self.other.writeDP(addr, data)

    def readAP(self, addr: int, mode: Any = None) -> int:
        self.used.append(f"readAP {addr:#x}")
        return self.other.readAP(addr)

    def writeAP(self, addr: int, data: int) -> None:
        self.other.writeAP(addr, data)

    def assertReset(self, asserted: bool) -> None:
        self.other.assertReset(asserted)

    def setClock(self, frequency: int) -> None:
        self.other.setClock(frequency)


def test_a_transport_of_ones_own_carries_everything() -> None:
    TRANSPORT["mine"] = Adapter
    board = MbedBoard.chooseBoard(transport="mine")
    assert board is not None
    with board:
        target = board.target
        assert "readAP 0xfc" in Adapter.used  # IDR
        assert target.part_number == "STM32F407xG"
        target.writeBlockMemoryUnaligned8(RAM + 1, list(range(100)))
        assert target.readBlockMemoryUnaligned8(RAM + 1, 100) == list(range(100))
        board.flash.flashBlock(FLASH, list(range(200)))
        assert target.readBlockMemoryUnaligned8(FLASH, 200) == list(range(200))
        target.resetStopOnReset(software_reset=False)
        assert target.isHalted()
        target.write32(RAM, 5)
        with pytest.raises(TransferFault):
            target.read32(0xC000_0000)
        assert target.read32(RAM) == 5


def test_a_transport_that_is_none() -> None:
    with pytest.raises(UsageError, match="no transport 'smoke'"):
        MbedBoard.chooseBoard("smoke")


def test_a_transport_that_breaks_is_a_lost_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    TRANSPORT["mine"] = Adapter
    board = MbedBoard.chooseBoard("mine")
    assert board is not None

    def broken(self: Adapter, addr: int, mode: Any = None) -> int:
        raise OSError("smoke")

    monkeypatch.setattr(Adapter, "readAP", broken)
    with pytest.raises(ProbeLost, match="smoke"):
        board.target.read32(RAM)
    monkeypatch.undo()
    board.uninit()


def test_the_built_in_transport() -> None:
    (device,) = CMSIS_DAP.get_connected_devices()
    transport = CMSIS_DAP(device.interface)
    with pytest.raises(UsageError, match="not open"):
        transport.readDP(0)
    transport.init()
    assert transport.readDP(0) == 0x2BA0_1477
    transport.setClock(2_000_000)
    transport.setDeferredTransfer(True)
    assert transport.info(0xFE) == 4
    transport.reset()
    transport.assertReset(True)
    transport.assertReset(False)
    assert transport.readAP(0xFC) == 0x2477_0011
    transport.writeMem(RAM, 0x0403_0201)
    transport.writeMem(RAM + 1, 0xAA, 8)
    transport.writeMem(RAM + 2, 0xBBCC, 16)
    assert transport.readMem(RAM) == 0xBBCC_AA01
    assert transport.readMem(RAM + 1, 8) == 0xAA
    words = list(range(600))
    transport.writeBlock32(RAM + 0x10, words)
    assert transport.readBlock32(RAM + 0x10, 600) == words
    assert transport.readDP(0, READ_START) is None
    transport.flush()
    assert transport.readDP(0, READ_END) == 0x2BA0_1477
    transport.uninit()


def test_a_transport_without_methods_says_so() -> None:
    transport = Transport(Interface())
    for call in (
        lambda: transport.readDP(0),
        lambda: transport.writeDP(0, 0),
        lambda: transport.readAP(0),
        lambda: transport.writeAP(0, 0),
        lambda: transport.readMem(0),
        lambda: transport.writeMem(0, 0),
        lambda: transport.readBlock32(0, 1),
        lambda: transport.writeBlock32(0, [0]),
    ):
        with pytest.raises(UsageError, match=r"has no \w+\(\)"):
            call()
