"""FP while it is not allowed, and the other instructions the engine does not report by itself."""

from __future__ import annotations

import struct

import pytest

from onchip.arch import scs
from onchip.arch.scs import CFSR
from onchip.virtual_board.bus import Bus
from onchip.virtual_board.cortex_m.it_blocks import condition_holds
from onchip.virtual_board.cortex_m.traps import (
    InstructionTraps,
    Trap,
    classify,
)
from onchip.virtual_board.timeline import Timeline
from tests.virtual_board.cortex_m.machine import Machine
from tests.virtual_board.cortex_m.opcodes import LOOP, NOP, WFE

VADD = (0xEE30, 0x0A20)  # vadd.f32 s0, s0, s1
SDIV = (0xFB91, 0xF0F2)  # sdiv r0, r1, r2
TOP = 0x2000_4000
F1, F2, F3 = (struct.unpack("<I", struct.pack("<f", f))[0] for f in (1.0, 2.0, 3.0))


def fp_machine(*code: int, **options: int) -> Machine:
    machine = Machine(**options).assemble(*code)
    machine.write(scs.CPACR, 0xF << 20)
    machine.write(scs.SHCSR.address, 7 << 16)
    machine.vector(6, 0x1A0)
    machine.put(0x1A0, LOOP)
    return machine.set(s0=F1, s1=F2)


def test_fp_is_nocp_until_cpacr_allows_it() -> None:
    machine = fp_machine(NOP, *VADD, LOOP)
    machine.write(scs.CPACR, 0)
    machine.run(50)
    assert machine.core.engine.ipsr() == 6
    assert machine.read(CFSR.address) == CFSR.NOCP.mask
    assert machine.read(TOP - 8) == 0x102
    assert machine.register("s0") == F1
    machine.write(scs.CPACR, 0xF << 20)
    machine.core.reset("system")
    machine.write(scs.CPACR, 0xF << 20)
    machine.run(50)
    assert machine.register("s0") == F3


def test_fp_for_privileged_code_alone() -> None:
    machine = fp_machine(*VADD, LOOP)
    machine.write(scs.CPACR, 0x5 << 20)
    machine.run(10)
    assert machine.register("s0") == F3
    machine.set(pc=0x100, control=1)
    machine.run(50)
    assert machine.read(CFSR.address) == CFSR.NOCP.mask


def test_stepping_onto_a_forbidden_fp_instruction_faults_too() -> None:
    machine = fp_machine(*VADD, LOOP)
    machine.write(scs.CPACR, 0)
    machine.halt()
    machine.step()
    assert machine.register("pc") == 0x1A0


@pytest.mark.parametrize("cpu", ["m4", "m3"])
def test_a_core_without_fpu_never_allows_fp(cpu: str) -> None:
    machine = Machine(cpu).assemble(*VADD, LOOP)
    machine.vector(6, 0x1A0)
    machine.put(0x1A0, LOOP)
    machine.write(scs.SHCSR.address, 7 << 16)
    machine.write(scs.CPACR, 0xF << 20)
    assert machine.read(scs.CPACR) == 0
    machine.run(50)
    assert machine.read(CFSR.address) == CFSR.NOCP.mask


def test_a_condition_that_fails_skips_the_trap() -> None:
    # movs r0, #1; it eq; vaddeq
    machine = fp_machine(0x2001, 0xBF08, *VADD, LOOP)
    machine.write(scs.CPACR, 0)
    machine.run(50)
    assert machine.register("pc") == 0x108
    assert machine.read(CFSR.address) == 0


def test_the_program_itself_enables_the_fpu() -> None:
    machine = fp_machine(0x6008, *VADD, LOOP)  # str r0, [r1]
    machine.write(scs.CPACR, 0)
    machine.set(r0=0xF << 20, r1=scs.CPACR)
    machine.run(50)
    assert machine.register("s0") == F3


