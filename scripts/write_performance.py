"""Write docs/performance.md: what each operation costs, as the budget tests count it.

Usage: write_performance.py [OUTPUT]
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "docs" / "performance.md"
PROBES = ("bulk-512x4", "hid-64x4")
BENCH = "<!-- what `make bench` writes begins here -->"
"""Everything from here on is `make bench`'s, and is left alone."""

HEADER = """\
# What operations cost

Written by `make docs` from the counters of the budget tests (`tests/budgets/`), on virtual boards
with simulated time: every run gives the same numbers. A *round trip* is a moment in which the host
waits with nothing in flight; round trips, not bytes, are what makes a debugger slow. Each cell is
packets / round trips, with the budget that the tests hold in brackets.
"""


def main() -> None:
    """Write the file."""
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT
    before = output.read_text(encoding="utf-8") if output.exists() else ""
    _, mark, rest = before.partition(BENCH)
    output.write_text(report() + (f"\n{mark}{rest}" if mark else ""), encoding="utf-8")


def report() -> str:
    """Measure, and return the text."""
    from tests.budgets import measure, measure_flash, measure_gdb

    cells: dict[str, dict[str, str]] = {}
    for probe in PROBES:
        for module in (measure, measure_gdb, measure_flash):
            for row in module.measurements(probe):
                cells.setdefault(row.operation, {})[probe] = (
                    f"{row.packets} / {row.round_trips} "
                    f"({row.packet_budget} / {row.round_trip_budget})"
                )
    lines = [HEADER, f"| operation | {' | '.join(PROBES)} |", "|---" * (1 + len(PROBES)) + "|"]
    lines += [
        f"| {operation} | {' | '.join(row.get(probe, '') for probe in PROBES)} |"
        for operation, row in cells.items()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # the tests are no package that is installed
    main()
