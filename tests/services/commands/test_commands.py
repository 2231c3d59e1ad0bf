"""Each command on a board: what it prints, what it returns, what it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from onchip.cortex_m import CoreState
from onchip.errors import CoreTimeout, OnchipError, UsageError

from .conftest import SAMPLE

FREE = 0x2000_1000  # RAM that the sample does not use


def test_run_to_main_and_step(shell):
    assert shell.type("break main") == 0x0800_0134
    shell.type("go")
    assert shell.type("wait") == 0x0800_0134
    assert "stopped (breakpoint) at pc 0x08000134 main at" in shell.text
    before = shell.core.read_register("pc")
    assert shell.type("step 3") != before
    assert shell.text.startswith("stepped at pc")
    shell.type("unbreak main")
    assert len(shell.core.breakpoints) == 0


def test_a_step_ends_at_a_breakpoint(shell):
    shell.type("break main; go; wait; break fibonacci")
    shell.type("step 100000")
    assert "stopped (breakpoint) at pc 0x080000dc fibonacci" in shell.text


def test_waiting_for_what_does_not_come(shell):
    shell.type("go")
    with pytest.raises(CoreTimeout, match="still ran after 5 ms"):
        shell.type("wait 5")
    shell.interrupt = True
    with pytest.raises(UsageError, match="the core runs on"):
        shell.type("wait 5")
    assert shell.core.state() is not CoreState.HALTED


def test_status_halt_go(shell):
    assert shell.type("status") == "halted"
    assert "pc 0x08000044 Reset_Handler" in shell.text
    shell.type("go")
    assert shell.type("status") in ("running", "sleeping")
    shell.type("sleep 20")
    assert shell.type("halt") == shell.core.read_register("pc")
    with pytest.raises(UsageError, match="more than an hour"):
        shell.type("sleep 0xFFFFFFFF")


@pytest.mark.parametrize("line", ["reset run", "reset run core", "reset hardware run"])
def test_reset_and_run(shell, line):
    assert shell.type(line) is None
    assert shell.core.state() is not CoreState.HALTED


@pytest.mark.parametrize("line", ["reset", "reset halt", "reset init system", "reset core"])
def test_reset_and_halt(shell, line):
    shell.type("go; sleep 1")
    assert shell.type(line) == 0x0800_0044


def test_vector_catch(shell):
    shell.type("vector-catch hardfault,nocp")
    assert shell.core.vector_catch == {"hardfault", "nocp"}
    assert "caught: hardfault, nocp" in shell.text
    assert shell.type("vector-catch none") == frozenset()
    with pytest.raises(OnchipError):
        shell.type("vector-catch nonsense")


def test_a_watchpoint_takes_the_variables_length(shell):
    shell.type("watch counter; go")
    shell.type("wait")
    assert "stopped (watchpoint)" in shell.text
    shell.type("break")
    assert "watchpoint write    0x20000008 counter, 4 bytes" in shell.text
    shell.type("unwatch counter")
    shell.type("watch 0x20001000 8 read")
    assert [(w.length, w.access) for w in shell.core.watchpoints] == [(8, "read")]


def test_a_watchpoint_may_wait_for_a_value(shell):
    shell.type("watch counter 4 write 3; go; wait")
    assert shell.core.memory.read_u32(0x2000_0008) == 3
    assert "counter, write of 0x3" in shell.text
    shell.type("unwatch counter 4 write 3")
    assert not list(shell.core.watchpoints)


def test_breakpoints_are_counted_and_temporary(shell):
    shell.type("tbreak main; go; wait")
    assert not list(shell.machine.core.breakpoints)
    shell.type("break fibonacci 2; go; wait")
    assert "behind 2 hits" in shell.text
    assert len(list(shell.machine.core.breakpoints)) == 1


def test_breakpoints_are_shown(shell):
    shell.type("break main; break fibonacci")
    assert len(shell.type("break")) == 2
    assert "breakpoint hardware 0x080000dc fibonacci" in shell.text
    assert "4 breakpoints and 4 watchpoints left" in shell.text


def test_registers(shell):
    values = shell.type("reg")
    assert values["pc"] == 0x0800_0044
    assert "pc         0x08000044  Reset_Handler" in shell.text
    assert "s0" not in values
    assert "s0" in shell.type("reg all")
    shell.type("wreg r5 main+1")
    assert shell.type("reg $R5") == {"r5": 0x0800_0135}
    shell.type("wreg d1 0x123456789ABCDEF0")
    assert shell.type("reg d1 s2")["s2"] == 0x9ABC_DEF0
    with pytest.raises(UsageError, match="no register"):
        shell.type("wreg r16 0")


def test_info(shell):
    facts = shell.type("info")
    assert facts["chip"] == "stm32f407"
    for part in ("DP     IDR 0x2ba01477", "AP 0", "ROM table", "Cortex-M4", "sram", "flash"):
        assert part in shell.text
    assert shell.type("speed") == shell.session.client.frequency_hz
    with pytest.raises(UsageError, match="when the probe is opened"):
        shell.type("speed 1000000")


@pytest.mark.parametrize(("size", "digits"), [(8, 2), (16, 4), (32, 8), (64, 16)])
def test_memory_of_every_size(shell, size, digits):
    values = [1, (1 << size) - 1, 0x5A]
    shell.type(f"write{size} {FREE:#x} {' '.join(map(str, values))}")
    assert shell.type(f"read{size} {FREE:#x} 3") == values
    assert f"{0x5A:0{digits}x}" in shell.text
    with pytest.raises(UsageError, match=r"does not fit|not within 32 bits"):
        shell.type(f"write{size} {FREE:#x} {1 << size}")


def test_long_reads_are_many_lines_and_have_an_end(shell):
    shell.type("read8 0x08000000 20")
    assert [line[:11] for line in shell.text.splitlines()] == ["0x08000000:", "0x08000010:"]
    with pytest.raises(UsageError, match="savemem"):
        shell.type("read32 0x08000000 0x100000")


@pytest.mark.parametrize("line", ["write32 0x08000000 1", "fill 0x08000000 8 0"])
def test_flash_is_not_written_like_memory(shell, line):
    with pytest.raises(UsageError, match="is in flash"):
        shell.type(line)


def test_find(shell):
    shell.type(f"fill {FREE:#x} 0x3000 0; write8 0x20001FFF 0xDE; write8 0x20002000 0xAD")
    assert shell.type(f"find {FREE:#x} 0x3000 0xDE 0xAD") == 0x2000_1FFF  # over two blocks
    assert shell.type(f"find {FREE:#x} 0x3000 0xDE 0xAE") is None
    assert shell.text == "not found\n"
    assert shell.type("find 0x08000000 0x400 'hello'") is not None
    for wrong in ("find 0 16", "find 0 16 a b", "find 0 16 256"):
        with pytest.raises(UsageError):
            shell.type(wrong)


def test_files(shell, tmp_path):
    file = tmp_path / "memory.bin"
    assert shell.type(f"savemem 0x08000000 0x1234 '{file}'") == 0x1234
    assert file.read_bytes() == shell.core.memory.read(0x0800_0000, 0x1234)
    file.write_bytes(bytes(range(200)))
    assert shell.type(f"loadmem {FREE:#x} '{file}'") == 200
    assert shell.type(f"compare {FREE:#x} '{file}'") is None
    shell.type(f"write8 {FREE + 150:#x} 0")
    assert shell.type(f"compare {FREE:#x} '{file}'") == FREE + 150
    assert "0x00 there, 0x96 in the file" in shell.text
    with pytest.raises(UsageError, match="no such file"):
        shell.type(f"compare 0 '{tmp_path}/absent'")
    with pytest.raises(UsageError, match="cannot write"):
        shell.type(f"savemem 0x08000000 4 '{tmp_path}/absent/file'")


def test_interrupted_saving_says_that_the_file_is_not_complete(shell, tmp_path):
    shell.interrupt = True
    with pytest.raises(UsageError, match="is not complete"):
        shell.type(f"savemem 0x08000000 0x2000 '{tmp_path}/part'")


def test_where_and_backtrace(shell):
    assert shell.type("where fibonacci+2") == 0x0800_00DE
    assert "fibonacci+2 at" in shell.text
    shell.type("break fibonacci; go; wait")
    calls = shell.type("bt")
    assert calls[0] == 0x0800_00DC
    assert [" main" in line for line in shell.text.splitlines()] == [False, True, False]


def test_symbols(shell):
    assert shell.type("symbol main counter") == {"main": 0x0800_0134, "counter": 0x2000_0008}
    assert {"console_open", "console_write"} <= set(shell.type("symbol console_*"))
    with pytest.raises(UsageError, match="no symbol 'nothing'"):
        shell.type("symbol nothing")


def test_disassembly(shell):
    lines = shell.type("disasm main 3")
    assert (len(lines), lines[0].address) == (3, 0x0800_0134)
    assert shell.text.startswith("main:\n  0x08000134  ")
    shell.type("disasm")
    assert "> 0x08000044" in shell.text


def test_the_source_is_listed_where_the_files_are(shell, nameless, monkeypatch, tmp_path):
    monkeypatch.chdir(Path(__file__).parents[3])
    line = shell.type("list main")
    assert shell.text.startswith(f"{line}\n")
    assert f"\n>{line.line:5}  " in shell.text
    assert "int main(void)" in shell.text
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"main\.c:\d+ is the place, but that file is not here"):
        shell.type("list main")
    with pytest.raises(UsageError, match="no source line"):
        shell.type("list 0x20000000")
    for command in ("list", "symbol main"):
        with pytest.raises(UsageError, match="needs the program's ELF file"):
            nameless.type(command)


def test_fault(shell):
    assert shell.type("fault") is None
    shell.type("go; sleep 5; halt; write32 fault_request 1; vector-catch hardfault; go; wait")
    report = shell.type("fault")
    assert report is not None
    assert "read_sensor" in shell.text
    shell.type("vector-catch none")


def test_flash(shell):
    verified = shell.type(f"load '{SAMPLE}'")
    assert verified == 852
    assert "are in place and verified" in shell.text
    assert shell.core.read_register("pc") == 0x0800_0044
    shell.type("erase 0x08010000 0x100")
    assert "65536 bytes erased" in shell.text
    with pytest.raises(UsageError):
        shell.type("erase")
    shell.type("go")
    assert shell.type(f"load '{SAMPLE}'") == 852
    assert shell.core.halted


def test_without_symbols_addresses_stand_alone(nameless):
    nameless.type("where")
    assert nameless.text == "0x08000044\n"
    with pytest.raises(UsageError, match="'main' is not a number or a register"):
        nameless.type("break main")
