"""FreeRTOS's lists, without a target: what each means, and that no damage makes a walk long."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onchip.rtos.freertos import SYMBOLS, FreeRtos
from onchip.rtos.program import Program
from onchip.rtos.thread import KernelState, ThreadState

from .fakes import RAM, RAM_LENGTH, FakeFreeRtos, FakeMemory

ADDRESSES = FakeFreeRtos.ADDRESSES
PROGRAM = Program(addresses=ADDRESSES)


def reader(addresses: dict[str, int] = ADDRESSES) -> FreeRtos:
    found = FreeRtos.recognise(Program(addresses=addresses))
    assert found is not None
    return found


@pytest.fixture
def kernel() -> FakeFreeRtos:
    made = FakeFreeRtos(FakeMemory())
    made.run(made.add("crunch", made.ready(1)))
    return made


def only(state: KernelState, name: str):
    (found,) = (each for each in state.threads if each.name == name)
    return found


def test_the_symbols_that_are_asked_for_are_those_that_are_used() -> None:
    assert set(ADDRESSES) <= set(SYMBOLS)
    assert FreeRtos.recognise(Program()) is None
    assert FreeRtos.recognise(Program(addresses={"pxCurrentTCB": RAM})) is None


def test_what_lists_mean(kernel: FakeFreeRtos) -> None:
    kernel.add("idle", kernel.ready(0), priority=0)
    kernel.add("woken", ADDRESSES["xPendingReadyList"])
    kernel.add("sleeper", ADDRESSES["xDelayedTaskList1"], priority=3, wake=1040)
    kernel.add("late", ADDRESSES["xDelayedTaskList2"], wake=3)
    kernel.add("receiver", ADDRESSES["xDelayedTaskList1"], wake=1500, event=RAM + 0x3000)
    kernel.add("forever", ADDRESSES["xSuspendedTaskList"], event=RAM + 0x3000)
    kernel.add("paused", ADDRESSES["xSuspendedTaskList"])
    kernel.add("deleted", ADDRESSES["xTasksWaitingTermination"])
    state = reader().read(kernel.memory)
    assert state.warnings == ()
    assert state.started
    assert {each.name: each.state.value for each in state.threads} == {
        "crunch": "running",
        "idle": "ready",
        "woken": "ready",
        "sleeper": "blocked",
        "late": "blocked",
        "receiver": "blocked",
        "forever": "blocked",
        "paused": "suspended",
        "deleted": "terminated",
    }
    assert state.current == kernel.tasks[0]
    assert [only(state, n).priority for n in ("sleeper", "idle")] == [3, 0]
    assert only(state, "sleeper").detail == "for 40 ticks"
    assert only(state, "receiver").detail == "on 0x20003000, 500 ticks at most"
    assert only(state, "forever").detail == "on 0x20003000"
    stack = only(state, "idle").stack
    assert (stack.base, stack.fill) == (RAM + 0x2000 + 256, 0xA5)


QUEUE = RAM + 0x3000


def put_queue(
    kernel: FakeFreeRtos, *head: int, item: int, length: int = 4, waiting: int = 0
) -> None:
    """A queue as queue.c lays it out: 16 bytes, two lists, three counts."""
    kernel.memory.put(QUEUE, *head)
    for at in (QUEUE + 16, QUEUE + 36):
        kernel.memory.put(at, 1, at + 8, 0xFFFF_FFFF, at + 8, at + 8)
    kernel.memory.put(QUEUE + 56, waiting, length, item)


@pytest.mark.parametrize(
    ("head", "item", "event", "detail"),
    [
        ((QUEUE, 0, 0, 0), 4, QUEUE + 36, "to receive from the queue 0x20003000"),
        ((QUEUE, 0, 0, 0), 4, QUEUE + 16, "to send to the queue 0x20003000"),
        ((QUEUE, 0, 0, 0), 0, QUEUE + 36, "for the semaphore 0x20003000"),
        ((0, 0, 0, 0), 0, QUEUE + 36, "for the mutex 0x20003000"),
        ((0, 0, RAM + 0x400, 0), 0, QUEUE + 36, "for the mutex 0x20003000, which crunch holds"),
        ((0, RAM + 0x400, 0, 0), 0, QUEUE + 36, "for the mutex 0x20003000, which crunch holds"),
        ((QUEUE, 0, 0, 0), 4, QUEUE + 4, "on 0x20003004"),
    ],
)
def test_what_a_task_waits_for(
    kernel: FakeFreeRtos, head: tuple[int, ...], item: int, event: int, detail: str
) -> None:
    put_queue(kernel, *head, item=item)
    kernel.add("waiter", ADDRESSES["xSuspendedTaskList"], event=event)
    kernel.add("other", ADDRESSES["xDelayedTaskList1"], event=event, wake=1007)
    state = reader().read(kernel.memory)
    assert only(state, "waiter").state is ThreadState.BLOCKED
    assert only(state, "waiter").detail == detail
    assert only(state, "other").detail == f"{detail}, 7 ticks at most"


@pytest.mark.parametrize(("length", "waiting"), [(0, 0), (1 << 20, 0), (4, 5)])
def test_what_looks_like_no_queue(kernel: FakeFreeRtos, length: int, waiting: int) -> None:
    put_queue(kernel, QUEUE, item=4, length=length, waiting=waiting)
    kernel.add("waiter", ADDRESSES["xSuspendedTaskList"], event=QUEUE + 36)
    assert only(reader().read(kernel.memory), "waiter").detail == "on 0x20003024"


def test_round_trips_grow_with_the_longest_list_and_half_as_fast(kernel: FakeFreeRtos) -> None:
    for number in range(10):
        kernel.add(f"sleeper {number}", ADDRESSES["xDelayedTaskList1"])
        kernel.add(f"ready {number}", kernel.ready(2))
    state = reader().read(kernel.memory)
    assert len(state.threads) == 21
    assert kernel.memory.round_trips == 1 + 10 // 2 + 1  # variables, lists, heap headers


def test_the_current_task_costs_one_round_trip(kernel: FakeFreeRtos) -> None:
    assert reader().current(kernel.memory) == kernel.tasks[0]
    assert kernel.memory.round_trips == 1
    assert kernel.memory.bytes_read == 8


@pytest.mark.parametrize("variable", ["pxCurrentTCB", "xSchedulerRunning"])
def test_a_kernel_that_has_not_started(kernel: FakeFreeRtos, variable: str) -> None:
    kernel.memory.put(ADDRESSES[variable], 0)
    assert reader().current(kernel.memory) is None
    state = reader().read(kernel.memory)
    assert not state.started
    assert state.threads == ()
    assert state.warnings == ()


def test_memory_of_zeros_and_of_noise() -> None:
    assert reader().read(FakeMemory()).threads == ()
    noise = FakeMemory(bytearray((n * 7919 >> 3) & 0xFF for n in range(RAM_LENGTH)))
    state = reader().read(noise)
    assert state.threads == ()
    assert state.warnings


def test_a_current_task_that_is_on_no_list(kernel: FakeFreeRtos) -> None:
    lost = kernel.add("lost", kernel.ready(2))
    kernel.on[kernel.ready(2)].clear()
    kernel._link()
    kernel.run(lost)
    state = reader().read(kernel.memory)
    assert state.current == lost
    assert only(state, "lost").state is ThreadState.RUNNING
    kernel.run(0x5555_5554)
    state = reader().read(kernel.memory)
    assert state.current is None
    assert "pxCurrentTCB is 0x55555554" in state.warnings[0]


def test_damaged_lists_are_left_with_a_warning(kernel: FakeFreeRtos) -> None:
    head = ADDRESSES["xDelayedTaskList1"]
    tasks = [kernel.add(f"t{n}", head) for n in range(6)]
    kernel.memory.put(tasks[2] + 4 + 4, 0xDEAD_BEEC)  # its pxNext
    kernel.memory.put(tasks[3] + 4 + 8, tasks[4] + 4)  # its pxPrevious leads back
    state = reader().read(kernel.memory)
    assert {t.name for t in state.threads} == {"crunch", "t0", "t1", "t2", "t3", "t4", "t5"}
    kernel.memory.put(tasks[1] + 4 + 4, 0xDEAD_BEEC)
    kernel.memory.put(tasks[4] + 4 + 8, tasks[5] + 4)
    state = reader().read(kernel.memory)
    assert {t.name for t in state.threads} == {"crunch", "t0", "t1", "t4", "t5"}
    assert state.warnings == (
        "xDelayedTaskList1 is damaged: no task is at 0xdeadbee8",
        f"xDelayedTaskList1 is damaged: it comes back to {tasks[5]:#010x}",
    )


def test_an_item_that_is_just_being_inserted(kernel: FakeFreeRtos) -> None:
    task = kernel.add("new", kernel.ready(2))
    kernel.memory.put(task + 4 + 16, 0)
    state = reader().read(kernel.memory)
    assert only(state, "new").state is ThreadState.READY
    assert state.warnings == ()
    kernel.memory.put(task + 4 + 16, ADDRESSES["xDelayedTaskList1"])
    assert "no task is at" in reader().read(kernel.memory).warnings[0]


def test_a_list_that_runs_in_a_circle(kernel: FakeFreeRtos) -> None:
    head = ADDRESSES["xDelayedTaskList1"]
    tasks = [kernel.add(f"t{n}", head) for n in range(3)]
    kernel.memory.put(head, 200)
    kernel.memory.put(tasks[1] + 4 + 4, tasks[0] + 4)
    kernel.memory.put(tasks[1] + 4 + 8, tasks[2] + 4)
    state = reader().read(kernel.memory)
    assert "it comes back" in state.warnings[0]
    assert len(state.threads) == 4


def test_a_count_that_cannot_be(kernel: FakeFreeRtos) -> None:
    kernel.memory.put(kernel.ready(1), 100_000)
    state = reader().read(kernel.memory)
    assert "claims 100000 tasks" in state.warnings[0]
    assert state.current == kernel.tasks[0]


def test_tasks_that_are_missing(kernel: FakeFreeRtos) -> None:
    kernel.memory.put(ADDRESSES["uxCurrentNumberOfTasks"], 4)
    assert reader().read(kernel.memory).warnings == ("the kernel counts 4 tasks, its lists have 1",)


def test_a_task_that_is_just_being_moved(kernel: FakeFreeRtos) -> None:
    mover = kernel.add("mover", kernel.ready(2))
    freertos = reader()
    assert only(freertos.read(kernel.memory), "mover").state is ThreadState.READY
    kernel.on[kernel.ready(2)].clear()
    kernel._link()
    state = freertos.read(kernel.memory)
    assert only(state, "mover").state is ThreadState.UNKNOWN
    assert state.warnings == ()
    kernel.memory.put(kernel.ready(2), 1)  # its count is not yet right
    assert only(freertos.read(kernel.memory), "mover").address == mover
    # a list whose last task is out while its count is not yet less: both walks meet in the middle
    tasks = [kernel.add(f"t{n}", ADDRESSES["xDelayedTaskList1"]) for n in range(3)]
    kernel.memory.put(ADDRESSES["xDelayedTaskList1"], 4)
    kernel.memory.put(ADDRESSES["uxCurrentNumberOfTasks"], 5)
    assert freertos.read(kernel.memory).warnings == ()
    assert tasks[2] in {each.address for each in freertos.read(kernel.memory).threads}
    kernel.on[ADDRESSES["xDelayedTaskList1"]].clear()
    kernel._link()
    kernel.memory.put(ADDRESSES["uxCurrentNumberOfTasks"], 2)
    kernel.memory.put(kernel.ready(2), 1)
    freertos = reader()
    freertos._seen = {mover}
    kernel.memory.put(mover + 4 + 12, 0)  # and this is no task any more
    state = freertos.read(kernel.memory)
    assert [each.name for each in state.threads] == ["crunch"]
    assert "a task is missing" in state.warnings[0]


def test_a_heap_s_header_tells_where_a_stack_ends(kernel: FakeFreeRtos) -> None:
    task = kernel.add("blinker", kernel.ready(1))
    base = RAM + 0x2000 + 256
    kernel.memory.put(base - 8, 0, 1 << 31 | 256 + 8)
    stack = only(reader().read(kernel.memory), "blinker").stack
    assert (stack.base, stack.end) == (base, base + 256)
    kernel.memory.put(base - 8, 0, 1 << 31 | 0x100_0000)  # larger than the memory
    assert only(reader().read(kernel.memory), "blinker").stack.end is None
    assert task


@settings(max_examples=30)
@given(
    damage=st.lists(
        st.tuples(
            st.integers(0, 0x7FF // 4),
            st.one_of(
                st.integers(0, 0xFFFF_FFFF),
                st.integers(RAM // 4, (RAM + 0x800) // 4).map(lambda n: 4 * n),
            ),
        ),
        max_size=12,
    )
)
def test_no_damage_makes_a_walk_long(damage: list[tuple[int, int]]) -> None:
    kernel = FakeFreeRtos(FakeMemory())
    kernel.run(kernel.add("crunch", kernel.ready(1)))
    for number in range(4):
        kernel.add(f"t{number}", ADDRESSES["xDelayedTaskList1"])
        kernel.add(f"s{number}", ADDRESSES["xSuspendedTaskList"])
    for index, value in damage:
        kernel.memory.put(RAM + 4 * index, value)
    state = reader().read(kernel.memory)
    assert kernel.memory.round_trips < 40
    assert len(state.threads) <= 9 + 1
