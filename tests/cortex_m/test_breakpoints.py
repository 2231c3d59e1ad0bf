"""Breakpoints in RAM and in flash, and what memory shows of them."""

from __future__ import annotations

import pytest

from onchip.arch.fpb import FP_COMP, FP_COMP0, FP_CTRL
from onchip.cortex_m import BreakpointKind, HaltKind
from onchip.errors import BreakpointError, UsageError
from tests.budgets.measure import Bench
from tests.cortex_m.conftest import CODE, DATA, LOOP, load


def test_auto_takes_an_opcode_in_ram_and_a_comparator_in_flash(m4: Bench) -> None:
    breakpoints = m4.core.breakpoints
    assert breakpoints.set(CODE + 2).kind is BreakpointKind.SOFTWARE
    assert breakpoints.set(0x0800_0100).kind is BreakpointKind.HARDWARE
    assert breakpoints.available == 5
    assert len(breakpoints) == 2
    assert m4.core.ap.read(CODE + 2, 2) == b"\x00\xbe"
    assert FP_COMP(m4.core.ap.read_u32(FP_COMP0)).REPLACE == 1
    assert FP_CTRL(m4.core.ap.read_u32(FP_CTRL.address)).ENABLE


def test_the_memory_map_may_know_better_where_ram_is(m4: Bench) -> None:
    m4.core.breakpoints.is_ram = lambda address: False
    with pytest.raises(BreakpointError, match="below 0x20000000"):
        m4.core.breakpoints.set(CODE)


def test_setting_again_is_harmless_and_the_thumb_bit_is_dropped(m4: Bench) -> None:
    breakpoints = m4.core.breakpoints
    one = breakpoints.set(0x0800_0101)
    assert breakpoints.set(0x0800_0100) is one
    assert one.address == 0x0800_0100
    assert breakpoints.find(0x0800_0101) is one
    assert breakpoints.available == 5


def test_a_hardware_breakpoint_halts_and_is_left_again(m4: Bench) -> None:
    """From flash alias memory: the loop runs in the Code region through the board's own flash."""
    core = m4.core
    flash = m4.board.bus.find(0x0800_0000)
    assert flash is not None
    assert flash.memory is not None
    flash.memory.data[0x100 : 0x100 + len(LOOP)] = LOOP
    m4.board.bus.code_changed(0x0800_0100, len(LOOP))
    load(core, LOOP)
    core.write_register("pc", 0x0800_0100)
    core.breakpoints.set(0x0800_0104)
    core.resume()
    for turn in range(1, 4):
        reason = core.wait_halted(1.0)
        assert (reason.kind, reason.pc) == (HaltKind.BREAKPOINT, 0x0800_0104)
        assert reason.text == "hardware breakpoint"
        assert core.read_register("r0") == turn
        core.resume()
    core.wait_halted(1.0)
    assert core.step().pc == 0x0800_0106
    core.breakpoints.clear()
    core.resume()
    core.sleep(0.001)
    assert core.poll() is None


def test_both_halves_of_a_word_share_a_comparator(m4: Bench) -> None:
    core = m4.core
    core.breakpoints.set(0x0800_0100)
    core.breakpoints.set(0x0800_0102)
    assert core.breakpoints.available == 5
    assert FP_COMP(core.ap.read_u32(FP_COMP0)).REPLACE == 3
    core.breakpoints.remove(0x0800_0100)
    assert FP_COMP(core.ap.read_u32(FP_COMP0)).REPLACE == 2
    core.breakpoints.remove(0x0800_0102)
    assert core.ap.read_u32(FP_COMP0) == 0


def test_both_halves_of_a_word_are_removed_at_once(m4: Bench) -> None:
    core = m4.core
    core.breakpoints.set(0x0800_0100)
    core.breakpoints.set(0x0800_0102)
    core.breakpoints.clear()
    assert core.ap.read_u32(FP_COMP0) == 0


def test_comparators_run_out(m4: Bench) -> None:
    for n in range(6):
        m4.core.breakpoints.set(0x0800_0100 + 4 * n)
    with pytest.raises(BreakpointError, match="all 6 comparators are in use"):
        m4.core.breakpoints.set(0x0800_0200)
    assert len(m4.core.breakpoints) == 6
    m4.core.breakpoints.remove(0x0800_0100)
    m4.core.breakpoints.set(0x0800_0200)


def test_what_a_version_1_comparator_cannot_reach_is_refused(m4: Bench) -> None:
    with pytest.raises(BreakpointError, match="below 0x20000000"):
        m4.core.breakpoints.set(0x2000_0100, BreakpointKind.HARDWARE)


