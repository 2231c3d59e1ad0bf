"""The target under the classic names."""

from __future__ import annotations

import pytest

from onchip.errors import UsageError
from pyOCD.board import MbedBoard
from pyOCD.target import Target

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
    assert not target.setWatchpoint(RAM + 1, 3, Target.WATCHPOINT_READ)


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
    board.target.disconnect()
    assert board.closed
