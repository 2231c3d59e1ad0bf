"""Accesses that are not aligned. Source: DDI 0403 A3.2.1, B3.2.8 (CCR.UNALIGN_TRP)."""

from __future__ import annotations

import pytest

from onchip.arch import scs
from onchip.arch.scs import CFSR
from onchip.virtual_board.cortex_m.unicorn import alignment as unicorn_alignment
from onchip.virtual_board.cortex_m.unicorn.alignment import must_be_aligned
from tests.virtual_board.cortex_m.machine import Machine
from tests.virtual_board.cortex_m.opcodes import LDR, LOOP, NOP

ADDS_R2_1 = 0x3201
LDRD, LDM, LDR_R3 = (0xE9D1, 0x4500), (0xE891, 0x0030), (0x680B,)  # from r1: into r4, r5; into r3
RAM, TOP = 0x2000_0100, 0x2000_4000
UNALIGN_TRP = 1 << 3
ALWAYS = {
    "ldrd": (0xE9D1, 0x4500),
    "strd": (0xE9C1, 0x4500),
    "ldrd with writeback": (0xE8F1, 0x4502),
    "ldm": (0xC930,),
    "stm": (0xC130,),
    "ldmia.w": (0xE891, 0x0030),
    "stmdb.w": (0xE921, 0x0030),
    "ldrex": (0xE851, 0x4F00),
    "ldrexh": (0xE8D1, 0x4F5F),
    "vldr": (0xEDD1, 0x0A00),
    "vstr": (0xEDC1, 0x0A00),
    "vldmia": (0xEC91, 0x0A02),
    "vstmdb": (0xED21, 0x0A02),
}
SOMETIMES = {
    "ldr": (0x680C,),
    "str": (0x600C,),
    "ldrh": (0x880C,),
    "strh": (0x800C,),
    "ldrsh.w": (0xF9B1, 0x4000),
    "ldr.w post": (0xF851, 0x4B04),
    "str.w pre": (0xF841, 0x4D04),
}


def machine_for(*code: int, cpu: str = "m4f", ccr: int = 0x200, **registers: int) -> Machine:
    """Run to the block from a branch: the engine sees it as a new piece of code."""
    machine = Machine(cpu).assemble(0xE000, NOP, *code, LOOP)
    for number in (3, 6):
        machine.vector(number, 0x180 + 4 * number)
        machine.put(0x180 + 4 * number, LOOP)
    machine.write(scs.SHCSR.address, 7 << 16)
    machine.write(scs.CCR, ccr)
    machine.write(scs.CPACR, 0xF << 20)
    return machine.set(**registers)


def fault_of(machine: Machine) -> tuple[int, int]:
    return machine.core.engine.ipsr(), machine.read(scs.CFSR.address)


@pytest.mark.parametrize("code", ALWAYS.values(), ids=ALWAYS)
def test_these_fault_at_any_unaligned_address(code: tuple[int, ...]) -> None:
    machine = machine_for(*code, r1=RAM + 1 if code[0] == 0xE8D1 else RAM + 2, r4=1, r5=2)
    machine.run(100)
    assert fault_of(machine) == (6, CFSR.UNALIGNED.mask)
    assert machine.read(machine.register("sp") + 24) == 0x104
    assert (machine.register("r4"), machine.register("r5")) == (1, 2)
    assert machine.read(RAM) == 0
    aligned = machine_for(*code, r1=RAM)
    aligned.run(100)
    assert fault_of(aligned) == (0, 0)


@pytest.mark.parametrize("code", SOMETIMES.values(), ids=SOMETIMES)
def test_these_fault_if_unalign_trp_says_so(code: tuple[int, ...]) -> None:
    for ccr, expected in ((0x200, (0, 0)), (0x208, (6, CFSR.UNALIGNED.mask))):
        machine = machine_for(*code, ccr=ccr, r1=RAM + 1, r4=0x1234)
        machine.run(100)
        assert fault_of(machine) == expected
        aligned = machine_for(*code, ccr=ccr, r1=RAM)
        aligned.run(100)
        assert fault_of(aligned) == (0, 0)


