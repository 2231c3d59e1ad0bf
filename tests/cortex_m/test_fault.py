"""Fault reports: what the hardware says, in words that a person can use."""

from __future__ import annotations

import pytest

from onchip.arch.scs import CFSR, FPCCR, HFSR
from onchip.cortex_m.fault_causes import CAUSES, decode, hard_fault_sentence, kind_of, sentence
from tests.budgets.measure import Bench
from tests.cortex_m.conftest import CODE, load, places

VECTORS = 0x2000_2000


def crash(bench: Bench, code: str, *, cfsr_enabled: bool = False, handler: str = "fee7") -> str:
    """Run ``code`` in RAM until its fault handler loops; return the report as text."""
    core = bench.core
    code_at, _ = places(core)
    shift = 0x1000_0000 if core.name == "Cortex-M3" else 0
    handler_at = code_at + 0x80
    vectors = (handler_at | 1).to_bytes(4, "little") * 16
    if core.identity.baseline:  # no VTOR: the table is in the flash at 0
        window = bench.board.bus.find(0)
        assert window is not None
        assert window.memory is not None
        window.memory.data[: len(vectors)] = vectors
        bench.board.bus.code_changed(0, len(vectors))
    else:
        core.memory.write(VECTORS - shift, vectors)
        core.memory.write_u32(0xE000_ED08, VECTORS - shift)
    load(core, bytes.fromhex(code))
    core.memory.write(handler_at, bytes.fromhex(handler))
    core.memory.write_u32(0xE000_ED24, (7 << 16) if cfsr_enabled else 0)
    core.write_registers({"r1": 0x6000_0000, "lr": code_at | 0x41})
    core.resume()
    core.sleep(0.001)
    core.halt()
    report = core.fault()
    assert report is not None
    return str(report)


@pytest.mark.parametrize(
    ("code", "says", "cause"),
    [
        ("0868", "accessed 0x60000000, where nothing answers", "PRECISERR"),  # ldr r0, [r1]
        ("00de", "no instruction that this core knows", "UNDEFINSTR"),  # udf #0
        ("0847", "0x60000000, where there is no memory to execute from", "IBUSERR"),  # bx r1
    ],
)
def test_faults_say_what_happened(m4: Bench, code: str, says: str, cause: str) -> None:
    if cause == "IBUSERR":
        code = "0131" + code  # adds r1, #1: a Thumb address
    text = crash(m4, code, cfsr_enabled=True)
    assert says in text.splitlines()[0]
    assert cause in text
    assert "escalated" not in text


def test_an_escalated_fault_keeps_its_own_name(m4: Bench) -> None:
    text = crash(m4, "0868")
    assert text.startswith("BusFault: the program accessed 0x60000000")
    assert f"at pc {CODE:#010x}, lr {CODE | 0x41:#010x}" in text
    assert "fault address 0x60000000" in text
    assert "escalated to HardFault" in text
    assert "basic frame at 0x2000" in text
    assert "CFSR=0x00008200" in text
    assert "EXC_RETURN 0xfffffff9" in text


def test_a_jump_without_the_thumb_bit(m4: Bench) -> None:
    text = crash(m4, "00200047")  # movs r0, #0; bx r0
    assert "without the Thumb bit" in text
    assert "INVSTATE" in text


def test_a_null_pointer_is_suspected(m4: Bench) -> None:
    assert "null pointer" in sentence("DACCVIOL", 0x100, 0x10)
    assert "null pointer" not in sentence("DACCVIOL", 0x100, 0x2000_0000)
    assert "not kept" in sentence("PRECISERR", None, None)


def test_an_fpu_that_is_off(m4: Bench) -> None:
    m4.core.memory.write_u32(0xE000_ED88, 0)
    text = crash(m4, "30ee200a", cfsr_enabled=True)  # vadd.f32 s0, s0, s1
    assert "FPU" in text.splitlines()[0]
    assert "NOCP" in text


