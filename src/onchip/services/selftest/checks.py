"""The checks of core and memory. Each returns what it found, in a few words."""

from __future__ import annotations

import random

from onchip.cortex_m.places import BreakpointKind
from onchip.cortex_m.state import CoreState, HaltKind, HaltReason, ResetKind
from onchip.errors import BreakpointError, WatchpointError
from onchip.services.selftest.bench import (
    COUNTER,
    SEED,
    SLED,
    SLED_END,
    STORE_AND_LOAD,
    THUMB,
    Bench,
    CheckFailed,
    expect,
    expect_bytes,
)
from onchip.session import ConnectMode

NVIC_ISER0 = 0xE000_E100
"""Interrupt 0 enabled: every Cortex-M has that bit, and every reset clears it."""
_RUN_S = 0.01
_HALT_S = 2.0
_MOST_POINTS = 64


def registers(bench: Bench) -> str:
    """Write patterns into every register that holds any value, and read them back."""
    core = bench.session.core
    core.halt()
    general = [f"r{number}" for number in range(13)] + ["lr"]
    floats = [name for name in core.register_names if name[0] == "s" and name[1:].isdecimal()]
    masks = [name for name in ("primask", "faultmask") if name in core.register_names]
    patterns = random.Random(SEED)
    for inverted in (0, 0xFFFF_FFFF):
        values = {name: patterns.getrandbits(32) ^ inverted for name in general + floats}
        values |= {"sp": bench.area.ram + 0x40 + (inverted & 0x40)}
        values |= dict.fromkeys(masks, 1 if inverted else 0)
        core.write_registers(values)
        core.forget()
        found = core.read_registers(values)
        for name, value in values.items():
            expect(
                found[name] == value,
                f"{name} was written 0x{value:08x} and reads 0x{found[name]:08x}",
            )
    core.write_registers(dict.fromkeys(masks, 0))
    return f"{len(general) + len(floats) + len(masks) + 1} registers"


def memory(bench: Bench) -> str:
    """Write and read every size at every alignment; what is beside it must stay."""
    memory, base = bench.session.memory, bench.area.ram
    bench.session.core.halt()
    noise = random.Random(SEED)
    count = 0
    background = bytearray(noise.randbytes(64))
    memory.write(base, bytes(background))
    for offset in range(8):
        for length in (1, 2, 3, 4, 5, 7, 8, 13, 31):
            data = noise.randbytes(length)
            memory.write(base + offset, data)
            background[offset : offset + length] = data
            expect_bytes(memory.read(base, 64), bytes(background), base)
            count += 1
    for offset in range(4):
        memory.write_u8(base + offset, 0xA0 + offset)
        expect(memory.read_u8(base + offset) == 0xA0 + offset, "a byte reads another value")
    expect(memory.read_u32(base) == 0xA3A2_A1A0, "four bytes do not make up their word")
    memory.write_u16(base + 2, 0x1234)
    expect(memory.read_u16(base + 2) == 0x1234, "a halfword reads another value")
    expect(memory.read_u32(base) == 0x1234_A1A0, "a halfword does not lie where it should")
    for length in (255, 1024, bench.area.ram_length - 8):
        data = noise.randbytes(length)
        memory.write(base + 3, data)
        expect_bytes(memory.read(base + 3, length), data, base + 3)
        count += 1
    return f"{count + 6} sizes and alignments"