def test_division_by_zero_traps_only_when_asked() -> None:
    machine = fp_machine(*SDIV, LOOP)
    machine.set(r1=7, r2=0, r0=9)
    machine.run(20)
    assert machine.register("r0") == 0
    machine.write(scs.CCR, 0x210)
    machine.set(pc=0x100, r2=2)
    machine.run(20)
    assert machine.register("r0") == 3
    machine.set(pc=0x100, r2=0)
    machine.run(50)
    assert machine.read(CFSR.address) == CFSR.DIVBYZERO.mask
    assert machine.read(TOP - 8) == 0x100
    assert machine.register("r0") == 3


def test_code_loaded_by_the_debugger_is_looked_through_again() -> None:
    machine = fp_machine(LOOP)
    machine.write(scs.CPACR, 0)
    machine.run(10)
    machine.bus.write_block(0x2000_0100, struct.pack("<3H", *VADD, LOOP))
    machine.set(pc=0x2000_0100)
    machine.run(50)
    assert machine.read(CFSR.address) == CFSR.NOCP.mask
    machine.core.reset("system")
    machine.bus.write_block(0x2000_0100, struct.pack("<3H", NOP, NOP, LOOP))
    machine.set(pc=0x2000_0100)
    machine.run(50)
    assert machine.register("pc") == 0x2000_0104


def test_finding_instructions() -> None:
    bus = Bus(Timeline())
    ram = bus.add_memory("ram", 0x2000_0000, 0x400, "ram")
    traps = InstructionTraps(bus)
    ram.data[0x3FE:0x400] = b"\x40\xbf"
    ram.data[0x11:0x13] = b"\x40\xbf"  # not at a halfword
    assert traps.addresses(Trap.SEND_EVENT) == {0x2000_03FE}
    ram.data[0x20:0x22] = b"\x40\xbf"
    assert traps.addresses(Trap.SEND_EVENT) == {0x2000_03FE}
    assert traps.changed(0x2000_0020, 2)
    assert traps.addresses(Trap.SEND_EVENT) == {0x2000_03FE, 0x2000_0020}
    assert not traps.changed(0x2000_0030, 2)
    assert not traps.changed(0x4000_0000, 4)
    ram.data[0x20:0x22] = b"\x00\xbf"
    assert traps.changed(0x2000_0000, 0x400)
    assert traps.addresses(Trap.SEND_EVENT) == {0x2000_03FE}
    ram.data[0x80:0x82] = b"\x62\xb6"
    assert traps.addresses(Trap.MASK_CHANGE) == {0x2000_0080}
    ram.data[0x90:0x94] = b"\x80\xf3\x10\x88"
    assert traps.addresses(Trap.MASK_CHANGE) == {0x2000_0080}
    assert traps.changed(0x2000_0090, 4)
    assert traps.addresses(Trap.MASK_CHANGE) == {0x2000_0080, 0x2000_0090}


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        *((0xBF40, 0, Trap.SEND_EVENT), (0xF3AF, 0x8004, Trap.SEND_EVENT), (0xF3AF, 0x8003, None)),
        *((*VADD, Trap.FLOATING_POINT), (0xED97, 0x1B02, Trap.FLOATING_POINT)),
        *((0xECBD, 0x8B10, Trap.FLOATING_POINT), (0xEEF1, 0xFA10, Trap.FLOATING_POINT)),
        *((0xE92D, 0x4FF0, None), (*SDIV, Trap.DIVIDE), (0xFBB1, 0xF0F2, Trap.DIVIDE)),
        *((0xFBA1, 0x0102, None), (0xB662, 0, Trap.MASK_CHANGE), (0xB663, 0, Trap.MASK_CHANGE)),
        *((0xF383, 0x8811, Trap.MASK_CHANGE), (0xB5F0, 0, None), (WFE, 0, None), (0xB672, 0, None)),
    ],
)
def test_classify(first: int, second: int, kind: Trap | None) -> None:
    assert classify(first, second) is kind


