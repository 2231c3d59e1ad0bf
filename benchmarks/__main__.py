"""``python -m benchmarks``: run the comparison; see ``--help``."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from .report import write
from .run import HOSTS, run_all
from .tools import gdb_server_memory, start_up_times


def main() -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description="compare onchip with other hosts")
    parser.add_argument("--chip", action="append", choices=("stm32f407", "nrf52840"))
    parser.add_argument("--probe", action="append", choices=("bulk-512x4", "hid-64x4"))
    parser.add_argument("--host", action="append", choices=HOSTS)
    parser.add_argument("--kib", type=int, default=512, help="size of the large image")
    parser.add_argument("--pyocd", default=sys.executable, help="a Python that has pyOCD")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="boards at a time")
    parser.add_argument("--output", type=Path, help="write the results here, as JSON")
    parser.add_argument("--document", type=Path, help="write the tables into this file")
    arguments = parser.parse_args()
    began = time.monotonic()
    tools = {
        "start_up": start_up_times(arguments.pyocd),
        "gdb_server_memory": gdb_server_memory(),
    }
    found = tools | run_all(
        arguments.chip or ["stm32f407", "nrf52840"],
        arguments.probe or ["bulk-512x4", "hid-64x4"],
        arguments.host or list(HOSTS),
        arguments.kib << 10,
        arguments.pyocd,
        workers=arguments.jobs,
    )
    print(f"all of it in {time.monotonic() - began:.0f} s")
    if arguments.output:
        arguments.output.write_text(json.dumps(found, indent=1) + "\n")
    if arguments.document:
        write(found, arguments.document, arguments.document.with_suffix(".svg"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
