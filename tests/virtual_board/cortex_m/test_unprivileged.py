"""LDRT, STRT, and what unprivileged code may reach. Sources: DDI 0403 A7.7.66, B3.5.1, B3.1.1."""

from __future__ import annotations

import pytest

from onchip.arch import scs, trace
from onchip.arch.scs import CFSR, MPU_CTRL, MPU_RASR, MPU_RBAR, MPU_RNR
from onchip.virtual_board.cortex_m.traps import Trap, classify
from tests.virtual_board.cortex_m.machine import Machine

NOP, LOOP, LDR, STR = 0xBF00, 0xE7FE, 0x6808, 0x6008
LDRT, STRT = (0xF851, 0x0E04), (0xF841, 0x0E04)  # r0, [r1, #4]
LDRHT, STRBT, LDRSBT = (0xF831, 0x0E04), (0xF801, 0x0E04), (0xF911, 0x0E04)
RAM = 0x2000_0000
PRIVILEGED, READ_BY_ALL, ALL = 1, 2, 3


def machine_for(*code: int, ap: int | None = None) -> Machine:
    """Return a machine that runs ``code``; with ``ap``, an MPU region of 256 bytes at RAM + 256."""
    machine = Machine("m3").assemble(*code, LOOP)
    for exception in (3, 4, 5, 6):
        machine.vector(exception, 0x200 + 0x10 * exception)
        machine.put(0x200 + 0x10 * exception, LOOP)
    machine.write(scs.SHCSR.address, 7 << 16)
    if ap is not None:
        machine.write(MPU_RNR, 0)
        machine.write(MPU_RBAR.address, RAM + 0x100)
        machine.write(MPU_RASR.address, MPU_RASR.build(AP=ap, SIZE=7, ENABLE=1))
        machine.write(MPU_CTRL.address, MPU_CTRL.build(ENABLE=1, PRIVDEFENA=1))
    machine.write(RAM + 0x104, 0x8182_8384)
    return machine.set(r0=0x55, r1=RAM + 0x100)


@pytest.mark.parametrize(
    ("code", "ap", "faults"),
    [
        *((LDRT, PRIVILEGED, True), (LDRT, READ_BY_ALL, False), (LDRT, ALL, False)),
        *((STRT, PRIVILEGED, True), (STRT, READ_BY_ALL, True), (STRT, ALL, False)),
        *((LDRHT, PRIVILEGED, True), (STRBT, READ_BY_ALL, True), (LDRSBT, ALL, False)),
    ],
)
def test_the_mpu_asks_what_unprivileged_code_may(
    code: tuple[int, int], ap: int, faults: bool
) -> None:
    machine = machine_for(*code, ap=ap)
    machine.run(50)
    expected = CFSR.build(DACCVIOL=1, MMARVALID=1) if faults else 0
    assert machine.read(CFSR.address) == expected
    assert machine.core.engine.ipsr() == (4 if faults else 0)
    if faults:
        assert machine.read(scs.MMFAR) == RAM + 0x104
        assert machine.read(machine.register("sp") + 24) == 0x100
        assert machine.read(RAM + 0x104) == 0x8182_8384


def test_only_the_default_map_is_for_privileged_code_alone() -> None:
    machine = machine_for(*LDRT, ap=ALL)
    machine.set(r1=RAM + 0x400)
    machine.run(50)
    assert machine.core.engine.ipsr() == 4
    off = machine_for(*LDRT)
    off.run(50)
    assert off.register("r0") == 0x8182_8384


def test_what_they_load_and_store() -> None:
    for code, expected in ((LDRT, 0x8182_8384), (LDRHT, 0x8384), (LDRSBT, 0xFFFF_FF84)):
        machine = machine_for(*code, ap=ALL)
        machine.run(50)
        assert machine.register("r0") == expected
    stored = machine_for(*STRBT, ap=ALL)
    stored.run(50)
    assert stored.read(RAM + 0x104) == 0x8182_8355


def test_a_condition_that_fails_asks_nobody() -> None:
    # cmp r0, r0; it ne; ldrtne r0, [r1, #4]
    machine = machine_for(0x4280, 0xBF18, *LDRT, ap=PRIVILEGED)
    machine.run(50)
    assert (machine.core.engine.ipsr(), machine.register("r0")) == (0, 0x55)


def test_the_system_control_space_is_closed_to_them() -> None:
    machine = machine_for(*LDRT, LDR)
    machine.set(r1=scs.VTOR - 4)
    machine.run(50)
    assert machine.read(CFSR.address) == CFSR.build(PRECISERR=1, BFARVALID=1)
    assert machine.read(scs.BFAR) == scs.VTOR
    after = machine_for(*STRT, LDR)  # the next instruction is privileged again
    after.write(scs.CCR, 0x202)  # USERSETMPEND
    after.set(r0=3, r1=scs.STIR - 4)
    after.run(50)
    assert after.core.engine.ipsr() == 0
    assert after.read(scs.NVIC_ISPR) == 8


@pytest.mark.parametrize("address", [scs.ICSR.address, scs.NVIC_ISER, scs.SYST_CSR, 0xE000_1000])
@pytest.mark.parametrize("code", [LDR, STR])
def test_unprivileged_thread_mode_gets_a_bus_fault(code: int, address: int) -> None:
    machine = machine_for(code)
    machine.set(r1=address, control=1)
    machine.run(50)
    assert machine.core.engine.ipsr() == 5
    assert machine.read(CFSR.address) == CFSR.build(PRECISERR=1, BFARVALID=1)


def test_unprivileged_code_changes_no_mask_and_no_privilege() -> None:
    # cpsid i; msr basepri, r0; msr control, r2
    machine = machine_for(0xB672, 0xF380, 0x8811, 0xF382, 0x8814)
    machine.set(control=1, r2=0)
    machine.run(50)
    assert (machine.register("primask"), machine.register("basepri")) == (0, 0)
    assert machine.register("control") == 1


def test_stimulus_through_strt() -> None:
    taken = bytearray()
    machine = machine_for(*STRT)
    machine.core.on_trace = taken.extend
    machine.write(scs.DEMCR.address, scs.DEMCR.TRCENA.mask)
    for register, value in (
        *((trace.ITM_LAR, trace.LAR_KEY), (trace.ITM_TER0, 3), (trace.ITM_TCR.address, 1)),
        (trace.ITM_TPR, 1),
    ):
        machine.write(register, value)
    machine.set(r1=trace.ITM_STIM0)
    machine.run(50)
    assert taken == b""


@pytest.mark.parametrize(
    ("first", "second", "unprivileged"),
    [
        *((*LDRT, True), (*STRT, True), (*LDRHT, True), (*STRBT, True), (*LDRSBT, True)),
        *((0xF851, 0x0F04, False), (0xF8D1, 0x0E04, False), (0xF85F, 0x0E04, False)),
        *((0xF851, 0x0C04, False), (0xFA51, 0x0E04, False)),
    ],
)
def test_which_they_are(first: int, second: int, unprivileged: bool) -> None:
    assert (classify(first, second) is Trap.UNPRIVILEGED) is unprivileged