@pytest.mark.parametrize("code", [ALWAYS["ldm"], ALWAYS["stm"], *SOMETIMES.values()])
def test_on_armv6m_every_unaligned_access_is_a_hard_fault(code: tuple[int, ...]) -> None:
    if len(code) == 2:
        return  # not an ARMv6-M instruction
    machine = machine_for(*code, cpu="m0", r1=RAM + 1)
    machine.run(100)
    assert machine.core.engine.ipsr() == 3


def test_the_program_itself_switches_unalign_trp() -> None:
    # str r4, [r3]; ldr r0, [r1]
    machine = machine_for(0x601C, LDR, r1=RAM + 2, r3=scs.CCR, r4=0x208)
    machine.run(100)
    assert fault_of(machine) == (6, CFSR.UNALIGNED.mask)
    back = machine_for(0x601C, LDR, ADDS_R2_1, ccr=0x208, r1=RAM + 2, r2=0, r3=scs.CCR, r4=0x200)
    back.run(100)
    assert fault_of(back) == (0, 0)
    assert back.register("r2") == 1


def test_an_unaligned_word_and_an_aligned_pair_in_one_block() -> None:
    # ldr r3, [r0]; ldrd r4, r5, [r1]; adds r2, #1; cmp r2, #50; bne back
    code = (0x6803, *LDRD, ADDS_R2_1, 0x2A32, 0xD1F9)
    machine = machine_for(*code, r0=RAM + 1, r1=RAM + 8, r2=0)
    machine.bus.write(RAM + 8, 4, 0x55)
    machine.bus.write(RAM, 4, 0x44332211)
    machine.run(1000)
    assert fault_of(machine) == (0, 0)
    assert machine.register("r2") == 50
    assert (machine.register("r3"), machine.register("r4")) == (0x00443322, 0x55)
    machine.halt()
    machine.set(pc=0x104, r1=RAM + 10, r2=0)
    machine.resume()
    machine.run(100)
    assert fault_of(machine) == (6, CFSR.UNALIGNED.mask)
    assert machine.register("r2") == 0


def test_new_code_in_the_place_of_such_a_block_is_looked_at_anew() -> None:
    code = (0x6803, *LDRD, LOOP)
    machine = machine_for(*code, r0=RAM + 1, r1=RAM + 8)
    machine.run(100)
    machine.halt()
    machine.bus.write_block(0x2000_1000, b"\xd1\xe9\x00\x45\xfe\xe7")
    machine.put(0x104, *LDRD, LOOP, LOOP)
    machine.set(pc=0x104, r1=RAM + 10)
    machine.resume()
    machine.run(100)
    assert fault_of(machine) == (6, CFSR.UNALIGNED.mask)


def test_within_an_it_block() -> None:
    # cmp r0, r0; ite eq; ldrdeq r4, r5, [r1]; addne r2, #1
    machine = machine_for(0x4280, 0xBF0C, *LDRD, ADDS_R2_1, r1=RAM + 2, r2=0)
    machine.run(100)
    assert fault_of(machine) == (6, CFSR.UNALIGNED.mask)
    assert machine.read(TOP - 8) == 0x108
    assert machine.read(TOP - 4) & 0x0600_FC00
    skipped = machine_for(0x4280, 0xBF14, *LDRD, ADDS_R2_1, r1=RAM + 2, r2=0)  # ite ne
    skipped.run(100)
    assert fault_of(skipped) == (0, 0)
    assert skipped.register("r2") == 1


