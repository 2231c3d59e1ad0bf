"""The real FreeRTOS kernel on virtual boards, with the ELF file and with addresses alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from onchip.errors import UsageError
from onchip.probe.counting import CountingLink
from onchip.rtos import Inspector, RtosThreads, Snapshot, Thread
from onchip.rtos.freertos import SYMBOLS
from onchip.services.core_dump import take_dump
from onchip.services.crash import as_text, collect
from onchip.session import Session
from onchip.session.connecting import open_session
from onchip.symbols.dwarf import DebugInfo
from onchip.symbols.unwind import unwind
from onchip.virtual_board.board import VirtualBoard
from tests.support.firmware import Firmware, Layout
from tests.support.freertos import build_freertos

pytestmark = pytest.mark.tools

TASKS = {"blinker", "sensor", "holder", "logger", "listener", "paused", "measure", "crunch", "IDLE"}


@dataclass
class Running:
    """A board on which the kernel has run for 15 ms, halted in a task."""

    session: Session
    link: CountingLink
    firmware: Firmware
    debug: DebugInfo

    def inspector(self) -> Inspector:
        return Inspector(self.session.core, self.session.memory_map, self.debug)

    def run_to(self, name: str) -> None:
        core = self.session.core
        address = self.firmware.symbols[name]
        core.breakpoints.set(address)
        core.resume()
        core.wait_halted(1)
        core.breakpoints.remove(address)

    def backtrace(self, thread: Thread) -> list[str]:
        walk = unwind(thread.registers, self.session.memory.read, self.debug)
        found = [self.debug.function_at(frame.lookup) for frame in walk.frames]
        return [name.name for name in found if name is not None]


@pytest.fixture(scope="module", params=["m4f", "m3"])
def board(request: pytest.FixtureRequest) -> Iterator[Running]:
    firmware = build_freertos(request.param, Layout(flash=0x0800_0000, ram_length=0x8000))
    link = CountingLink(VirtualBoard("stm32f407").link())
    with open_session(link) as session:
        session.flash(firmware.path, reset=False)
        session.reset(halt=True)
        yield Running(session, link, firmware, DebugInfo.load(firmware.path))


@pytest.fixture
def running(board: Running) -> Running:
    board.session.reset(halt=True)
    board.session.core.resume()
    board.session.core.sleep(0.015)
    board.session.core.halt()
    while board.session.core.read_register("xpsr") & 0x1FF:
        board.session.core.step()
    return board


def by_name(snapshot: Snapshot) -> dict[str, Thread]:
    return {thread.name: thread for thread in snapshot.threads}


def test_before_the_scheduler_runs_there_is_no_thread(board: Running) -> None:
    board.session.reset(halt=True)
    assert board.inspector().snapshot() == Snapshot("FreeRTOS")
    board.run_to("vTaskStartScheduler")
    assert board.inspector().snapshot() == Snapshot("FreeRTOS")
    assert board.inspector().current() is None


def test_names_states_priorities_stacks(running: Running) -> None:
    snapshot = running.inspector().snapshot()
    assert snapshot.warnings == ()
    assert snapshot.interrupt is None
    threads = by_name(snapshot)
    assert threads.keys() == TASKS
    assert {name: thread.state.value for name, thread in threads.items()} == {
        **dict.fromkeys(TASKS, "blocked"),
        "paused": "suspended",
        "crunch": "running",
        "IDLE": "ready",
    }
    assert threads["sensor"].priority == 4
    assert threads["holder"].priority == 2
    assert "its own is 1" in threads["holder"].detail
    assert threads["listener"].detail == "for a notification"
    symbols, memory = running.firmware.symbols, running.session.memory
    queue, mutex = memory.read_u32(symbols["samples"]), memory.read_u32(symbols["mutex"])
    assert threads["sensor"].detail == f"to receive from the queue {queue:#010x}"
    assert f"for the mutex {mutex:#010x}, which holder holds, " in threads["logger"].detail
    assert "ticks" in threads["blinker"].detail
    for name, thread in threads.items():
        stack = thread.stack
        assert stack is not None
        assert stack.size == (384 if name == "IDLE" else 640)
        assert 0 < stack.used <= stack.most_used < stack.size
        assert stack.untouched == stack.size - stack.most_used


def test_sleeping_tasks_have_their_registers(running: Running) -> None:
    threads = by_name(running.inspector().snapshot())
    trace = {name: running.backtrace(thread) for name, thread in threads.items()}
    assert trace["blinker"] == ["vTaskDelay", "rest", "blinker"]
    assert trace["sensor"][-2:] == ["wait_for_sample", "sensor"]
    assert trace["logger"][-2:] == ["xQueueGenericReceive", "logger"]
    assert trace["listener"][-2:] == ["ulTaskNotifyTake", "listener"]
    assert trace["IDLE"] == ["prvIdleTask"]
    core = running.session.core.read_registers()
    assert threads["crunch"].is_current
    assert threads["crunch"].registers["pc"] == core["pc"]
    if "d8" in threads["measure"].registers:
        assert threads["measure"].registers["d8"] & 0xFFFF_FFFF == 0x4040_0000  # 3.0f
        assert "d8" not in threads["blinker"].registers


def test_addresses_are_enough(running: Running) -> None:
    with_elf = running.inspector().snapshot()
    symbols = running.firmware.symbols
    alone = Inspector(running.session.core, running.session.memory_map)
    assert alone.snapshot() == Snapshot()
    alone.learn({name: symbols[name] for name in SYMBOLS if name in symbols})
    found = alone.snapshot()
    assert found.warnings == ()
    assert alone.current() == running.inspector().current()
    for mine, other in zip(found.threads, with_elf.threads, strict=True):
        assert (mine.address, mine.name) == (other.address, other.name)
        assert mine.registers == other.registers
        if mine.name != "listener":  # only types tell where the state of a notification is
            assert mine.state == other.state
    alone.learn({})
    assert alone.snapshot() == Snapshot()


def test_round_trips(running: Running) -> None:
    inspector = running.inspector()
    before = running.link.mark()
    inspector.snapshot()
    walk = running.link.traffic - before
    assert walk.round_trips <= 9
    assert walk.packets <= 30
    before = running.link.mark()
    inspector.snapshot()  # much like the last one
    assert (running.link.traffic - before).round_trips <= 4
    before = running.link.mark()
    inspector.current()
    assert (running.link.traffic - before).packets == 1


def test_an_interrupt_is_no_thread_s(running: Running) -> None:
    running.run_to("handle_interrupt")
    snapshot = running.inspector().snapshot()
    assert snapshot.interrupt is not None
    assert (snapshot.interrupt.exception, snapshot.interrupt.name) == (19, "interrupt 3")
    crunch = by_name(snapshot)["crunch"]
    assert crunch.is_current
    assert "crunch_on" in running.backtrace(crunch)
    pc = crunch.registers["pc"]
    running.session.core.breakpoints.set(pc)
    running.session.core.resume()
    running.session.core.wait_halted(1)
    core = running.session.core
    names = [f"r{n}" for n in range(13)] + ["sp", "lr", "pc"]
    if core.has_fpu and "d0" in crunch.registers:
        names += [f"d{n}" for n in range(16)]
    assert core.read_registers(names) == {name: crunch.registers[name] for name in names}
    core.breakpoints.clear()


def test_in_the_middle_of_a_switch(running: Running) -> None:
    """PendSV has chosen the next task, and the process stack pointer is still the old one's."""
    core = running.session.core
    running.run_to("vTaskSwitchContext")
    assert running.inspector().snapshot().interrupt is not None
    for number in range(400):
        core.step()
        if number % 7:
            continue
        snapshot = running.inspector().snapshot()
        assert snapshot.warnings == ()
        assert all(running.backtrace(thread) for thread in snapshot.threads)
        if not core.read_register("xpsr") & 0x1FF:
            break
    else:
        pytest.fail("the switch does not end")
    current = next(thread for thread in snapshot.threads if thread.is_current)
    assert running.backtrace(current)[-1] in (current.name, "prvIdleTask")


