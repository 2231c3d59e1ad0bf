"""Stock GDB steps over what is hard to step; interrupts (SysTick) come all the time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import onchip
from onchip.services.gdb import GdbOptions, GdbServer
from tests.support.firmware import Layout, build
from tests.support.gdb import Gdb

from .bench import loaded

pytestmark = pytest.mark.tools

LAYOUT = Layout(flash=0x0800_0000, ram_length=0x1_0000)


@contextmanager
def stepping(options: GdbOptions | None = None) -> Iterator[Gdb]:
    """Load stepping.c and run to main."""
    firmware = build("stepping.c", layout=LAYOUT, flags=("-O0",))
    with (
        onchip.connect("virtual:stm32f407") as session,
        loaded(GdbServer(session, 0, options=options), firmware.path) as gdb,
    ):
        gdb.do("tbreak main")
        gdb.expect("continue", "main")
        yield gdb


def registers(gdb: Gdb, *names: str) -> list[int]:
    return [int(gdb.expect(f"print/x ${name}", "= 0x([0-9a-f]+)")[1], 16) for name in names]


def to_supervise(gdb: Gdb) -> None:
    """Run to the SVC, past the program's own BKPT."""
    gdb.do("tbreak supervise")
    shown = gdb.do("continue")
    if "bkpt" in shown:
        shown = gdb.do("continue")
    assert "/* svc */" in shown, shown


def test_sleep_bkpt_and_it_blocks() -> None:
    with stepping() as gdb:
        gdb.do("tbreak sleep")
        gdb.expect("continue", "wfi")
        (before,) = registers(gdb, "pc")
        gdb.expect("stepi", r"/\* awake \*/")
        assert registers(gdb, "pc") == [before + 2]
        gdb.do("tbreak choose")
        gdb.expect("continue", "choose")
        (start,) = registers(gdb, "pc")
        seen = []
        for _ in range(7):
            gdb.do("stepi")
            seen.append(registers(gdb, "pc")[0] - start)
        # cmp, itt..., and each of the four under the condition, skipped or not, then the return
        assert seen[:6] == [2, 4, 6, 8, 10, 12]
        assert registers(gdb, "r0") == [11]
        gdb.do("tbreak stop")
        gdb.expect("continue", "bkpt")
        (before,) = registers(gdb, "pc")
        gdb.expect("stepi", r"/\* passed \*/")
        assert registers(gdb, "pc") == [before + 2]


def test_a_bkpt_of_the_programs_own_under_continue_and_next() -> None:
    with stepping() as gdb:
        gdb.do("tbreak stop")
        gdb.expect("continue", "bkpt")
        gdb.expect("next", r"/\* (bkpt|passed) \*/")
        gdb.expect("next", r"/\* passed \*/|\}")
        gdb.expect("continue", r"SIGTRAP(.*\n)*.*/\* bkpt \*/")
        gdb.expect("continue", r"SIGTRAP(.*\n)*.*/\* bkpt \*/")


def test_interrupts_stay_out_of_steps() -> None:
    with stepping() as gdb:
        to_supervise(gdb)
        gdb.do("tbreak loop")
        gdb.expect("continue", "loop")
        gdb.do("set var turns = 20")
        for _ in range(3):
            assert "SysTick_Handler" not in gdb.do("step")
        assert int(gdb.expect("print ticks", r"= (\d+)")[1]) > 0  # they came, between steps


def test_around_a_supervisor_call_and_into_it() -> None:
    with stepping() as gdb:
        to_supervise(gdb)
        gdb.expect("stepi", r"/\* supervised \*/")
        to_supervise(gdb)
        gdb.expect("next", r"/\* supervised \*/")
        gdb.expect("print calls", "= 2")
        gdb.do("break SVC_Handler")
        to_supervise(gdb)
        gdb.expect("next", "Breakpoint .*SVC_Handler")  # which the user wanted to see
        gdb.do("delete")
        gdb.expect(
            "backtrace", r"SVC_Handler(.*\n)+.*signal handler called.*\n.*supervise(.*\n)+.*main"
        )
        gdb.expect("info registers xpsr", "0x.*")
        gdb.expect("next", r"/\* in svc \*/|\}")
        gdb.do("next 2")  # out of the handler again
        gdb.expect("backtrace 1", r"#0 +supervise \(\)")
        gdb.do("tbreak SysTick_Handler")
        gdb.expect("continue", "SysTick_Handler")
        shown = gdb.do("finish")
        assert "SysTick_Handler" in shown
        gdb.expect("backtrace 1", "#0 ")


def test_a_thousand_turns_are_one_step() -> None:
    with stepping() as gdb:
        gdb.do("tbreak loop")
        gdb.expect("continue", "loop")
        gdb.expect("next 2", r"/\* loop \*/")
        gdb.do("set debug remote 1")
        shown = gdb.do("next")
        gdb.do("set debug remote 0")
        assert "/* summed */" in shown
        assert shown.count("Sending packet: $vCont;r") <= 2, shown
        assert "Sending packet: $vCont;s" not in shown
        gdb.expect("print sum", "= 500500")


def test_steps_into_interrupts_when_that_is_wanted() -> None:
    with stepping(GdbOptions(step_into_interrupts=True)) as gdb:
        gdb.do("tbreak loop")
        gdb.expect("continue", "loop")
        gdb.do("set var turns = 100000000")
        gdb.expect("next 2", r"/\* loop \*/")
        gdb.do("break SysTick_Handler")
        gdb.expect("next", "SysTick_Handler")
