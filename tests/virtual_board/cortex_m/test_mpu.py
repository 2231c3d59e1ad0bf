"""The MPU. Sources: DDI 0403 B3.5 (registers and rules), B3.1 (default memory map)."""

from __future__ import annotations

import pytest

from onchip.arch import scs
from onchip.arch.scs import CFSR, HFSR
from tests.virtual_board.cortex_m.machine import CONSOLE, Machine
from tests.virtual_board.cortex_m.opcodes import BX_R1, LDR, LOOP, NOP, STR, STRB, SVC

TYPE, CTRL, RNR, RBAR, RASR = (0xE000_ED90 + 4 * n for n in range(5))
RAM = 0x2000_0000
ENABLE, HFNMIENA, PRIVDEFENA = 1, 2, 4
NO_ACCESS, PRIVILEGED, READ_BY_ALL, ALL, PRIVILEGED_READ, READ_ONLY = 0, 1, 2, 3, 5, 6
XN = 1 << 28


def region(machine: Machine, number: int, base: int, size: int, ap: int, **more: int) -> None:
    """Enable a region; ``size`` in bytes, ``srd`` and ``xn`` in ``more``."""
    machine.write(RNR, number)
    machine.write(RBAR, base)
    attributes = more.get("srd", 0) << 8 | more.get("xn", 0) << 28
    machine.write(RASR, ap << 24 | attributes | (size.bit_length() - 2) << 1 | 1)


def protected(*code: int, cpu: str = "m4f", control: int = ENABLE | PRIVDEFENA) -> Machine:
    """Return a machine with fault handlers that loop, and the MPU on."""
    machine = Machine(cpu).assemble(*code, LOOP)
    for exception in (3, 4, 5, 6):
        machine.vector(exception, 0x200 + 0x10 * exception)
        machine.put(0x200 + 0x10 * exception, LOOP)
    machine.write(scs.SHCSR.address, 7 << 16)
    machine.write(CTRL, control)
    return machine


def world(machine: Machine) -> None:
    """Let everybody use code, and the stack."""
    region(machine, 0, 0, 1 << 28, ALL)
    region(machine, 7, machine.register("sp") - 0x400, 0x400, ALL)


def faulted(machine: Machine) -> CFSR | None:
    """Run, and return CFSR if MemManage was taken."""
    machine.run(100)
    exception = machine.core.engine.ipsr()
    assert exception in (0, 4)
    return CFSR(machine.read(CFSR.address)) if exception else None


@pytest.mark.parametrize(("cpu", "regions"), [("m0", 0), ("m0p", 0), ("m3", 8), ("m4f", 8)])
def test_type_tells_the_regions(cpu: str, regions: int) -> None:
    machine = Machine(cpu)
    assert machine.read(TYPE) == regions << 8
    machine.write(CTRL, 7)
    assert machine.read(CTRL) == (7 if regions else 0)


def test_registers_and_aliases() -> None:
    machine = Machine()
    machine.write(RNR, 5)
    machine.write(RBAR, 0x2000_0123)  # VALID is 0: REGION is not written
    machine.write(RASR, 0xFFFF_FFFF)
    assert machine.read(RBAR) == 0x2000_0125
    assert machine.read(RASR) == 0x173F_FF3F
    for alias in range(1, 4):
        machine.write(RBAR + 8 * alias, 0x1000_0000 * alias | 0x10 | alias)
        machine.write(RASR + 8 * alias, alias << 24)
    for alias in range(1, 4):
        machine.write(RNR, alias)
        assert machine.read(RBAR + 8) == 0x1000_0000 * alias | alias
        assert machine.read(RASR) == alias << 24
    machine.write(TYPE, 0)
    assert machine.read(TYPE) == 0x800
    machine.core.reset("system")
    assert machine.read(RNR) == 0
    assert machine.read(CTRL) == 0


