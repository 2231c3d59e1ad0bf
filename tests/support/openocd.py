"""Stock OpenOCD, led to a virtual board through the stand-ins for its USB libraries."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .tools import build_shared_library, require, require_header

HERE = Path(__file__).parent

PRELUDE = """
gdb_port disabled
tcl_port disabled
telnet_port disabled
adapter driver cmsis-dap
cmsis_dap_backend {backend}
transport select swd
proc say {{name value}} {{ echo "@$name $value" }}
proc say_registers {{tag names}} {{
    foreach name $names {{
        say $tag.$name [dict get [[target current] get_reg [list $name]] $name]
    }}
}}
proc fails {{script}} {{
    set code [catch {{ uplevel 1 $script }} message]
    echo $message
    return [expr {{$code != 0}}]
}}
proc say_words {{name address count}} {{ say $name [read_memory $address 32 $count] }}
proc wait_until {{condition}} {{
    for {{set i 0}} {{$i < 500}} {{incr i}} {{
        if {{[uplevel 1 [list expr $condition]]}} {{ return }}
        sleep 20
    }}
    error "never came true: $condition"
}}
proc say_state {{name}} {{ say $name [[target current] curstate] }}
"""


def build_fakehid(folder: Path) -> Path:
    """Build the stand-in for hidapi into ``folder`` and return the folder."""
    require_header("hidapi/hidapi.h", "libhidapi-dev")
    soname = "libhidapi-hidraw.so.0"
    build_shared_library(HERE / "fakehid.c", folder / soname, soname=soname)
    return folder


def build_fakeusb(folder: Path) -> Path:
    """Build the stand-in for libusb into ``folder`` and return the folder."""
    soname = "libusb-1.0.so.0"
    build_shared_library(HERE / "fakeusb.c", folder / soname, soname=soname)
    return folder


@dataclass(frozen=True)
class Transcript:
    """What OpenOCD said: all of it, and the values that a script gave names to with ``say``."""

    text: str
    returncode: int

    @property
    def values(self) -> dict[str, str]:
        """Return the text behind each ``@name``; a name said twice keeps the last."""
        return dict(re.findall(r"^@(\S+) (.*)$", self.text, re.MULTILINE))

    def number(self, name: str) -> int:
        """Return one value as a number."""
        return int(self.values[name], 0)

    def words(self, name: str) -> list[int]:
        """Return one value as a list of numbers."""
        return [int(word, 0) for word in self.values[name].split()]


@dataclass(frozen=True)
class OpenOcd:
    """OpenOCD with a stand-in library; ``backend`` is its own name for how it reaches the probe."""

    libraries: Path
    backend: str = "hid"

    def run(
        self,
        address: str,
        config: str,
        script: str,
        *,
        folder: Path,
        timeout_s: float = 90.0,
        check: bool = True,
    ) -> Transcript:
        """Run ``script`` against the board at ``address``, after OpenOCD's own ``config``.

        Raises:
            AssertionError: OpenOCD failed, and ``check`` is set.
        """
        path = folder / "session.cfg"
        path.write_text(
            PRELUDE.format(backend=self.backend) + f"source [find {config}]\n{script}\nshutdown\n"
        )
        done = subprocess.run(
            [require("openocd"), "-f", path],
            env={
                **os.environ,
                "LD_LIBRARY_PATH": str(self.libraries),
                "ONCHIP_BOARD": address,
            },
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
        transcript = Transcript(done.stdout + done.stderr, done.returncode)
        if check:
            assert done.returncode == 0, transcript.text
        return transcript
