"""Core registers by name, specials and floating point among them."""

from __future__ import annotations

import pytest

from onchip.arch.scs import DCRSR
from onchip.errors import CoreStateError, UsageError
from tests.budgets.measure import Bench
from tests.cortex_m.conftest import CODE, LOOP, load


def test_every_register_reads_back_what_was_written(any_bench: Bench) -> None:
    core = any_bench.core
    core.memory.write_u32(0xE000ED88, 0xF << 20)  # CPACR: the FPU on
    values = {name: 0x1111_0000 + 16 * n for n, name in enumerate(core.register_names)}
    values["xpsr"] = 0x6100_0000
    values["pc"] = 0x0000_0124
    for name in ("control", "faultmask", "primask"):
        if name in values:
            values[name] = 0
    if "basepri" in values:
        values["basepri"] = 0xA0
    values["primask"] = 1
    values.pop("fpscr", None)
    values["msp"] = values["sp"]
    core.write_registers(values)
    got = core.read_registers()
    assert {name: got[name] for name in values} == values
    for name, value in values.items():
        assert core.read_register(name) == value


def test_the_names_of_a_small_and_a_large_core(m4: Bench, m0: Bench) -> None:
    general = [f"r{n}" for n in range(13)] + ["sp", "lr", "pc", "xpsr"]
    assert list(m4.core.register_names[:17]) == general
    assert "faultmask" in m4.core.register_names
    assert "s31" in m4.core.register_names
    assert "faultmask" not in m0.core.register_names
    assert "fpscr" not in m0.core.register_names


def test_aliases_name_the_same_register(m4: Bench) -> None:
    core = m4.core
    core.write_register("r13", 0x2000_1230)
    assert core.read_register("SP") == 0x2000_1230
    core.write_register("r14", 0x55)
    assert core.registers["lr"] == 0x55
    core.write_register("r15", 0x201)
    assert core.registers["pc"] == 0x200


@pytest.mark.parametrize("special", ["control", "faultmask", "basepri", "primask"])
def test_specials_share_a_word_and_leave_each_other_alone(m4: Bench, special: str) -> None:
    core = m4.core
    before = {"control": 0, "faultmask": 0, "basepri": 0x40, "primask": 1}
    core.write_registers(before)
    new = {"control": 2, "faultmask": 1, "basepri": 0x80, "primask": 0}[special]
    core.write_register(special, new)
    assert core.read_registers(before) == {**before, special: new}


def test_specials_written_together_in_one_batch(m4: Bench) -> None:
    core = m4.core
    core.write_registers({"primask": 1, "basepri": 0x20, "control": 2})
    assert core.read_registers(["primask", "basepri", "control", "faultmask"]) == {
        "primask": 1,
        "basepri": 0x20,
        "control": 2,
        "faultmask": 0,
    }


VIEWS = {"apsr": 0xF80F_0000, "ipsr": 0x0000_01FF, "epsr": 0x0700_FC00}


def test_parts_of_xpsr_are_read_where_they_stand(any_bench: Bench) -> None:
    core = any_bench.core
    core.write_register("xpsr", 0x6100_0003)
    xpsr = core.read_register("xpsr")
    assert core.read_registers(VIEWS) == {name: xpsr & mask for name, mask in VIEWS.items()}
    assert core.registers["APSR"] == 0x6000_0000
    assert core.registers["ipsr"] == 3


def test_a_part_of_xpsr_is_written_alone(m4: Bench) -> None:
    core = m4.core
    core.write_register("xpsr", 0x6100_0003)
    core.registers["apsr"] = 0x9000_0000
    assert core.read_register("xpsr") == 0x9100_0003
    core.registers["ipsr"] = 0xB
    core.registers["epsr"] = 0x0100_0000
    assert core.read_register("xpsr") == 0x9100_000B


def test_parts_of_xpsr_written_together_and_after_it(m4: Bench) -> None:
    core = m4.core
    core.write_registers({"xpsr": 0x0100_0003, "apsr": 0x4000_0000, "ipsr": 5})
    assert core.read_register("xpsr") == 0x4100_0005


def test_a_part_of_xpsr_is_not_written_over_what_the_core_did(m4: Bench) -> None:
    core = m4.core
    load(core, bytes.fromhex("0020 0138"))  # movs r0, #0: Z; subs r0, #1: N
    core.registers["apsr"] = 0
    core.step()
    core.step()
    core.registers["ipsr"] = 0
    assert core.read_register("apsr") == 0x8000_0000