def test_registers_of_a_sleeping_task_can_be_written(running: Running) -> None:
    source = RtosThreads(running.session.core, running.session.memory_map, running.debug)
    task = next(task for task in source.tasks() if task.name == "sensor")
    assert source.current_id() != task.id
    assert source.warning is None
    assert task.description.startswith("blocked (to receive from the queue 0x2")
    old = dict(task.read_registers())
    task.write_registers({"r9": 0x1234_5678, "r1": 77})
    again = next(task for task in source.tasks() if task.name == "sensor")
    assert again.read_registers() == {**old, "r9": 0x1234_5678, "r1": 77}
    with pytest.raises(UsageError, match="sp of the sleeping thread sensor"):
        task.write_registers({"sp": 0})


def test_a_corrupt_kernel_is_a_warning(running: Running) -> None:
    symbols, memory = running.firmware.symbols, running.session.memory
    source = RtosThreads(running.session.core, running.session.memory_map, running.debug)
    blinker = next(task for task in source.tasks() if task.name == "blinker")
    memory.write_u32(blinker.id + 8, 0x4000_2800)  # pxNext: into a peripheral
    memory.write_u32(blinker.id, 0x0000_0004)  # its stack pointer
    names = {task.name for task in source.tasks()}
    assert "crunch" in names
    assert source.warning is not None
    assert source.warning.startswith("FreeRTOS: ")
    memory.write_u32(symbols["pxCurrentTCB"], 0xFFFF_FFF0)
    assert {task.name for task in source.tasks()} >= {"sensor", "paused"}
    assert "pxCurrentTCB is 0xfffffff0" in source.warning


def test_a_crash_report_says_which_thread_it_was(running: Running) -> None:
    core = running.session.core
    core.vector_catch = {"hardfault"}
    core.write_register("pc", 0x6000_0000)
    core.resume()
    core.wait_halted(1)
    core.vector_catch = set()
    report = collect(core, running.session.memory_map, running.debug)
    text = as_text(report)
    assert "\n  in the thread crunch\n" in text
    assert "\n  FreeRTOS, 9 threads\n  the core handles HardFault: " in text
    assert report.threads is not None
    assert by_name(report.threads)["crunch"].registers["pc"] == 0x6000_0000
    dump = take_dump(core, running.session.memory_map, running.debug)
    assert dump.threads[:3] == ("crunch, which faulted", "HardFault", "sensor")
    assert sorted(dump.threads[2:]) == sorted(TASKS - {"crunch"})