@pytest.mark.parametrize("user", [False, True])
@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize(
    ("ap", "privileged", "unprivileged"),
    [
        *((NO_ACCESS, "", ""), (PRIVILEGED, "rw", ""), (READ_BY_ALL, "rw", "r"), (ALL, "rw", "rw")),
        *((PRIVILEGED_READ, "r", ""), (READ_ONLY, "r", "r"), (7, "r", "r")),
    ],
)
def test_access_permissions(
    ap: int, privileged: str, unprivileged: str, write: bool, user: bool
) -> None:
    machine = protected(STR if write else LDR)
    world(machine)
    region(machine, 1, RAM + 0x400, 0x400, ap)
    machine.set(r1=RAM + 0x410, r0=7, control=int(user))
    fault = faulted(machine)
    allowed = ("w" if write else "r") in (unprivileged if user else privileged)
    assert (fault is None) == allowed
    if fault is not None:
        assert fault == CFSR.build(DACCVIOL=1, MMARVALID=1)
        assert machine.read(scs.MMFAR) == RAM + 0x410
        assert machine.read(machine.register("sp") + 24) == 0x100  # at the instruction
    assert machine.read(RAM + 0x410) == (7 if write and allowed else 0)


def test_without_a_region_only_privileged_code_has_the_default_map() -> None:
    assert faulted(protected(LDR).set(r1=RAM)) is None
    machine = protected(LDR).set(r1=RAM)
    world(machine)
    machine.set(control=1)
    assert faulted(machine) is not None
    machine = protected(LDR, control=ENABLE)
    world(machine)
    assert faulted(machine.set(r1=RAM)) is not None


def test_the_highest_region_wins() -> None:
    machine = protected(STR)
    region(machine, 2, RAM, 0x1000, READ_ONLY)
    region(machine, 5, RAM + 0x800, 0x400, ALL)
    assert faulted(machine.set(r1=RAM + 0x800)) is None
    machine = protected(STR)
    region(machine, 5, RAM, 0x1000, READ_ONLY)
    region(machine, 2, RAM + 0x800, 0x400, ALL)
    assert faulted(machine.set(r1=RAM + 0x800)) is not None


@pytest.mark.parametrize(
    ("offset", "faults"), [(0x1C, False), (0x20, True), (0x3C, True), (0x40, False)]
)
def test_a_guard_of_32_bytes(offset: int, faults: bool) -> None:
    machine = protected(LDR, 0x7048)  # ... strb r0, [r1, #1]
    region(machine, 0, RAM + 0x20, 32, NO_ACCESS)
    machine.write(RAM + 0x1C, 0x1C)
    machine.write(RAM + 0x40, 0x40)
    machine.set(r1=RAM + offset)
    assert (faulted(machine) is not None) == faults
    assert machine.register("r0") == (0 if faults else offset)


def test_an_access_that_reaches_into_a_guard() -> None:
    machine = protected(LDR)
    region(machine, 0, RAM + 0x20, 32, NO_ACCESS)
    assert faulted(machine.set(r1=RAM + 0x1E)) is not None


def test_subregions_do_not_belong_to_their_region() -> None:
    for part in range(8):
        machine = protected(STRB)
        region(machine, 1, RAM + 0x100, 256, READ_ONLY, srd=0b0010_0100)
        machine.set(r1=RAM + 0x100 + 32 * part + 31)
        assert (faulted(machine) is None) == (part in (2, 5))


def test_execute_never() -> None:
    machine = protected(BX_R1)
    region(machine, 1, RAM, 0x1000, ALL, xn=1)
    machine.put(RAM + 0x800, NOP, LOOP)
    machine.set(r1=RAM + 0x801)
    fault = faulted(machine)
    assert fault == CFSR.build(IACCVIOL=1)
    assert machine.read(machine.register("sp") + 24) == RAM + 0x800


def test_code_that_ran_before_is_stopped_too() -> None:
    machine = protected(BX_R1, control=0)
    machine.put(RAM + 0x800, 0x3001, 0xE7FD)
    machine.set(r1=RAM + 0x801)
    assert faulted(machine) is None
    region(machine, 1, RAM, 0x1000, ALL, xn=1)
    machine.write(CTRL, ENABLE | PRIVDEFENA)
    assert faulted(machine) == CFSR.build(IACCVIOL=1)
    machine.write(CTRL, 0)
    machine.set(pc=RAM + 0x800, xpsr=0x0100_0000)
    machine.run(20)
    assert machine.register("pc") & ~3 == RAM + 0x800


