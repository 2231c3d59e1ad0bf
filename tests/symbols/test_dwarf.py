"""Names for addresses, from the sample that ships with onchip and from damaged copies of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onchip.errors import SymbolError
from onchip.symbols.dwarf import DebugInfo, FrameRules
from onchip.symbols.elf import ElfFile

SAMPLES = Path(__file__).parents[2] / "src/onchip/cli/samples"
SAMPLE = SAMPLES / "stm32f407.elf"
SOURCE = (Path(__file__).parents[2] / "firmware/main.c").read_text().splitlines()


@pytest.fixture(scope="module")
def debug() -> DebugInfo:
    return DebugInfo.load(SAMPLE)


def function(debug: DebugInfo, name: str) -> int:
    return next(s.value & ~1 for s in debug.elf.symbols if s.name == name)


def line_with(text: str) -> int:
    return next(number for number, line in enumerate(SOURCE, 1) if text in line)


def test_function_and_offset(debug: DebugInfo) -> None:
    main = function(debug, "main")
    assert debug.name_of(main) == debug.name_of(main | 1) == "main"
    assert debug.name_of(main + 6) == debug.name_of(main + 7) == "main+6"
    found = debug.function_at(main + 2)
    assert found is not None
    assert (found.name, found.start, found.is_function) == ("main", main, True)


def test_variable(debug: DebugInfo) -> None:
    counter = function(debug, "counter")
    assert debug.name_of(counter) == "counter"
    assert debug.name_of(counter + 3) == "counter+3"
    assert debug.variable_at(counter + 4) is None or debug.name_of(counter + 4) != "counter+4"


@pytest.mark.parametrize("address", [0x0, 0x2000_4000, 0x1000_0000, 0xFFFF_FFFF, 0x0800_FFFE])
def test_nothing_there(debug: DebugInfo, address: int) -> None:
    assert debug.name_of(address) is None
    assert debug.line_at(address) is None
    assert debug.frame_rules(address) is None
    assert not debug.is_code(address)


def test_file_and_line(debug: DebugInfo) -> None:
    line = debug.line_at(function(debug, "read_sensor"))
    assert line is not None
    assert line.file.endswith("firmware/main.c")
    assert line.line in (line_with("uint32_t read_sensor"), line_with("return *sensor;"))
    assert str(line) == f"{line.file}:{line.line}"
    lines = {
        found.line
        for address in range(function(debug, "take_sample"), function(debug, "main"), 2)
        if (found := debug.line_at(address)) is not None and found.file.endswith("main.c")
    }
    assert line_with('console_write("sample ");') in lines


@pytest.mark.parametrize("chip", ["lpc1768", "nrf51822", "nrf52840", "stm32f407"])
def test_every_function_of_every_sample_has_line_and_frame(chip: str) -> None:
    debug = DebugInfo.load(SAMPLES / f"{chip}.elf")
    for name in ("main", "fibonacci", "read_sensor", "take_sample", "Reset_Handler"):
        start = function(debug, name)
        assert debug.name_of(start) == name
        assert debug.line_at(start) is not None
        assert debug.frame_rules(start) == FrameRules(13, 0, {})
        assert debug.is_code(start)


def test_calls_in_line(debug: DebugInfo) -> None:
    start = function(debug, "console_write")
    symbol = debug.function_at(start)
    assert symbol is not None
    chains = {debug.inlined_at(a) for a in range(start, start + symbol.size, 2)}
    (call,) = next(chain for chain in chains if chain)
    assert call.function == "uart_put"
    assert call.called_at.file.endswith("firmware/console.c")
    assert () in chains
    assert debug.inlined_at(0x2000_0000) == ()


def test_frame_rules_follow_the_prologue(debug: DebugInfo) -> None:
    start = function(debug, "take_sample")
    assert debug.frame_rules(start) == FrameRules(13, 0, {})
    rules = debug.frame_rules(start + 4)
    assert rules is not None
    assert rules.cfa_register == 13
    assert rules.saved[14] == -4
    assert rules.cfa_offset >= 8


def test_what_is_no_elf_file(tmp_path: Path) -> None:
    (tmp_path / "image.bin").write_bytes(bytes(100))
    for name in ("image.bin", "missing.elf"):
        with pytest.raises(SymbolError, match=name):
            DebugInfo.load(tmp_path / name)


def test_without_debug_information_symbols_are_left() -> None:
    data = SAMPLE.read_bytes()
    for name in (b".debug_line", b".debug_info", b".debug_frame", b".debug_aranges"):
        data = data.replace(name + b"\0", b".x" + name[2:] + b"\0")
    debug = DebugInfo(ElfFile(data))
    main = function(debug, "main")
    assert debug.name_of(main) == "main"
    assert debug.line_at(main) is None
    assert debug.frame_rules(main) is None


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_damage_names_nothing_and_raises_nothing(data: st.DataObject) -> None:
    damaged = bytearray(SAMPLE.read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        damaged[data.draw(st.integers(0x34, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        debug = DebugInfo(ElfFile(bytes(damaged)))
    except SymbolError:
        return
    for address in (0x0800_00F6, 0x0800_0134, 0x2000_0000, 0x0800_0140):
        debug.name_of(address)
        debug.line_at(address)
        debug.inlined_at(address)
        debug.frame_rules(address)
        debug.is_code(address)