@pytest.mark.parametrize(
    ("condition", "nzcv", "holds"),
    [
        *((0, 0b0100, True), (0, 0, False), (1, 0, True), (2, 0b0010, True), (3, 0b0010, False)),
        *((4, 0b1000, True), (5, 0b1000, False), (6, 0b0001, True), (7, 0b0001, False)),
        *((8, 0b0010, True), (8, 0b0110, False), (9, 0b0110, True), (10, 0b1001, True)),
        *((10, 0b1000, False), (11, 0b1000, True), (12, 0, True), (12, 0b0100, False)),
        *((13, 0b0100, True), (14, 0, True)),
    ],
)
def test_conditions(condition: int, nzcv: int, holds: bool) -> None:
    it_state = condition << 4 | 0x8
    xpsr = nzcv << 28 | (it_state & 0xFC) << 8 | (it_state & 3) << 25
    assert condition_holds(xpsr) is holds


def test_outside_an_it_block_everything_executes() -> None:
    assert condition_holds(0x0100_0000)


# ---- bus faults that are ignored


@pytest.mark.parametrize("ignored", [False, True])
def test_a_probe_of_the_bus_with_faultmask_and_bfhfnmign(ignored: bool) -> None:
    # cpsid f; ldr r0, [r1]; ldr.w r0, [r1]; adds r2, #1
    machine = Machine("m3").assemble(0xB671, 0x6808, 0xF8D1, 0x0000, 0x3201, LOOP)
    machine.write(scs.CCR, 0x300 if ignored else 0x200)
    machine.set(r1=0x6000_0000, r2=0)
    machine.run(50)
    assert machine.core.locked_up != ignored
    assert machine.read(scs.CFSR.address) & 0x8200 == 0x8200  # BFARVALID, PRECISERR
    assert machine.read(scs.BFAR) == 0x6000_0000
    assert machine.register("r2") == int(ignored)


def test_an_ignored_bus_fault_within_an_it_block() -> None:
    # cpsid f; cmp r0, r0; itte eq; ldreq r0, [r1]; addeq r2, #1; addne r2, #16
    machine = Machine("m4f").assemble(0xB671, 0x4280, 0xBF06, 0x6808, 0x3201, 0x3210, LOOP)
    machine.write(scs.CCR, 0x300)
    machine.set(r1=0x6000_0000, r2=0)
    machine.run(50)
    assert not machine.core.locked_up
    assert machine.register("r2") == 1
    assert machine.read(scs.HFSR.address) == 0


def test_bfhfnmign_does_nothing_at_other_priorities() -> None:
    machine = Machine("m3").assemble(0x6808, LOOP)
    machine.vector(3, 0x200)
    machine.put(0x200, LOOP)
    machine.write(scs.CCR, 0x300)
    machine.set(r1=0x6000_0000)
    machine.run(50)
    assert machine.core.engine.ipsr() == 3


@pytest.mark.parametrize(
    ("code", "cause"),
    [(VADD, CFSR.NOCP), (SDIV, CFSR.DIVBYZERO)],
)
def test_code_that_a_program_writes_for_itself(code: tuple[int, int], cause: object) -> None:
    # str r4, [r3]; blx r6; the code is in r4, LOOP is behind it
    machine = fp_machine(0x601C, 0x47B0, LOOP)
    machine.write(scs.CPACR, 0)
    machine.write(scs.CCR, 0x210)
    machine.bus.write_block(0x2000_0104, struct.pack("<H", LOOP))
    machine.run(0)
    machine.set(r1=1, r2=0, r3=0x2000_0100, r4=code[0] | code[1] << 16, r6=0x2000_0101)
    machine.run(100)
    assert machine.read(CFSR.address) == cause.mask  # type: ignore[attr-defined]
    assert machine.read(machine.register("sp") + 24) == 0x2000_0100


@pytest.mark.parametrize("cpu", ["m0", "m3"])
def test_sev_in_code_that_a_program_writes_for_itself(cpu: str) -> None:
    # str r4, [r3]; blx r6; in RAM: sev; wfe; adds r2, #1; b .
    machine = Machine(cpu).assemble(0xE000, NOP, 0x601C, 0x47B0, LOOP)
    machine.bus.write_block(0x2000_0104, struct.pack("<2H", 0x3201, LOOP))
    machine.set(r2=0, r3=0x2000_0100, r4=0xBF40 | WFE << 16, r6=0x2000_0101)
    machine.run(100)
    assert machine.register("r2") == 1
