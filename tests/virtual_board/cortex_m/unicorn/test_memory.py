"""Devices are mapped by the first access to them, and nobody can tell."""

from __future__ import annotations

from onchip.virtual_board.cortex_m.engine import Stop
from onchip.virtual_board.cortex_m.unicorn.engine import UnicornEngine
from tests.virtual_board.cortex_m.machine import CONSOLE, Machine

NOP, LOOP, LDR, STR, CMP_R0_0, ITTE_EQ, ADDS_R2_1 = (
    *(0xBF00, 0xE7FE, 0x6808, 0x6008, 0x2800),
    *(0xBF06, 0x3201),
)


def test_the_first_access_within_an_it_block_leaves_the_block_alone() -> None:
    # cmp r0, #0; itte eq; ldreq r0, [r1]; addeq r2, #1; addne r2, #1; beq over one addition
    machine = Machine().assemble(
        *(CMP_R0_0, ITTE_EQ, LDR, ADDS_R2_1, ADDS_R2_1, 0xD000, ADDS_R2_1, ADDS_R2_1, LOOP)
    )
    machine.set(r0=0, r1=CONSOLE, r2=0)
    machine.run(8)
    assert (machine.register("r0"), machine.register("r2")) == (1, 2)
    assert machine.console.reads == 1
    assert machine.register("pc") == 0x110 + machine.layout.flash


def test_the_first_store_is_made_once() -> None:
    machine = Machine().assemble(STR, STR, LOOP).set(r0=65, r1=CONSOLE)
    machine.run(10)
    assert machine.console.writes == [(0, 4, 65), (0, 4, 65)]


def _engine(seen: list[int]) -> UnicornEngine:
    def read(address: int, size: int) -> int:
        seen.append(address)
        return 7

    engine = UnicornEngine.start("cortex-m4", on_read=read, on_write=lambda *_: None)
    memory = Machine().ram
    memory.data[:4] = b"\x08\x68\xfe\xe7"  # ldr r0, [r1]; b .
    engine.map_memory(memory.base, memory, 0, memory.size)
    return engine


def _load(engine: UnicornEngine, address: int) -> Stop:
    engine.reset(0x2000_0400, 0x2000_0001)
    engine.write_register("r1", address)
    engine.run(1)
    return engine.stop


def test_a_range_is_taken_out_before_and_after_its_first_use() -> None:
    seen: list[int] = []
    engine = _engine(seen)
    engine.map_devices(0x4000_0000, 0x1000)
    engine.unmap(0x4000_0400, 0x400)
    assert _load(engine, 0x4000_0400) is Stop.DATA_FAULT
    assert _load(engine, 0x4000_0000) is Stop.BUDGET
    assert _load(engine, 0x4000_0FFC) is Stop.BUDGET
    engine.unmap(0x4000_0000, 0x400)
    assert _load(engine, 0x4000_0000) is Stop.DATA_FAULT
    assert seen == [0x4000_0000, 0x4000_0FFC]


def test_a_branch_to_a_device_is_no_access_to_it() -> None:
    seen: list[int] = []
    engine = _engine(seen)
    engine.map_devices(0x4000_0000, 0x1000)
    engine.reset(0x2000_0400, 0x4000_0001)
    engine.run(5)
    assert engine.stop in (Stop.EXECUTE_NEVER, Stop.FETCH_FAULT)
    assert not seen


def test_a_device_at_address_zero() -> None:
    seen: list[int] = []
    engine = _engine(seen)
    engine.map_devices(0, 0x1000)
    assert _load(engine, 0x10) is Stop.BUDGET
    assert seen == [0x10]


def test_an_access_to_nowhere_within_an_it_block_is_precise() -> None:
    # cmp r0, #0; itte eq; ldreq r0, [r1]; addeq r2, #1
    machine = Machine().assemble(CMP_R0_0, ITTE_EQ, LDR, ADDS_R2_1, ADDS_R2_1, LOOP)
    machine.vector(3, 0x200)
    machine.put(0x200, LOOP)
    machine.set(r0=0, r1=0x6000_0000, r2=0)
    machine.run(50)
    frame = machine.register("sp")
    assert machine.read(frame + 24) == machine.layout.flash + 0x104
    assert machine.read(frame + 28) & 0x0600_FC00  # still in the block
    assert machine.register("r2") == 0
