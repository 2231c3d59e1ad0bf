"""The target under the classic names."""

from __future__ import annotations

import pytest

from onchip.errors import TransferError, UsageError
from onchip.probe.counting import CountingLink
from pyOCD.board import MbedBoard
from pyOCD.target import Target, cortex_m
from pyOCD.transport import READ_END, READ_NOW, READ_START
from pyOCD.utility import conversion

RAM = 0x2000_0000
LOOP = 0x0800_0102


def test_run_control(board: MbedBoard) -> None:
    target = board.target
    assert target.isHalted()
    assert target.getState() == Target.TARGET_HALTED
    target.resume()
    assert target.isRunning()
    target.halt()
    before = target.readCoreRegister("pc")
    target.step()
    assert target.readCoreRegister("pc") != before
    target.flush()


def test_resets(board: MbedBoard) -> None:
    for software in (None, True, False):
        board.target.reset(software)
        assert board.target.isRunning()
        board.target.resetStopOnReset(software)
        assert board.target.readCoreRegister("pc") == 0x0800_0100
    board.target.resume()
    board.target.setTargetState("PROGRAM")
    assert board.target.isHalted()


def test_registers_by_name_and_number(board: MbedBoard) -> None:
    target = board.target
    target.writeCoreRegister("R5", 0x1234_5678)
    assert target.readCoreRegister("r5") == target.readCoreRegister(5) == 0x1234_5678
    assert target.readCoreRegister("PC") == target.readCoreRegister(15)
    assert target.readCoreRegistersRaw(["r5", 5, "sp"])[:2] == [0x1234_5678] * 2
    target.writeCoreRegistersRaw(["r1", "r2"], [1, 2])
    assert target.readCoreRegistersRaw(["r1", "r2"]) == [1, 2]


def test_floating_point_registers_are_numbers(board: MbedBoard) -> None:
    board.target.writeCoreRegister("s3", 1.5)
    assert board.target.readCoreRegister("s3") == 1.5
    assert board.target.readCoreRegisterRaw("s3") == 0x3FC0_0000
    assert board.target.readCoreRegister(0x43) == 1.5
    assert board.target.has_fpu


def test_cfbp_is_four_registers_in_one(board: MbedBoard) -> None:
    board.target.writeCoreRegisterRaw("cfbp", 0x0000_2001)
    assert board.target.readCoreRegister("primask") == 1
    assert board.target.readCoreRegister("basepri") == 0x20
    assert board.target.readCoreRegister(20) == 0x0000_2001


def test_a_register_that_is_none(board: MbedBoard) -> None:
    for nonsense in (99, "r99"):
        with pytest.raises(UsageError):
            board.target.readCoreRegister(nonsense)


def test_memory_in_every_size(board: MbedBoard) -> None:
    target = board.target
    target.write32(RAM, 0x1122_3344)
    target.write16(RAM + 4, 0x5566)
    target.write8(RAM + 6, 0x77)
    assert target.read32(RAM) == 0x1122_3344
    assert target.read16(RAM + 4) == 0x5566
    assert target.read8(RAM + 6) == 0x77
    assert target.readBlockMemoryUnaligned8(RAM + 1, 6) == [0x33, 0x22, 0x11, 0x66, 0x55, 0x77]
    later = target.read32(RAM, now=False)
    assert callable(later)
    assert later() == 0x1122_3344


def test_blocks_of_memory(board: MbedBoard) -> None:
    target = board.target
    target.writeBlockMemoryAligned32(RAM, [1, 2, 0xFFFF_FFFF])
    assert target.readBlockMemoryAligned32(RAM, 3) == [1, 2, 0xFFFF_FFFF]
    target.writeBlockMemoryUnaligned8(RAM + 3, [9, 8, 7])
    assert target.readBlockMemoryUnaligned8(RAM + 2, 5) == [0, 9, 8, 7, 0]


def test_breakpoints(board: MbedBoard) -> None:
    target = board.target
    free = target.availableBreakpoint()
    assert target.setBreakpoint(LOOP)
    assert target.getBreakpointType(LOOP) == Target.BREAKPOINT_HW
    assert target.availableBreakpoint() == free - 1
    assert target.findBreakpoint(LOOP)
    target.resume()
    board.session.core.wait_halted(1.0)
    assert target.readCoreRegister("pc") == LOOP
    target.removeBreakpoint(LOOP)
    target.removeBreakpoint(LOOP)
    assert target.getBreakpointType(LOOP) is None
    assert target.setBreakpoint(RAM, Target.BREAKPOINT_SW)
    assert target.getBreakpointType(RAM) == Target.BREAKPOINT_SW
    target.removeBreakpoint(RAM)


def test_a_breakpoint_that_cannot_be_is_false(board: MbedBoard) -> None:
    assert not board.target.setBreakpoint(0x0800_0000, Target.BREAKPOINT_SW)