def test_the_parts_of_xpsr_are_no_registers_more(m4: Bench) -> None:
    assert not {*VIEWS} & {*m4.core.register_names}
    assert not {*VIEWS} & {*m4.core.read_registers()}


def test_a_double_is_two_singles(m4: Bench) -> None:
    core = m4.core
    core.memory.write_u32(0xE000ED88, 0xF << 20)
    core.write_register("d3", 0x0123_4567_89AB_CDEF)
    assert core.read_registers(["s6", "s7", "d3"]) == {
        "s6": 0x89AB_CDEF,
        "s7": 0x0123_4567,
        "d3": 0x0123_4567_89AB_CDEF,
    }


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("r16", 0, "no register"),
        ("", 0, "no register"),
        ("r0", 1 << 32, "does not fit"),
        ("r0", -1, "does not fit"),
        ("primask", 2, "does not fit"),
        ("d0", 1 << 64, "does not fit"),
        ("apsr", 1, "whose bits are 0xf80f0000"),
        ("ipsr", 1 << 24, "whose bits are 0x000001ff"),
        ("epsr", -1, "whose bits are 0x0700fc00"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_touched(
    m4: Bench, name: str, value: int, why: str
) -> None:
    before = m4.link.mark()
    with pytest.raises(UsageError, match=why):
        m4.core.write_register(name, value)
    assert (m4.link.traffic - before).packets == 0


def test_a_core_without_an_fpu_says_so(m0: Bench) -> None:
    with pytest.raises(UsageError, match="no FPU"):
        m0.core.read_register("s0")
    with pytest.raises(UsageError, match="faultmask"):
        m0.core.read_register("faultmask")


def test_the_mapping_shows_all_and_reads_well(m4: Bench) -> None:
    registers = m4.core.registers
    assert len(registers) == len(m4.core.register_names)
    assert set(registers) == set(m4.core.register_names)
    assert "pc" in registers
    assert "q0" not in registers
    shown = repr(registers)
    assert "r0 0x" in shown
    assert "primask" in shown
    assert "s31" not in shown
    with pytest.raises(UsageError):
        del registers["r0"]
    registers["r4"] = 77
    assert registers["r4"] == 77


def test_the_mapping_of_a_running_core(m4: Bench) -> None:
    load(m4.core, LOOP)
    registers = m4.core.registers
    m4.core.resume()
    assert repr(registers) == "<Registers: the core runs>"


def test_a_register_that_was_not_ready_is_read_again(
    m4: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow core clears S_REGRDY for longer than it takes to read DHCSR."""
    core = m4.core
    core.write_registers({"r5": 0x5555, "r6": 0x6666})
    debug = m4.board.core.debug
    late = {"left": 0}
    write, read = type(debug).write, type(debug).read

    def slow_write(self: object, address: int, value: int, *, debugger: bool) -> None:
        write(self, address, value, debugger=debugger)
        if address & 0xFF == DCRSR.address & 0xFF:
            late["left"] = 2

    def slow_read(self: object, address: int, *, debugger: bool) -> int:
        value: int = read(self, address, debugger=debugger)
        if address & 0xFF == 0xF0 and late["left"]:
            late["left"] -= 1
            return value & ~(1 << 16)
        return value

    monkeypatch.setattr(type(debug), "write", slow_write)
    monkeypatch.setattr(type(debug), "read", slow_read)
    assert core.read_registers(["r5", "r6"]) == {"r5": 0x5555, "r6": 0x6666}


def test_queued_registers_travel_with_memory(m4: Bench) -> None:
    core = m4.core
    core.write_registers({"r5": 5, "pc": CODE})
    core.memory.write_u32(0x2000_0040, 0xCAFE)
    batch = core.batch()
    r5 = core.queue_read_register(batch, "r5")
    word = core.memory.queue_read_u32(batch, 0x2000_0040)
    pc = core.queue_read_register(batch, "pc")
    before = m4.link.mark()
    batch.run()
    assert (m4.link.traffic - before).packets == 1
    assert (r5.value, word.value, pc.value) == (5, 0xCAFE, CODE)


def test_a_queued_special_needs_a_halted_core(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    core.resume()
    with pytest.raises(CoreStateError):
        core.queue_write_register(core.batch(), "primask", 1)
