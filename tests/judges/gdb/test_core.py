"""Stock GDB opens what `onchip dump` writes; picolibc runs under `onchip run`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import onchip
from onchip.cli.main import main
from onchip.cli.tour import sample_path
from onchip.services.core_dump import take_dump
from onchip.symbols.dwarf import DebugInfo
from tests.support.firmware import Layout, build
from tests.support.gdb import Gdb
from tests.support.tools import require

from .bench import CHIPS

pytestmark = pytest.mark.tools

SAMPLES = sample_path().parent
PICOLIBC_LAYOUT = (
    ("flash", 0x0800_0000),
    ("flash_size", 0x8_0000),
    ("ram", 0x2000_0000),
    ("ram_size", 0x2_0000),
)


def dump(chip: str, program: Path, folder: Path, *, request: str | None = None) -> Path:
    debug = DebugInfo.load(program)
    with onchip.connect(f"virtual:{chip}") as session:
        session.flash(program, reset=False)
        session.core.vector_catch = {"hardfault"}
        session.reset(halt=True)
        session.core.resume()
        if request is not None:
            session.core.sleep(0.05)
            address = next(s.value for s in debug.elf.symbols if s.name == request)
            session.memory.write_u32(address, 1)
        session.core.wait_halted(2)
        core = folder / "core.elf"
        core.write_bytes(take_dump(session.core, session.memory_map, debug).data)
    return core


@pytest.mark.parametrize("chip", CHIPS)
def test_the_sample_s_fault(chip: str, tmp_path: Path) -> None:
    program = SAMPLES / f"{chip}.elf"
    core = dump(chip, program, tmp_path, request="fault_request")
    with Gdb(program, core) as gdb:
        trace = gdb.do("bt")
        for name in ("read_sensor", "take_sample", "main"):
            assert f"{name} (" in trace
        assert "main.c:" in trace
        gdb.expect("info registers r0", "0x60000000")
        gdb.expect("info registers pc", "read_sensor")
        threads = gdb.do("info threads")
        assert "read_sensor" in threads
        assert "HardFault_Handler" in threads
        gdb.do("thread 2")
        gdb.expect("bt", r"HardFault_Handler[\s\S]*signal handler called[\s\S]*read_sensor")
        gdb.expect("print counter > 0", "= 1")
        gdb.expect("x/wx 0xE000ED00", "0x41[0-9a-f]{6}")


def test_a_fault_on_the_process_stack_with_the_fpu(tmp_path: Path) -> None:
    layout = Layout(flash=0x0800_0000, ram_length=0x8000)
    firmware = build("task_fault.c", cpu="m4f", layout=layout, flags=("-Og",))
    core = dump("stm32f407", firmware.path, tmp_path)
    with Gdb(firmware.path, core) as gdb:
        gdb.expect("bt", r"inner \([\s\S]*scale@entry=1\.5[\s\S]*task \(\)[\s\S]*main \(\)")
        gdb.expect("info registers s0", r"1\.5")
        gdb.expect("print result", "= 3")
        gdb.expect("print marker", "= 4660")


PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    FILE *file = fopen("out.txt", "w");
    fputs("written\n", file);
    fclose(file);
    char line[32] = "";
    file = fopen("in.txt", "r");
    fgets(line, sizeof line, file);
    fclose(file);
    printf("read %s from a file, %d words\n", line, argc > 1);
    fprintf(stderr, "on stderr\n");
    if (fopen("../outside", "w") != NULL)
        return 99;
    remove("in.txt");
    exit(7);
}
"""


def test_picolibc_under_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source, program, files = tmp_path / "p.c", tmp_path / "p.elf", tmp_path / "files"
    source.write_text(PROGRAM)
    files.mkdir()
    (files / "in.txt").write_text("input")
    subprocess.run(
        [
            *(require("arm-none-eabi-gcc"), "--specs=picolibc.specs", "-g", "-O1"),
            *("--crt0=semihost", "--oslib=semihost", "-mthumb", "-mcpu=cortex-m4"),
            *(f"-Wl,--defsym=__{name}={value:#x}" for name, value in PICOLIBC_LAYOUT),
            *(source, "-o", program),
        ],
        check=True,
    )
    words = ["--probe", "virtual:stm32f407", "--timeout", "10", "--semihosting-dir", str(files)]
    assert main(["run", str(program), *words, "--args", "one two"]) == 7
    assert "read input from a file, 1 words\n" in capfd.readouterr().out
    assert (files / "out.txt").read_text() == "written\n"
    assert not (files / "in.txt").exists()
    assert not (tmp_path / "outside").exists()
