"""Time, leaps, memory that changes, devices: the core on its bus."""

from __future__ import annotations

import struct

import pytest

from onchip.errors import BoardError
from onchip.virtual_board.bus import BusFault, Memory
from onchip.virtual_board.cortex_m.engine import Stop
from onchip.virtual_board.cortex_m.unicorn import context as unicorn_context
from onchip.virtual_board.cortex_m.unicorn import counter as unicorn_counter
from onchip.virtual_board.cortex_m.unicorn import library as unicorn_library
from onchip.virtual_board.cortex_m.unicorn import selftest as unicorn_selftest
from onchip.virtual_board.cortex_m.unicorn.engine import UnicornEngine
from tests.virtual_board.cortex_m.machine import CONSOLE, Console, Machine
from tests.virtual_board.cortex_m.opcodes import ADDS_R0, BX_LR, LDR, LOOP, NOP, STR, STRB


def test_one_instruction_is_one_cycle_whatever_the_clock() -> None:
    machine = Machine(clock_hz=16_000_000).assemble(ADDS_R0, 0xE7FD)
    machine.timeline.advance_to(1_000_000)
    assert machine.core.cycles == 16_000
    assert machine.register("r0") == 8000
    machine.core.clock_hz = 64_000_000
    machine.timeline.advance_to(2_000_000)
    assert machine.register("r0") == 8000 + 32_000
    with pytest.raises(ValueError, match="0 Hz"):
        machine.core.clock_hz = 0


