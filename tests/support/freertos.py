"""Builds FreeRTOS, fetched by scripts/freertos-sources, with an application of our own.

    elf = build_freertos("m4f", layout)

``m3`` takes the kernel's own port for the Cortex-M3; ``m4f`` one of ours, written to the layout of
the kernel's ARM_CM4F port, which the archive does not have.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from pathlib import Path

from tests.support.firmware import SOURCES, Firmware, Layout, build
from tests.support.tools import missing

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "freertos-sources"
OURS = SOURCES / "freertos"


def kernel_sources() -> Path:
    """Return the folder with the kernel's sources, fetched once for this machine."""
    cache = Path(tempfile.gettempdir()) / f"onchip-test-sources-{os.getuid()}"
    cache.mkdir(exist_ok=True)
    folder = cache / "freertos-9.0.0"
    with (cache / "lock").open("w") as lock:  # other workers wait for the one that fetches
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "tasks.c").exists():
            done = subprocess.run([SCRIPT, folder], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                said = done.stderr.strip()[-200:]
                missing(f"the FreeRTOS kernel ({said})", "debian-archive-keyring")
    return folder


def build_freertos(
    port: str, layout: Layout, *, flags: tuple[str, ...] = ("-Og",), cpu: str = ""
) -> Firmware:
    """Build tests/firmware/freertos/app.c with the kernel."""
    kernel = kernel_sources()
    upstream = kernel / "portable" / "GCC" / "ARM_CM3"
    port_folder = OURS / "m4f" if port == "m4f" else upstream
    return build(
        OURS / "app.c",
        *(kernel / name for name in ("tasks.c", "list.c", "queue.c")),
        kernel / "portable" / "MemMang" / "heap_4.c",
        port_folder / "port.c",
        cpu=cpu or port,
        layout=layout,
        flags=(*flags, "-w", f"-I{OURS}", f"-I{kernel / 'include'}", f"-I{port_folder}"),
    )
