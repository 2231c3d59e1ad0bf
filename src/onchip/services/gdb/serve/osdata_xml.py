"""What GDB's ``info os`` shows: the core's program as the one process, and its threads.

Source: Debugging with GDB, appendix E.18 (General Query Packets, ``qXfer:osdata``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from xml.sax.saxutils import escape

from onchip.services.gdb.conversation import Conversation
from onchip.services.gdb.thread_list import CORE_THREAD, PROCESS

_TABLES = {"processes": "The core and its program", "threads": "Tasks of an RTOS, and the core"}


def osdata_xml(talk: Conversation, annex: str) -> bytes | None:
    """Return the table of that name, or for no name that of the tables; None: there is none.

    Raises:
        TransferError: the kernel's lists cannot be read.
    """
    target = talk.target
    if annex == "":
        rows: Sequence[Mapping[str, str]] = [
            {"Type": name, "Description": text, "Title": name.capitalize()}
            for name, text in _TABLES.items()
        ]
        return _document("types", rows)
    if annex == "processes":
        state = "running" if target.run.core_runs() else "halted"
        chip = target.session.chip_name
        rows = [{"pid": f"{PROCESS}", "name": chip, "core": target.core.name, "state": state}]
    elif annex == "threads":
        rows = [
            {
                "tid": "1" if thread == CORE_THREAD else f"0x{thread:x}",
                "name": target.threads.name(thread),
                "state": target.threads.describe(thread),
            }
            for thread in talk.thread_ids()
        ]
    else:
        return None
    return _document(annex, rows)


def _document(kind: str, rows: Iterable[Mapping[str, str]]) -> bytes:
    items = "".join(f"<item>\n{''.join(map(_column, row.items()))}</item>\n" for row in rows)
    head = '<?xml version="1.0"?>\n<!DOCTYPE target SYSTEM "osdata.dtd">\n'
    return f'{head}<osdata type="{kind}">\n{items}</osdata>\n'.encode()


def _column(cell: tuple[str, str]) -> str:
    """Return one cell: a name comes from target memory, and XML cannot hold every character."""
    name, value = cell
    shown = "".join(letter if letter.isprintable() else "?" for letter in value)
    return f'<column name="{name}">{escape(shown)}</column>\n'
