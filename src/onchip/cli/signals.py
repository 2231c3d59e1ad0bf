"""Ctrl-C: how a verb is interrupted, and how one that serves is told to stop."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_AGAIN_S = 0.005


@contextmanager
def stop_requests() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C and SIGTERM set; nothing is interrupted where it stands."""
    stop = threading.Event()

    def request(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def noted_interrupts() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C sets, besides raising `KeyboardInterrupt` as ever.

    Where the interrupt strikes inside an emulator's callback, another exception may come out of it,
    or none: the callback's caller is C, which drops it. It is then raised again a moment later.
    """
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted  # only the main thread may set handlers, and only it is interrupted
        return

    def note(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    unraisable = sys.unraisablehook

    def again(dropped: sys.UnraisableHookArgs) -> None:
        if dropped.exc_type is not KeyboardInterrupt:
            unraisable(dropped)
        elif hasattr(signal, "setitimer"):
            before.setdefault(signal.SIGALRM, signal.signal(signal.SIGALRM, note))
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)

    before = {signal.SIGINT: signal.signal(signal.SIGINT, note)}
    sys.unraisablehook = again
    try:
        yield interrupted
    finally:
        sys.unraisablehook = unraisable
        if len(before) > 1:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def hold_back_interrupts() -> None:
    """See to it that the process ends with the exit code that it chose.

    An interrupt that struck inside ``exec`` (as when a dataclass is made) is remembered by CPython,
    which at its end kills itself with SIGINT though the interrupt was handled; blocked, it exits.
    """
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
