"""Programs from outside. A missing one is a failure where ``CI`` is set, else a skip that says so.

Tests that call ``require`` are marked ``@pytest.mark.tools``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

PACKAGES = {
    "runtest": "dejagnu",
    "arm-none-eabi-gcc": "gcc-arm-none-eabi",
    "arm-none-eabi-objcopy": "binutils-arm-none-eabi",
    "arm-none-eabi-ar": "binutils-arm-none-eabi",
    "gdb-multiarch": "gdb-multiarch",
    "openocd": "openocd",
    "qemu-system-arm": "qemu-system-arm",
    "gcc": "gcc",
}
"""The Debian package that brings a program, where it is not called the same."""


def missing(what: str, package: str, *, cure: str = "") -> NoReturn:
    """Fail (where ``CI`` is set) or skip the test, and say which package would bring ``what``."""
    text = f"{what} is not installed ({cure or f'Debian: apt-get install {package}'})"
    if os.environ.get("CI"):
        pytest.fail(f"{text}; where CI is set nothing is skipped", pytrace=False)
    pytest.skip(f"NOT RUN: {text}")


def require(program: str) -> Path:
    """Return the path of ``program``, or end the test as ``missing`` says."""
    path = shutil.which(program)
    if path is None:
        missing(program, PACKAGES.get(program, program))
    return Path(path)


def require_header(header: str, package: str) -> None:
    """End the test as ``missing`` says, unless the C compiler finds ``header``."""
    compiler = require("gcc")
    probe = subprocess.run(
        [compiler, "-E", "-include", header, "-x", "c", "/dev/null"],
        capture_output=True,
        check=False,
    )
    if probe.returncode != 0:
        missing(f"the C header {header}", package)


def build_shared_library(source: Path, output: Path, *, soname: str) -> Path:
    """Compile one C file to a shared library with the machine's own compiler."""
    subprocess.run(
        [
            require("gcc"),
            *("-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"),
            f"-Wl,-soname,{soname}",
            *("-o", output, source, "-lpthread"),
        ],
        check=True,
    )
    return output
