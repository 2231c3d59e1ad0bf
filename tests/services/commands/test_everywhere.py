"""Every command in `onchip shell`, in GDB's ``monitor``, and as a value in Python, on one board."""

from __future__ import annotations

import re

import pytest

from onchip.cli.main import main
from onchip.services.commands import COMMANDS
from onchip.services.gdb.options import GdbOptions
from tests.services.gdb.fakes import Talk

from .conftest import SAMPLE

RAM = "0x20001000"
LINES = {
    "load": (f"halt; load '{SAMPLE}'", r"852 bytes of .* are in place", 852),
    "halt": ("halt", r"halted at pc 0x08000044", 0x0800_0044),
    "break": ("break main", r"breakpoint at 0x08000134 main", 0x0800_0134),
    "go": ("go", r"running", None),
    "wait": ("wait", r"stopped \(breakpoint\) at pc 0x08000134", 0x0800_0134),
    "unbreak": ("unbreak main", r"no breakpoint at 0x08000134 main", None),
    "step": ("step", r"stepped at pc 0x0800013", range(0x0800_0134, 0x0800_0140)),
    "where": ("where main", r"0x08000134 main at firmware/main.c:\d+", 0x0800_0134),
    "symbol": ("symbol main", r"0x08000134 .* function main", {"main": 0x0800_0134}),
    "disasm": ("disasm main 3", r"main:\n", list),
    "list": ("list main", r"firmware/main.c:\d+\n", object),
    "backtrace": ("backtrace", r"#0   0x0800013. main", list),
    "watch": ("watch 0x20001000 4 write", r"watchpoint on 4 bytes at 0x20001000", 0x2000_1000),
    "unwatch": ("unwatch 0x20001000 4 write", r"no write watchpoint", None),
    "reset": ("reset halt system", r"reset, halted at pc 0x08000044", 0x0800_0044),
    "status": ("status", r"halted at pc 0x08000044", "halted"),
    "reg": ("reg pc", r"pc +0x08000044  Reset_Handler", {"pc": 0x0800_0044}),
    "wreg": ("wreg apsr 0x80000000; reg apsr", r"apsr +0x80000000", {"apsr": 0x8000_0000}),
    "write8": (f"write8 {RAM} 1 2; read8 {RAM} 2", r"01 02", [1, 2]),
    "write16": (f"write16 {RAM} 1 2; read16 {RAM} 2", r"0001 0002", [1, 2]),
    "write32": (f"write32 {RAM} 1 2; read32 {RAM} 2", r"00000001 00000002", [1, 2]),
    "write64": (f"write64 {RAM} 3; read64 {RAM}", r"0000000000000003", [3]),
    "fill": (f"fill {RAM} 64 0xAB 0xCD", r"64 bytes filled", 64),
    "find": (f"write8 {RAM}+9 7; find {RAM} 64 7", r"found at 0x20001009", 0x2000_1009),
    "savemem": (f"savemem {RAM} 64 saved.bin", r"64 bytes saved to saved.bin", 64),
    "loadmem": (f"loadmem {RAM}+64 saved.bin", r"64 bytes written at 0x20001040", 64),
    "compare": (f"compare {RAM}+64 saved.bin", r"64 bytes are the same", None),
    "erase": ("erase 0x08010000 16", r"65536 bytes erased", 65536),
    "unlock": ("unlock", r"stm32f407 is not locked: nothing was erased", False),
    "vector-catch": ("vector-catch hardfault", r"caught: hardfault", {"hardfault"}),
    "fault": ("vector-catch none; fault", r"no fault is recorded", None),
    "info": ("info", r"(?s)DP     IDR.*AP 0 .*ROM .*core   Cortex-M4F.*chip   stm32f407", dict),
    "speed": ("speed", r"SWD clock \d+ Hz", int),
    "sleep": ("sleep 1", r"^", None),
    "help": ("help erase", r"(?s)erase chip \| ADDRESS LENGTH.*every sector", None),
}
"""A line, what it prints, and its value or the value's type; each finds what the last one left."""


def fits(value: object, wanted: object) -> bool:
    if isinstance(wanted, type):
        return isinstance(value, wanted) and value is not None
    return value in wanted if isinstance(wanted, range) else value == wanted


@pytest.fixture(autouse=True)
def in_a_folder_with_the_source(tmp_path, monkeypatch):
    (tmp_path / "firmware").symlink_to(SAMPLE.parents[4] / "firmware")
    monkeypatch.chdir(tmp_path)


def test_no_command_is_left_out():
    typed = {word for line, *_ in LINES.values() for word in line.replace(";", " ").split()}
    assert {command.name for command in COMMANDS} - {"tbreak", "threads", "init"} <= typed


def test_in_python(shell):
    for name, (line, text, wanted) in LINES.items():
        value = shell.type(line)
        assert fits(value, wanted), (name, value)
        assert re.search(text, shell.text), (name, shell.text)


def test_in_monitor(session, debug):
    session.reset(halt=True)
    talk = Talk(session, options=GdbOptions(debug=debug))
    talk.ask(b"?")
    for name, (line, text, _) in LINES.items():
        printed = ""
        for each in line.split("; "):
            said, answer = talk.monitor(each)
            assert answer == b"OK", (name, answer)
            talk.target.poll()  # as the server does between packets
            printed += said
        assert re.search(text, printed), (name, printed)
    assert "other GDBs may connect" in talk.monitor("gdbserver")[0]
    talk.stub.leave()


def test_in_the_shell(capsys):
    lines = [word for line, *_ in LINES.values() for word in ("-c", line)]
    code = main(["shell", str(SAMPLE), "--probe", "virtual:stm32f407", *lines])
    out, err = capsys.readouterr()
    assert code == 0, err
    for name, (_, text, _) in LINES.items():
        assert re.search(text, out), name


def test_info_is_the_probe_the_ports_the_core_and_the_chip(shell):
    facts = shell.type("info")
    assert int(facts["dp"]) == 0x2BA0_1477
    assert {index: int(idr) for index, idr in facts["aps"].items()} == {0: 0x2477_0011}
    assert any(component.name.startswith("FPB") for component in facts["rom_table"])
