from collections.abc import Iterator

import pytest

from onchip.coresight.access_port import AccessPort, find_access_ports
from onchip.coresight.debug_port import DebugPort
from onchip.coresight.mem_ap import MemAp
from onchip.dap.client import DapClient
from onchip.errors import CoreTimeout, LockedChip
from onchip.target.families import nordic
from onchip.virtual_board.board import VirtualBoard

Ports = list[AccessPort | MemAp]


def ports(board: VirtualBoard) -> Ports:
    dp = DebugPort(DapClient.open(board.link()))
    dp.connect()
    return find_access_ports(dp)


@pytest.fixture
def locked() -> Iterator[VirtualBoard]:
    with VirtualBoard("nrf52840", locked=True) as board:
        yield board


def test_an_open_chip_passes() -> None:
    with VirtualBoard("nrf52840") as board:
        aps = ports(board)
        assert nordic.find_ctrl_ap(aps) is not None
        nordic.check_unlocked(aps)


def test_a_chip_without_ctrl_ap_passes() -> None:
    with VirtualBoard("stm32f407") as board:
        aps = ports(board)
        assert nordic.find_ctrl_ap(aps) is None
        nordic.check_unlocked(aps)


def test_a_locked_chip_is_named_and_left_alone(locked: VirtualBoard) -> None:
    aps = ports(locked)
    for memory in locked.chip.flash_memories:
        memory.data[0:4] = b"\1\2\3\4"
    with pytest.raises(LockedChip, match="APPROTECTSTATUS") as caught:
        nordic.check_unlocked(aps)
    assert caught.value.hint is not None
    assert "eras" in caught.value.hint
    assert all(bytes(m.data[0:4]) == b"\1\2\3\4" for m in locked.chip.flash_memories)


def test_erasing_all_opens_it(locked: VirtualBoard) -> None:
    aps = ports(locked)
    flash = max(locked.chip.flash_memories, key=lambda memory: len(memory.data))
    flash.data[0:4] = b"\1\2\3\4"
    ap = nordic.find_ctrl_ap(aps)
    assert ap is not None
    nordic.erase_all(ap)
    nordic.check_unlocked(aps)
    assert bytes(flash.data[0:4]) == b"\xff" * 4


class StuckPort:
    """A CTRL-AP whose erase never ends, or that stays locked."""

    def __init__(self, *, busy: int) -> None:
        self.busy = busy
        self.index = 1
        self.idr = nordic.CTRL_AP_IDR
        self.seconds = 0.0
        self.written: list[tuple[int, int]] = []
        self.dp = self.client = self.link = self

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def read(self, register: int) -> int:
        return self.busy if register == nordic.ERASEALLSTATUS else 0

    def write(self, register: int, value: int) -> None:
        self.written.append((register, value))


def test_an_erase_that_never_ends_times_out() -> None:
    port = StuckPort(busy=1)
    with pytest.raises(CoreTimeout, match="took over 15 s"):
        nordic.erase_all(port)  # type: ignore[arg-type]
    assert port.written == [(nordic.ERASEALL, 1)]


def test_a_chip_that_stays_locked_is_told() -> None:
    class Locked(StuckPort, AccessPort):  # type: ignore[misc]
        pass

    with pytest.raises(LockedChip):
        nordic.erase_all(Locked(busy=0))