def test_devices_are_protected_and_the_private_peripheral_bus_is_not() -> None:
    machine = protected(STR)
    region(machine, 1, CONSOLE & ~0xFFF, 0x1000, READ_ONLY)
    machine.set(r1=CONSOLE, r0=65)
    assert faulted(machine) == CFSR.build(DACCVIOL=1, MMARVALID=1)
    assert machine.console.writes == []
    machine = protected(LDR)
    region(machine, 1, 0xE000_0000, 1 << 28, NO_ACCESS)
    assert faulted(machine.set(r1=scs.CPUID.address)) is None


def test_nobody_there_is_a_matter_of_the_mpu_first() -> None:
    machine = protected(LDR)
    region(machine, 1, 0x6000_0000, 0x1000, NO_ACCESS)
    assert faulted(machine.set(r1=0x6000_0000)) == CFSR.build(DACCVIOL=1, MMARVALID=1)


def test_a_program_that_drops_its_privileges() -> None:
    # msr control, r2; str r0, [r1]
    machine = protected(0xF382, 0x8814, STR)
    world(machine)
    region(machine, 1, RAM, 0x400, PRIVILEGED)
    machine.set(r1=RAM, r2=1, r0=9)
    assert faulted(machine) == CFSR.build(DACCVIOL=1, MMARVALID=1)
    assert machine.read(RAM) == 0


def test_a_handler_has_privileges_again() -> None:
    machine = protected(SVC, STR)
    world(machine)
    region(machine, 1, RAM, 0x400, PRIVILEGED)
    machine.vector(11, 0x300)
    machine.put(0x300, 0x600B, 0x4770)  # str r3, [r1]; bx lr
    machine.set(r1=RAM, r3=5, control=1)
    assert faulted(machine) is not None  # back in the program
    assert machine.read(RAM) == 5


@pytest.mark.parametrize("hfnmiena", [0, HFNMIENA])
def test_hard_fault_runs_without_unless_hfnmiena(hfnmiena: int) -> None:
    machine = protected(0xDE00, control=ENABLE | PRIVDEFENA | hfnmiena)
    machine.write(scs.SHCSR.address, 0)
    machine.put(0x230, STR, LOOP)
    region(machine, 1, RAM, 0x400, NO_ACCESS)
    machine.set(r1=RAM, r0=3)
    machine.run(100)
    assert machine.core.locked_up == bool(hfnmiena)
    assert machine.read(RAM) == (0 if hfnmiena else 3)


def test_without_its_handler_it_is_a_hard_fault() -> None:
    machine = protected(LDR)
    machine.write(scs.SHCSR.address, 0)
    region(machine, 1, RAM, 0x400, NO_ACCESS)
    machine.set(r1=RAM)
    machine.run(100)
    assert machine.core.engine.ipsr() == 3
    assert machine.read(HFSR.address) == HFSR.FORCED.mask
    assert machine.read(scs.MMFAR) == RAM


def test_a_frame_that_does_not_fit_is_mstkerr() -> None:
    machine = protected(SVC)
    machine.vector(11, 0x300)
    machine.put(0x300, LOOP)
    region(machine, 1, RAM, 0x400, NO_ACCESS)
    machine.write(scs.SHPR2, 0x8000_0000)  # SVCall after MemManage
    machine.set(sp=RAM + 0x410)
    machine.run(100)
    assert machine.core.engine.ipsr() == 4
    assert machine.read(CFSR.address) == CFSR.MSTKERR.mask
    assert machine.core.nvic.pending == {11}


