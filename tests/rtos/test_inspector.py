"""A core together with a kernel that lies in its RAM: without tools, FreeRTOS typed by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from onchip.errors import CoreStateError, UsageError
from onchip.probe.counting import CountingLink
from onchip.rtos import Inspector, RtosThreads, Snapshot, ThreadState
from onchip.session import Session
from onchip.session.connecting import open_session
from onchip.virtual_board.board import VirtualBoard
from tests.support.thumb import UDF, Program

from .fakes import R4_R11, RAM, FakeFreeRtos, FakeMemory

NOP = b"\x00\xbf"


@dataclass
class Bench:
    session: Session
    link: CountingLink
    kernel: FakeFreeRtos
    program: int

    def place(self) -> None:
        """Write the kernel's memory, and let the core stand in its running task."""
        core = self.session.core
        self.session.reset(halt=True)
        self.session.memory.write(RAM, bytes(self.kernel.memory.data))
        stack = RAM + 0x2000 + FakeFreeRtos.STACK
        names = {f"r{n}": 0x500 + n for n in range(13)}
        values = {**names, "pc": self.program, "xpsr": 1 << 24, "lr": self.program | 1}
        core.write_registers({"control": 2})
        core.write_registers({**values, "psp": stack - 0x20, "sp": stack - 0x20})

    def inspector(self) -> Inspector:
        found = Inspector(self.session.core, self.session.memory_map)
        found.learn(FakeFreeRtos.ADDRESSES)
        return found

    def source(self) -> RtosThreads:
        found = RtosThreads(self.session.core, self.session.memory_map)
        found.learn(FakeFreeRtos.ADDRESSES)
        return found


@pytest.fixture(scope="module")
def board() -> Iterator[tuple[Session, CountingLink, int]]:
    link = CountingLink(VirtualBoard("stm32f407").link())
    with open_session(link) as session:
        program = Program().raw(NOP * 4 + UDF)
        session.flash(program.image(), reset=False)
        session.core.vector_catch = {"hardfault"}
        yield session, link, program.base + 0x110


@pytest.fixture
def bench(board: tuple[Session, CountingLink, int]) -> Bench:
    kernel = FakeFreeRtos(FakeMemory())
    kernel.run(kernel.add("crunch", kernel.ready(1), priority=1))
    kernel.add("sensor", kernel.ADDRESSES["xSuspendedTaskList"], priority=3, event=RAM + 0x3000)
    kernel.add("blinker", kernel.ADDRESSES["xDelayedTaskList1"], priority=2, wake=1010)
    kernel.add("idle", kernel.ready(0), priority=0)
    session, link, program = board
    made = Bench(session, link, kernel, program)
    made.place()
    return made


def test_a_snapshot(bench: Bench) -> None:
    snapshot = bench.inspector().snapshot()
    assert snapshot.kernel == "FreeRTOS"
    assert snapshot.warnings == ()
    assert [thread.name for thread in snapshot.threads] == ["sensor", "blinker", "crunch", "idle"]
    crunch = snapshot.threads[2]
    assert crunch.is_current
    assert crunch.registers["pc"] == bench.program
    assert crunch.registers["r4"] == 0x504
    assert crunch.places == {}
    sensor = snapshot.threads[0]
    assert sensor.state is ThreadState.BLOCKED
    assert [sensor.registers[f"r{n}"] for n in range(4, 12)] == R4_R11
    assert sensor.registers["control"] == 2
    assert sensor.registers["primask"] == 0
    assert sensor.registers["msp"] == bench.session.core.read_register("msp")
    assert "basepri" in sensor.registers
    assert str(sensor.stack) == "stack from 0x20002100, 192 bytes never used"


def test_an_exception_came_upon_a_thread(bench: Bench) -> None:
    core = bench.session.core
    core.resume()
    core.wait_halted(1)
    snapshot = bench.inspector().snapshot()
    assert snapshot.interrupt is not None
    assert snapshot.interrupt.name == "HardFault"
    crunch = next(thread for thread in snapshot.threads if thread.is_current)
    assert crunch.registers["pc"] == bench.program + 8
    assert [crunch.registers[f"r{n}"] for n in range(13)] == [0x500 + n for n in range(13)]
    assert crunch.registers["sp"] == RAM + 0x2000 + FakeFreeRtos.STACK - 0x20
    assert crunch.registers["control"] == 2
    task = next(task for task in bench.source().tasks() if task.is_current)
    task.write_registers({"r0": 0x1234})
    assert bench.session.memory.read_u32(core.read_register("psp")) == 0x1234
    with pytest.raises(UsageError, match="r4 of the sleeping thread crunch is not saved"):
        task.write_registers({"r4": 1})