def test_watchpoints(board: MbedBoard) -> None:
    target = board.target
    for kind in (Target.WATCHPOINT_READ, Target.WATCHPOINT_WRITE, Target.WATCHPOINT_READ_WRITE):
        assert target.setWatchpoint(RAM, 4, kind)
        target.removeWatchpoint(RAM, 4, kind)
    assert not target.setWatchpoint(RAM + 1, 30, Target.WATCHPOINT_READ)


def test_vector_catch(board: MbedBoard) -> None:
    target = board.target
    target.setVectorCatchFault(True)
    target.setVectorCatchReset(True)
    assert target.getVectorCatchFault()
    assert target.getVectorCatchReset()
    target.setVectorCatchFault(False)
    assert not target.getVectorCatchFault()
    assert target.getVectorCatchReset()


def test_what_it_is(board: MbedBoard) -> None:
    assert board.target.readIDCode() == 0x2BA0_1477
    assert board.target.part_number
    assert not board.target.isLocked()
    assert board.target.getMemoryMap() is board.target.memory_map


def test_attaching_without_a_halt() -> None:
    (board,) = MbedBoard.getAllConnectedBoards()
    board.target.setHaltOnConnect(False)
    board.target.setAutoUnlock(True)
    board.target.init()
    assert not board.session.core.halted
    assert board.target.auto_unlock
    board.uninit()


def test_a_running_core_is_left_alone_by_resume_and_step(
    board: MbedBoard, caplog: pytest.LogCaptureFixture
) -> None:
    board.target.resume()
    board.target.resume()
    board.target.step()
    assert board.target.isRunning()
    assert "step: the core is not halted" in caplog.text


def test_steps_with_and_without_interrupts(board: MbedBoard) -> None:
    target = board.target
    target.write32(0xE000_E014, 1)  # SysTick fires at once
    target.write32(0xE000_E010, 7)
    target.step()
    target.step()
    assert target.readCoreRegister("xpsr") & 0x1FF == 0
    target.step(disable_interrupts=False)
    target.step(disable_interrupts=False)
    assert target.readCoreRegister("xpsr") & 0x1FF == 15


def test_states_keep_their_numbers(board: MbedBoard) -> None:
    target = board.target
    assert (Target.TARGET_RUNNING, Target.TARGET_HALTED, Target.TARGET_RESET) == (1, 2, 3)
    assert (Target.TARGET_SLEEPING, Target.TARGET_LOCKUP) == (4, 5)
    assert (Target.BREAKPOINT_HW, Target.BREAKPOINT_SW, Target.BREAKPOINT_AUTO) == (1, 2, 3)
    assert (Target.WATCHPOINT_READ, Target.WATCHPOINT_WRITE) == (1, 2)
    assert Target.WATCHPOINT_READ_WRITE == 3
    target.write16(RAM, 0xBF30)  # WFI
    target.writeCoreRegister("pc", RAM)
    target.resume()
    board.session.core.sleep(0.001)
    assert target.getState() == Target.TARGET_SLEEPING
    board.link.assert_reset(True)
    assert target.getState() == Target.TARGET_RESET
    board.link.assert_reset(False)


def test_reads_that_are_begun_travel_together(board: MbedBoard) -> None:
    target = board.target
    target.writeBlockMemoryAligned32(RAM, list(range(100, 200)))
    counting = CountingLink(board.session.client.link)
    board.session.client.link = counting
    later = [target.read32(RAM + 4 * index, now=False) for index in range(100)]
    assert counting.traffic.packets == 0
    assert later[99]() == 199
    used = counting.traffic.packets
    assert 0 < used < 30
    assert [fetch() for fetch in later] == list(range(100, 200))
    assert counting.traffic.packets == used


def test_a_read_that_was_begun_comes_before_what_follows(board: MbedBoard) -> None:
    target = board.target
    target.write8(RAM, 1)
    before = target.read8(RAM, now=False)
    target.write8(RAM, 2)
    after = target.read16(RAM, now=False)
    target.flush()
    assert (before(), after() & 0xFF) == (1, 2)


def test_a_read_that_fails_says_so_where_it_is_fetched(board: MbedBoard) -> None:
    later = board.target.read32(0xC000_0000, now=False)
    board.target.flush()
    with pytest.raises(TransferError):
        later()
    assert board.target.isHalted()


def test_the_modes_of_old_versions(board: MbedBoard) -> None:
    target = board.target
    target.write32(RAM, 0x0403_0201)
    assert target.readMemory(RAM, 32, READ_NOW) == 0x0403_0201
    assert target.readMemory(RAM, 8, READ_START) is None
    assert target.read16(RAM + 2, READ_START) is None
    assert target.readMemory(RAM, 8, READ_END) == 1
    assert target.read16(RAM + 2, READ_END) == 0x0403
    assert target.readMemory(RAM, 8, mode=2) == 1
    with pytest.raises(UsageError, match="without its READ_START"):
        target.read8(RAM, READ_END)


