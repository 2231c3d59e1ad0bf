"""`pyocd-tool`: every command, and the prompt."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from onchip.errors import OnchipError, UsageError
from pyOCD.board import MbedBoard
from pyOCD.tools import pyocd_tool
from pyOCD.tools.tool_commands import COMMANDS
from pyOCD.tools.tool_console import Console, Leave
from pyOCD.tools.tool_lines import Lines

SAMPLE = files("onchip.cli") / "samples" / "stm32f407.elf"
FLASH, RAM = 0x0800_0000, 0x2000_0000

Run = Callable[[str], str]


@pytest.fixture
def console(board: MbedBoard) -> Console:
    return Console(board)


@pytest.fixture
def run(console: Console, capsys: pytest.CaptureFixture[str]) -> Run:
    def line(text: str) -> str:
        Lines(console).run(text)
        return capsys.readouterr().out

    return line


def test_run_control(run: Run, board: MbedBoard) -> None:
    assert run("status") == run("stat") == "Core 0:    halted\n"
    assert run("go") == "Core 0:    running\n"
    assert run("halt").startswith("halted at 0x0800010")
    assert run("reset -h") == "reset, halted at 0x08000100\n"
    assert run("s") == "stepped to 0x08000102\n"
    assert run("step 2") == "stepped to 0x08000102\n"
    assert run("reset") == "reset, running\n"
    assert board.target.isRunning()
    run("h; g")
    assert board.target.isRunning()


def test_registers(run: Run, board: MbedBoard) -> None:
    run("wreg r5 0x12345678; wreg S3 1.5")
    assert run("reg R5") == "r5 = 0x12345678 (305419896)\n"
    assert run("reg s3 pc") == "s3 = 1.5\npc = 0x08000100 (134217984)\n"
    everything = run("reg")
    assert "r5: 0x12345678" in everything
    assert "primask: 0x00000000" in everything


def test_memory(run: Run, board: MbedBoard) -> None:
    run("ww 0x20000000 0; write8 0x20000000 1 2 0x33")
    run("w16 0x20000004 0x1234")
    run("ww 0x20000008 0xdeadbeef 7")
    assert board.target.readBlockMemoryUnaligned8(RAM, 6) == [1, 2, 0x33, 0, 0x34, 0x12]
    assert run("read 0x20000000 4").startswith("20000000:  01 02 33 00 ")
    assert run("rh 0x20000004").startswith("20000004:  1234 ")
    assert run("read32 0x20000008 8").startswith("20000008:  deadbeef 00000007 ")
    assert run("rw 0x20000009 1").count("\n") == 1
    run("wreg r1 0x20000000")
    assert run("rw r1+8").startswith("20000008:  deadbeef")


def test_memory_to_and_from_files(run: Run, board: MbedBoard, tmp_path: Path) -> None:
    run("ww 0x20000000 0x04030201")
    assert run(f"savemem 0x20000000 4 {tmp_path}/saved") == f"4 bytes saved to {tmp_path}/saved\n"
    assert (tmp_path / "saved").read_bytes() == b"\x01\x02\x03\x04"
    assert run(f"loadmem 0x20000100 {tmp_path}/saved") == "4 bytes loaded\n"
    assert board.target.read32(RAM + 0x100) == 0x0403_0201
    run(f"loadmem 0x08004000 {tmp_path}/saved")
    assert board.target.read32(FLASH + 0x4000) == 0x0403_0201


def test_flash(run: Run, board: MbedBoard) -> None:
    run("ww 0x08004000 0x55555555; ww 0x08008000 0x66666666")
    assert board.target.read32(FLASH + 0x4000) == 0x5555_5555
    run("erase 0x08004000")
    assert board.target.read32(FLASH + 0x4000) == 0xFFFF_FFFF
    assert board.target.read32(FLASH + 0x8000) == 0x6666_6666
    run("erase 0x08004000 2")
    assert board.target.read32(FLASH + 0x8000) == 0xFFFF_FFFF
    run("erase")
    assert board.target.read32(FLASH) == 0xFFFF_FFFF


def test_breakpoints(run: Run, board: MbedBoard) -> None:
    assert run("break 0x08000104") == "breakpoint at 0x08000104\n"
    assert run("lsbreak") == "0x08000104 hardware\n"
    assert board.target.findBreakpoint(0x0800_0104) is not None
    assert run("rmbreak 0x08000104") == "no breakpoint at 0x08000104 any more\n"
    board.target.setBreakpoint(0x0800_0106)
    run("unbreak 0x08000106")
    assert run("lsbreak") == ""


def test_the_other_commands_are_those_of_the_shell(run: Run, board: MbedBoard) -> None:
    run("fill 0x20000000 64 0xAA")
    assert run("find 0x20000000 64 0xAA 0xAA") == "found at 0x20000000\n"
    assert run("watch 0x20000000").startswith("watchpoint on 4 bytes at 0x20000000")
    run("unwatch 0x20000000")
    assert run("fault") == "no fault is recorded\n"
    assert "watch ADDRESS" in run("help watch")
    assert "backtrace" in run("help")


def test_ports(run: Run, board: MbedBoard) -> None:
    assert run("readdp 0") == "DP register 0x0 = 0x2ba01477\n"
    assert run("rap 0xfc") == run("readap 0 0xfc") == "AP register 0xfc = 0x24770011\n"
    run("writeap 4 0x20000000; wap 0 0 0x23000052")
    run("writedp 8 0")
    assert run("rap 4") == "AP register 0x4 = 0x20000000\n"


def test_what_there_is(run: Run, board: MbedBoard) -> None:
    info = run("info")
    assert "STM32F407xG" in info
    assert "0x2ba01477" in info
    assert "0 => " in run("list")
    assert run("core") == run("core 0") == "Core 0 is selected\n"
    assert "flash_8000000    0x08000000" in run("show map")
    assert "SCS" in run("show peripherals")
    assert run("show uid") == "Unique ID: virtual:stm32f407\n"
    assert run("show cores").startswith("Core 0:    Cortex-M4")
    assert "STMicroelectronics" in run("show target")
    assert run("show fault") == "no fault is recorded\n"
    assert run("show nreset") == "nRESET is high\n"


def test_settings(run: Run, console: Console, board: MbedBoard) -> None:
    assert run("set vector-catch hr") == "caught: hardfault, reset\n"
    assert board.target.getVectorCatch() == 0x81
    assert run("show vc").startswith("hardfault          on\nbusfault           off\n")
    assert run("set vc n") == "caught: nothing\n"
    assert run("show si") == "step into interrupts: off\n"
    run("set step-into-interrupt on")
    assert console.step_into_interrupts
    run("set nreset off")
    assert run("show nreset") == "nRESET is low\n"
    run("set nreset 1; set log info; log warning; set clock 500")
    assert board.link.client.frequency_hz == 500_000
    assert run("clock 2000") == "SWD clock: 2000000 Hz\n"
    assert board.link.client.frequency_hz == 2_000_000


def test_steps_into_interrupts_when_set(run: Run, board: MbedBoard) -> None:
    run("set si on; ww 0xE000E014 1; ww 0xE000E010 7; step 3")
    assert int(board.target.readCoreRegister("xpsr")) & 0x1FF == 15


def test_reinit(run: Run, board: MbedBoard) -> None:
    run("reinit")
    assert board.target.isHalted()


def test_expressions(run: Run) -> None:
    assert run("$ target.readCoreRegister('pc')") == "0x08000100 (134217984)\n"
    assert run("$None") == ""
    assert run("$ 'a;b'") == "a;b\n"


def test_disassembly(run: Run, monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
    class Engine:
        def __init__(self, architecture: int, mode: int) -> None:
            assert (architecture, mode) == (1, 6)

        def disasm(self, code: bytes, address: int) -> list[types.SimpleNamespace]:
            fields = {"bytes": code[:2], "mnemonic": "movs", "op_str": "r0, #0"}
            return [types.SimpleNamespace(address=address, **fields)]

    fake = types.ModuleType("capstone")
    fake.__dict__.update(Cs=Engine, CS_ARCH_ARM=1, CS_MODE_THUMB=2, CS_MODE_MCLASS=4)
    monkeypatch.setitem(sys.modules, "capstone", fake)
    assert run("d pc+1") == "08000100:  0020      movs r0, #0\n"
    monkeypatch.setitem(sys.modules, "capstone", None)
    with pytest.raises(UsageError, match="needs capstone"):
        Lines(console).run("disasm pc 2")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("dance", "no command 'dance'"),
        ("help dance", "no command 'dance'"),
        ("read32", "usage: read32 ADDRESS"),
        ("read32 0x20000000 0", "between 1 and"),
        ("read32 nowhere", "'nowhere' is not a number or a register"),
        ("write8 0x20000000 256", "does not fit 1 bytes"),
        ("wreg r0", "usage: wreg"),
        ("reset now", "usage: reset"),
        ("erase 0x20000000", "not in flash"),
        ("where 1 2", "usage: where"),
        ("symbol", "usage: symbol"),
        ("symbol main", "ELF"),
        ("watch", "usage: watch"),
        ("makeap", "usage: makeap"),
        ("makeap 3", "no AP 3"),
        ("show", "usage: show"),
        ("show weather", "cannot be shown"),
        ("set weather 1", "cannot be set"),
        ("set vc z", "has no 'z'"),
        ("set si maybe", "neither on nor off"),
        ("set log loud", "usage: set"),
        ("log loud", "usage: log"),
        ("readap", "usage: readap"),
        ("$nonsense", "nonsense"),
        ('reg "pc', "No closing quotation"),
    ],
)
def test_what_cannot_be_meant(console: Console, line: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Lines(console).run(line)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("rw 0xC0000000", "at 0xc0000000"),
        ("break 0x80000000", "no hardware breakpoint at 0x80000000"),
        ("rmbreak 0x100", "there is no breakpoint at 0x00000100"),
    ],
)
def test_what_fails_on_the_chip(console: Console, line: str, message: str) -> None:
    with pytest.raises(OnchipError, match=message):
        Lines(console).run(line)


def test_every_name_stands_for_one_command(run: Run) -> None:
    names = [name for command in COMMANDS for name in command.names]
    assert len(names) == len(set(names))
    assert all(command.usage.split()[0] in command.names for command in COMMANDS)
    lines = run("help").splitlines()
    assert [line.split()[0] for line in lines[: len(COMMANDS)]] == [c.names[0] for c in COMMANDS]
    spelled = [line.split()[0] for line in lines]
    assert len(spelled) == len(set(spelled))
    assert run("? g").startswith("go  let the core run (g, ")


def test_names_of_the_program(board: MbedBoard, capsys: pytest.CaptureFixture[str]) -> None:
    board.target.elf = str(SAMPLE)
    console = Console(board)
    Lines(console).run("symbol main")
    words = capsys.readouterr().out.split()
    assert words[-1] == "main"
    main = int(words[0], 16)
    assert console.number("main") == main
    assert console.number("main+2") == main + 2
    Lines(console).run(f"where 0x{main:x}")
    assert "main" in capsys.readouterr().out
    with pytest.raises(UsageError, match="not number, register or symbol"):
        console.number("mainly")


def test_ports_by_hand(run: Run) -> None:
    assert run("initdp") == "DPIDR = 0x2ba01477\n"
    assert run("makeap 0") == "AP#0 IDR = 0x24770011\n"


def test_an_open_chip_is_not_unlocked(run: Run) -> None:
    run("ww 0x20000000 5")
    assert run("unlock") == "the chip is not locked\n"


def test_a_locked_chip_is_unlocked_when_that_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    locked = ("-b", "virtual:stm32f407+locked")
    assert pyocd_tool.main([*locked, "status"]) == 1
    assert "is locked" in capsys.readouterr().err
    assert pyocd_tool.main([*locked, "-N", "unlock"]) == 0
    assert "unlocked: everything is erased" in capsys.readouterr().out


# ---- the command line


def test_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert pyocd_tool.main(["-H", "status"]) == 0
    assert capsys.readouterr().out == "Core 0:    halted\n"
    assert pyocd_tool.main(["--halt", "reg", "r0"]) == 0
    assert capsys.readouterr().out.startswith("r0 = ")
    assert pyocd_tool.main(["list"]) == 0
    assert "virtual:stm32f407" in capsys.readouterr().out
    assert pyocd_tool.main(["help", "go"]) == 0
    assert "let the core run" in capsys.readouterr().out
    assert pyocd_tool.main(["exit"]) == 0
    assert pyocd_tool.main(["read32"]) == 1
    assert "error: usage: read32" in capsys.readouterr().err
    assert pyocd_tool.main(["-b", "nobody", "status"]) == 1
    assert pyocd_tool.main(["-t", "nrf52840", "status"]) == 1


def test_without_halt_the_core_runs_on(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = Path(pyocd_tool.__file__).parents[2] / "onchip/cli/samples/stm32f407.elf"
    monkeypatch.setenv("ONCHIP_PROBE", f"virtual:stm32f407@{tmp_path / 'flash'}")
    board = MbedBoard.chooseBoard()
    assert board is not None
    with board:
        board.flash.flashBinary(str(sample))
    assert pyocd_tool.main(["status"]) == 0
    assert capsys.readouterr().out != "Core 0:    halted\n"


def test_no_init_leaves_the_chip_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert pyocd_tool.main(["-N", "$ board.target.connected"]) == 0
    assert capsys.readouterr().out == "False\n"
    assert pyocd_tool.main(["--no-init", "clock", "100"]) == 0
    assert pyocd_tool.main(["-N", "status"]) == 1


def test_the_clock(capsys: pytest.CaptureFixture[str]) -> None:
    for option, wanted in (
        (["-k", "500"], "500000"),
        (["--clock", "2000"], "2000000"),
        ([], "1000000"),
    ):
        assert pyocd_tool.main([*option, "$ board.link.client.frequency_hz"]) == 0
        assert f"({wanted})" in capsys.readouterr().out


def test_the_prompt(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = iter(["halt", "dance", "", "rw 0xC0000000", "status", "exit", "never"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(lines))
    assert pyocd_tool.main([]) == 0
    out = capsys.readouterr().out
    assert out.count("error: ") == 2
    assert out.endswith("Core 0:    halted\n")


def test_the_prompt_ends_with_its_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", end)
    assert pyocd_tool.main(["-d", "error"]) == 0


def test_leaving_is_no_error(console: Console) -> None:
    with pytest.raises(Leave):
        Lines(console).run("quit")
    with pytest.raises(UsageError, match="needs a board"):
        Lines(Console(None)).run("halt")