def test_a_skipped_pair_in_a_block_that_uses_unaligned_words() -> None:
    # ldr r3, [r0]; cmp r0, r0; it ne; ldrdne r4, r5, [r1]
    machine = machine_for(0x6803, 0x4280, 0xBF18, *LDRD, ADDS_R2_1, r0=RAM + 1, r1=RAM + 2, r2=0)
    machine.run(100)
    assert fault_of(machine) == (0, 0)
    assert machine.register("r2") == 1


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_the_instructions_are_counted_however_they_are_cut(chunk: int) -> None:
    code = (0x6803, *LDRD, ADDS_R2_1, 0x2A32, 0xD1F9)
    machine = machine_for(*code, r0=RAM + 1, r1=RAM + 8, r2=0)
    for _ in range(240 // chunk + 1):
        machine.run(min(chunk, 240))
    for _ in range(12):
        machine.run(1)
    assert machine.register("r2") == 50
    assert machine.core._instructions == 240 // chunk * min(chunk, 240) + min(chunk, 240) + 12


def test_single_steps_find_the_same() -> None:
    machine = machine_for(0x6803, *LDRD, r0=RAM + 1, r1=RAM + 2)
    machine.halt()
    machine.set(pc=0x104)
    machine.step()
    assert (machine.register("pc"), fault_of(machine)) == (0x106, (0, 0))
    machine.step()
    assert machine.register("pc") == 0x198
    assert fault_of(machine) == (6, CFSR.UNALIGNED.mask)


def test_a_breakpoint_at_such_an_instruction() -> None:
    machine = machine_for(0x6803, *LDRD, ADDS_R2_1, r0=RAM + 1, r1=RAM + 8, r2=0)
    machine.debug(1)
    machine.write(0xE000_2008, 2 << 30 | 0x104 | 1)  # upper halfword: 0x106
    machine.write(0xE000_2000, 3)
    machine.run(100)
    assert (machine.core.halted, machine.register("pc")) == (True, 0x106)
    machine.write(0xE000_2000, 2)
    machine.step()
    assert machine.register("pc") == 0x10A
    machine.resume()
    machine.run(100)
    assert machine.register("r2") == 1


@pytest.mark.parametrize(
    ("first", "second", "must"),
    [
        *((0xC930, 0, True), (0xB530, 0, False), (0xE8BD, 0x8010, False), (0xE92D, 0x4010, False)),
        *((0xE9DD, 0x4500, False), (0xE95F, 0x4500, False), (0xE8D1, 0xF000, False)),
        *((0xE851, 0x4F00, False), (0xEC51, 0x0A10, False), (0xED9F, 0x0A00, False)),
        *((0xED2D, 0x8A02, False), (0xED91, 0x0B00, False), (0xEE30, 0x0A20, False)),
        *((code[0], code[-1], "ex" not in name) for name, code in ALWAYS.items()),
    ],
)
def test_which_must_be_aligned(first: int, second: int, must: bool) -> None:
    assert must_be_aligned(first, second) is must


def test_blocks_without_such_instructions_are_translated_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[list[int]] = []
    original = unicorn_alignment.AlignmentChecks.translate_again

    def translate_again(checks: unicorn_alignment.AlignmentChecks) -> None:
        seen.append(list(checks.pending))
        original(checks)

    monkeypatch.setattr(unicorn_alignment.AlignmentChecks, "translate_again", translate_again)
    machine = machine_for(ADDS_R2_1, LDR, 0xE000, NOP, *LDRD, LOOP, r1=RAM)
    machine.run(1000)
    assert seen == [[0x10C]]


def test_what_is_found_while_a_step_hides_an_exit() -> None:
    # ldrt r3, [r0] is an exit and unaligned; stepping it finds the ldrd behind it
    machine = machine_for(0xF850, 0x3E00, *LDRD, ADDS_R2_1, r0=RAM + 1, r1=RAM + 2, r2=0)
    machine.run(100)
    assert fault_of(machine) == (6, CFSR.UNALIGNED.mask)
    assert machine.read(TOP - 8) == 0x108


def test_a_breakpoint_that_a_step_sets_stays() -> None:
    # it eq; streq r4, [r3]: the comparator of the loop
    machine = machine_for(0x4280, 0xBF08, 0x601C, ADDS_R2_1, r2=0)
    machine.write(0xE000_2000, 3)
    machine.set(r3=0xE000_2008, r4=1 << 30 | 0x108 | 1)
    machine.halt()
    machine.set(pc=0x104)
    for _ in range(3):
        machine.step()
    machine.write(0xE000_2008, 2 << 30 | 0x108 | 1)
    machine.halt()
    machine.set(pc=0x106, r4=1 << 30 | 0x10C | 1, xpsr=0x4100_0000)
    machine.step()
    machine.step()
    assert machine.read(0xE000_2008) == 1 << 30 | 0x10C | 1
    machine.resume()
    machine.run(100)
    assert (machine.core.halted, machine.register("pc")) == (True, 0x10C)