def test_an_opcode_cannot_be_written_to_flash(m4: Bench) -> None:
    with pytest.raises(BreakpointError, match="no software breakpoint"):
        m4.core.breakpoints.set(0x0800_0100, BreakpointKind.SOFTWARE)
    with pytest.raises(BreakpointError, match="FAULT"):
        m4.core.breakpoints.set(0x9000_0000, BreakpointKind.SOFTWARE)
    assert len(m4.core.breakpoints) == 0


def test_what_is_not_there_cannot_be_removed(m4: Bench) -> None:
    with pytest.raises(BreakpointError, match="no breakpoint"):
        m4.core.breakpoints.remove(CODE)
    with pytest.raises(UsageError):
        m4.core.breakpoints.set(-2)


@pytest.mark.parametrize("offset", range(-3, 4))
@pytest.mark.parametrize("length", [1, 2, 3, 4, 8])
def test_reads_never_show_our_opcodes(m4: Bench, offset: int, length: int) -> None:
    core = m4.core
    content = bytes(range(0x30, 0x50))
    core.memory.write(CODE, content)
    core.breakpoints.set(CODE + 8)
    at = 8 + offset
    assert core.memory.read(CODE + at, length) == content[at : at + length]
    if at % 4 == 0:
        assert core.memory.read_u32(CODE + at) == int.from_bytes(content[at : at + 4], "little")


def test_writes_over_an_opcode_keep_it_armed(m4: Bench) -> None:
    core = m4.core
    core.memory.write(CODE, bytes(16))
    core.breakpoints.set(CODE + 4)
    core.breakpoints.set(CODE + 10)
    new = bytes(range(1, 17))
    core.memory.write(CODE, new)
    assert core.memory.read(CODE, 16) == new
    raw = core.ap.read(CODE, 16)
    assert (raw[4:6], raw[10:12]) == (b"\x00\xbe", b"\x00\xbe")
    core.memory.write_u8(CODE + 5, 0xEE)
    core.memory.write_u32(CODE + 8, 0x1234_5678)
    assert core.ap.read(CODE + 10, 2) == b"\x00\xbe"
    core.breakpoints.clear()
    assert core.ap.read(CODE, 16) == new[:5] + b"\xee" + new[6:8] + b"\x78\x56\x34\x12" + new[12:]


def test_breakpoints_stay_through_a_reset(m4: Bench) -> None:
    core = m4.core
    core.breakpoints.set(0x0800_0100)
    core.reset(halt=True)
    assert FP_COMP(core.ap.read_u32(FP_COMP0)).ENABLE
    assert FP_CTRL(core.ap.read_u32(FP_CTRL.address)).ENABLE


def test_nothing_stays_armed_after_disconnecting(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    core.breakpoints.set(0x0800_0100)
    core.breakpoints.set(CODE + 2)
    core.watchpoints.set(DATA, 4)
    core.vector_catch = {"hardfault"}
    core.disconnect(resume=True)
    ap = core.ap
    assert ap.read(CODE, len(LOOP)) == LOOP
    assert ap.read_u32(FP_COMP0) == 0
    assert not FP_CTRL(ap.read_u32(FP_CTRL.address)).ENABLE
    assert ap.read_u32(0xE000EDFC) & 0x0100_0FFF == 0
    assert ap.read_u32(0xE000EDF0) & 0x2_0003 == 0  # S_HALT, C_HALT, C_DEBUGEN
    core.disconnect(resume=True)


def test_what_a_vanished_debugger_left_is_cleared_at_connect(m4: Bench) -> None:
    m4.core.breakpoints.set(0x0800_0100)
    m4.core.watchpoints.set(DATA, 4)
    again = type(m4.core)(m4.core.ap)
    again.connect()
    assert again.ap.read_u32(FP_COMP0) == 0
    assert again.ap.read_u32(0xE0001028) & 0xF == 0
    assert not again.was_running
    assert again.halted


def test_a_comparator_upon_a_bkpt_of_the_program_is_passed(m4: Bench) -> None:
    core = m4.core
    flash = m4.board.bus.find(0x0800_0000)
    assert flash is not None
    assert flash.memory is not None
    code = bytes.fromhex("00be013001befee7")
    flash.memory.data[0x100 : 0x100 + len(code)] = code
    m4.board.bus.code_changed(0x0800_0100, len(code))
    load(core, LOOP)
    core.write_register("pc", 0x0800_0100)
    core.breakpoints.set(0x0800_0100)
    core.resume()
    assert core.wait_halted(1.0).pc == 0x0800_0100
    core.resume()
    assert core.wait_halted(1.0).pc == 0x0800_0104
    assert core.read_register("r0") == 1


def test_a_comparator_where_nothing_can_be_read_is_set_all_the_same(m4: Bench) -> None:
    assert m4.core.breakpoints.set(0x1FF0_0000).kind is BreakpointKind.HARDWARE
    assert m4.core.breakpoints.original(0x1FF0_0000) is None
    m4.core.breakpoints.clear()
    assert m4.core.breakpoints.available == 6
