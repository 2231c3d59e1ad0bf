"""NVIC, SCB, ITM, TPIU, identification and bit-banding as registers."""

from __future__ import annotations

import pytest

from onchip.arch import scs, trace
from onchip.arch.scs import AIRCR, DEMCR, ICSR, SHCSR
from onchip.errors import BoardError
from onchip.virtual_board.bus import BusFault
from onchip.virtual_board.cortex_m.profile import profile_for
from tests.virtual_board.cortex_m.machine import CONSOLE, Machine
from tests.virtual_board.cortex_m.opcodes import LOOP, STR, STRB


@pytest.fixture
def machine() -> Machine:
    return Machine("m3", irqs=40).assemble(LOOP)


def test_enable_and_pending_registers_set_and_clear(machine: Machine) -> None:
    machine.write(scs.NVIC_ISER + 4, 0xFFFF_FFFF)
    assert machine.read(scs.NVIC_ISER + 4) == 0xFF  # 40 interrupts
    machine.write(scs.NVIC_ICER + 4, 0x0F)
    assert machine.read(scs.NVIC_ICER + 4) == 0xF0
    machine.write(scs.NVIC_ISPR + 4, 0x81)
    assert machine.read(scs.NVIC_ICPR + 4) == 0x81
    machine.write(scs.NVIC_ICPR + 4, 0x80)
    assert machine.read(scs.NVIC_ISPR + 4) == 0x01
    assert machine.read(0xE000_E140) == 0  # reserved
    machine.write(0xE000_E140, 1)


def test_priorities_have_the_implemented_bits_only(machine: Machine) -> None:
    machine.write(scs.NVIC_IPR + 36, 0xFFFF_FFFF)
    assert machine.read(scs.NVIC_IPR + 36) == 0xF0F0_F0F0
    machine.write(scs.NVIC_IPR + 40, 0xFFFF_FFFF)
    assert machine.read(scs.NVIC_IPR + 40) == 0
    machine.write(scs.NVIC_IPR + 5, 0x35, 1)
    assert machine.read(scs.NVIC_IPR + 4) == 0x3000
    machine.write(scs.SHPR3, 0xFFFF_FFFF)
    assert machine.read(scs.SHPR3) == 0xF0F0_00F0
    machine.write(scs.SHPR2, 0xFFFF_FFFF)
    assert machine.read(scs.SHPR2) == 0xF000_0000
    machine.write(scs.SHPR1 + 2, 0x20, 1)
    assert machine.read(scs.SHPR1) == 0x0020_0000


def test_armv6m_priorities_have_two_bits() -> None:
    machine = Machine("m0").assemble(LOOP)
    machine.write(scs.NVIC_IPR, 0xFFFF_FFFF)
    assert machine.read(scs.NVIC_IPR) == 0xC0C0_C0C0
    machine.write(scs.SHPR1, 0xFFFF_FFFF)
    assert machine.read(scs.SHPR1) == 0


def test_grouping_decides_about_preemption() -> None:
    machine = Machine("m3").assemble(LOOP)
    machine.vector(16, 0x180)
    machine.vector(17, 0x190)
    machine.put(0x180, LOOP)
    machine.put(0x190, LOOP)
    machine.write(scs.NVIC_IPR, 0x20_60)  # IRQ0 0x60, IRQ1 0x20
    machine.write(scs.NVIC_ISER, 3)
    machine.write(AIRCR.address, 0x05FA_0000 | 6 << 8)  # one bit of group priority
    assert AIRCR(machine.read(AIRCR.address)) == AIRCR.build(VECTKEY=0xFA05, PRIGROUP=6)
    machine.core.pulse_irq(0)
    machine.run(50)
    machine.core.pulse_irq(1)
    machine.run(50)
    assert machine.core.engine.ipsr() == 16
    machine.write(AIRCR.address, 0x05FA_0000)
    machine.run(50)
    assert machine.core.engine.ipsr() == 17
    assert ICSR(machine.read(ICSR.address)).VECTACTIVE == 17
    assert not ICSR(machine.read(ICSR.address)).RETTOBASE


