"""What is taken into a core dump; tests/judges/gdb/test_core.py shows that GDB can read it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

import onchip
from onchip.errors import TransferFault
from onchip.services.core_dump import _doubles, take_dump
from onchip.session import Session
from tests.support.thumb import UDF, Program


def loads(data: bytes) -> dict[int, bytes]:
    elf = ELFFile(io.BytesIO(data))
    return {s["p_vaddr"]: s.data() for s in elf.iter_segments() if s["p_type"] == "PT_LOAD"}


def crashed(chip: str) -> Session:
    session = onchip.connect(f"virtual:{chip}")
    session.flash(Program(chip).raw(UDF).image(), reset=False)
    session.core.vector_catch = {"hardfault"}
    session.reset(halt=True)
    session.core.resume()
    session.core.wait_halted(1)
    return session


@pytest.mark.parametrize("chip", ["stm32f407", "nrf51822"])
def test_ram_system_registers_and_both_contexts(chip: str) -> None:
    with crashed(chip) as session:
        dump = take_dump(session.core, session.memory_map, chip=session.chip_name)
        ram = {r.start: session.memory.read(r.start, r.length) for r in session.memory_map.ram}
    pieces = loads(dump.data)
    assert {start: pieces[start] for start in ram} == ram
    assert dump.memory_bytes == sum(map(len, ram.values()))
    assert pieces[0xE000_ED00][:4] == int(session.core.cpuid).to_bytes(4, "little")
    assert dump.missing == ()
    assert dump.data.count(b"CORE\0") == 2
    assert (b"LINUX\0" in dump.data) == (chip == "stm32f407")
    assert b"m-profile" in dump.data


def test_flash_if_asked() -> None:
    with crashed("nrf51822") as session:
        dump = take_dump(session.core, session.memory_map, flash=True)
    assert loads(dump.data)[0][: len(Program("nrf51822").image())] != b""
    assert loads(dump.data)[0][0x110:0x112] == UDF


def test_a_memory_that_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    with crashed("stm32f407") as session:
        second = session.memory_map.ram[1]
        read = session.memory.read

        def partly(address: int, length: int) -> bytes:
            if address == second.start:
                raise TransferFault("FAULT", address=address)
            return read(address, length)

        monkeypatch.setattr(session.core.memory, "read", partly)
        dump = take_dump(session.core, session.memory_map)
    assert dump.missing == (second.name,)
    assert second.start not in loads(dump.data)


def test_without_a_fault_there_is_one_thread() -> None:
    with onchip.connect("virtual:stm32f407") as session:
        session.flash(Program().image(), reset=False)
        session.reset(halt=True)
        dump = take_dump(session.core, session.memory_map)
    assert dump.crash.fault is None
    assert dump.data.count(b"CORE\0") == 1


def test_stacked_floating_point_registers() -> None:
    stacked = {f"s{n}": n for n in range(16)} | {"fpscr": 99}
    values = _doubles(stacked)
    assert values["d0"] == 1 << 32
    assert values["d7"] == 15 << 32 | 14
    assert values["fpscr"] == 99
    assert len(values) == 9


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from onchip.cli.main import main

    path = tmp_path / "core.elf"
    assert main(["dump", str(path), "--probe", "virtual:stm32f407"]) == 0
    assert "192 KiB of memory and the registers of stm32f407" in capsys.readouterr().out
    assert ELFFile(io.BytesIO(path.read_bytes()))["e_type"] == "ET_CORE"
    missing = tmp_path / "no" / "core.elf"
    assert main(["dump", str(missing), "--probe", "virtual:stm32f407"]) == 1
