"""Zephyr, RTX5 and ThreadX: their documented structures, kept by a scheduler of our own.

The programs are tests/firmware/layouts: no package that a test may depend on has those kernels,
but for one Zephyr (test_zephyr_on_a_board.py). What is shown here is that each structure and each
port's frame is read as it is documented, not that a release of such a kernel keeps to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import onchip
from onchip.probe.counting import CountingLink
from onchip.rtos import Inspector, Snapshot, Thread, rtx5, threadx, zephyr
from onchip.rtos.inspector import SYMBOLS
from onchip.rtos.program import Program
from onchip.session import Session
from onchip.session.connecting import open_session
from onchip.symbols.dwarf import DebugInfo
from onchip.symbols.unwind import unwind
from onchip.virtual_board.board import VirtualBoard
from tests.support.firmware import Firmware, Layout, build

from .fakes import RAM, FakeMemory

pytestmark = pytest.mark.tools

NAMES = {"sensor", "blinker", "measure", "crunch", "idle"}
FILLS = {"Zephyr": 1024 - 48, "RTX5": 1024 - 80, "ThreadX": 1024 - 84}
WAITS = {
    "Zephyr": "on queue_of_samples",
    "RTX5": "for a message",
    "ThreadX": "on a queue: queue_of_samples",
}
READERS = {"Zephyr": zephyr.Zephyr, "RTX5": rtx5.Rtx5, "ThreadX": threadx.ThreadX}


@dataclass
class Running:
    """A board on which the threads have run for a while, halted in one of them."""

    kernel: str
    session: Session
    link: CountingLink
    firmware: Firmware
    debug: DebugInfo

    def inspector(self) -> Inspector:
        return Inspector(self.session.core, self.session.memory_map, self.debug)

    def function(self) -> str | None:
        found = self.debug.function_at(self.session.core.read_register("pc"))
        return None if found is None else found.name

    def threads(self) -> dict[str, Thread]:
        return {thread.name: thread for thread in self.inspector().snapshot().threads}

    def addresses(self) -> dict[str, int]:
        symbols = self.firmware.symbols
        return {name: symbols[name] for name in SYMBOLS if name in symbols}

    def calls(self, thread: Thread) -> list[str]:
        walk = unwind(thread.registers, self.session.memory.read, self.debug)
        found = [self.debug.function_at(frame.lookup) for frame in walk.frames]
        return [function.name for function in found if function is not None]


@pytest.fixture(scope="module", params=["Zephyr", "RTX5", "ThreadX"])
def running(request: pytest.FixtureRequest) -> Iterator[Running]:
    layout = Layout(flash=0x0800_0000, ram_length=0x8000)
    firmware = build(f"layouts/{request.param.lower()}.c", layout=layout, flags=("-Og",))
    link = CountingLink(VirtualBoard("stm32f407").link())
    with open_session(link) as session:
        session.flash(firmware.path, reset=False)
        session.reset(halt=True)
        board = Running(request.param, session, link, firmware, DebugInfo.load(firmware.path))
        assert board.inspector().snapshot() == Snapshot(request.param)
        session.core.resume()
        session.core.sleep(0.015)
        session.core.halt()
        while board.function() != "crunch_on":
            session.core.step()
        yield board


def test_names_states_priorities_stacks(running: Running) -> None:
    threads = running.threads()
    assert threads.keys() == NAMES
    assert running.inspector().snapshot().warnings == ()
    assert {name: thread.state.value for name, thread in threads.items()} == {
        "sensor": "blocked",
        "blinker": "blocked",
        "measure": "blocked",
        "crunch": "running",
        "idle": "ready",
    }
    assert threads["sensor"].detail == WAITS[running.kernel]
    assert {name: thread.priority for name, thread in threads.items()} == {
        "Zephyr": {"sensor": -1, "blinker": 0, "measure": 1, "crunch": 2, "idle": 3},
        "RTX5": {"sensor": 40, "blinker": 32, "measure": 24, "crunch": 16, "idle": 8},
        "ThreadX": {"sensor": 0, "blinker": 1, "measure": 2, "crunch": 3, "idle": 4},
    }[running.kernel]
    stack = threads["sensor"].stack
    assert stack is not None
    assert (stack.size, stack.used, stack.untouched) == (
        *(1024, 1024 - FILLS[running.kernel]),
        FILLS[running.kernel],
    )


def test_registers_of_sleeping_threads(running: Running) -> None:
    threads = running.threads()
    assert running.calls(threads["sensor"]) == ["wait_for_sample", "sensor"]
    assert running.calls(threads["blinker"]) == ["rest", "blinker"]
    assert running.calls(threads["measure"]) == ["rest", "measure"]
    assert running.calls(threads["crunch"]) == ["crunch_on", "crunch"]
    assert running.calls(threads["idle"]) == ["idle"]
    assert threads["measure"].registers["d8"] & 0xFFFF_FFFF == 0x4040_0000  # 3.0f
    assert "fpscr" in threads["measure"].registers
    assert "d8" not in threads["blinker"].registers
    for thread in threads.values():
        for name, place in thread.places.items():
            size = 8 if name[0] == "d" else 4
            data = running.session.memory.read(place, size)
            assert int.from_bytes(data, "little") == thread.registers[name]


def test_addresses_are_enough(running: Running) -> None:
    alone = Inspector(running.session.core, running.session.memory_map)
    alone.learn(running.addresses())
    found = {thread.name: thread for thread in alone.snapshot().threads}
    assert alone.snapshot().warnings == ()
    assert alone.current() == running.inspector().current()
    for name, thread in running.threads().items():
        assert found[name].address == thread.address
        assert found[name].priority == thread.priority
        assert found[name].registers == thread.registers


def test_round_trips(running: Running) -> None:
    inspector = running.inspector()
    before = running.link.mark()
    inspector.snapshot()
    assert (running.link.traffic - before).round_trips <= 12
    before = running.link.mark()
    inspector.snapshot()  # much like the last one
    assert (running.link.traffic - before).round_trips <= 4
    before = running.link.mark()
    inspector.current()
    assert (running.link.traffic - before).round_trips == 1


def test_an_interrupt_is_no_thread_s(running: Running) -> None:
    core = running.session.core
    handler = running.firmware.symbols["handle_interrupt"]
    core.breakpoints.set(handler)
    core.resume()
    core.wait_halted(1)
    core.breakpoints.clear()
    snapshot = running.inspector().snapshot()
    assert snapshot.interrupt is not None
    assert snapshot.interrupt.name == "interrupt 3"
    crunch = running.threads()["crunch"]
    assert running.calls(crunch) == ["crunch_on", "crunch"]
    for _ in range(100):
        if not core.read_register("xpsr") & 0x1FF:
            break
        core.step()
    names = [f"r{n}" for n in range(13)] + ["sp", "pc"] + [f"d{n}" for n in range(16)]
    assert core.read_registers(names) == {name: crunch.registers[name] for name in names}


def test_no_damage_makes_a_walk_long(running: Running) -> None:
    """Words of the kernel's own memory are changed at random; so are pointers into it."""
    ram = running.session.memory.read(RAM, 0x4000)
    used = running.firmware.symbols["bss_end"] - RAM
    program = Program(running.debug)

    @settings(max_examples=30)
    @given(
        st.lists(
            st.tuples(
                st.integers(0, used // 4 - 1),
                st.one_of(
                    st.integers(0, 0xFFFF_FFFF),
                    st.integers(0, used // 4).map(lambda n: RAM + 4 * n),
                ),
            ),
            max_size=40,
        )
    )
    def walk(damage: list[tuple[int, int]]) -> None:
        memory = FakeMemory(bytearray(ram))
        for index, value in damage:
            memory.put(RAM + 4 * index, value)
        reader = READERS[running.kernel].recognise(program)
        assert reader is not None
        state = reader.read(memory)
        reader.current(memory)
        assert len(state.threads) <= 256
        assert memory.round_trips < 300

    walk()


def test_a_zephyr_whose_threads_are_not_linked() -> None:
    """Without CONFIG_THREAD_MONITOR those are found that are variables, and named by them."""
    layout = Layout(flash=0x0800_0000, ram_length=0x8000)
    firmware = build("layouts/zephyr.c", layout=layout, flags=("-Og",), defines={"NO_MONITOR": 1})
    with onchip.connect("virtual:stm32f407") as session:
        session.flash(firmware.path, reset=False)
        session.reset(halt=True)
        session.core.resume()
        session.core.sleep(0.01)
        session.core.halt()
        snapshot = session.threads(firmware.path)
    assert {each.name for each in snapshot.threads} == {*NAMES, "main"} - {"crunch"}
    assert "CONFIG_THREAD_MONITOR" in snapshot.warnings[0]
    assert len(snapshot.warnings) == 1
    sensor = next(each for each in snapshot.threads if each.name == "sensor")
    assert sensor.where.startswith("wait_for_sample+")


def test_a_zephyr_that_switches_by_frames_of_its_own() -> None:
    """CONFIG_USE_SWITCH: all registers are in a frame that no exception pushes."""
    layout = Layout(flash=0x0800_0000, ram_length=0x8000)
    defines = {"USE_SWITCH": 1, "TICK": 4000}
    firmware = build("layouts/zephyr.c", layout=layout, flags=("-Og",), defines=defines)
    link = CountingLink(VirtualBoard("stm32f407").link())
    with open_session(link) as session:
        session.flash(firmware.path, reset=False)
        session.reset(halt=True)
        board = Running("Zephyr", session, link, firmware, DebugInfo.load(firmware.path))
        session.core.resume()
        session.core.sleep(0.015)
        session.core.halt()
        while board.function() != "crunch_on":
            session.core.step()
        assert board.inspector().snapshot().warnings == ()
        test_registers_of_sleeping_threads(board)
        blinker = board.threads()["blinker"]
        assert "pc" not in blinker.places
        session.core.breakpoints.set(blinker.registers["pc"])  # within rest(), of two threads
        while True:
            session.core.resume()
            session.core.wait_halted(1)
            if board.inspector().current() == blinker.address:
                break
        names = [*(f"r{n}" for n in range(13)), "sp", "lr", "pc"]
        assert session.core.read_registers(names) == {
            name: blinker.registers[name] for name in names
        }


def test_other_programs_are_not_taken_for_kernels() -> None:
    assert zephyr.Zephyr.recognise(Program(addresses={"_kernel": RAM})) is None
    assert rtx5.Rtx5.recognise(Program()) is None
    assert threadx.ThreadX.recognise(Program(addresses={"_tx_thread_created_ptr": RAM})) is None


def test_a_zephyr_without_what_a_debugger_needs() -> None:
    addresses = {"_kernel": RAM, "_kernel_thread_info_offsets": RAM + 0x100}
    reader = zephyr.Zephyr.recognise(Program(addresses=addresses))
    assert reader is not None
    memory = FakeMemory()
    assert reader.current(memory) is None
    assert "CONFIG_DEBUG_THREAD_INFO" in reader.read(memory).warnings[0]