@pytest.mark.parametrize("lspen", [0, 1])
def test_an_extended_frame_is_read_whole(m4: Bench, lspen: int) -> None:
    core = m4.core
    core.memory.write_u32(0xE000_ED88, 0xF << 20)
    core.memory.write_u32(FPCCR.address, FPCCR.build(ASPEN=1, LSPEN=lspen))
    load(core, b"")
    core.write_register("s3", 0x3F80_0000)
    core.write_register("control", 4)  # FPCA
    text = crash(m4, "0868")
    report = core.fault()
    assert report is not None
    assert "extended (FPU) frame" in text
    assert report.registers["s3"] == 0x3F80_0000
    in_frame = core.memory.read_u32((report.frame_address or 0) + 0x20 + 4 * 3)
    assert (in_frame == 0x3F80_0000) is not bool(lspen)
    assert report.sp == (report.frame_address or 0) + 0x68


def test_a_handler_that_pushed_lr_is_seen_through(m4: Bench) -> None:
    # push {r4, lr}; movs r4, #0; mov lr, r4; loop
    crash(m4, "0868", handler="10b50024a646fee7")
    assert m4.core.read_register("lr") == 0
    report = m4.core.fault()
    assert report is not None
    assert report.pc == CODE
    assert report.exc_return == 0xFFFF_FFF9


def test_a_small_core_keeps_no_record_but_the_frame_tells(m0: Bench) -> None:
    text = crash(m0, "0868")
    assert text.startswith("HardFault: the instruction at 0x20000100 accesses 0x60000000")
    assert "keeps no record" in text
    assert "CFSR" not in text


def test_a_small_core_and_an_unaligned_access(m0: Bench) -> None:
    text = crash(m0, "01310868")  # adds r1, #1; ldr r0, [r1]
    assert "0x60000001, which is not aligned" in text


def test_a_small_core_and_an_even_jump(m0: Bench) -> None:
    assert "without the Thumb bit" in crash(m0, "00200047")


def test_a_small_core_and_udf(m0: Bench) -> None:
    assert "undefined on purpose (UDF 7)" in crash(m0, "07de")


def test_no_fault_shows_none(any_bench: Bench) -> None:
    core = any_bench.core
    core.reset(halt=True)
    code_at, data = places(core)
    load(core, bytes.fromhex("00bf" * 4))
    core.memory.write_u32(0xE000_ED28, 0xFFFF_FFFF)
    core.memory.write_u32(0xE000_ED2C, 0xFFFF_FFFF)
    core.step()
    assert core.fault() is None
    del code_at, data


def test_a_fault_of_the_past_is_called_one(m4: Bench) -> None:
    crash(m4, "0868")
    m4.core.write_register("xpsr", 1 << 24)
    report = m4.core.fault()
    assert report is not None
    assert report.headline.startswith("not in a fault now")


def test_a_stack_that_cannot_be_read_is_no_crash_of_ours(m4: Bench) -> None:
    crash(m4, "0868")
    m4.core.write_registers({"msp": 0x9000_0000, "lr": 0xFFFF_FFF9})
    report = m4.core.fault()
    assert report is not None
    assert report.pc is None
    assert "no believable stack frame" in str(report)


def test_every_cause_has_words() -> None:
    for name in CAUSES:
        cfsr = CFSR.build(**{name: 1})
        assert decode(cfsr) == [name]
        assert kind_of(cfsr) in ("MemManage fault", "BusFault", "UsageFault")
        assert len(sentence(name, 0x100, 0x2000_0000)) > 20
    assert kind_of(CFSR.build(BFARVALID=1)) == "HardFault"
    assert "vector table" in (hard_fault_sentence(HFSR.build(VECTTBL=1)) or "")
    assert "BKPT" in (hard_fault_sentence(HFSR.build(DEBUGEVT=1)) or "")
    assert hard_fault_sentence(HFSR(0)) is None
