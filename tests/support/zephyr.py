"""A released Zephyr as an ELF file with the symbols and types that we found in it.

    elf = described_zephyr()

The bytes come from a package that is installed with the developers' tools (pyproject.toml).
"""

from __future__ import annotations

import hashlib
import tempfile
from importlib.util import find_spec
from pathlib import Path

from bincopy import BinFile

from tests.support.firmware import Firmware, Layout, build
from tests.support.tools import missing

PACKAGE = "zephyr_4_4_0_hci_usb_nrf52840dk_default"
SHA256 = "cd87b28b00bbb9868aef1645da8e5f181d2f018819c97b5a821fd545f2f94387"


def described_zephyr() -> Firmware:
    """Build tests/firmware/zephyr_described.c around the released image."""
    package = find_spec(PACKAGE)
    if package is None or package.origin is None:
        missing(PACKAGE, PACKAGE, cure="pip install --group dev")
    image = Path(package.origin).with_name("firmware.hex").read_bytes()
    assert hashlib.sha256(image).hexdigest() == SHA256, "not the release that was described"
    memory = BinFile()
    memory.add_ihex(image.decode())
    path = Path(tempfile.gettempdir()) / f"{PACKAGE}-{SHA256[:16]}.bin"
    path.write_bytes(memory.as_binary(minimum_address=0))
    return build(
        "zephyr_described.c",
        cpu="m4",
        layout=Layout(flash_length=0x4_0000, ram_length=0x4_0000),
        defines={"IMAGE": f'"{path}"'},
        flags=("-Og", "-Wl,-u,z_cstart"),
        startup=False,
    )