def test_registers_that_armv6m_lacks_read_zero() -> None:
    machine = Machine("m0").assemble(LOOP)
    for address in (scs.CFSR.address, scs.HFSR.address, scs.BFAR, scs.CPACR, scs.VTOR, scs.ICTR):
        machine.write(address, 0xFFFF_FFFF)
        assert machine.read(address) == 0
    machine.write(scs.CCR, 0)
    assert machine.read(scs.CCR) == 0x208
    assert Machine("m0p").read(scs.VTOR) == 0
    with pytest.raises(BusFault):
        machine.read(trace.ITM_TER0)


def test_configuration_registers_keep_what_they_have(machine: Machine) -> None:
    for address, value in (
        *((scs.SCR, 0x16), (scs.CCR, 0x31B), (scs.VTOR, 0xFFFF_FF80), (scs.MMFAR, 0xFFFF_FFFF)),
        *((scs.BFAR, 0xFFFF_FFFF), (scs.ACTLR, 0x7), (SHCSR.address, 0x7_FD8B)),
    ):
        machine.write(address, 0xFFFF_FFFF)
        assert machine.read(address) == value, hex(address)
    machine.write(scs.SCR, 0x10, 1)
    assert machine.read(scs.SCR) == 0x10


def test_fault_status_is_cleared_by_ones_also_byte_by_byte(machine: Machine) -> None:
    machine.core.scb.cfsr = 0x0102_8282
    machine.write(scs.CFSR.address + 1, 0x80, 1)
    assert machine.read(scs.CFSR.address) == 0x0102_0282
    assert machine.read(scs.CFSR.address + 2, 2) == 0x0102
    machine.write(scs.CFSR.address, 0xFFFF_FFFF)
    assert machine.read(scs.CFSR.address) == 0


def test_shcsr_pends_and_activates(machine: Machine) -> None:
    machine.write(SHCSR.address, SHCSR.SVCALLPENDED.mask)
    assert 11 in machine.core.nvic.pending
    machine.write(SHCSR.address, SHCSR.USGFAULTACT.mask)
    assert machine.core.nvic.active == {6}
    assert 11 not in machine.core.nvic.pending
    machine.write(SHCSR.address, 0)
    assert machine.core.nvic.active == set()


def test_stir_and_icsr_pend(machine: Machine) -> None:
    machine.write(scs.STIR, 39)
    assert machine.read(scs.NVIC_ISPR + 4) == 0x80
    assert ICSR(machine.read(ICSR.address)).ISRPENDING
    machine.write(ICSR.address, 1 << 28)
    assert ICSR(machine.read(ICSR.address)).PENDSVSET
    machine.write(ICSR.address, 1 << 27)
    assert not ICSR(machine.read(ICSR.address)).PENDSVSET
    machine.write(ICSR.address, 1 << 31)
    assert ICSR(machine.read(ICSR.address)).NMIPENDSET


def test_vtor_moves_the_vectors(machine: Machine) -> None:
    machine.bus.write(0x2000_0400 + 64, 4, 0x181)
    machine.put(0x180, LOOP)
    machine.write(scs.VTOR, 0x2000_0400)
    machine.write(scs.NVIC_ISER, 1)
    machine.core.pulse_irq(0)
    machine.run(50)
    assert machine.register("pc") == 0x180


# ---- ITM and TPIU -------------------------------------------------------------------------------


def tracing(cpu: str = "m4f") -> tuple[Machine, bytearray]:
    machine, taken = Machine(cpu).assemble(STRB, STR, LOOP), bytearray()
    machine.core.on_trace = taken.extend
    machine.write(DEMCR.address, DEMCR.TRCENA.mask)
    machine.write(trace.ITM_LAR, trace.LAR_KEY)
    machine.write(trace.ITM_TER0, 0x0000_0003)
    machine.write(trace.ITM_TCR.address, 0x0001_0001)
    return machine, taken


def test_stimulus_writes_become_software_source_packets() -> None:
    machine, taken = tracing()
    assert machine.core.on_trace is not None
    machine.set(r0=0x1122_3341, r1=trace.ITM_STIM0 + 4)
    machine.run(20)
    assert taken == bytes([0x09, 0x41, 0x0B, 0x41, 0x33, 0x22, 0x11])
    assert machine.read(trace.ITM_STIM0) == 1


