"""LLDB debugs a program in flash through the GDB server; it speaks another dialect than GDB."""

from __future__ import annotations

import pytest

from tests.support.lldb import attach

from .bench import Bench, line_of

pytestmark = pytest.mark.tools


def test_a_session_from_attach_to_detach(bench: Bench) -> None:
    with bench.session.lock:
        bench.session.flash(bench.elf, reset=False)
        bench.session.reset(halt=True)
    lldb = attach(
        bench.elf,
        bench.server.port,
        [
            "breakpoint set -n add",
            "continue",
            "bt",
            "frame variable",
            "register read pc xpsr",
            "finish",
            "breakpoint disable 1",
            "watchpoint set variable watched",
            "continue",
            "bt",
            "watchpoint delete 1",
            f"breakpoint set -f program.c -l {line_of('top')}",
            "continue",
            "next",
            "step",
            "expression counter = 77",
            "expression counter",
            "memory write 0x20003000 1 2 3 4",
            "memory read --size 1 --count 4 --format x 0x20003000",
            "stepi",
            "thread list",
        ],
    )
    lldb.expect(
        r"stop reason = signal SIGTRAP",
        r"stop reason = breakpoint 1\.1\n.*`add\(a=3, b=1\)",
        r"\* frame #0: .*`add\(a=3, b=1\).*\n +frame #1: .*`main at program\.c",
        r"\(int\) a = 3\n\(int\) b = 1",
        r"pc = 0x0800.*`add.*\n +xpsr = 0x\d1000000",
        r"stop reason = step out\nReturn value: \(int\) \$0 = 4\n+.*`main at",
        r"Watchpoint created: .*size = 4 state = enabled type = w",
        r"old value: 7\nnew value: 8",
        r"stop reason = watchpoint 1\n.*`touch at program\.c:\d+",
        r"\* frame #0: .*`touch.*\n +frame #1: .*`main",
        r"stop reason = breakpoint 2\.1\n.*`main at program\.c",
        r"stop reason = step over\n.*`main",
        r"stop reason = step in\n.*`add\(a=4, b=1\)",
        r"\(.*u32.*\) \$\d+ = 77",
        r"\(.*u32.*\) \$\d+ = 77",
        r"0x20003000: 0x01 0x02 0x03 0x04",
        r"stop reason = instruction step into",
        r"thread #1: tid = 0x0*1, ",
        r"Process 1 detached",
    )
    assert not bench.session.core.breakpoints.armed
    assert not bench.session.core.watchpoints.armed
    with bench.session.lock:
        assert bench.session.core.poll() is None, "it runs on"


def test_registers_memory_and_conditions(bench: Bench) -> None:
    with bench.session.lock:
        bench.session.flash(bench.elf, reset=False)
        bench.session.reset(halt=True)
    lldb = attach(
        bench.elf,
        bench.server.port,
        [
            "breakpoint set -n add -c 'a == 6'",
            "continue",
            "frame variable",
            "disassemble --count 2",
            "breakpoint delete 1",
            "register write r4 0x12345678",
            "register read r4",
            "register write d0 1.5",
            "register read d0",
            "memory find -s debugger 0x08000000 0x08002000",
            "memory region 0x20000000",
            "memory region 0x40020000",
            "thread step-out",
            "breakpoint set -H -n spin",
            "continue",
            "thread info",
            "process plugin packet monitor status",
            "thread step-inst-over",
            "register write pc `(int)&touch`",
            "register read pc",
        ],
    )
    lldb.expect(
        r"stop reason = breakpoint 1\.1",
        r"\(int\) a = 6",
        r"0x80\w+ <\+0>: +push",
        r"1 breakpoints deleted",
        r" r4 = 0x12345678",
        r" d0 = 1\.5",
        r"data found at location: 0x80",
        r"0x0*20000000-0x0*20020000\) rwx sram",
        r"0x0*40000000-0x0*60000000\) rw-",
        r"stop reason = step out\nReturn value: \(int\) \$\d+ = 9",
        r"stop reason = breakpoint 2\.1\n.*`spin\(turns=20\)",
        r"thread #1: .*stop reason = breakpoint 2\.1",
        r"halted at pc 0x080",
        r"stop reason = instruction step over",
        r" pc = 0x080\w+ +\S*`touch",
        r"Process 1 detached",
    )
