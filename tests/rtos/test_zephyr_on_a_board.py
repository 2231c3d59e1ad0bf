"""A real Zephyr on a virtual board: the Bluetooth controller of release 4.4.0 for the nRF52840-DK.

It comes as it was released, without symbols; tests/firmware/zephyr_described.c names what it has.
It starts eight threads, of which six come to wait for a USB host that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from onchip.rtos import Snapshot, Thread
from onchip.session import Session
from onchip.session.connecting import open_session
from onchip.virtual_board.board import VirtualBoard
from tests.support.firmware import Firmware
from tests.support.zephyr import described_zephyr

pytestmark = pytest.mark.tools


GENERAL = [f"r{n}" for n in range(13)]
NO_MONITOR = ("built without CONFIG_THREAD_MONITOR: only threads that are variables are known",)
BLUETOOTH = {f"bluetooth_{n}" for n in range(1, 5)}


@dataclass
class Running:
    """A board whose flash has the program, halted at its reset."""

    session: Session
    firmware: Firmware

    def snapshot(self) -> Snapshot:
        return self.session.threads(self.firmware.path)

    def threads(self) -> dict[str, Thread]:
        return {thread.name: thread for thread in self.snapshot().threads}

    def run_to(self, address: int) -> bool:
        """Let the core run until it is there; False: it came to rest before."""
        core = self.session.core
        core.breakpoints.set(address)
        core.resume()
        core.sleep(0.02)
        core.halt()
        core.breakpoints.remove(address)
        return core.read_register("pc") == address


@pytest.fixture(scope="module")
def board() -> Iterator[Running]:
    firmware = described_zephyr()
    with open_session(VirtualBoard("nrf52840").link()) as session:
        session.flash(firmware.path, reset=False)
        yield Running(session, firmware)


@pytest.fixture
def running(board: Running) -> Running:
    board.session.reset(halt=True)
    return board


def test_before_the_kernel_runs_there_is_no_thread(running: Running) -> None:
    assert running.threads() == {}


def test_names_states_priorities_stacks(running: Running) -> None:
    assert not running.run_to(running.firmware.symbols["z_cstart"])  # nobody calls ours
    snapshot = running.snapshot()
    assert (snapshot.kernel, snapshot.warnings) == ("Zephyr", NO_MONITOR)
    threads = {thread.name: thread for thread in snapshot.threads}
    assert {name: (each.state.value, each.priority) for name, each in threads.items()} == {
        "idle": ("running", 15),
        "main": ("terminated", 0),
        "k_sys_work_q": ("blocked", -1),
        "usb_driver": ("blocked", -8),
        **dict.fromkeys(BLUETOOTH, ("blocked", -8)),
    }
    for thread in threads.values():
        assert thread.stack is not None
        assert 16 < thread.stack.used < thread.stack.size
        assert thread.stack.base < thread.registers["sp"]
        assert thread.registers["sp"] <= thread.stack.base + thread.stack.size
        assert thread.where.startswith("arch_cpu_idle+" if thread.is_current else "arch_swap+")
    usb = threads["usb_driver"]
    queue = int(usb.detail.removeprefix("on "), 16)
    waiting = running.session.memory.read_u32(queue)  # the list head leads to its only member
    assert waiting == usb.address


def test_what_a_thread_goes_on_with_is_what_was_shown(running: Running) -> None:
    """At each switch: of the next thread what it then has, of the last one what is saved of it."""
    core = running.session.core
    symbols = running.firmware.symbols
    switches = []
    while running.run_to(symbols["z_arm_pendsv"]):
        snapshot = running.snapshot()
        assert snapshot.warnings == NO_MONITOR
        assert snapshot.interrupt is not None
        assert snapshot.interrupt.name == "PendSV"
        chosen = running.session.memory.read_u32(symbols["_kernel"] + 0x14)
        last = next(each for each in snapshot.threads if each.is_current)
        following = next(each for each in snapshot.threads if each.address == chosen)
        assert running.run_to(following.registers["pc"])
        names = [*GENERAL, "sp", "lr", "pc", "xpsr"]
        assert core.read_registers(names) == {name: following.registers[name] for name in names}
        now = running.threads()
        assert now[following.name].is_current
        names.remove("xpsr")
        assert {name: now[last.name].registers[name] for name in names} == {
            name: last.registers[name] for name in names
        }
        switches.append((last.name, following.name))
    assert len(switches) == 15
    assert switches[-1] == ("main", "idle")
    assert {name for switch in switches for name in switch} == {
        *BLUETOOTH, "main", "idle", "k_sys_work_q", "usb_driver"
    }  # fmt: skip
