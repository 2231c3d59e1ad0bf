"""What a debugger sees of resets: reset catch, nRESET, VECTRESET, requests."""

from __future__ import annotations

import pytest

from onchip.arch.scs import AIRCR, DEMCR, DFSR
from tests.virtual_board.cortex_m.machine import Machine
from tests.virtual_board.cortex_m.opcodes import COUNT, LOOP


@pytest.fixture
def machine() -> Machine:
    return Machine().assemble(*COUNT)


def test_reset_catch_halts_before_the_first_instruction(machine: Machine) -> None:
    machine.run(100)
    machine.debug(1)
    machine.write(DEMCR.address, DEMCR.VC_CORERESET.mask)
    machine.write(AIRCR.address, 0x05FA_0004)
    assert machine.core.halted
    assert (machine.register("pc"), machine.register("r0")) != (0, 0)
    assert machine.register("pc") == 0x100
    assert machine.read(DFSR.address) == DFSR.VCATCH.mask
    assert machine.dhcsr.S_RESET_ST
    machine.run(100)
    assert machine.register("pc") == 0x100


def test_debug_registers_survive_a_system_reset_and_not_power_on(machine: Machine) -> None:
    machine.debug(1)
    machine.write(DEMCR.address, DEMCR.TRCENA.mask | DEMCR.VC_HARDERR.mask)
    machine.write(0xE000_2000, 3)
    machine.write(0xE000_2008, 0x4000_0105)
    machine.write(0xE000_1020, 0x2000_0000)
    machine.core.reset("system")
    assert machine.dhcsr.C_DEBUGEN
    assert machine.read(DEMCR.address) == DEMCR.TRCENA.mask | DEMCR.VC_HARDERR.mask
    assert machine.read(0xE000_2008) == 0x4000_0105
    assert machine.read(0xE000_1020) == 0x2000_0000
    machine.core.reset("power-on")
    assert not machine.dhcsr.C_DEBUGEN
    for address in (DEMCR.address, 0xE000_2008, 0xE000_1020, DFSR.address):
        assert machine.read(address) == 0


def test_a_system_reset_lets_a_halted_core_run(machine: Machine) -> None:
    machine.halt()
    machine.write(AIRCR.address, 0x05FA_0004)
    assert not machine.core.halted
    assert not machine.dhcsr.C_HALT
    machine.run(10)
    assert machine.register("r0") > 0


def test_nreset_holds_the_core_and_halt_waits_for_its_release(machine: Machine) -> None:
    machine.run(10)
    machine.core.hold_reset(True)
    machine.run(100)
    assert machine.core.in_reset
    assert machine.dhcsr.S_RESET_ST
    machine.debug(3)
    assert not machine.core.halted
    machine.core.hold_reset(False)
    assert machine.core.halted
    assert machine.register("pc") == 0x100


def test_nreset_with_reset_catch(machine: Machine) -> None:
    machine.core.hold_reset(True)
    machine.debug(1)
    machine.write(DEMCR.address, DEMCR.VC_CORERESET.mask)
    machine.core.hold_reset(False)
    assert machine.core.halted
    assert machine.read(DFSR.address) == DFSR.VCATCH.mask


def test_nreset_released_runs_from_the_start(machine: Machine) -> None:
    machine.run(10)
    machine.core.hold_reset(True)
    machine.core.hold_reset(False)
    machine.core.hold_reset(False)
    assert machine.register("pc") == 0x100
    machine.run(10)
    assert machine.register("r0") == 10  # reset leaves r0 to r12 as they are


def test_vectreset_resets_the_core_on_armv7m_only(machine: Machine) -> None:
    asked = []
    machine.core.on_reset_request = asked.append
    machine.run(11)
    machine.write(AIRCR.address, 0x05FA_0001)
    assert asked == ["core"]
    assert machine.register("pc") == 0x100
    small = Machine("m0").assemble(*COUNT)
    small.run(11)
    small.write(AIRCR.address, 0x05FA_0001)
    assert small.register("pc") == 0x102


def test_a_reset_request_without_the_key_is_ignored(machine: Machine) -> None:
    machine.run(11)
    machine.write(AIRCR.address, 0x1234_0004)
    assert machine.register("pc") == 0x102


def test_the_program_can_reset_the_system_and_the_board_may_do_it_all() -> None:
    machine = Machine().assemble(0x6008, LOOP).set(r0=0x05FA_0004, r1=AIRCR.address)
    asked = []

    def request(kind: str) -> None:
        asked.append(kind)
        machine.core.reset("system")
        machine.set(r0=0, r5=77)

    machine.core.on_reset_request = request
    machine.run(3)
    assert asked == ["system"]
    assert machine.register("r5") == 77  # not reset a second time