def run_control(bench: Bench) -> str:
    """Let a counter run, stop it, step it: it must count exactly."""
    core, base = bench.session.core, bench.area.ram
    bench.start(COUNTER, r0=0)
    core.resume()
    core.sleep(_RUN_S)
    core.halt()
    counted = core.read_register("r0")
    expect(counted, "the core did not execute anything while it ran")
    core.write_registers({"r0": 0, "pc": base})
    for number in range(1, 11):
        core.step()
        found = core.read_registers(("pc", "r0"))
        wanted = {"pc": base + 2 * (number % 2), "r0": (number + 1) // 2}
        expect(found == wanted, f"after {number} steps {_shown(found)}, not {_shown(wanted)}")
    return f"counted to {counted}, 10 steps"


def breakpoints(bench: Bench) -> str:
    """Take hardware breakpoints until they run out, stop at each, and at one in RAM."""
    core, memory = bench.session.core, bench.session.memory
    core.halt()
    sector = bench.area.sector
    start = sector.start if sector is not None else 0
    available = core.breakpoints.available
    places: list[int] = []
    try:
        while len(places) < _MOST_POINTS:
            core.breakpoints.set(start + 4 * len(places), BreakpointKind.HARDWARE)
            places.append(start + 4 * len(places))
    except BreakpointError:
        pass
    expect(len(places) == available, f"{len(places)} of {available} breakpoints could be set")
    hits = ""
    if sector is not None:
        if memory.read(start, len(SLED)) != SLED:
            bench.session.flash(SLED, base=start, format="bin", reset=False)
        _run_through(bench, start, places[: SLED_END // 4])
        hits = ", each hit"
    core.breakpoints.clear()
    bench.start(SLED)
    core.breakpoints.set(bench.area.ram + 8, BreakpointKind.SOFTWARE)
    core.resume()
    _expect_stop(core.wait_halted(_HALT_S), HaltKind.BREAKPOINT, bench.area.ram + 8)
    expect_bytes(memory.read(bench.area.ram, len(SLED)), SLED, bench.area.ram)
    core.breakpoints.clear()
    return f"{len(places)} in hardware{hits}; 1 in RAM"


def _run_through(bench: Bench, start: int, places: list[int]) -> None:
    """Run the sled in flash: it must stop at every place, in order, and nowhere afterwards."""
    core = bench.session.core
    stack = (bench.area.ram + bench.area.ram_length) & ~7
    core.write_registers({"pc": start + SLED_END, "sp": stack, "xpsr": THUMB, "primask": 1})
    for place in places:
        core.resume()
        _expect_stop(core.wait_halted(_HALT_S), HaltKind.BREAKPOINT, place)
    core.breakpoints.clear()
    core.resume()
    core.sleep(_RUN_S)
    expect(core.poll() is None, "the core stopped with every breakpoint removed")
    core.halt()


def watchpoints(bench: Bench) -> str:
    """Take watchpoints until they run out; stop at writes, reads and both."""
    core, base = bench.session.core, bench.area.ram
    data = base + 0x100
    bench.start(STORE_AND_LOAD, r0=1, r1=data)
    available = core.watchpoints.available
    count = 0
    try:
        while count < _MOST_POINTS:
            core.watchpoints.set(data + 4 * count, 4, "write")
            count += 1
    except WatchpointError:
        pass
    expect(count == available, f"{count} of {available} watchpoints could be set")
    core.watchpoints.clear()
    if not available:
        return "none on this core"
    for access in ("write", "read", "access"):
        core.write_register("pc", base)
        core.watchpoints.set(data, 4, access)
        core.resume()
        reason = core.wait_halted(_HALT_S)
        expect(
            reason.kind is HaltKind.WATCHPOINT and reason.address == data,
            f"a {access} of 0x{data:08x} was to stop the core; it stopped for: {reason}",
        )
        core.watchpoints.clear()
    return f"{count}; write, read and both hit"


def resets(bench: Bench) -> str:
    """Reset in every way: interrupts must be disabled by it, and the core halted after it."""
    core = bench.session.core
    done = []
    for kind in ResetKind:
        if kind is ResetKind.CORE and core.identity.baseline:
            continue
        _enable_interrupt(bench)
        core.reset(kind, halt=True)
        enabled = bench.session.memory.read_u32(NVIC_ISER0) & 1
        expect(not enabled, f"a {kind.value} reset left interrupt 0 enabled: was there a reset?")
        expect(
            core.state() is CoreState.HALTED, f"the core is not halted after a {kind.value} reset"
        )
        done.append(kind.value)
    return ", ".join(done)


def connect_modes(bench: Bench) -> str:
    """Leave and come back in every way: to a running and a halted core, halting, under reset."""
    base = bench.area.ram
    bench.start(COUNTER, r0=0)
    bench.session.core.resume()
    bench.session.resume_on_close = True
    bench.session.close()
    with bench.connect(ConnectMode.ATTACH) as session:
        expect(session.core.was_running, "the core was halted by leaving, or by attaching")
        session.core.sleep(_RUN_S)
        session.core.halt()
        expect(session.core.read_register("r0"), "the core did not run on after leaving")
        session.core.write_register("r5", 0x5A5A_1234)
        session.resume_on_close = False
    with bench.connect(ConnectMode.ATTACH) as session:
        expect(not session.core.was_running, "a halted core ran after leaving and attaching")
        value = session.core.read_register("r5")
        expect(value == 0x5A5A_1234, f"r5 became 0x{value:08x} while nobody was connected")
        session.resume_on_close = True
    with bench.connect(ConnectMode.HALT) as session:
        pc = session.core.read_register("pc")
        expect(pc in (base, base + 2), f"halted at 0x{pc:08x}, outside the program")
        _enable_interrupt(Bench(session, bench.area, bench.connect))
    with bench.connect(ConnectMode.UNDER_RESET) as session:
        expect(session.core.state() is CoreState.HALTED, "the core is not halted after the reset")
        enabled = session.memory.read_u32(NVIC_ISER0) & 1
        expect(not enabled, "connecting under reset did not reset")
    return "attach, halt, under-reset"


def _enable_interrupt(bench: Bench) -> None:
    memory = bench.session.memory
    if not bench.session.core.halted:
        bench.session.core.halt()
    memory.write_u32(NVIC_ISER0, 1)
    expect(memory.read_u32(NVIC_ISER0) & 1, "interrupt 0 cannot be enabled")


def _expect_stop(reason: HaltReason, kind: HaltKind, pc: int) -> None:
    if reason.kind is not kind or reason.pc != pc:
        raise CheckFailed(
            f"a {kind.value} at 0x{pc:08x} was expected; the core stopped for: {reason}"
        )


def _shown(values: dict[str, int]) -> str:
    return ", ".join(f"{name} is 0x{value:08x}" for name, value in values.items())
