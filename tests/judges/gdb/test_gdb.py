"""Stock gdb-multiarch debugs every chip of ours through the server, on virtual boards."""

from __future__ import annotations

import time

import pytest

from tests.support.gdb import Gdb
from tests.support.images import FLASH_START, RAM_START

from .bench import CHIPS, HAS_FPU, Bench, line_of

pytestmark = pytest.mark.tools

every_chip = pytest.mark.parametrize("bench", CHIPS, indirect=True)


@every_chip
def test_a_session_from_load_to_detach(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.expect("break main", "Breakpoint 1 at")
        gdb.expect("continue", r"Breakpoint 1, main \(\)")
        gdb.expect("info registers", r"xpsr .*\n(.*\n)*.*msp")
        gdb.expect("info registers primask control", r"primask +0x0 +0\ncontrol")
        gdb.expect("x/2i $pc", "=> 0x")
        gdb.expect("print greeting", '"hello, debugger"')
        gdb.expect("print corner", r"\{x = 3, y = 4\}")
        gdb.do("set var corner.x = 40")
        gdb.expect("print corner.x", "= 40")
        gdb.expect("call add(20, 22)", "= 42")
        gdb.expect("print multiply(6, 7)", "= 42")
        gdb.expect(f"until {line_of('call')}", "/\\* call \\*/")
        gdb.expect("step", r"add \(a=40, b=1\)")
        gdb.expect("backtrace", r"#0 +add \(.*\n#1 .* main \(\)")
        gdb.expect("finish", r"Value returned is \$\d+ = 41")
        gdb.expect("next", "/\\* product \\*/")
        gdb.expect("next", "/\\* touch \\*/")
        gdb.expect("print corner", r"\{x = 41, y = 12\}")
        gdb.expect("stepi", r"touch \(\)")
        gdb.expect("print $pc == touch", "= 1")
        gdb.expect("stepi", "0x")
        gdb.expect("print (int)$pc - (int)touch", "= 2")
        gdb.expect("detach", "detached")
        assert not bench.session.core.breakpoints.armed
        with bench.session.lock:
            count = bench.session.memory.read_u32(_address(gdb, "counter"))
            bench.session.link.sleep(0.01)
            assert bench.session.memory.read_u32(_address(gdb, "counter")) > count
            assert bench.session.core.poll() is None


def _address(gdb: Gdb, name: str) -> int:
    return int(gdb.expect(f"print/d (unsigned)&{name}", r"= (\d+)")[1])


@every_chip
def test_watchpoints_show_old_and_new_values(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.do("break touch")
        gdb.expect("continue", r"Breakpoint 1, touch")
        gdb.expect("watch watched", "Hardware watchpoint 2")
        gdb.expect("continue", r"Hardware watchpoint 2.*\n\nOld value = 7\nNew value = 8")
        gdb.do("delete")
        gdb.do("break touch")
        gdb.expect("continue", "touch")
        gdb.expect("rwatch watched", "Hardware read watchpoint")
        gdb.expect("continue", r"Hardware read watchpoint.*\n\nValue = 8")
        gdb.do("delete")
        gdb.expect("awatch watched", "Hardware access")
        gdb.expect("continue", r"Hardware access.*\n\n(Old value = 8\nNew value = 9|Value = 8)")
        gdb.do("delete")
        gdb.do("detach")
        assert not bench.session.core.watchpoints.armed


@every_chip
def test_interrupt_and_range_steps(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.do("break spin")
        gdb.expect("continue", "Breakpoint 1, spin")
        gdb.do("set var turns = 200")
        gdb.do("delete")
        gdb.do("next")
        gdb.do("set debug remote 1")
        shown = gdb.do("next")
        gdb.do("set debug remote 0")
        assert 1 <= shown.count("Sending packet: $vCont;r") <= 4  # for 200 turns of the loop
        gdb.expect("print i", "= 200|optimized out|No symbol")
        gdb.type("continue")
        time.sleep(0.1)
        gdb.interrupt()
        assert "SIGINT" in gdb.wait()
        gdb.expect("info threads", 'Thread 1.1 "Cortex')


@every_chip
def test_backtrace_out_of_a_fault_handler(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.do("break main")
        gdb.do("continue")
        gdb.do("set var fault_wanted = 1")
        shown = gdb.do("continue")
        assert "SIGSEGV" in shown or "HardFault" in shown, shown
        gdb.expect("backtrace", r"HardFault_Handler(.*\n)+.*signal handler called.*\n.*crash \(wh"
                   r"ere=0xc0000000\).*\n.*main \(\)")  # fmt: skip
        gdb.expect("monitor fault", "(?i)hardfault")


@every_chip
def test_monitor(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.expect("monitor help", r"reset \[halt\|run\]")
        gdb.expect("monitor reset halt", "halted at pc 0x")
        gdb.expect("monitor info", bench.chip)
        gdb.expect("monitor nonsense", "there is no command")
        gdb.do("flushregs")
        gdb.do("break main")
        gdb.expect("continue", r"Breakpoint 1, main \(\)")


@every_chip
def test_the_memory_map(bench: Bench) -> None:
    with bench.gdb(load=False) as gdb:
        shown = gdb.do("info mem")
        start = FLASH_START[bench.chip]
        assert f"0x{start:08x}" in shown
        assert "flash blocksize" in shown
        gdb.expect("x/wx 0xE000ED00", "0xe000ed00.*0x4")
        gdb.expect("set {int}0x%x = 1" % start, "flash memory forbidden")  # noqa: UP031


@every_chip
def test_what_was_loaded_is_there(bench: Bench) -> None:
    with bench.gdb() as gdb:
        shown = gdb.do("compare-sections")
        assert "matched" in shown
        assert "MIS-MATCHED" not in shown
        gdb.expect("find &greeting, +sizeof(greeting), 'd', 'e', 'b'", "1 pattern found")


@pytest.mark.parametrize("bench", HAS_FPU, indirect=True)
def test_fpu_registers(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.do("break add")
        gdb.do("continue")
        gdb.do("set var $s0 = 1.5")
        gdb.do("set var $s1 = -2.0")
        gdb.expect("info registers s0 s1", r"s0 +1.5 .*\ns1 +-2 ")
        gdb.expect("info registers fpscr", "fpscr")


def test_reconnect_after_detach(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.do("break touch")
        gdb.do("continue")
        gdb.expect("detach", "detached")
        gdb.expect(f"target extended-remote localhost:{bench.server.port}", "Remote|in ")
        gdb.expect("continue", "Breakpoint 1, touch")
    bench.until(lambda: bench.session.core.poll() is None)


def test_a_gdb_that_dies_leaves_a_clean_chip(bench: Bench) -> None:
    gdb = bench.gdb()
    gdb.do("break touch")
    gdb.do("continue")
    gdb.do("watch watched")
    gdb.type("continue")
    time.sleep(0.05)
    gdb.kill()
    bench.until(lambda: not bench.session.core.breakpoints.armed)
    assert not bench.session.core.watchpoints.armed
    with bench.session.lock:
        assert bench.session.core.poll() is None
    with bench.gdb(load=False, connect="remote") as again:
        again.do("break touch")
        again.expect("continue", "Breakpoint 1, touch")


def test_breakpoints_beyond_the_comparators_go_to_flash(bench: Bench) -> None:
    with bench.gdb() as gdb:
        for function in ("add", "multiply", "touch", "spin", "main"):
            gdb.do(f"break {function}")
        for line in ("product", "touch"):
            gdb.do(f"break {line_of(line)}")
        stops = [gdb.do("continue") for _ in range(11)]
        assert "Breakpoint 5, main" in stops[0]
        for number in (1, 2, 3, 4, 6, 7):
            assert any(f"Breakpoint {number}," in stop for stop in stops), (number, stops)
        gdb.expect("compare-sections", "matched")
        gdb.expect("next", r"\d+")
    bench.until(lambda: not bench.session.core.breakpoints.armed)
    assert not bench.session.core.breakpoints.opcodes.in_flash


def test_breakpoints_run_out_readably(bench: Bench) -> None:
    bench.session.flash_breakpoints = "off"
    with bench.gdb() as gdb:
        for number in range(7):
            gdb.do(f"hbreak *(touch + {4 * number})")
        gdb.expect("continue", "(?i)cannot insert hardware breakpoint")
        gdb.do("delete 7")
        gdb.expect("continue", "Breakpoint 1")


def test_a_breakpoint_in_ram(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.do("break main")
        gdb.do("continue")
        ram = RAM_START[bench.chip] + 0x2000
        for offset, halfword in enumerate((0x3001, 0x3002, 0xE7FC)):  # adds; adds; b .-4
            gdb.do(f"set {{short}}{ram + 2 * offset} = {halfword}")
        gdb.do(f"break *{ram + 2}")
        gdb.do(f"set var $pc = {ram}")
        gdb.do("set var $r0 = 0")
        gdb.expect("continue", "Breakpoint 2")
        gdb.expect("print $r0", "= 1")
        gdb.expect(f"x/hx {ram + 2}", "0x3002")
        gdb.expect("continue", "Breakpoint 2")
        gdb.expect("print $r0", "= 4")


def test_run_and_kill_in_extended_mode(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.do("break main")
        gdb.expect("run", r"Breakpoint 1, main \(\)")
        gdb.expect("kill", "killed")
        gdb.expect("run", r"Breakpoint 1, main \(\)")