def test_a_transfer_size_that_is_none(board: MbedBoard) -> None:
    with pytest.raises(UsageError, match="8, 16 or 32"):
        board.target.readMemory(RAM, 64)
    board.target.writeMemory(RAM, -1, transfer_size=16)
    assert board.target.read16(RAM) == 0xFFFF


def test_masks_of_vector_catch(board: MbedBoard) -> None:
    target = board.target
    target.setVectorCatch(Target.CATCH_BUS_FAULT | Target.CATCH_CHECK_ERR)
    assert target.getVectorCatch() == 0x22
    assert board.session.core.vector_catch == {"busfault", "usagefault-check"}
    target.setVectorCatchFault(True)
    assert target.getVectorCatch() == 0x23
    target.setVectorCatch(Target.CATCH_ALL)
    assert len(board.session.core.vector_catch) == 8


def test_points_of_no_kind_are_refused(board: MbedBoard) -> None:
    with pytest.raises(UsageError):
        board.target.setBreakpoint(LOOP, 4)
    with pytest.raises(UsageError):
        board.target.setWatchpoint(RAM, 4, 0)
    board.target.removeWatchpoint(RAM, 4, Target.WATCHPOINT_READ)


def test_breakpoints_run_out(board: MbedBoard) -> None:
    target = board.target
    target.session.flash_breakpoints = "off"  # as on a real chip
    places = [LOOP + 4 * index for index in range(target.availableBreakpoint())]
    assert all(target.setBreakpoint(place) for place in places)
    assert target.availableBreakpoint() == 0
    assert not target.setBreakpoint(LOOP + 0x40)
    target.session.flash_breakpoints = "on"
    assert target.setBreakpoint(LOOP + 0x40)
    assert target.getBreakpointType(LOOP + 0x40) == Target.BREAKPOINT_SW
    target.removeBreakpoint(LOOP + 0x40)
    assert target.getBreakpointType(LOOP + 0x40) is None


def test_a_watchpoint_stops_the_core(board: MbedBoard) -> None:
    target = board.target
    target.writeBlockMemoryUnaligned8(RAM, [0x08, 0x60, 0xFD, 0xE7])  # str r0, [r1]; b .-2
    target.writeCoreRegister("pc", RAM)
    target.writeCoreRegister("r1", RAM + 0x100)
    assert target.setWatchpoint(RAM + 0x100, 4, Target.WATCHPOINT_WRITE)
    assert target.findWatchpoint(RAM + 0x100, 4, Target.WATCHPOINT_WRITE) is not None
    target.resume()
    board.session.core.sleep(0.01)
    assert target.isHalted()


def test_what_gdb_is_told(board: MbedBoard) -> None:
    target = board.target
    assert 'org.gnu.gdb.arm.m-profile"' in target.getTargetXML()
    assert 'type="flash" start="0x8000000"' in target.getMemoryMapXML()
    assert target.getMemoryMap().getXML().count('type="flash"') == 3
    assert "Cortex-M4" in target.getThreadsXML()
    target.writeCoreRegister("r0", 0x1234_5678)
    context = target.getRegisterContext()
    assert context.startswith("78563412")
    assert len(context) == 17 * 8
    target.setRegisterContext("01000000" + context[8:])
    assert target.readCoreRegister(0) == 1
    target.setRegister(1, "02000000")
    assert target.gdbGetRegister(1) == "02000000"
    assert target.getSignalValue() == 5
    assert target.getTResponse().startswith("T0500:01000000;01:02000000;")
    assert target.getTResponse(gdbInterrupt=True).startswith("T02")
    assert target.getTResponse(forceSignal=11).startswith("T0b")


def test_what_the_probe_tells(board: MbedBoard) -> None:
    assert board.target.info(0xFE) == 4
    assert board.target.info(0xFF) == 512
    assert board.target.info(1)
    assert board.target.cores == {0: board.target}
    assert board.target.selected_core is board.target
    board.target.select_core(0)
    with pytest.raises(ValueError, match="no core 1"):
        board.target.select_core(1)
    assert board.target.getTargetContext() is board.target
    assert board.target.svd_device is None


def test_conversions() -> None:
    assert cortex_m.float2int(1.5) == 0x3FC0_0000
    assert cortex_m.int2float(0x3FC0_0000) == 1.5
    assert conversion.byteListToU32leList([1, 2, 3, 4, 5]) == [0x0403_0201]
    assert conversion.u32leListToByteList([0x0403_0201]) == [1, 2, 3, 4]
    assert conversion.u32BEToHex8le(0x0403_0201) == "01020304"
    assert conversion.hex8leToU32be("01020304ff") == 0x0403_0201
    assert conversion.byteToHex2(10) == "0a"
    assert conversion.hexDecode("0a0b") == [10, 11]
    assert cortex_m.CORE_REGISTER["pc"] == 15