def test_a_frame_that_may_not_be_read_is_munstkerr() -> None:
    machine = protected(SVC)
    machine.vector(11, 0x300)
    machine.put(0x300, 0x6001, 0x4770)  # str r1, [r0]: enables the region; bx lr
    region(machine, 1, RAM, 0x400, NO_ACCESS)
    enabled = machine.read(RASR)
    machine.write(RASR, 0)
    machine.set(sp=RAM + 0x100, r0=RASR, r1=enabled)
    machine.run(100)
    assert machine.core.engine.ipsr() == 4
    assert machine.read(CFSR.address) & CFSR.MUNSTKERR.mask


def test_a_fault_within_an_it_block() -> None:
    # cmp r0, r0; itt eq; streq r0, [r1]; moveq r2, #5
    machine = protected(0x4280, 0xBF04, STR, 0x2205)
    region(machine, 1, RAM, 0x400, NO_ACCESS)
    machine.set(r1=RAM, r2=0)
    assert faulted(machine) == CFSR.build(DACCVIOL=1, MMARVALID=1)
    frame = machine.register("sp")
    assert machine.read(frame + 24) == 0x104
    assert machine.register("r2") == 0


def test_allowed_accesses_within_an_it_block_beside_a_guard() -> None:
    machine = protected(0x4280, 0xBF04, STR, 0x2205, 0xD000, NOP, NOP)
    region(machine, 1, RAM + 0x20, 32, NO_ACCESS)
    machine.set(r1=RAM, r0=4, r2=0)
    assert faulted(machine) is None
    assert (machine.read(RAM), machine.register("r2")) == (4, 5)


def test_flash_is_programmed_only_where_it_may_be_written() -> None:
    machine = protected(STR)
    seen = []
    machine.flash.on_write = lambda *store: seen.append(store)
    region(machine, 1, 0, 0x1000, READ_ONLY)
    machine.set(r1=0x800)
    assert faulted(machine) == CFSR.build(DACCVIOL=1, MMARVALID=1)
    assert not seen


def test_the_debugger_is_not_under_its_rules() -> None:
    machine = protected(LOOP)
    region(machine, 1, RAM, 0x400, NO_ACCESS)
    machine.run(10)
    machine.write(RAM, 5)
    assert machine.read(RAM) == 5


def test_each_load_beside_a_guard_is_looked_at() -> None:
    machine = protected(LDR, 0x688A, 0x6A0B)  # ldr r2, [r1, #8]; ldr r3, [r1, #32]
    region(machine, 0, RAM + 0x20, 32, NO_ACCESS)
    machine.write(RAM, 7)
    machine.set(r1=RAM)
    assert faulted(machine) == CFSR.build(DACCVIOL=1, MMARVALID=1)
    assert machine.register("r0") == 7
    assert machine.read(machine.register("sp") + 24) == 0x104


def test_code_beside_a_guard() -> None:
    machine = protected(BX_R1)
    region(machine, 0, RAM + 0x20, 32, NO_ACCESS)
    machine.put(RAM + 0x100, 0x2205, LOOP)
    machine.set(r1=RAM + 0x101)
    assert faulted(machine) is None
    assert (machine.register("r2"), machine.register("pc")) == (5, RAM + 0x102)


def test_a_page_that_was_read_before_is_closed_too() -> None:
    machine = protected(LDR, LDR, LOOP)
    region(machine, 1, RAM, 0x400, NO_ACCESS)
    machine.write(CTRL, 0)
    machine.set(r1=RAM)
    machine.run(1)
    machine.write(CTRL, ENABLE | PRIVDEFENA)
    assert faulted(machine) == CFSR.build(DACCVIOL=1, MMARVALID=1)


def test_a_refused_store_opens_nothing_for_loads() -> None:
    machine = protected(LDR)
    machine.put(0x240, 0x9801, 0x3001, STR, LOOP)  # MemManage: str r0, [r1] too: escalates
    machine.put(0x230, LDR, LOOP)  # HardFault: under the MPU's rules because of HFNMIENA
    machine.write(CTRL, ENABLE | PRIVDEFENA | HFNMIENA)
    region(machine, 1, RAM, 0x400, NO_ACCESS)
    machine.set(r1=RAM)
    machine.run(200)
    assert machine.core.locked_up
