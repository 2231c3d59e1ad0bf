"""Where Thumb code leads: encodings typed from ARMv7-M A7.7, each at 0x1000."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onchip.services.gdb.run.flow import read_flow

AT = 0x1000


def flow(*halfwords):
    return read_flow(b"".join(word.to_bytes(2, "little") for word in halfwords), AT)


@pytest.mark.parametrize(
    ("halfwords", "exits"),
    [
        ((0xBF00,), {AT + 2}),  # NOP
        ((0xD1FE,), {AT + 2}),  # BNE to itself
        ((0xD1FC,), {AT - 4, AT + 2}),  # BNE .-4
        ((0xD07F,), {AT + 4 + 254, AT + 2}),  # BEQ, the farthest
        ((0xE7FC,), {AT - 4, AT + 2}),  # B .-4
        ((0xE3FF,), {AT + 4 + 2046, AT + 2}),  # B, the farthest
        ((0xB108,), {AT + 6, AT + 2}),  # CBZ r0, .+6
        ((0xBBF8,), {AT + 4 + 126, AT + 2}),  # CBNZ r0, the farthest
        ((0xF000, 0xF801), {AT + 6, AT + 4}),  # BL .+6
        ((0xF7FF, 0xFFFC), {AT - 4, AT + 4}),  # BL .-4
        ((0xF000, 0xB801), {AT + 6, AT + 4}),  # B.W .+6
        ((0xF000, 0x8001), {AT + 6, AT + 4}),  # BEQ.W .+6
        ((0xF47F, 0xAFFC), {AT - 4, AT + 4}),  # BNE.W .-4
        ((0xF3BF, 0x8F4F), {AT + 4}),  # DSB
        ((0xF3EF, 0x8000), {AT + 4}),  # MRS
        ((0xE8BD, 0x4010), {AT + 4}),  # POP.W {r4, lr}
        ((0xF8D0, 0x1000), {AT + 4}),  # LDR.W r1, [r0]
        ((0x4687,), {AT + 2}),  # MOV pc, r0: where to is not known
    ],
)
def test_exits(halfwords, exits):
    assert flow(*halfwords).exits == exits


@pytest.mark.parametrize(
    "halfwords",
    [
        (0x4770,), (0x4780,), (0xBD10,), (0xDF00,), (0xDE00,), (0x4687,), (0x4487,),
        (0xE8BD, 0x8010), (0xE910, 0x8001), (0xE8DF, 0xF001), (0xE8DF, 0xF011),
        (0xF85D, 0xFB04), (0xF8DF, 0xF000), (0xF00F, 0xC001),
    ],
)  # fmt: skip
def test_ways_that_only_the_core_knows(halfwords):
    assert flow(*halfwords).unknown == {AT}


@pytest.mark.parametrize("halfword", [0x4680, 0x4478, 0xB510, 0xBC10, 0xBF30, 0x4608])
def test_ordinary_instructions(halfword):
    assert flow(halfword).unknown == set()


def test_branches_within_are_no_exits():
    found = flow(0x1840, 0x3901, 0xD1FC)  # 1: adds, subs, bne 1b
    assert found.exits == {AT + 6}
    assert found.borders == {AT, AT + 2, AT + 4}


def test_a_bkpt_is_told():
    assert flow(0xBF00, 0xBEAB).calls_debugger
    assert not flow(0xBF00).calls_debugger


def test_an_instruction_across_the_end():
    assert flow(0xF000).exits == {AT + 4}


@given(st.binary(max_size=64))
def test_any_bytes_can_be_read(code):
    found = read_flow(code, AT)
    assert found.exits
    assert found.unknown <= found.borders
