"""``python -m benchmarks``: run the comparison; see ``--help``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .report import write
from .run import HOSTS, run_all, start_up_times


def main() -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description="compare onchip with other hosts")
    parser.add_argument("--chip", action="append", choices=("stm32f407", "nrf52840"))
    parser.add_argument("--probe", action="append", choices=("bulk-512x4", "hid-64x4"))
    parser.add_argument("--host", action="append", choices=HOSTS)
    parser.add_argument("--kib", type=int, default=512, help="size of the large image")
    parser.add_argument("--pyocd", default=sys.executable, help="a Python that has pyOCD")
    parser.add_argument("--output", type=Path, help="write the results here, as JSON")
    parser.add_argument("--merge", type=Path, nargs="*", default=[], help="results of other hosts")
    parser.add_argument("--document", type=Path, help="write the tables into this file")
    arguments = parser.parse_args()
    found = run_all(
        arguments.chip or ["stm32f407", "nrf52840"],
        arguments.probe or ["bulk-512x4", "hid-64x4"],
        arguments.host or list(HOSTS),
        arguments.kib << 10,
        arguments.pyocd,
    )
    for path in arguments.merge:
        other = json.loads(path.read_text())
        found["rows"] += other["rows"]
        found["memory"] |= other["memory"]
    found["start_up"] = start_up_times(arguments.pyocd)
    if arguments.output:
        arguments.output.write_text(json.dumps(found, indent=1) + "\n")
    if arguments.document:
        write(found, arguments.document, arguments.document.with_suffix(".svg"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
