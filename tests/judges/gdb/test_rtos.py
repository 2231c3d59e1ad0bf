"""Stock GDB shows the threads of a kernel: the real FreeRTOS, and three more by their structures.

GDB alone has the ELF file: the server learns from it where the kernel's variables lie.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import onchip
from onchip.services.core_dump import take_dump
from onchip.services.gdb import GdbOptions, GdbServer
from onchip.session import Session
from onchip.symbols.dwarf import DebugInfo
from tests.support.firmware import Firmware, Layout, build
from tests.support.freertos import build_freertos
from tests.support.gdb import Gdb
from tests.support.zephyr import described_zephyr

pytestmark = pytest.mark.tools

LAYOUT = Layout(flash=0x0800_0000, ram_length=0x8000)


@contextmanager
def debugging(
    firmware: Firmware, *, with_elf: bool = False, chip: str = "stm32f407"
) -> Iterator[tuple[Gdb, Session]]:
    """Serve a board with the program in its flash, and connect GDB to it."""
    debug = DebugInfo.load(firmware.path) if with_elf else None
    with onchip.connect(f"virtual:{chip}") as session:
        session.flash(firmware.path, reset=False)
        session.reset(halt=True)
        server = GdbServer(session, 0, options=GdbOptions(debug=debug))
        server.start()
        try:
            with Gdb(firmware.path) as gdb:
                gdb.do(f"target extended-remote :{server.port}")
                yield gdb, session
        finally:
            server.stop()


def number_of(gdb: Gdb, name: str) -> int:
    """Return GDB's number of the thread called ``name``."""
    return int(gdb.expect("info threads", rf'(?m)^[* ] (\d+) .*"{re.escape(name)}"')[1])


@pytest.fixture(scope="module", params=["m4f", "m3"])
def freertos(request: pytest.FixtureRequest) -> Iterator[tuple[Gdb, Session]]:
    """FreeRTOS, stopped in an interrupt handler after some ticks."""
    with debugging(build_freertos(request.param, LAYOUT)) as (gdb, session):
        assert "Cortex-M4F" in gdb.do("info threads")  # not started: the core alone
        assert gdb.do("info threads").count("Thread ") == 1
        gdb.do("break handle_interrupt if xTickCount > 12")
        gdb.expect("continue", r'Thread 1 "interrupt 3" hit Breakpoint 1, handle_interrupt')
        gdb.do("delete")
        yield gdb, session


def test_names_states_and_the_interrupt(freertos: tuple[Gdb, Session]) -> None:
    gdb, _ = freertos
    shown = gdb.do("info threads")
    assert re.search(r'\* 1 +Thread \S+ "interrupt 3"', shown)
    for name, state in {
        "sensor": "blocked (to receive from the queue 0x2",
        "blinker": "blocked (for ",
        "paused": "suspended",
        "crunch": "running",
        "IDLE": "ready",
    }.items():
        assert f'"{name}" ({state}' in shown
    assert "priority 4, stack " in shown
    assert " of 640 bytes (at most " in shown


def test_the_backtrace_of_each(freertos: tuple[Gdb, Session]) -> None:
    gdb, _ = freertos
    shown = gdb.do("thread apply all bt")
    traces = dict(re.findall(r'Thread \d+ \(.*"(.+)" \(.*\n((?:.+\n)+)', shown))
    assert re.search(r"vTaskDelay [\s\S]* rest [\s\S]* blinker ", traces["blinker"])
    assert re.search(r"xQueueGenericReceive [\s\S]* wait_for_sample .*channel", traces["sensor"])
    assert re.search(r"ulTaskNotifyTake [\s\S]* listener ", traces["listener"])
    assert re.search(r"vTaskSuspend [\s\S]* paused ", traces["paused"])
    assert "crunch_on" in traces["crunch"]
    assert "prvIdleTask" in traces["IDLE"]
    assert re.search(r"handle_interrupt[\s\S]*<signal handler called>[\s\S]*crunch_on", shown)
    assert "unavailable" not in shown
    assert "Python Exception" not in shown


def test_a_sleeping_task_can_be_looked_at(freertos: tuple[Gdb, Session]) -> None:
    gdb, _ = freertos
    gdb.do(f"thread {number_of(gdb, 'blinker')}")
    gdb.expect("x/i $pc", r"=> 0x\w+ <vTaskDelay\+\d+>")
    gdb.expect("print/x $xpsr & 0x1ff", "= 0x0")
    gdb.do("frame function rest")
    gdb.expect("info locals", "")
    gdb.expect("print ticks", "= 7")
    gdb.do("frame function blinker")
    gdb.expect("print beat", r"= 10\d|optimized out")
    gdb.expect("print $sp > $msp", "= [01]")
    gdb.do("thread 1")
    gdb.expect("bt 1", "handle_interrupt")


def test_floating_point_over_a_switch(freertos: tuple[Gdb, Session]) -> None:
    gdb, session = freertos
    gdb.do(f"thread {number_of(gdb, 'measure')}")
    gdb.do("frame function measure")
    gdb.expect("print kept", r"= 3\b|optimized out")
    if "3" in gdb.do("print $s16"):  # the port that saves floating point
        gdb.expect("print $s16", r"= 3\b")
    gdb.do("thread 1")
    assert session.core.halted


