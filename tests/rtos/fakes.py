"""Memory for kernel readers without a target, and a FreeRTOS in it, typed by hand."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

RAM, RAM_LENGTH = 0x2000_0000, 0x4000
CODE = 0x0800_1000


@dataclass
class FakeMemory:
    """RAM, and how often it was read."""

    data: bytearray = field(default_factory=lambda: bytearray(RAM_LENGTH))
    round_trips: int = 0
    bytes_read: int = 0

    def read(self, ranges: Sequence[tuple[int, int]]) -> list[bytes | None]:
        self.round_trips += 1
        self.bytes_read += sum(length for _, length in ranges)
        return [
            bytes(self.data[a - RAM : a - RAM + n]) if 0 < n <= self.room(a) else None
            for a, n in ranges
        ]

    def room(self, address: int) -> int:
        return max(RAM + RAM_LENGTH - address, 0) if address >= RAM else 0

    def put(self, address: int, *words: int) -> None:
        struct.pack_into(f"<{len(words)}I", self.data, address - RAM, *words)

    def fill(self, address: int, data: bytes) -> None:
        self.data[address - RAM : address - RAM + len(data)] = data


def exception_frame(pc: int = CODE, xpsr: int = 1 << 24, *, extended: bool = False) -> list[int]:
    """r0-r3, r12, lr, pc, xPSR; then s0-s15, FPSCR and a reserved word."""
    words = [0x10, 0x11, 0x12, 0x13, 0x1C, 0x0800_2001, pc, xpsr]
    return words + ([0x100 + n for n in range(16)] + [0x3000_0000, 0] if extended else [])


R4_R11 = [0x40 + n for n in range(8)]
S16_S31 = [0x200 + n for n in range(16)]


class FakeFreeRtos:
    """A kernel without options, as list.h and tasks.c lay it out."""

    ADDRESSES = {
        "pxCurrentTCB": RAM + 0x00,
        "xSchedulerRunning": RAM + 0x04,
        "uxCurrentNumberOfTasks": RAM + 0x08,
        "xTickCount": RAM + 0x0C,
        "pxReadyTasksLists": RAM + 0x20,
        "xDelayedTaskList1": RAM + 0x20 + 4 * 20,
        "xDelayedTaskList2": RAM + 0x20 + 5 * 20,
        "xPendingReadyList": RAM + 0x20 + 6 * 20,
        "xSuspendedTaskList": RAM + 0x20 + 7 * 20,
        "xTasksWaitingTermination": RAM + 0x20 + 8 * 20,
    }
    LISTS = tuple(RAM + 0x20 + n * 20 for n in range(9))
    STACK = 256

    def __init__(self, memory: FakeMemory) -> None:
        self.memory = memory
        self.tasks: list[int] = []
        self.on: dict[int, list[int]] = {address: [] for address in self.LISTS}
        self.memory.put(self.ADDRESSES["xSchedulerRunning"], 1)
        self.memory.put(self.ADDRESSES["xTickCount"], 1000)
        self._link()

    def ready(self, priority: int) -> int:
        return self.LISTS[priority]

    def add(self, name: str, on: int, *, priority: int = 1, wake: int = 0, event: int = 0) -> int:
        number = len(self.tasks)
        tcb, stack = RAM + 0x400 + 0x80 * number, RAM + 0x2000 + self.STACK * number
        self.memory.fill(stack, b"\xa5" * self.STACK)
        frame = [*R4_R11, *exception_frame(CODE + 2 * number)]
        top = stack + self.STACK - 4 * len(frame)
        self.memory.put(top, *frame)
        self.memory.put(tcb, top)
        self.memory.put(tcb + 4, wake, 0, 0, tcb, on)
        self.memory.put(tcb + 24, 0, 0, 0, tcb, event)
        self.memory.put(tcb + 44, priority, stack)
        self.memory.fill(tcb + 52, name.encode().ljust(16, b"\0"))
        self.tasks.append(tcb)
        self.on[on].append(tcb)
        self.memory.put(self.ADDRESSES["uxCurrentNumberOfTasks"], len(self.tasks))
        self._link()
        return tcb

    def run(self, tcb: int) -> None:
        self.memory.put(self.ADDRESSES["pxCurrentTCB"], tcb)

    def _link(self) -> None:
        for head, tasks in self.on.items():
            ring = [head + 8, *(tcb + 4 for tcb in tasks)]
            self.memory.put(head, len(tasks), head + 8, 0xFFFF_FFFF)
            for index, item in enumerate(ring):
                self.memory.put(item + 4, ring[(index + 1) % len(ring)], ring[index - 1])
