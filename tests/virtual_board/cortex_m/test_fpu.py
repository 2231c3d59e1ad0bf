"""FP contexts and their lazy stacking. Source: DDI 0403 B1.5.7, B3.2.20 to B3.2.23."""

from __future__ import annotations

import struct

import pytest

from onchip.arch import scs
from onchip.arch.scs import CFSR, DEMCR, FPCCR, HFSR, MPU_CTRL
from tests.virtual_board.cortex_m.machine import Machine
from tests.virtual_board.cortex_m.opcodes import BX_LR, LOOP, NOP, SVC

VADD = (0xEE30, 0x0A20)  # vadd.f32 s0, s0, s1
VMRS_R4 = (0xEEF1, 0x4A10)
TOP = 0x2000_4000
FP_AREA = TOP - 0x68 + 0x20
F1, F2, F3 = (struct.unpack("<I", struct.pack("<f", f))[0] for f in (1.0, 2.0, 3.0))


def fp_machine(*code: int, handler: tuple[int, ...] = (BX_LR,), **options: int) -> Machine:
    """Return a machine with FP on; ``handler`` is that of SVCall."""
    machine = Machine(**options).assemble(*code)
    machine.write(scs.CPACR, 0xF << 20)
    machine.write(scs.SHCSR.address, 7 << 16)
    for exception in (3, 4, 5, 6):
        machine.vector(exception, 0x190 + 4 * exception)
        machine.put(0x190 + 4 * exception, LOOP)
    machine.vector(11, 0x180)
    machine.put(0x180, *handler)
    return machine.set(s0=F1, s1=F2)


def fpccr(machine: Machine) -> FPCCR:
    return FPCCR(machine.read(FPCCR.address))


@pytest.mark.parametrize("lspen", [0, 1])
def test_an_fp_instruction_makes_the_frame_an_extended_one(lspen: int) -> None:
    machine = fp_machine(*VADD, SVC, *VADD, LOOP)
    machine.write(FPCCR.address, FPCCR.build(ASPEN=1, LSPEN=lspen))
    machine.vector(11, 0x180)
    machine.put(0x180, 0xEE30, 0x0AA0, BX_LR)  # vadd.f32 s0, s1, s1
    machine.halt()
    machine.step()
    assert machine.register("s0") == F3
    assert machine.register("control") == 4
    machine.set(fpscr=0x2000_0000)
    machine.step()
    assert machine.register("lr") == 0xFFFF_FFE9
    assert machine.register("sp") == TOP - 0x68
    assert machine.register("control") == 0
    if lspen:
        assert fpccr(machine).LSPACT
        assert machine.read(scs.FPCAR) == FP_AREA
        assert machine.read(FP_AREA) == 0
        assert machine.register("s0") == F3
    machine.step()
    assert not fpccr(machine).LSPACT
    assert machine.read(FP_AREA) == F3
    assert machine.read(FP_AREA + 0x40) == 0x2000_0000
    assert machine.register("s0") != F3
    assert machine.register("fpscr") == 0
    machine.step()
    assert machine.register("s0") == F3
    assert machine.register("fpscr") == 0x2000_0000
    assert (machine.register("control"), machine.register("sp")) == (4, TOP)


def test_a_handler_that_uses_fp_leaves_a_task_without_fp_alone() -> None:
    machine = fp_machine(SVC, LOOP)
    machine.vector(11, 0x180)
    machine.put(0x180, *VADD, BX_LR)
    machine.run(100)
    assert machine.register("control") == 0
    assert machine.register("sp") == TOP


def test_after_reset() -> None:
    machine = fp_machine(LOOP)
    assert fpccr(machine) == FPCCR.build(ASPEN=1, LSPEN=1)
    machine.write(FPCCR.address, 0xFFFF_FFFF)
    assert fpccr(machine) == 0xC000_017B
    machine.write(scs.FPCAR, 0xFFFF_FFFF)
    assert machine.read(scs.FPCAR) == 0xFFFF_FFF8
    machine.write(scs.FPDSCR, 0xFFFF_FFFF)
    assert machine.read(scs.FPDSCR) == 0x07C0_0000
    machine.core.reset("system")
    assert fpccr(machine) == FPCCR.build(ASPEN=1, LSPEN=1)
    assert (machine.read(scs.FPCAR), machine.read(scs.FPDSCR), machine.read(scs.CPACR)) == (0, 0, 0)