@pytest.mark.parametrize("with_elf", [False, True])
def test_stepping_goes_along_with_its_thread(*, with_elf: bool) -> None:
    """`next` over a delay comes back in the same task, whatever ran in between."""
    with debugging(build_freertos("m4f", LAYOUT), with_elf=with_elf) as (gdb, _):
        gdb.do("break rest if blinks > 2")
        gdb.expect("continue", r'"blinker" hit Breakpoint 1, rest')
        gdb.do("delete")
        for _ in range(2):
            gdb.do("next")
        gdb.expect("bt", r"#0 +(0x\w+ in )?rest[\s\S]*#1 .*blinker")
        gdb.expect("info threads", r'(?m)^\* .*"blinker" \(running')
        gdb.expect("finish", "Run till exit")
        gdb.expect("bt", r"#0 .*blinker")
        gdb.expect("break handle_interrupt", "Breakpoint 2")
        gdb.expect("continue", r'"interrupt 3" hit Breakpoint 2')


def test_a_corrupt_kernel_hangs_nobody() -> None:
    with debugging(build_freertos("m4f", LAYOUT)) as (gdb, session):
        gdb.do("break handle_interrupt if xTickCount > 12")
        gdb.do("continue")
        blinker = int(gdb.expect("print/d (long)pxDelayedTaskList->xListEnd.pxNext", r"= (\d+)")[1])
        for damage in (
            "set var pxReadyTasksLists[1].uxNumberOfItems = 5000",
            f"set {{long}}({blinker} + 4) = 0x40023C00",
            f"set {{long}}({blinker} - 4) = 0xE000ED00",
            "set var xDelayedTaskList2.uxNumberOfItems = 77",
        ):
            gdb.do(damage)
            gdb.do("stepi")
            assert "Thread" in gdb.do("info threads")
            gdb.do("thread apply all bt 2")
        gdb.do("set var *(long*)&pxCurrentTCB = 0x12345678")
        gdb.do("stepi")
        assert "Thread" in gdb.do("info threads")
        gdb.expect("monitor halt", "")
        assert session.core.halted


@pytest.mark.parametrize("kernel", ["zephyr", "rtx5", "threadx"])
def test_the_documented_structures_of_other_kernels(kernel: str) -> None:
    """Programs of our own, as tests/firmware/layouts says: not those kernels themselves."""
    firmware = build(f"layouts/{kernel}.c", layout=LAYOUT, flags=("-Og",))
    with debugging(firmware, with_elf=kernel == "zephyr") as (gdb, _):
        gdb.do("break handle_interrupt if ticks > 12")
        gdb.expect("continue", r'"interrupt 3" hit Breakpoint 1')
        shown = gdb.do("thread apply all bt")
        for name in ("sensor", "blinker", "measure", "crunch", "idle"):
            assert f'"{name}" (' in shown
        assert re.search(r"wait_for_sample \(channel=channel@entry=3\)[\s\S]*sensor \(", shown)
        assert re.search(r"rest \(count=count@entry=7\)[\s\S]*blinker \(", shown)
        gdb.do(f"thread {number_of(gdb, 'measure')}")
        gdb.expect("print $s16", "= 3")
        gdb.expect("x/i $pc", "=> 0x")


def test_threads_of_a_core_dump(tmp_path: Path) -> None:
    firmware = build_freertos("m4f", LAYOUT)
    debug = DebugInfo.load(firmware.path)
    with onchip.connect("virtual:stm32f407") as session:
        session.flash(firmware.path, reset=False)
        session.reset(halt=True)
        session.core.resume()
        session.core.sleep(0.015)
        session.core.halt()
        while session.core.read_register("xpsr") & 0x1FF:
            session.core.step()
        dump = take_dump(session.core, session.memory_map, debug)
    core = tmp_path / "core.elf"
    core.write_bytes(dump.data)
    assert dump.threads[0] == "crunch"
    assert len(dump.threads) == 9
    with Gdb(firmware.path, core) as gdb:
        assert gdb.do("info threads").count(" process ") == 9
        gdb.do(f"thread {1 + dump.threads.index('sensor')}")
        gdb.expect("bt", r"xQueueGenericReceive [\s\S]*wait_for_sample [\s\S]*sensor ")
        gdb.do(f"thread {1 + dump.threads.index('measure')}")
        gdb.expect("print $s16", "= 3")


def test_a_released_zephyr() -> None:
    """The real kernel, 4.4.0: it has no CONFIG_DEBUG_THREAD_INFO, so the server needs the file."""
    with debugging(described_zephyr(), with_elf=True, chip="nrf52840") as (gdb, _):
        assert gdb.do("info threads").count("Thread ") == 1
        gdb.expect("break arch_cpu_idle", "Breakpoint 1")
        gdb.expect("continue", r'Thread \d+ "idle" hit Breakpoint 1')
        shown = gdb.do("info threads")
        assert shown.count("Thread ") == 8
        assert re.search(
            r'"usb_driver" \(blocked \(on 0x\w+\), priority -8, stack \d+ of 512', shown
        )
        assert re.search(r'\* \d+ +Thread \S+ "idle" \(running, priority 15', shown)
        assert '"main" (terminated' in shown
        gdb.do(f"thread {number_of(gdb, 'k_sys_work_q')}")
        gdb.expect("x/i $pc", r"=> 0x173e0 <arch_swap\+32>:\s+isb\s+sy")
        gdb.expect("bt 2", r"#0 +0x000173e0 in arch_swap \(\)\s+#1 +0x00017974 in")
        gdb.expect("print $sp > 0x20004d00 && $sp < 0x20005100", "= 1")