@pytest.mark.parametrize(
    ("register", "value"),
    [(trace.ITM_TER0, 0), (trace.ITM_TCR.address, 0), (DEMCR.address, 0)],
)
def test_stimulus_is_dropped_while_anything_is_disabled(register: int, value: int) -> None:
    machine, taken = tracing()
    machine.write(register, value)
    machine.set(r0=0x41, r1=trace.ITM_STIM0)
    machine.run(20)
    assert taken == b""
    assert machine.read(trace.ITM_STIM0) == 0


def test_unprivileged_code_writes_stimulus_unless_tpr_closes_it() -> None:
    for tpr, expected in ((0, 7), (1, 0)):
        machine, taken = tracing()
        machine.write(trace.ITM_TPR, tpr)
        machine.set(r0=0x41, r1=trace.ITM_STIM0, control=1)
        machine.run(20)
        assert len(taken) == expected


def test_software_needs_the_lock_opened() -> None:
    machine, _ = tracing()
    machine.write(trace.ITM_LAR, 0)
    assert machine.bus.read(0xE000_0FB4, 4) == 3
    machine.bus.write(trace.ITM_TER0, 4, 0xFF)
    assert machine.read(trace.ITM_TER0) == 3
    machine.bus.write(trace.ITM_LAR, 4, trace.LAR_KEY)
    machine.bus.write(trace.ITM_TER0, 4, 0xFF)
    assert machine.read(trace.ITM_TER0) == 0xFF


def test_tpiu_registers() -> None:
    machine = Machine("m4f")
    machine.write(trace.TPIU_ACPR, 0x1_0007)
    machine.write(trace.TPIU_SPPR, 2)
    assert machine.read(trace.TPIU_ACPR) == 7
    assert machine.core.tpiu.prescaler == 8
    assert machine.read(trace.TPIU_SPPR) == 2
    assert machine.read(trace.TPIU_CSPSR) == 1
    machine.core.reset("power-on")
    assert machine.core.tpiu.prescaler == 1


# ---- bit-banding --------------------------------------------------------------------------------


def test_bit_band_of_ram() -> None:
    machine = Machine("m3").assemble(STR, 0x680A, LOOP)  # str r0, [r1]; ldr r2, [r1]
    machine.write(0x2000_0010, 0x0000_00F0)
    machine.set(r0=1, r1=0x2200_0000 + 0x11 * 32 + 3 * 4)
    machine.run(10)
    assert machine.read(0x2000_0010) == 0x0000_08F0
    assert machine.register("r2") == 1
    machine.write(0x2200_0000 + 0x10 * 32 + 4 * 4, 0xFFFF_FFFE)
    assert machine.read(0x2000_0010) == 0x0000_08E0


def test_bit_band_of_peripherals_and_of_nothing() -> None:
    machine = Machine("m4f").assemble(LOOP)
    machine.write(0x4200_0000 + 32 * 4 * 4, 1)
    assert machine.console.writes[-1][:2] == (16, 4)
    with pytest.raises(BusFault):
        machine.read(0x4200_0000 + 0x1000 * 32)
    with pytest.raises(BusFault):
        Machine("m4f", bit_band=False).read(0x2200_0000)
    assert CONSOLE == 0x4000_0000


# ---- profiles -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cpu", "options", "message"),
    [
        ("cortex-a53", {}, "no virtual core"),
        ("cortex-m3", {"wings": 2}, "wings"),
        ("cortex-m3", {"fpu": True}, "no FPU"),
        ("cortex-m0", {"irqs": 33}, "33 interrupts"),
        ("cortex-m3", {"irqs": 241}, "241 interrupts"),
        ("cortex-m0", {"priority_bits": 3}, "priority bits"),
        ("cortex-m4", {"priority_bits": 2}, "priority bits"),
        ("cortex-m4", {"clock_hz": 0}, "0 Hz"),
    ],
)
def test_profiles_that_cannot_be(cpu: str, options: dict[str, int], message: str) -> None:
    with pytest.raises(BoardError, match=message):
        profile_for(cpu, **options)
