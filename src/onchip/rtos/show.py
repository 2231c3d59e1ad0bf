"""Shows threads: as a table for a terminal, with backtraces if wanted, and as data for a script."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import basename

from onchip.rtos.inspector import Snapshot
from onchip.rtos.thread import Thread
from onchip.symbols.dwarf import DebugInfo
from onchip.symbols.unwind import ReadMemory, in_blocks, unwind

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]

_HEADER = ("", "NAME", "STATE", "PRIORITY", "STACK", "WHERE")


def as_text(
    snapshot: Snapshot, debug: DebugInfo | None = None, *, read: ReadMemory | None = None
) -> str:
    """Return a table for people; with ``read``, target memory, each thread's calls below it."""
    return "\n".join(_lines(snapshot, debug, None if read is None else in_blocks(read)))


def _lines(snapshot: Snapshot, debug: DebugInfo | None, read: ReadMemory | None) -> Iterator[str]:
    yield _headline(snapshot)
    if snapshot.interrupt is not None:
        pc = snapshot.interrupt.registers["pc"]
        where = snapshot.interrupt.where if debug is None else _place(pc, debug)
        yield f"the core handles {snapshot.interrupt.name}: {where}"
    yield from (f"note: {warning}" for warning in snapshot.warnings)
    if not snapshot.threads:
        return
    rows = [_HEADER, *(_row(thread, debug) for thread in snapshot.threads)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(_HEADER))]
    for index, row in enumerate(rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
        if index and read is not None:
            yield from _calls(snapshot.threads[index - 1], debug, read)


def _headline(snapshot: Snapshot) -> str:
    if snapshot.kernel is None:
        return "no kernel that onchip knows: FreeRTOS, Zephyr, RTX5, ThreadX"
    if not snapshot.started:
        return f"{snapshot.kernel}: its scheduler does not run yet"
    return f"{snapshot.kernel}, {len(snapshot.threads)} threads"


def _row(thread: Thread, debug: DebugInfo | None) -> tuple[str, ...]:
    return (
        "*" if thread.is_current else "",
        thread.name or f"{thread.address:#010x}",
        f"{thread.state} ({thread.detail})" if thread.detail else str(thread.state),
        "" if thread.priority is None else str(thread.priority),
        "" if thread.stack is None else str(thread.stack).removeprefix("stack "),
        _where(thread, debug),
    )


def _where(thread: Thread, debug: DebugInfo | None) -> str:
    """Return the function, and the line with the file's name alone: a table has no room."""
    if debug is None or "pc" not in thread.registers:
        return thread.where or "?"
    line = debug.line_at(thread.registers["pc"])
    return thread.where if line is None else f"{thread.where} at {basename(line.file)}:{line.line}"


def _place(address: int, debug: DebugInfo | None) -> str:
    name = None if debug is None else debug.name_of(address)
    line = None if debug is None else debug.line_at(address)
    return f"{name or f'{address:#010x}'}{f' at {line}' if line else ''}"


def _calls(thread: Thread, debug: DebugInfo | None, read: ReadMemory) -> Iterator[str]:
    for index, address in enumerate(_frames(thread, debug, read)):
        yield f"     #{index:<2} {_place(address, debug)}"


def _frames(thread: Thread, debug: DebugInfo | None, read: ReadMemory) -> list[int]:
    if "pc" not in thread.registers:
        return []
    return [frame.lookup for frame in unwind(thread.registers, read, debug).frames]


def as_data(
    snapshot: Snapshot, debug: DebugInfo | None = None, *, read: ReadMemory | None = None
) -> dict[str, JsonValue]:
    """Return what `as_text` shows as plain data, for JSON; addresses are numbers."""
    reader = None if read is None else in_blocks(read)
    interrupt = snapshot.interrupt
    return {
        "kernel": snapshot.kernel,
        "started": snapshot.started,
        "warnings": list(snapshot.warnings),
        "interrupt": None
        if interrupt is None
        else {"exception": interrupt.exception, "name": interrupt.name},
        "threads": [_thread_data(thread, debug, reader) for thread in snapshot.threads],
    }


def _thread_data(
    thread: Thread, debug: DebugInfo | None, read: ReadMemory | None
) -> dict[str, JsonValue]:
    stack = thread.stack
    data: dict[str, JsonValue] = {
        "address": thread.address,
        "name": thread.name,
        "state": str(thread.state),
        "detail": thread.detail,
        "priority": thread.priority,
        "is_current": thread.is_current,
        "stack": None
        if stack is None
        else {name: getattr(stack, name) for name in ("base", "size", "used", "most_used")},
        "registers": dict(thread.registers),
    }
    if read is not None:
        data["backtrace"] = [_place(address, debug) for address in _frames(thread, debug, read)]
    return data
