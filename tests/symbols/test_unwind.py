"""Walks over stacks: built by hand, damaged, and those of the sample on a virtual board."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import onchip
from onchip.errors import TransferFault
from onchip.symbols.dwarf import DebugInfo, FrameRules
from onchip.symbols.unwind import MOST_FRAMES, Backtrace, is_exc_return, unwind

SAMPLES = Path(__file__).parents[2] / "src/onchip/cli/samples"
RAM, TOP = 0x2000_0000, 0x2000_1000
HANDLER, LEAF, CALLER, MAIN, RESET = 0x1000, 0x2000, 0x3000, 0x4000, 0x5000
SAVES_LR = FrameRules(13, 8, {4: -8, 14: -4})
NO_FRAME = FrameRules(13, 0, {})
THREAD_EXIT = MAIN + 0x800


class Rules:
    """Frame rules by 4 KiB of code."""

    def __init__(self, **changes: FrameRules | None) -> None:
        self.rules: dict[int, FrameRules | None] = {
            HANDLER: NO_FRAME,
            LEAF: NO_FRAME,
            CALLER: SAVES_LR,
            MAIN: SAVES_LR,
            RESET: SAVES_LR,
        }
        self.rules |= {int(name[1:], 16): rules for name, rules in changes.items()}

    def frame_rules(self, address: int) -> FrameRules | None:
        return self.rules.get(address & ~0xFFF)

    def name_of(self, address: int) -> str | None:
        return "prvTaskExitError" if address == THREAD_EXIT | 1 else None

    def is_code(self, address: int) -> bool:
        return address & ~0xFFF in self.rules


class Stack:
    def __init__(self) -> None:
        self.cells = bytearray(TOP - RAM)

    def put(self, address: int, *words: int) -> None:
        data = struct.pack(f"<{len(words)}I", *words)
        self.cells[address - RAM : address - RAM + len(data)] = data

    def read(self, address: int, length: int) -> bytes:
        if not RAM <= address <= address + length <= TOP:
            raise TransferFault("FAULT", address=address)
        return bytes(self.cells[address - RAM : address - RAM + length])


def walk(registers: dict[str, int], stack: Stack, rules: Any = None, **options: Any) -> Backtrace:
    return unwind(registers, stack.read, rules or Rules(), **options)


def test_calls() -> None:
    stack = Stack()
    stack.put(0x2000_0F00, 44, MAIN + 0x11, 55, RESET + 0x21, 66, 0xFFFF_FFFF)
    registers = {"sp": 0x2000_0F00, "lr": CALLER + 0x11, "pc": LEAF + 2, "r4": 1, "r0": 9}
    found = walk(registers, stack)
    assert [frame.pc for frame in found.frames] == [LEAF + 2, CALLER + 16, MAIN + 16, RESET + 32]
    assert [frame.sp - 0x2000_0F00 for frame in found.frames] == [0, 0, 8, 16]
    assert [frame.registers.get("r4") for frame in found.frames] == [1, 1, 44, 55]
    assert [frame.registers.get("r0") for frame in found.frames] == [9, None, None, None]
    assert [frame.lookup for frame in found.frames[:2]] == [LEAF + 2, CALLER + 14]
    assert (found.end, found.complete) == ("the outermost function", True)


def frame_words(pc: int, lr: int, xpsr: int = 0x0100_0000) -> tuple[int, ...]:
    return (10, 11, 12, 13, 14, lr, pc, xpsr)


def test_an_exception_on_the_main_stack() -> None:
    stack = Stack()
    stack.put(0x2000_0E00, *frame_words(LEAF + 4, CALLER + 0x11))
    stack.put(0x2000_0E20, 44, 0xFFFF_FFFF)
    registers = {"sp": 0x2000_0E00, "lr": 0xFFFF_FFF9, "pc": HANDLER, "xpsr": 0x0100_0003}
    found = walk(registers, stack)
    assert [frame.pc for frame in found.frames] == [HANDLER, LEAF + 4, CALLER + 16]
    assert [frame.exception for frame in found.frames] == [None, 3, None]
    interrupted = found.frames[1]
    assert interrupted.sp == 0x2000_0E20
    assert [interrupted.registers[f"r{n}"] for n in (0, 1, 2, 3, 12)] == [10, 11, 12, 13, 14]
    assert interrupted.registers["lr"] == CALLER + 0x11
    assert interrupted.lookup == LEAF + 4
    assert found.complete


@pytest.mark.parametrize(("exc_return", "size"), [(0xFFFF_FFFD, 0x20), (0xFFFF_FFED, 0x68)])
@pytest.mark.parametrize("aligned", [0, 4])
def test_an_exception_on_the_process_stack(exc_return: int, size: int, aligned: int) -> None:
    stack = Stack()
    xpsr = 0x0100_0000 | (1 << 9 if aligned else 0)
    stack.put(0x2000_0800, *frame_words(LEAF, CALLER + 0x11, xpsr))
    stack.put(0x2000_0800 + size + aligned, 44, MAIN + 0x11, 0, 0xFFFF_FFFF)
    registers = {"sp": 0x2000_0F00, "lr": exc_return, "pc": HANDLER, "psp": 0x2000_0800}
    found = walk(registers | {"xpsr": 0x0100_000E}, stack)
    assert [frame.pc for frame in found.frames] == [HANDLER, LEAF, CALLER + 16, MAIN + 16]
    assert found.frames[1].sp == 0x2000_0800 + size + aligned
    assert found.frames[1].exception == 14


def test_nested_exceptions() -> None:
    stack = Stack()
    stack.put(0x2000_0D00, *frame_words(HANDLER + 8, 0xFFFF_FFFD, 0x0100_000F))
    stack.put(0x2000_0800, *frame_words(LEAF, 0xFFFF_FFFF))
    registers = {"sp": 0x2000_0D00, "lr": 0xFFFF_FFF1, "pc": HANDLER, "psp": 0x2000_0800}
    found = walk(registers | {"xpsr": 0x0100_0003}, stack)
    assert [frame.exception for frame in found.frames] == [None, 3, 15]
    assert [frame.sp for frame in found.frames] == [0x2000_0D00, 0x2000_0D20, 0x2000_0820]
    assert found.complete


@pytest.mark.parametrize(
    ("registers", "words", "end"),
    [
        ({"lr": 0x7000_0001}, (), "leads to no code"),
        ({"lr": CALLER + 0x10}, (), "leads to no code"),  # no Thumb bit
        ({"lr": CALLER + 0x11, "sp": TOP}, (), "cannot be read"),
        ({"lr": CALLER + 0x11, "sp": 0xFFFF_FFF8}, (), "it grows"),
        ({"lr": CALLER + 0x11}, (0, 0x0BAD_0BAD), "leads to no code"),
        ({"lr": 0xFFFF_FFFD}, (), "process stack, whose pointer is not known"),
        ({"lr": 0xFFFF_FFFD, "psp": 0x2000_0802}, (), "an exception frame at 0x20000802"),
        ({"lr": 0xFFFF_FFFD, "psp": 0x1000_0000}, (), "at 0x10000000 cannot be read"),
        ({"lr": 0xFFFF_FFF1}, frame_words(LEAF, 0), "a return to a handler that is none"),
        ({"lr": 0xFFFF_FFF9}, frame_words(LEAF, 0, 3), "to a thread that handles"),
        ({"lr": 0xFFFF_FFF9}, frame_words(LEAF, 0, 0x2000_0F00 | 1 << 20), "no exception frame"),
    ],
)
def test_corrupt_stacks_say_so(registers: dict[str, int], words: tuple[int, ...], end: str) -> None:
    stack = Stack()
    stack.put(0x2000_0F00, *words)
    found = walk({"sp": 0x2000_0F00, "pc": LEAF} | registers, stack)
    assert end in found.end
    assert not found.complete


def test_code_without_rules() -> None:
    stack = Stack()
    stack.put(0x2000_0F00, 44, 0xFFFF_FFFF)
    registers = {"sp": 0x2000_0F00, "lr": CALLER + 0x11, "pc": LEAF}
    found = walk(registers, stack, Rules(x2000=None))
    assert [frame.pc for frame in found.frames] == [LEAF, CALLER + 16]  # lr is believed once
    found = walk(registers, stack, Rules(x3000=None))
    assert "no call frame information for 0x0000300e" in found.end
    found = unwind(registers, stack.read)
    assert [frame.pc for frame in found.frames] == [LEAF, CALLER + 16]


def test_the_outermost_function_may_be_marked() -> None:
    rules = Rules(x3000=FrameRules(13, 0, {}, lr_is_undefined=True))
    found = walk({"sp": RAM, "lr": CALLER + 3, "pc": LEAF}, Stack(), rules)
    assert (found.end, found.complete) == ("the outermost function", True)


def test_a_thread_s_function_returns_to_where_threads_end() -> None:
    stack = Stack()
    stack.put(0x2000_0F00, 44, THREAD_EXIT | 1)
    found = walk({"sp": 0x2000_0F00, "lr": CALLER + 0x11, "pc": LEAF + 2}, stack)
    assert [frame.pc for frame in found.frames] == [LEAF + 2, CALLER + 16]
    assert (found.end, found.complete) == ("the outermost function of a thread", True)


@pytest.mark.parametrize(
    ("rules", "end"),
    [
        (FrameRules(7, 8, {14: -4}), "base register"),
        (FrameRules(13, 8, {}), "was not saved"),
        (FrameRules(13, 0, {14: 0}), "no size"),
    ],
)
def test_rules_that_lead_nowhere(rules: FrameRules, end: str) -> None:
    stack = Stack()
    stack.put(0x2000_0F00, CALLER + 5)
    found = walk({"sp": 0x2000_0F00, "lr": CALLER + 3, "pc": LEAF}, stack, Rules(x3000=rules))
    assert end in found.end


def test_endless_recursion_ends() -> None:
    stack = Stack()
    for address in range(RAM, TOP, 8):
        stack.put(address, 0, CALLER + 5)
    found = walk({"sp": RAM, "lr": CALLER + 3, "pc": LEAF}, stack)
    assert len(found.frames) == MOST_FRAMES
    assert (found.end, found.complete) == (f"more than {MOST_FRAMES} frames", False)


@pytest.mark.parametrize("value", [0xFFFFFFF1, 0xFFFFFFF9, 0xFFFFFFFD, 0xFFFFFFE1, 0xFFFFFFBC])
def test_exc_return(value: int) -> None:
    assert is_exc_return(value)


@pytest.mark.parametrize("value", [0, 0xFFFF_FFFF, 0xFFFF_FFFE, 0x0800_0001, 0xFEFF_FFFD])
def test_no_exc_return(value: int) -> None:
    assert not is_exc_return(value)


WORDS = st.one_of(
    st.integers(0, 0xFFFF_FFFF),
    st.sampled_from([0xFFFFFFF1, 0xFFFFFFF9, 0xFFFFFFFD, 0xFFFFFFED, CALLER + 1, LEAF + 1]),
    st.integers(RAM // 4, TOP // 4).map(lambda n: n * 4),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(WORDS, min_size=10, max_size=10), st.lists(WORDS, max_size=60))
def test_whatever_lies_there_the_walk_ends(registers: list[int], words: list[int]) -> None:
    stack = Stack()
    stack.put(RAM, *words)
    names = ("sp", "lr", "pc", "psp", "xpsr", "r4", "r7", "r0", "r1", "r2")
    found = walk(dict(zip(names, registers, strict=True)), stack)
    assert 1 <= len(found.frames) <= MOST_FRAMES
    assert found.end


@pytest.mark.parametrize("chip", ["stm32f407", "nrf52840", "nrf51822", "lpc1768"])
def test_the_sample_s_fault(chip: str) -> None:
    debug = DebugInfo.load(SAMPLES / f"{chip}.elf")
    with onchip.connect(f"virtual:{chip}") as session:
        session.flash(SAMPLES / f"{chip}.elf", reset=False)
        core = session.core
        core.vector_catch = {"hardfault"}
        session.reset(halt=True)
        main = next(s.value & ~1 for s in debug.elf.symbols if s.name == "main")
        request = next(s.value for s in debug.elf.symbols if s.name == "fault_request")
        core.breakpoints.set(main)
        core.resume()
        core.wait_halted(1)
        session.memory.write_u32(request, 1)
        core.resume()
        core.wait_halted(1)
        found = unwind(core.read_registers(), session.memory.read, debug)
    names = [(debug.name_of(frame.lookup) or "").partition("+")[0] for frame in found.frames]
    expected = ["HardFault_Handler", "read_sensor", "take_sample", "main", "Reset_Handler"]
    assert names == expected
    assert found.complete, found.end
    assert found.frames[1].exception == 3
    lines = [debug.line_at(frame.lookup) for frame in found.frames]
    assert all(line is not None for line in lines)