def test_a_switch_that_is_not_done_yet(bench: Bench) -> None:
    """The kernel calls blinker the running one; the process stack pointer is still crunch's."""
    core = bench.session.core
    core.resume()
    core.wait_halted(1)
    bench.session.memory.write_u32(FakeFreeRtos.ADDRESSES["pxCurrentTCB"], bench.kernel.tasks[2])
    threads = {thread.name: thread for thread in bench.inspector().snapshot().threads}
    assert threads["blinker"].is_current
    assert [threads["blinker"].registers[f"r{n}"] for n in range(4, 12)] == R4_R11


def test_on_the_main_stack_no_thread_runs(bench: Bench) -> None:
    assert bench.inspector().current() == bench.kernel.tasks[0]
    bench.session.reset(halt=True)
    bench.session.memory.write(RAM, bytes(bench.kernel.memory.data))
    assert bench.inspector().snapshot() == Snapshot("FreeRTOS")
    assert bench.inspector().current() is None
    assert bench.source().tasks() == []


def test_a_frame_that_is_overwritten(bench: Bench) -> None:
    top = bench.session.memory.read_u32(bench.kernel.tasks[1])
    bench.session.memory.write_u32(top + 0x3C, 0)  # its xPSR
    snapshot = bench.inspector().snapshot()
    assert snapshot.warnings == ("no saved registers were found for sensor",)
    sensor = next(thread for thread in snapshot.threads if thread.name == "sensor")
    assert sensor.registers == {}
    task = next(task for task in bench.source().tasks() if task.name == "sensor")
    assert task.read_registers() == {}
    with pytest.raises(UsageError, match="pc of the sleeping thread sensor"):
        task.write_registers({"pc": 0})


def test_a_running_core_is_refused(bench: Bench) -> None:
    bench.session.core.write_register("pc", bench.program + 10)  # a loop
    bench.session.core.resume()
    with pytest.raises(CoreStateError):
        bench.inspector().snapshot()
    with pytest.raises(CoreStateError):
        bench.source().tasks()
    bench.session.core.halt()


def test_what_gdb_s_list_costs(bench: Bench) -> None:
    source = bench.source()
    for _ in range(2):  # the stacks are measured, then only looked at
        assert [task.name for task in source.tasks()] == ["sensor", "blinker", "crunch", "idle"]
    before = bench.link.mark()
    assert source.current_id() == bench.kernel.tasks[0]
    assert (bench.link.traffic - before).packets == 1
    before = bench.link.mark()
    tasks = source.tasks()
    listing = bench.link.traffic - before
    assert listing.round_trips <= 2
    assert listing.packets <= 2
    before = bench.link.mark()
    assert tasks[0].read_registers()["r4"] == R4_R11[0]
    first = bench.link.traffic - before
    assert first.round_trips <= 2
    before = bench.link.mark()
    assert tasks[1].read_registers()["r5"] == R4_R11[1]
    assert (bench.link.traffic - before).packets == 0


def test_no_kernel_costs_nothing(bench: Bench) -> None:
    source = RtosThreads(bench.session.core, bench.session.memory_map)
    before = bench.link.mark()
    assert source.tasks() == []
    assert source.current_id() is None
    assert (bench.link.traffic - before).packets == 0
    assert Inspector(bench.session.core, bench.session.memory_map).snapshot() == Snapshot()


def test_warnings_go_when_the_cause_is_gone(bench: Bench) -> None:
    source = bench.source()
    bench.session.memory.write_u32(FakeFreeRtos.ADDRESSES["uxCurrentNumberOfTasks"], 9)
    source.tasks()
    assert source.warning == "FreeRTOS: the kernel counts 9 tasks, its lists have 4"
    bench.session.memory.write_u32(FakeFreeRtos.ADDRESSES["uxCurrentNumberOfTasks"], 4)
    assert len(source.tasks()) == 4
    assert source.warning is None
    source.learn({})
    assert source.tasks() == []
