"""The crash report of the sample's bus fault, and of crashes that leave less to go by."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import onchip
from onchip.services.crash import CrashReport, as_data, as_markdown, as_text, collect
from onchip.services.crash.disassembly import disassemble_around
from onchip.session import Session
from onchip.symbols.dwarf import DebugInfo
from tests.support.thumb import UDF, Program

SAMPLES = Path(__file__).parents[3] / "src/onchip/cli/samples"
SAMPLE = SAMPLES / "stm32f407.elf"


def address_of(debug: DebugInfo, name: str) -> int:
    return next(s.value & ~1 for s in debug.elf.symbols if s.name == name)


def run_into_fault(session: Session, image: Path | bytes, request: int | None = None) -> None:
    session.flash(image, reset=False)
    session.core.vector_catch = {"hardfault"}
    session.reset(halt=True)
    session.core.resume()
    if request is not None:
        session.core.sleep(0.05)  # the start-up code clears it
        session.memory.write_u32(request, 1)
    session.core.wait_halted(2)


@pytest.fixture(scope="module")
def debug() -> DebugInfo:
    return DebugInfo.load(SAMPLE)


@pytest.fixture(scope="module")
def crashed(debug: DebugInfo) -> Iterator[Session]:
    with onchip.connect("virtual:stm32f407") as session:
        run_into_fault(session, SAMPLE, address_of(debug, "fault_request"))
        yield session


@pytest.fixture(scope="module")
def report(crashed: Session, debug: DebugInfo) -> CrashReport:
    return collect(crashed.core, crashed.memory_map, debug, chip=crashed.chip_name)


def test_where_it_happened(report: CrashReport, debug: DebugInfo) -> None:
    assert report.fault is not None
    assert report.fault.name == "BusFault"
    assert report.place.address == report.fault.pc
    assert report.place.function == "read_sensor"
    assert report.place.line is not None
    assert report.place.line.file.endswith("firmware/main.c")


def test_backtrace_over_the_exception_frame(report: CrashReport) -> None:
    names = [(frame.place.function or "").partition("+")[0] for frame in report.frames]
    assert names == ["HardFault_Handler", "read_sensor", "take_sample", "main", "Reset_Handler"]
    assert [frame.interrupted_by for frame in report.frames] == [
        None,
        "HardFault",
        None,
        None,
        None,
    ]
    assert report.complete


def test_registers_are_those_of_the_faulting_code(report: CrashReport) -> None:
    values = {register.name: register for register in report.registers}
    assert report.fault is not None
    assert values["pc"].value == report.fault.pc
    assert values["sp"].value == report.fault.sp
    assert values["r0"].value == 0x6000_0000
    assert values["r0"].suspicious
    assert values["lr"].meaning.startswith("take_sample+")
    assert list(values)[:5] == ["r0", "r1", "r2", "r3", "r4"]
    assert "r0 0x60000000: the fault address" in report.suspicions


def test_instructions_around(report: CrashReport) -> None:
    (here,) = [line for line in report.instructions if line.is_here]
    assert here.text == "ldr r0, [r0]"
    assert here.code == b"\x00\x68"


def test_as_text(report: CrashReport) -> None:
    text = as_text(report)
    assert text.startswith("BusFault: the program accessed 0x60000000, where nothing answers.\n")
    assert "at read_sensor at " in text
    assert "main.c:" in text
    assert "    -- HardFault --\n" in text
    assert "  > 0x" in text
    assert "r0 0x60000000 ! the fault address" in text
    assert "cause PRECISERR (escalated to HardFault)" in text
    assert "CFSR=0x00008200" in text


def test_as_markdown(report: CrashReport) -> None:
    text = as_markdown(report)
    assert text.startswith("### BusFault: ")
    assert text.count("```") == 8
    assert "**Backtrace**" in text
    assert "stm32f407, Cortex-M4F" in text


def test_as_data(report: CrashReport) -> None:
    data = json.loads(json.dumps(as_data(report)))
    assert data["fault"]["causes"] == ["PRECISERR"]
    assert data["frames"][1]["place"]["function"] == "read_sensor"
    assert data["frames"][1]["place"]["line"]["line"] > 0
    assert next(line for line in data["instructions"] if line["is_here"])["code"] == "0068"
    assert data["headline"].startswith("BusFault")


def test_without_symbols(crashed: Session) -> None:
    report = collect(crashed.core, crashed.memory_map)
    assert report.fault is not None
    assert report.place.address == report.fault.pc
    assert report.place.function is None
    assert [frame.interrupted_by for frame in report.frames][:2] == [None, "HardFault"]
    assert len(report.frames) == 3  # handler, culprit, and the caller that lr names
    assert not report.complete
    assert "incomplete: there is no call frame information" in as_text(report)
    assert f"pc {report.fault.pc:#010x}" in as_markdown(report).replace("`", "")


def test_without_capstone(crashed: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "capstone", None)
    report = collect(crashed.core, crashed.memory_map)
    assert report.instructions == ()
    assert "instructions" not in as_text(report)
    assert as_markdown(report).count("```") == 6


def test_calls_in_line_are_shown(debug: DebugInfo) -> None:
    with onchip.connect("virtual:stm32f407") as session:
        session.flash(SAMPLE, reset=False)
        session.reset(halt=True)
        start = address_of(debug, "console_write")
        place = next(a for a in range(start, start + 64, 2) if debug.inlined_at(a))
        session.core.breakpoints.set(place)
        session.core.resume()
        session.core.wait_halted(1)
        report = collect(session.core, session.memory_map, debug)
    assert [call.function for call in report.frames[0].place.inlined] == ["uart_put"]
    assert "    in uart_put, inlined at firmware/console.c:" in as_text(report)


def test_no_fault(debug: DebugInfo) -> None:
    with onchip.connect("virtual:stm32f407") as session:
        session.flash(SAMPLE, reset=False)
        session.reset(halt=True)
        session.core.breakpoints.set(address_of(debug, "fibonacci"))
        session.core.resume()
        session.core.wait_halted(1)
        report = collect(session.core, session.memory_map, debug)
    assert report.fault is None
    assert report.place.function == "fibonacci"
    names = [(frame.place.function or "").partition("+")[0] for frame in report.frames]
    assert names == ["fibonacci", "main", "Reset_Handler"]
    text = as_text(report)
    assert text.startswith("No fault is recorded")
    assert "status" not in text
    as_markdown(report)
    as_data(report)


def test_a_core_without_fault_status_and_a_handler_without_frame_information() -> None:
    push_and_hang = b"\x10\xb5\xfe\xe7"  # push {r4, lr}; b .
    with onchip.connect("virtual:nrf51822") as session:
        session.flash(Program("nrf51822", handler=push_and_hang).raw(UDF).image(), reset=False)
        session.reset(halt=True)
        session.core.resume()
        session.core.sleep(0.01)
        session.core.halt()
        report = collect(session.core, session.memory_map)
    assert report.fault is not None
    assert report.fault.frame_address is not None
    assert report.place.address == 0x110
    assert report.frames[0].interrupted_by == "HardFault"
    assert {r.name for r in report.registers} == {
        "r0", "r1", "r2", "r3", "r12", "sp", "lr", "pc",
    }  # fmt: skip
    assert "undefined on purpose" in as_text(report)


def test_a_jump_to_nowhere() -> None:
    jump = struct.pack("<HHHHI", 0x4801, 0x4780, 0xBF00, 0xBF00, 0x6000_0001)  # ldr r0, =; blx r0
    with onchip.connect("virtual:stm32f407") as session:
        run_into_fault(session, Program().raw(jump).image())
        report = collect(session.core, session.memory_map)
    values = {register.name: register for register in report.registers}
    assert values["pc"].suspicious
    assert values["pc"].meaning == "no code there"
    assert report.instructions == ()
    assert [frame.pc for frame in report.frames][1:] == [0x6000_0000, 0x0800_0114]


def test_a_stack_that_overflowed() -> None:
    # ldr r0, =; mov sp, r0; push {lr}: the exception cannot be stacked either: a lock-up
    sink = struct.pack("<HHHHI", 0x4801, 0x4685, 0xB500, 0xDE00, 0x2000_0000)
    with onchip.connect("virtual:stm32f407") as session:
        run_into_fault(session, Program().raw(sink).image())
        report = collect(session.core, session.memory_map)
    text = as_text(report)
    assert "stack overflow?" in text.splitlines()[0]
    assert "not in RAM: stack overflow" in text
    assert "STKERR" in text
    assert report.frames
    assert not report.complete


@pytest.mark.parametrize("sp", [0xFFFF_FFD8, 0xFFFF_FFFC, 0])
@pytest.mark.parametrize("lr", [0xFFFF_FFF9, 0xFFFF_FFFD, 0xFFFF_FFFF])
def test_a_stack_pointer_at_the_end_of_the_address_space(
    crashed: Session, debug: DebugInfo, sp: int, lr: int
) -> None:
    before = crashed.core.read_registers(("sp", "psp", "lr"))
    try:
        crashed.core.write_registers({"sp": sp, "psp": sp, "lr": lr})
        report = collect(crashed.core, crashed.memory_map, debug)
    finally:
        crashed.core.write_registers(before)
    assert report.frames
    assert not report.complete or lr == 0xFFFF_FFFF
    assert as_text(report)


def test_sp_in_a_variable(debug: DebugInfo, crashed: Session) -> None:
    before = crashed.core.read_register("sp")
    try:
        crashed.core.write_register("sp", address_of(debug, "counter"))
        crashed.core.write_register("lr", 0)
        report = collect(crashed.core, crashed.memory_map, debug)
    finally:
        crashed.core.write_registers({"sp": before, "lr": 0xFFFF_FFF9})
    assert any("in the variable counter: stack overflow?" in s for s in report.suspicions)


def test_disassembly_at_the_edges() -> None:
    def read(address: int, length: int) -> bytes:
        if not 0x100 <= address <= address + length <= 0x108:
            raise onchip.errors.TransferError("no")
        return b"\x00\xbf" * (length // 2)

    assert [line.text for line in disassemble_around(0x104, read, 0x100)] == ["nop"] * 4
    assert disassemble_around(0x104, read, 0) == ()
    assert len(disassemble_around(0x104, read)) == 2
    assert disassemble_around(0x200, read) == ()
