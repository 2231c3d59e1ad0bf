"""Write what the benchmark found: a section of docs/performance.md, and a chart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .chart import chart
from .run import HOSTS

BEGIN = "<!-- what `make bench` writes begins here -->"
END = "<!-- what `make bench` writes ends here -->"

INTRODUCTION = """\
## Beside other hosts

Written by `make bench`: onchip, pyOCD 0.46 (from PyPI) and OpenOCD 0.12 (from Debian), the last two
as they were published, each in a process of its own, on the same virtual boards behind the same
probe models: `bulk-512x4` at 10 MHz, `hid-64x4` at 4 MHz. A cell is packets / round trips /
simulated time; what is in brackets is the host's processor time on the machine that this was run
on, and the one thing here that differs from run to run. *Limit* is what the wire, the flash or (for
unchanged images and verification) the target's own sums take at the very least; *ratio* is onchip's
time to it.

How it is fair, and where it cannot be:

- What a host computes costs no simulated time, what it sleeps does. OpenOCD reaches the board
  through a stand-in for its USB library, pyOCD through a probe interface class of ours.
- OpenOCD has its best packets: its bulk endpoints are said to be of 64 bytes, since version 0.12
  leaves packets nearly empty where endpoint and packet are equally long.
- pyOCD has no STM32F407; it is told that it is an STM32F412, whose flash is the same.
- The images are noise, but for one of code (picolibc): noise is the worst case for onchip, which
  sends pages compressed where that pays. The limit is that of bytes sent as they are.
- "GDB next" and "GDB load" are stock gdb-multiarch at each host's server, with all that it asks.
- "flash" is the host's own way to put an image into flash. onchip's includes the verification,
  which the others do not do unasked. OpenOCD's includes its `reset init`, which raises the
  STM32's clock to 64 MHz.
- pyOCD has no verb to verify.
"""


NOTES = Path(__file__).with_name("notes.md")
"""Which bars are missed, and why."""


def write(found: dict[str, Any], document: Path, picture: Path) -> None:
    """Put the tables into ``document``, between its marks or at its end, and draw ``picture``."""
    section = f"{BEGIN}\n{body(found, picture)}\n{END}\n"
    text = document.read_text(encoding="utf-8")
    if BEGIN in text:
        text = text[: text.index(BEGIN)] + section + text[text.index(END) + len(END) + 1 :]
    else:
        text = f"{text.rstrip()}\n\n{section}"
    document.write_text(text, encoding="utf-8")
    picture.write_text(chart(found["rows"]), encoding="utf-8")


def body(found: dict[str, Any], picture: Path) -> str:
    """Return the section's text."""
    parts = [INTRODUCTION, f"![Time of each host beside the limit]({picture.name})\n"]
    rows = found["rows"]
    for chip, probe in _unique((row["chip"], row["probe"]) for row in rows):
        mine = [row for row in rows if (row["chip"], row["probe"]) == (chip, probe)]
        parts.append(f"### {chip}, {probe}\n")
        parts.append(_table(mine))
    parts += [NOTES.read_text("utf-8"), _tools(found)]
    return "\n".join(parts)


def _table(rows: Sequence[dict[str, Any]]) -> str:
    hosts = [host for host in HOSTS if any(row["host"] == host for row in rows)]
    lines = [
        f"| job | {' | '.join(hosts)} | limit | ratio |",
        "|---" * (len(hosts) + 3) + "|",
    ]
    for job in _unique(row["job"] for row in rows):
        found = {row["host"]: row for row in rows if row["job"] == job}
        cells = [_cell(found.get(host)) for host in hosts]
        limit = next(iter(found.values()))["limit_s"]
        mine = found.get("onchip")
        ratio = f"{mine['seconds'] / limit:.2f}" if mine and limit else ""
        lines.append(
            f"| {job} | {' | '.join(cells)} | {_seconds(limit) if limit else ''} | {ratio} |"
        )
    return "\n".join(lines) + "\n"


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return "-"
    if row["note"]:
        return f"failed: {row['note']}"
    return (
        f"{row['packets']:,} / {row['round_trips']:,} / {_seconds(row['seconds'])}"
        f" ({_seconds(row['cpu_s'])})"
    )


def _tools(found: dict[str, Any]) -> str:
    lines = [
        "### Start-up and memory\n",
        "Commands take turns; the least of ten runs each, in seconds of the machine that this was "
        "run on, with nothing plugged in. Memory is the most that a process had: of each host in "
        "one of the runs above, and of `onchip gdbserver` while a client loaded and stepped.\n",
        "| command | seconds |",
        "|---|---|",
    ]
    lines += [f"| `{name}` | {seconds:.3f} |" for name, seconds in found["start_up"].items()]
    bare = found["start_up"]["python -c pass"]
    lines += [
        "",
        "Times bare Python: "
        + ", ".join(
            f"`{name}` {found['start_up'][name] / bare:.2f}"
            for name in found["start_up"]
            if name.startswith("onchip")
        )
        + ".",
    ]
    memory = found["memory"] | {"`onchip gdbserver`": found["gdb_server_memory"]}
    lines += ["", "| process | MB |", "|---|---|"]
    lines += [f"| {name} | {size / 1e6:.0f} |" for name, size in memory.items()]
    return "\n".join(lines) + "\n"


def _seconds(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.1f} ms" if seconds >= 0.00995 else f"{seconds * 1e3:.2f} ms"


def _unique(items: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(items))