def test_a_core_without_fpu_has_none_of_its_registers() -> None:
    machine = Machine("m4").assemble(LOOP)
    for address in (FPCCR.address, scs.FPCAR, scs.FPDSCR, scs.CPACR, scs.MVFR0):
        machine.write(address, 0xFFFF_FFFF)
        assert machine.read(address) == 0


def test_state_that_no_handler_touches_is_never_stacked() -> None:
    machine = fp_machine(*VADD, SVC, LOOP)
    machine.set(fpscr=0)
    machine.run(200)
    assert machine.register("pc") == 0x106
    assert (machine.register("s0"), machine.register("control")) == (F3, 4)
    assert not fpccr(machine).LSPACT
    assert machine.read(scs.FPCAR) == FP_AREA
    assert all(machine.read(FP_AREA + 4 * n) == 0 for n in range(18))


def test_fpccr_tells_whose_state_it_is_and_what_could_have_preempted_it() -> None:
    machine = fp_machine(*VADD, SVC, LOOP, handler=(LOOP,))
    machine.write(DEMCR.address, DEMCR.MON_EN.mask)
    machine.set(psp=0x2000_1000, control=3)
    machine.run(100)
    everything = {"HFRDY": 1, "BFRDY": 1, "MMRDY": 1, "MONRDY": 1}
    assert fpccr(machine) == FPCCR.build(ASPEN=1, LSPEN=1, LSPACT=1, THREAD=1, USER=1, **everything)
    assert machine.read(scs.FPCAR) == 0x2000_1000 - 0x68 + 0x20
    # in a handler of priority 0 only a HardFault can come; NMI is what stacks here
    nested = fp_machine(SVC, LOOP, handler=(*VADD, 0x6008, NOP, LOOP))
    nested.vector(2, 0x1C0)
    nested.put(0x1C0, LOOP)
    nested.set(r0=1 << 31, r1=0xE000_ED04)
    nested.run(100)
    assert nested.core.engine.ipsr() == 2
    assert fpccr(nested) == FPCCR.build(ASPEN=1, LSPEN=1, LSPACT=1, HFRDY=1)


def test_a_nested_handler_stacks_for_the_thread_below() -> None:
    # SVCall pends NMI, which is the first to use FP
    machine = fp_machine(*VADD, SVC, LOOP, handler=(0x6008, NOP, BX_LR))
    machine.vector(2, 0x1C0)
    machine.put(0x1C0, 0xEE30, 0x0AA0, BX_LR)  # vadd.f32 s0, s1, s1
    machine.set(r0=1 << 31, r1=0xE000_ED04)
    machine.run(300)
    assert (machine.core.engine.ipsr(), machine.register("s0")) == (0, F3)
    assert machine.read(FP_AREA) == F3
    assert not fpccr(machine).LSPACT


def test_two_contexts_in_a_row_are_both_stacked() -> None:
    # thread, SVCall and NMI use FP
    machine = fp_machine(*VADD, SVC, LOOP, handler=(0xEE30, 0x0AA0, 0x6008, NOP, BX_LR))
    machine.vector(2, 0x1C0)
    machine.put(0x1C0, 0xEE30, 0x0A00, *VADD, BX_LR)
    machine.set(r0=1 << 31, r1=0xE000_ED04)
    machine.run(300)
    assert (machine.core.engine.ipsr(), machine.register("s0")) == (0, F3)
    four = struct.unpack("<I", struct.pack("<f", 4.0))[0]
    assert (machine.read(FP_AREA), machine.read(FP_AREA - 0x68)) == (F3, four)


def test_a_tail_chained_handler_finds_the_state_in_the_registers_too() -> None:
    machine = fp_machine(*VADD, SVC, LOOP, handler=(0x6008, NOP, BX_LR))  # pends PendSV
    machine.vector(14, 0x1C0)
    machine.put(0x1C0, 0xEE30, 0x0AA0, BX_LR)
    machine.set(r0=1 << 28, r1=0xE000_ED04)
    machine.run(300)
    assert (machine.register("pc"), machine.register("s0")) == (0x106, F3)
    assert machine.read(FP_AREA) == F3


def test_a_new_context_begins_with_fpdscr_and_the_old_one_comes_back() -> None:
    machine = fp_machine(*VADD, SVC, LOOP, handler=(*VMRS_R4, BX_LR))
    machine.write(scs.FPDSCR, 0x0240_0000)
    machine.halt()
    machine.step()
    assert machine.register("fpscr") == 0x0240_0000
    machine.set(fpscr=0x0300_0000, r4=1)
    machine.resume()
    machine.run(200)
    assert machine.register("r4") == 0x0240_0000
    assert machine.register("fpscr") == 0x0300_0000