def test_a_clock_of_odd_ratio_does_not_drift() -> None:
    machine = Machine(clock_hz=30_000_001).assemble(ADDS_R0, 0xE7FD)
    for step in range(1, 1001):
        machine.timeline.advance_to(step * 997)
    assert machine.core.cycles == -(-997_000 * 30_000_001 // 1_000_000_000)


def test_a_device_that_changes_the_clock_while_the_core_runs() -> None:
    machine = Machine(clock_hz=1_000_000).assemble(STR, ADDS_R0, 0xE7FD)
    machine.set(r1=CONSOLE + 16, r0=0)
    machine.console.write = lambda *_: setattr(  # type: ignore[method-assign]
        machine.core, "clock_hz", 10_000_000
    )
    machine.timeline.advance_to(100_000)
    assert machine.core.cycles == 1 + 995 or machine.core.cycles == 1000
    assert machine.timeline.now_ns == 100_000


def test_devices_see_the_exact_time() -> None:
    machine = Machine().assemble(NOP, NOP, LDR, NOP, LDR, LOOP)
    seen = []

    def read(offset: int, size: int) -> int:
        seen.append(machine.timeline.now_ns)
        return 0

    machine.console.read = read  # type: ignore[method-assign]
    machine.set(r1=CONSOLE)
    machine.timeline.advance_to(1000)
    assert seen == [20, 40]


def test_an_event_planned_by_a_device_interrupts_at_its_moment() -> None:
    machine = Machine().assemble(STR, ADDS_R0, 0xE7FD)
    machine.vector(16, 0x180)
    machine.put(0x180, 0x0005, LOOP)  # movs r5, r0
    machine.write(0xE000_E100, 1)

    def write(offset: int, size: int, value: int) -> None:
        machine.timeline.after(1000, lambda: machine.core.set_irq(0, True))

    machine.console.write = write  # type: ignore[method-assign]
    machine.set(r0=0, r1=CONSOLE)
    machine.timeline.advance_to(100_000)
    assert machine.register("r5") == 50  # 100 cycles after the store, two instructions a round


class Busy:
    """A flag that is polled; leaps after the third poll without anything else."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.done_ns = 0
        self.polls = 0

    def read(self, offset: int, size: int) -> int:
        timeline = self.machine.timeline
        if timeline.now_ns >= self.done_ns:
            return 0
        self.polls += 1
        if self.polls % 4 == 3:
            timeline.leap(self.done_ns)
        return 1

    def write(self, offset: int, size: int, value: int) -> None:
        self.done_ns = self.machine.timeline.now_ns + 2_000_000_000

    def reset(self) -> None: ...


def polling_machine() -> tuple[Machine, Busy]:
    # str r0, [r1]; 1: ldr r0, [r1]; adds r4, #1; cmp r0, #0; bne 1b; loop
    machine = Machine().assemble(STR, LDR, 0x3401, 0x2800, 0xD1FB, LOOP)
    busy = Busy(machine)
    machine.bus.add_device("busy", 0x5000_0000, 0x10, busy)
    machine.set(r1=0x5000_0000)
    return machine, busy


@pytest.mark.parametrize("chunk_ns", [2_600_000_000, 100_000_000, 7_777_777])
def test_a_polled_flag_is_leaped_over_whatever_the_slicing(chunk_ns: int) -> None:
    machine, busy = polling_machine()
    while machine.timeline.now_ns < 2_500_000_000:
        machine.timeline.advance_to(machine.timeline.now_ns + chunk_ns)
    assert busy.polls == 3
    assert machine.register("r4") == 4
    assert machine.register("pc") == 0x10A


def test_a_leap_ends_at_an_event_an_interrupt_and_a_debugger_write() -> None:
    for disturb in ("event", "interrupt", "write"):
        machine, busy = polling_machine()
        machine.vector(16, 0x180)
        machine.put(0x180, BX_LR)
        machine.write(0xE000_E100, 1)
        if disturb == "event":
            machine.timeline.at(1_000_000_000, lambda: None)
        machine.timeline.advance_to(1_000_000_000)
        polls = busy.polls
        if disturb == "interrupt":
            machine.core.pulse_irq(0)
        elif disturb == "write":
            machine.write(0x2000_0000, 1)
        machine.timeline.advance_to(1_000_000_500)
        assert busy.polls > polls, disturb


def test_systick_keeps_its_pace_through_a_leap() -> None:
    machine, _ = polling_machine()
    machine.vector(15, 0x180)
    machine.put(0x180, 0x3501, 0x4770)  # adds r5, #1
    machine.write(0xE000_E014, 9_999_999)
    machine.write(0xE000_E018, 0)
    machine.write(0xE000_E010, 7)
    machine.timeline.advance_to(3_000_000_000)
    assert machine.register("r5") == 29
    assert machine.register("pc") == 0x10A


def test_halting_in_a_leap_and_going_on() -> None:
    machine, busy = polling_machine()
    machine.timeline.advance_to(1_000_000_000)
    machine.halt()
    assert machine.register("r4") < 5
    machine.resume()
    machine.timeline.advance_to(2_100_000_000)
    assert busy.polls >= 3
    assert machine.register("pc") == 0x10A


def test_memory_can_be_remapped_by_the_running_program() -> None:
    machine = Machine().assemble(STR, 0x4710)  # str; bx r2
    boot = Memory("boot", 0x1FFF_0000, 0x400, "rom")
    boot.data[:4] = struct.pack("<2H", 0x2707, LOOP)
    machine.bus.map(0x1FFF_0000, boot)
    window = machine.bus.map(0x3000_0000, machine.ram, length=0x400)
    machine.ram.data[:4] = struct.pack("<2H", 0x2705, LOOP)
    machine.set(pc=0x3000_0000)
    machine.run(10)
    assert machine.register("r7") == 5

    def write(offset: int, size: int, value: int) -> None:
        machine.bus.unmap(window)
        machine.bus.map(0x3000_0000, boot)

    machine.console.write = write  # type: ignore[method-assign]
    machine.set(pc=0x100, r1=CONSOLE, r2=0x3000_0001)
    machine.run(10)
    assert machine.register("r7") == 7


def test_guest_writes_to_flash_go_through_the_controller() -> None:
    machine = Machine().assemble(STR, LDR, STRB, LOOP)
    writes = []

    def on_write(offset: int, size: int, value: int) -> None:
        writes.append((offset, size, value))
        old = int.from_bytes(machine.flash.data[offset : offset + size], "little")
        machine.flash.data[offset : offset + size] = (old & value).to_bytes(size, "little")
        machine.bus.code_changed(offset, size)

    machine.flash.on_write = on_write
    machine.flash.data[0x800:0x804] = b"\xff\xff\xff\xff"
    machine.set(r0=0x1234_5678, r1=0x800)
    machine.run(20)
    assert writes == [(0x800, 4, 0x1234_5678), (0x800, 1, 0x78)]
    assert machine.read(0x800) == 0x1234_5678


def test_flash_holds_what_its_controller_made_of_a_store() -> None:
    # str r0, [r1]; ldr r2, [r1]; strh r3, [r1, #4]; ldr r4, [r1, #4]; stm r1!, {r5, r6}; loop
    machine = Machine().assemble(STR, 0x680A, 0x808B, 0x684C, 0xC160, LOOP)

    def clear_bits(offset: int, size: int, value: int) -> None:
        old = int.from_bytes(machine.flash.data[offset : offset + size], "little")
        machine.flash.data[offset : offset + size] = (old & value).to_bytes(size, "little")

    machine.flash.on_write = clear_bits
    machine.flash.data[0x800:0x808] = struct.pack("<2I", 0xFFFF_00F0, 0x1234_5678)
    machine.set(r0=0x0F0F_0FFF, r1=0x800, r3=0xFF00, r5=0xFFFF_FF0F, r6=0xFFFF_FFFF)
    machine.run(4)
    assert machine.register("r2") == 0x0F0F_00F0
    assert machine.register("r4") == 0x1234_5600
    machine.run(10)
    assert machine.read(0x800) == 0x0F0F_0000
    assert machine.read(0x804) == 0x1234_5600
    machine.flash.on_write = lambda *_: None
    machine.set(pc=0x100, r0=0, r1=0x800)
    machine.run(1)
    assert machine.read(0x800) == 0x0F0F_0000


def test_flash_that_refuses_is_a_precise_bus_fault() -> None:
    machine = Machine().assemble(STR, NOP, LOOP)
    machine.vector(5, 0x180)
    machine.put(0x180, LOOP)
    machine.write(0xE000_ED24, 7 << 16)

    def on_write(offset: int, size: int, value: int) -> None:
        raise BusFault(offset)

    machine.flash.on_write = on_write
    machine.set(r1=0x800)
    machine.run(50)
    assert machine.core.engine.ipsr() == 5
    assert machine.read(0xE000_ED38) == 0x800


def test_code_that_changes_under_the_core_is_translated_again() -> None:
    machine = Machine().assemble(ADDS_R0, 0xE7FD)
    alias = machine.bus.add_alias(0x0800_0000, machine.flash)
    machine.set(pc=alias.base + 0x100)
    machine.run(100)
    machine.put(0x100, 0x3002)
    before = machine.register("r0")
    machine.run(100)
    assert machine.register("r0") == before + 100


def test_self_modifying_code_in_ram() -> None:
    machine = Machine().assemble(LOOP)
    # strh r2, [r1]; isb; (r1:) adds r0, #1; loop
    machine.put(0x2000_0000, 0x800A, 0xF3BF, 0x8F6F, ADDS_R0, LOOP)
    machine.set(pc=0x2000_0006)
    machine.run(10)
    machine.set(pc=0x2000_0000, r0=0, r1=0x2000_0006, r2=0x3055)
    machine.run(20)
    assert machine.register("r0") == 0x55


def test_small_devices_share_a_page_and_holes_fault() -> None:
    machine = Machine().assemble(LDR, 0x6812, LOOP)  # ldr r0, [r1]; ldr r2, [r2]
    first, second = Console(), Console()
    machine.bus.add_device("a", 0x4000_4000, 0x20, first)
    window = machine.bus.add_device("b", 0x4000_4020, 0x20, second)
    machine.set(r1=0x4000_4004, r2=0x4000_4024)
    machine.run(10)
    assert (first.reads, second.reads) == (1, 1)
    machine.bus.unmap(window)
    machine.vector(3, 0x180)
    machine.put(0x180, LOOP)
    machine.set(pc=0x100, r1=0x4000_4004, r2=0x4000_4024)
    machine.run(50)
    assert first.reads == 2
    assert machine.core.engine.ipsr() == 3


def test_a_chip_device_inside_the_private_peripheral_bus() -> None:
    machine = Machine().assemble(LDR, LOOP)
    console = Console()
    machine.bus.add_device("dbgmcu", 0xE004_2000, 0x400, console)
    machine.set(r1=0xE004_2000)
    machine.run(10)
    assert console.reads == 1
    assert machine.read(0xE004_2000) == 2


def test_a_bug_in_a_device_surfaces_as_itself() -> None:
    machine = Machine().assemble(LDR, LOOP)

    def read(offset: int, size: int) -> int:
        raise KeyError("a bug")

    machine.console.read = read  # type: ignore[method-assign]
    machine.set(r1=CONSOLE)
    with pytest.raises(KeyError, match="a bug"):
        machine.run(10)


def test_reset_from_a_device_counts_from_the_next_instruction() -> None:
    machine = Machine().assemble(STR, 0x2607, LOOP)
    machine.console.write = lambda *_: (  # type: ignore[method-assign]
        machine.core.reset("system") if not machine.console.reads else None
    )
    machine.set(r1=CONSOLE)
    machine.run(1)
    assert machine.register("pc") == 0x100
    machine.console.reads = 1
    machine.run(20)
    assert machine.register("r6") == 7


def test_an_interrupt_that_a_device_raises_is_taken_at_once() -> None:
    machine = Machine().assemble(STR, ADDS_R0, LOOP)
    machine.vector(19, 0x180)
    machine.put(0x180, LOOP)
    machine.write(0xE000_E100, 8)
    machine.set(r0=3, r1=CONSOLE + 12)
    machine.run(50)
    assert machine.core.engine.ipsr() == 19
    assert machine.register("r0") == 3


def test_close_is_harmless_twice() -> None:
    machine = Machine()
    machine.core.close()
    machine.core.close()


def test_a_missing_unicorn_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(unicorn_library.importlib, "import_module", absent)
    with pytest.raises(BoardError, match=r"pip install 'onchip\[sim\]'"):
        Machine()


def test_an_engine_that_misbehaves_is_refused() -> None:
    def silent(address: int, size: int) -> int:
        return 0

    engine = UnicornEngine("cortex-m4", on_read=silent, on_write=lambda *_: None)
    original = engine._finish_event

    def wrong(event: Stop, counted: int) -> None:
        original(event, counted)
        if event is Stop.WFE:
            engine.stop = Stop.UNDEFINED

    engine._finish_event = wrong  # type: ignore[method-assign]
    with pytest.raises(BoardError, match="WFE is not reported"):
        unicorn_selftest.check("cortex-m4", engine)


def test_an_engine_that_lets_unaligned_pairs_pass_is_refused() -> None:
    engine = UnicornEngine("cortex-m4", on_read=lambda *_: 0, on_write=lambda *_: None)
    engine._alignment = None
    with pytest.raises(BoardError, match="unaligned accesses of LDM are not reported"):
        unicorn_selftest.check("cortex-m4", engine)


def test_an_engine_that_does_not_stack_lazily_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = UnicornEngine("cortex-m4", on_read=lambda *_: 0, on_write=lambda *_: None)
    monkeypatch.setattr(engine, "set_fp_control", lambda control: None)
    with pytest.raises(BoardError, match="FP state is not stacked lazily"):
        unicorn_selftest.check("cortex-m4", engine)


def test_the_self_test_notices_another_processor() -> None:
    engine = UnicornEngine("cortex-m4", on_read=lambda *_: 0, on_write=lambda *_: None)
    with pytest.raises(BoardError, match="another processor"):
        unicorn_selftest.check("cortex-m0", engine)


def test_what_malloc_left_in_the_head_of_a_context_does_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = unicorn_context.ctypes.string_at

    def string_at(base: int, length: int) -> bytes:
        head = 40  # of struct uc_context, on a host of 64 bits
        assert original(base - head, 8) == length.to_bytes(8, "little")
        return original(base, length)

    monkeypatch.setattr(unicorn_context.ctypes, "string_at", string_at)
    monkeypatch.setattr(unicorn_context.UnicornContext, "_places", {})
    UnicornEngine("cortex-m4", on_read=lambda *_: 0, on_write=lambda *_: None).close()


def test_an_unknown_layout_of_unicorn_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unicorn_context.ctypes, "string_at", lambda *_: bytes(4096))
    monkeypatch.setattr(unicorn_context.UnicornContext, "_places", {})
    with pytest.raises(BoardError, match="state of its processor in an unknown place"):
        UnicornEngine("cortex-m4", on_read=lambda *_: 0, on_write=lambda *_: None)
    monkeypatch.setattr(unicorn_counter.Counter, "_limit_offset", None)
    with pytest.raises(BoardError, match="counter in an unknown place"):
        UnicornEngine("cortex-m0", on_read=lambda *_: 0, on_write=lambda *_: None)
