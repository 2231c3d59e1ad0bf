"""Where members of structures lie: what the compiler says, held against what it does."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onchip.errors import SymbolError
from onchip.symbols.dwarf import DebugInfo
from onchip.symbols.elf import ElfFile
from onchip.symbols.layouts import Member, UnitTypes
from tests.support.firmware import build

SAMPLE = Path(__file__).parents[2] / "src/onchip/cli/samples/stm32f407.elf"
PROGRAM = r"""
#include <stdint.h>
#include <stddef.h>
struct part { int8_t small; uint16_t pair[3]; };
typedef struct whole {
    uint32_t first;
    union { struct { uint8_t inner, other; }; uint32_t mode; };
    struct part parts[4];
    struct { struct part deep; } nested;
    struct whole *next;
    unsigned flag : 3;
    char tail[];
} whole_t;
struct declared_only;
struct declared_only *unknown;
whole_t *volatile current;
static volatile whole_t table[2][3];
const int64_t wide = -1;
int main(void) { return (int)(current != table[1]) + (unknown != 0) + (int)wide; }
"""


@pytest.fixture(scope="module")
def types(tmp_path_factory: pytest.TempPathFactory) -> UnitTypes:
    source = tmp_path_factory.mktemp("layouts") / "layouts.c"
    source.write_text(PROGRAM)
    found = DebugInfo.load(build(source, flags=("-O0",)).path).types_of("main")
    assert found is not None
    return found


@pytest.mark.tools
def test_members(types: UnitTypes) -> None:
    whole = types.pointed_at("current")
    assert whole is not None
    assert whole == types.structure("whole") == types.structure("whole_t")
    assert whole.size == 56
    assert whole.find("first") == Member(0, 4)
    assert whole.find("inner") == Member(4, 1)
    assert whole.find("other") == Member(5, 1)
    assert whole.find("mode") == Member(4, 4)
    parts = whole.find("parts")
    assert parts is not None
    assert (parts.offset, parts.size, parts.count) == (8, 32, 4)
    assert parts.layout == types.structure("part")
    assert whole.find("nested.deep.pair") == Member(42, 6, count=3)
    assert whole.find("nested.deep.small") == Member(40, 1, is_signed=True)
    assert whole.find("next") == Member(48, 4)
    assert whole.find("tail") == Member(53, 0, count=0)
    for missing in ("flag", "nested.shallow", "first.deeper", "nothing"):
        assert whole.find(missing) is None


@pytest.mark.tools
def test_variables(types: UnitTypes) -> None:
    table = types.variable("table")
    assert table is not None
    assert (table.size, table.count) == (6 * 56, 6)
    assert table.layout == types.structure("whole")
    assert types.variable("wide") == Member(0, 8, is_signed=True)
    assert types.variable("current") == Member(0, 4)
    assert types.variable("nothing") is None
    assert types.pointed_at("wide") is None
    assert types.pointed_at("unknown") is None
    assert types.pointed_at("nothing") is None
    assert types.structure("declared_only") is None
    assert types.structure("nothing") is None


def test_functions_and_their_unit() -> None:
    debug = DebugInfo.load(SAMPLE)
    assert debug.types_of("main") is debug.types_of("main")
    assert debug.types_of("nothing") is None
    main = debug.symbol("main")
    assert main is not None
    assert main.is_function
    assert debug.name_of(main.start) == "main"
    assert debug.symbol("nothing") is None


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=40))
def test_damaged_debug_information_has_no_types(damage: list[tuple[int, int]]) -> None:
    data = bytearray(SAMPLE.read_bytes())
    for at, value in damage:
        data[at % len(data)] = value
    try:
        types = DebugInfo(ElfFile(bytes(data))).types_of("main")
    except SymbolError:
        return
    if types is not None:
        types.variable("counter")
        types.pointed_at("counter")
        types.structure("counter")
