"""The probe by itself: identification, clock, reset, registers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from onchip.errors import UsageError
from pyOCD.pyDAPAccess import DAPAccess

REG = DAPAccess.REG
RAM = 0x2000_0000


@pytest.fixture
def link() -> Iterator[DAPAccess]:
    (link,) = DAPAccess.get_connected_devices()
    link.open()
    link.connect()
    yield link
    link.close()


def test_finding() -> None:
    (link,) = DAPAccess.get_connected_devices()
    assert link.get_unique_id() == "virtual:stm32f407"
    assert (link.vendor_name, link.product_name) == ("onchip", "board (CMSIS-DAP)")
    assert DAPAccess.get_device("virtual:stm32f407").get_unique_id() == "virtual:stm32f407"
    assert DAPAccess.get_device("nobody").get_unique_id() == "nobody"
    with pytest.raises(DAPAccess.DeviceError):
        DAPAccess.get_device("nobody").open()
    with pytest.raises(DAPAccess.DeviceError, match="not open"):
        link.identify(DAPAccess.ID.VENDOR)
    assert "virtual:stm32f407" in repr(link)


def test_settings_are_checked() -> None:
    DAPAccess.set_args(["limit_packets=true"])
    with pytest.raises(UsageError):
        DAPAccess.set_args(["fast"])


def test_what_it_is(link: DAPAccess) -> None:
    link.open()
    assert link.identify(DAPAccess.ID.MAX_PACKET_COUNT) == 4
    assert link.identify(DAPAccess.ID.MAX_PACKET_SIZE) == 512
    capabilities = link.identify(DAPAccess.ID.CAPABILITIES)
    assert isinstance(capabilities, int)
    assert capabilities & 1
    assert link.identify(DAPAccess.ID.PRODUCT)
    assert link.identify(DAPAccess.ID.DEVICE_NAME) is None
    assert link.get_swj_mode() is DAPAccess.PORT.SWD


def test_a_vendors_command_that_is_none(link: DAPAccess) -> None:
    with pytest.raises(DAPAccess.CommandError):
        link.vendor(0)


def test_jtag_is_refused(link: DAPAccess) -> None:
    with pytest.raises(DAPAccess.CommandError, match="JTAG"):
        link.connect(DAPAccess.PORT.JTAG)


def test_registers(link: DAPAccess) -> None:
    assert link.read_reg(REG.DP_0x0) == 0x2BA0_1477
    link.write_reg(REG.DP_0x8, 0xF0)
    assert link.read_reg(REG.AP_0xC) == 0x2477_0011
    link.write_reg(REG.DP_0x8, 0)
    link.write_reg(REG.AP_0x0, 0x2300_0052)
    link.write_reg(REG.AP_0x4, RAM)
    link.reg_write_repeat(3, REG.AP_0xC, [1, 2, 3])
    link.write_reg(REG.AP_0x4, RAM)
    assert link.reg_read_repeat(3, REG.AP_0xC) == [1, 2, 3]
    with pytest.raises(ValueError, match="2 writes"):
        link.reg_write_repeat(2, REG.AP_0xC, [1])


def test_reads_that_are_deferred(link: DAPAccess) -> None:
    link.set_deferred_transfer(True)
    link.write_reg(REG.AP_0x0, 0x2300_0052)
    link.write_reg(REG.AP_0x4, RAM)
    link.reg_write_repeat(3, REG.AP_0xC, [1, 2, 3])
    link.write_reg(REG.AP_0x4, RAM)
    first = link.read_reg(REG.AP_0xC, now=False)
    rest = link.reg_read_repeat(2, REG.AP_0xC, now=False)
    link.flush()
    assert (first(), rest()) == (1, [2, 3])
    link.set_deferred_transfer(False)
    link.disconnect()


def test_a_fault_is_told_where_the_value_is_fetched(link: DAPAccess) -> None:
    link.write_reg(REG.AP_0x0, 0x2300_0052)
    link.write_reg(REG.AP_0x4, 0xC000_0000)
    later = link.read_reg(REG.AP_0xC, now=False)
    link.flush()
    with pytest.raises(DAPAccess.TransferFaultError):
        later()
    assert link.read_reg(REG.DP_0x0) == 0x2BA0_1477


def test_a_script_may_drive_the_port_under_a_session() -> None:
    (link,) = DAPAccess.get_connected_devices()
    from pyOCD.board import MbedBoard

    with MbedBoard(link) as board:
        board.init()
        board.target.write32(RAM, 7)
        link.write_reg(REG.DP_0x8, 0xF0)
        link.read_reg(REG.AP_0xC)
        assert board.target.read32(RAM) == 7
        link.write_reg(REG.DP_0x8, 0)
        link.write_reg(REG.AP_0x4, RAM + 4)
        link.read_reg(REG.AP_0xC)
        assert board.target.read32(RAM) == 7


def test_clock_and_reset(link: DAPAccess) -> None:
    link.set_clock(2_000_000)
    assert link.client.frequency_hz == 2_000_000
    link.reset()
    link.assert_reset(True)
    link.assert_reset(False)
    link.close()
    link.close()
    link.set_clock(100_000)
    link.open()
    assert link.client.frequency_hz == 100_000
