"""Threads of a real-time kernel, read out of its structures while the core is halted.

Below stand ``symbols`` (where a kernel's variables lie) and ``cortex_m`` (the memory they lie in);
above stand the session and its faces. ``freertos``, ``zephyr``, ``rtx5`` and ``threadx`` each know
one kernel and are pure: they read through a ``MemoryView`` and touch no core. ``inspector`` puts
one of them together with a core.
"""

from __future__ import annotations

from onchip.rtos.inspector import Inspector, Snapshot
from onchip.rtos.thread import Interrupt, Thread, ThreadState
from onchip.rtos.thread_source import RtosThreads

__all__ = ["Inspector", "Interrupt", "RtosThreads", "Snapshot", "Thread", "ThreadState"]
