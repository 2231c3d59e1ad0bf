"""Files between stock GDB and the server, both ways."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import onchip
from onchip.services.core_dump import take_dump
from onchip.services.gdb import GdbOptions, GdbServer
from onchip.symbols.dwarf import DebugInfo
from tests.support.firmware import Layout, build
from tests.support.gdb import Gdb
from tests.support.tools import require

from .bench import Bench, loaded

pytestmark = pytest.mark.tools

LAYOUT = Layout(flash=0x0800_0000, ram_length=0x1_0000)


def test_semihosting_on_gdbs_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    firmware = build("semihosted.c", layout=LAYOUT)
    symbols = firmware.symbols
    monkeypatch.chdir(tmp_path)  # where GDB runs
    options = GdbOptions(semihosting=True, gdb_files=True, debug=DebugInfo.load(firmware.path))
    with (
        onchip.connect("virtual:stm32f407") as session,
        loaded(GdbServer(session, 0, options=options), firmware.path) as gdb,
    ):
        gdb.do("break done")
        gdb.expect("continue", "from the target\n(.*\n)*.*Breakpoint 1, done")
        assert (tmp_path / "semihosted.txt").read_bytes() == b"from the target\n"
        heap = [int(gdb.expect(f"print heap[{n}]", r"= (\d+)")[1]) for n in range(4)]
        assert heap[0] == symbols["__heap_start"]
        assert heap[1] == symbols["__heap_end"]
        assert heap[2] == symbols["stack_top"]
        gdb.expect("continue", "exited normally")


def test_a_core_dump_and_a_memory_are_fetched(bench: Bench, tmp_path: Path) -> None:
    def dump() -> bytes:
        return take_dump(bench.session.core, bench.session.memory_map).data

    with loaded(GdbServer(bench.session, 0, files={"core.elf": dump}), bench.elf) as gdb:
        gdb.do("break touch")
        gdb.expect("continue", "Breakpoint 1, touch")
        gdb.expect(f"remote get core.elf {tmp_path}/core.elf", "Successfully fetched")
        gdb.expect(f"remote get flash.bin {tmp_path}/flash.bin", "Successfully fetched")
        gdb.expect(f"remote get /etc/passwd {tmp_path}/no", "No such file")
        gdb.expect(f"remote put {bench.elf} core.elf", "(?i)read-only|error")
    with Gdb(bench.elf, tmp_path / "core.elf") as gdb:
        gdb.expect("backtrace", r"#0 +touch \(\)")
    image = tmp_path / "image.bin"
    objcopy = require("arm-none-eabi-objcopy")
    subprocess.run([objcopy, "-O", "binary", bench.elf, image], check=True)
    flash = (tmp_path / "flash.bin").read_bytes()
    assert flash.startswith(image.read_bytes())
    assert len(flash) == bench.session.memory_map.flash[0].length
