"""Threads as a table and as data, made by hand."""

from __future__ import annotations

from onchip.rtos import Interrupt, Snapshot, Thread, ThreadState
from onchip.rtos.show import as_data, as_text
from onchip.rtos.thread import StackUse

SENSOR = Thread(
    address=0x2000_0400,
    name="sensor",
    state=ThreadState.BLOCKED,
    priority=4,
    detail="on samples",
    is_current=False,
    stack=StackUse(0x2000_1000, 640, 100, 140, 500),
    registers={"pc": 0x0800_1000, "sp": 0x2000_1200},
    places={"pc": 0x2000_11F8},
    where="wait+4",
)
NAMELESS = Thread(
    address=0x2000_0500,
    name="",
    state=ThreadState.RUNNING,
    priority=None,
    detail="",
    is_current=True,
    stack=None,
    registers={},
    places={},
)


def test_a_table() -> None:
    interrupt = Interrupt(15, "SysTick", {"pc": 0x0800_0200}, "tick")
    shown = as_text(
        Snapshot("RTX5", (SENSOR, NAMELESS), interrupt, ("a list is odd",), started=True)
    )
    assert shown.splitlines() == [
        "RTX5, 2 threads",
        "the core handles SysTick: tick",
        "note: a list is odd",
        "   NAME        STATE                 PRIORITY  STACK                           WHERE",
        "   sensor      blocked (on samples)  4         100 of 640 bytes (at most 140)  wait+4",
        "*  0x20000500  running                                                         ?",
    ]


def test_nothing_to_show() -> None:
    assert as_text(Snapshot()).startswith("no kernel that onchip knows")
    assert as_text(Snapshot("Zephyr")) == "Zephyr: its scheduler does not run yet"


def test_data() -> None:
    data = as_data(Snapshot("RTX5", (SENSOR,), None, (), started=True))
    assert data == {
        "kernel": "RTX5",
        "started": True,
        "warnings": [],
        "interrupt": None,
        "threads": [
            {
                "address": 0x2000_0400,
                "name": "sensor",
                "state": "blocked",
                "detail": "on samples",
                "priority": 4,
                "is_current": False,
                "stack": {"base": 0x2000_1000, "size": 640, "used": 100, "most_used": 140},
                "registers": {"pc": 0x0800_1000, "sp": 0x2000_1200},
            }
        ],
    }
    interrupt = Interrupt(15, "SysTick", {"pc": 0x0800_0200})
    assert as_data(Snapshot(interrupt=interrupt))["interrupt"] == {
        "exception": 15,
        "name": "SysTick",
    }