def test_without_aspen_nobody_keeps_the_state() -> None:
    machine = fp_machine(*VADD, SVC, LOOP, handler=(*VADD, BX_LR))
    machine.write(FPCCR.address, 0)
    machine.halt()
    machine.step()
    assert machine.register("control") == 0
    machine.step()
    assert machine.register("lr") == 0xFFFF_FFF9
    assert machine.register("sp") == TOP - 0x20
    machine.resume()
    machine.run(100)
    five = struct.unpack("<I", struct.pack("<f", 5.0))[0]
    assert machine.register("s0") == five


def test_a_debugger_that_looks_changes_nothing() -> None:
    machine = fp_machine(*VADD, SVC, LOOP, handler=(NOP, *VADD, BX_LR))
    machine.debug(1)
    machine.write(0xE000_2008, 1 << 30 | 0x180 | 1)
    machine.write(0xE000_2000, 3)
    machine.run(100)
    assert machine.core.halted
    assert machine.dcr_read(0x40) == F3  # S0
    assert fpccr(machine).LSPACT
    machine.write(0xE000_2000, 2)
    machine.resume()
    machine.run(100)
    assert machine.register("s0") == F3
    assert machine.read(FP_AREA) == F3


def test_a_program_may_drop_what_was_put_off() -> None:
    # str r0, [r1] to FPCCR, then FP in the handler: nothing is stacked, and garbage comes back
    machine = fp_machine(*VADD, SVC, LOOP, handler=(0x6008, *VADD, BX_LR))
    machine.set(r0=0xC000_0000, r1=FPCCR.address)
    machine.run(200)
    assert machine.register("s0") == 0
    assert machine.read(FP_AREA) == 0


def test_nocp_in_a_handler_leaves_the_state_where_it_is() -> None:
    machine = fp_machine(*VADD, SVC, LOOP, handler=(0x6008, *VADD, BX_LR))
    machine.write(0xE000_ED1C, 0x80 << 24)  # SVCall below UsageFault
    machine.set(r0=0, r1=scs.CPACR)
    machine.run(200)
    assert machine.core.engine.ipsr() == 6
    assert machine.read(CFSR.address) == CFSR.NOCP.mask
    assert fpccr(machine).LSPACT
    assert machine.register("s0") == F3


def test_stacking_at_once_needs_access_too() -> None:
    machine = fp_machine(*VADD, SVC, LOOP, handler=(LOOP,))
    machine.write(FPCCR.address, FPCCR.build(ASPEN=1))
    machine.halt()
    machine.step()
    machine.write(scs.CPACR, 0)
    machine.write(0xE000_ED1C, 0x80 << 24)
    machine.resume()
    machine.run(100)
    assert machine.core.engine.ipsr() == 6
    assert machine.read(CFSR.address) == CFSR.NOCP.mask
    assert 11 in machine.core.nvic.pending


def test_a_return_to_a_context_needs_access() -> None:
    # the handler uses FP, then forbids it and returns to a frame with FP state
    machine = fp_machine(*VADD, SVC, LOOP, handler=(*VADD, 0x6008, BX_LR))
    machine.set(r0=0, r1=scs.CPACR)
    machine.run(200)
    assert machine.core.engine.ipsr() == 6
    assert machine.read(CFSR.address) == CFSR.NOCP.mask


def test_where_the_stack_cannot_take_it_nothing_is_put_off() -> None:
    machine = fp_machine(*VADD, SVC, LOOP)
    machine.set(sp=0x2000_0040)
    machine.run(100)
    assert machine.read(CFSR.address) & CFSR.STKERR.mask
    protected = fp_machine(*VADD, SVC, LOOP, handler=(LOOP,))
    protected.write(MPU_CTRL.address, 5)  # on, with the default map for privileged code
    protected.run(100)
    assert protected.core.engine.ipsr() == 11
    assert not fpccr(protected).LSPACT
    assert protected.read(FP_AREA) == F3
    assert protected.read(HFSR.address) == 0


def test_lazy_stacking_leaves_no_trace_of_the_cuts() -> None:
    def end(chunk: int) -> str:
        machine = fp_machine(*VADD, SVC, *VADD, 0xE7F9, handler=(NOP, 0xEE30, 0x0AA0, BX_LR))
        for _ in range(600 // chunk):
            machine.run(chunk)
        return machine.core.fingerprint()

    assert len({end(chunk) for chunk in (1, 7, 50, 600) if 600 % chunk == 0 or chunk != 7}) == 1
