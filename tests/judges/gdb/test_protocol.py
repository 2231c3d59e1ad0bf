"""What only stock GDB can judge of the protocol: conditions here, non-stop, a second GDB."""

from __future__ import annotations

import re
import time

import pytest

from tests.support.gdb import Gdb

from .bench import Bench

pytestmark = pytest.mark.tools


def test_conditions_and_dprintf_are_evaluated_by_the_server(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.expect("break add if b == 3 && a == 9", "Breakpoint 1")
        gdb.do("set debug remote 1")
        shown = gdb.do("continue")
        gdb.do("set debug remote 0")
        assert "add (a=9, b=3)" in re.sub(r"\[remote\].*\n", "", shown)
        assert shown.count("Sending packet: $vCont;c") == 1
        assert shown.count("Packet received: T05") == 1
        gdb.expect("info breakpoints", r"stop only if b == 3 && a == 9 \(target evals\)")
        gdb.do("delete")
        gdb.do("set dprintf-style agent")
        gdb.expect(r'dprintf touch,"watched %d at %p\n", watched, &watched', "Dprintf 2")
        gdb.do("break spin")
        gdb.expect("continue", "watched 7 at 0x2.*\n(.*\n)*.*spin")
        gdb.expect("continue", "watched 8 at 0x2.*\n(.*\n)*.*spin")


def test_a_dprintf_that_gdb_cannot_compile_is_passed(bench: Bench) -> None:
    """GDB believes that one with a double stays on the server, and goes on where it stands."""
    with bench.gdb() as gdb:
        gdb.do("set dprintf-style agent")
        gdb.expect(r'dprintf add,"%d %f\n", a, 1.5', "Dprintf 1")
        gdb.do("break touch")
        gdb.expect("continue", "Breakpoint 2, touch")
        gdb.expect("print corner.x", "= 4")
        gdb.expect("next 3", "touch|main")


def test_a_second_gdb_looks_on_while_the_core_runs(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.type("continue")
        bench.until(lambda: bench.server.is_alive and not bench.session.core.halted)
        with bench.gdb(load=False) as other:
            first = int(other.expect("print counter", r"= (\d+)")[1])
            bench.until(lambda: int(other.expect("print counter", r"= (\d+)")[1]) > first)
            other.expect("info registers pc", "pc +0x")
            other.expect("info registers r0", "unavailable")
            other.do("detach")
        gdb.interrupt()
        assert "SIGINT" in gdb.wait()


def _until(gdb: Gdb, line: str, pattern: str) -> str:
    """Type a line and return what GDB shows, then or of its own accord, once it has ``pattern``."""
    shown = gdb.do(line)
    deadline = time.monotonic() + 10
    while not re.search(pattern, shown):
        assert time.monotonic() < deadline, shown
        shown += gdb.do("echo")
        time.sleep(0.02)
    return shown


def test_non_stop(bench: Bench) -> None:
    with bench.session.lock:
        bench.session.flash(bench.elf)
    with Gdb(bench.elf) as gdb:
        gdb.do("set remotetimeout 10")
        gdb.do("set non-stop on")
        gdb.do(f"target extended-remote localhost:{bench.server.port}")
        gdb.expect("info threads", r"\(running\)")
        _until(gdb, "interrupt", "stopped")
        gdb.do("break touch")
        _until(gdb, "continue &", "Breakpoint 1, touch")
        gdb.do("delete")
        gdb.do("continue &")
        gdb.expect("info threads", r"\(running\)")
        first = int(gdb.expect("print counter", r"= (\d+)")[1])
        bench.until(lambda: int(gdb.expect("print counter", r"= (\d+)")[1]) > first)
        _until(gdb, "interrupt -a", "stopped")
        gdb.do("stepi")
        gdb.expect("backtrace", "main")
        gdb.do("detach")
    bench.until(lambda: bench.session.core.poll() is None)
