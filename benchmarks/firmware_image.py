"""An image that packs as well as firmware does: picolibc, linked as a whole.

The other images are noise, which nothing makes shorter. This one is for hosts that send less than
the image's bytes over a slow wire.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

LIBRARY = Path("/usr/lib/picolibc/arm-none-eabi/lib/release/thumb/v7e-m/nofp/libc.a")
_SCRIPT = """
SECTIONS {
    . = 0x08000000; .text : { *(.text .text.* .rodata .rodata.*) }
    . = 0x20000000; .data : { *(.data .data.* .tdata .tdata.*) }
    .bss : { *(.bss .bss.* .tbss* COMMON) }
    /DISCARD/ : { *(.ARM.*) *(.init_array*) *(.fini_array*) *(.preinit_array*) }
}
"""


def firmware_image(length: int, folder: Path) -> bytes:
    """Return ``length`` bytes of linked code; ``folder`` is for what the linker needs.

    Raises:
        OSError: a tool or the library is missing, or there is less code than that.
    """
    script, program, binary = (folder / name for name in ("code.ld", "code.elf", "code.bin"))
    script.write_text(_SCRIPT)
    link = ["arm-none-eabi-ld", "--whole-archive", str(LIBRARY), "-T", str(script)]
    # what the library calls of its environment is not there, and is not called
    link += ["--unresolved-symbols=ignore-all", "-z", "muldefs", "-o", str(program)]
    strip = ["arm-none-eabi-objcopy", "-O", "binary", "-j", ".text", str(program), str(binary)]
    for command in (link, strip):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(f"{command[0]}: {done.stderr.strip()[-200:]}")
    code = binary.read_bytes()[:length]
    if len(code) < length:
        raise OSError(f"{LIBRARY} holds only {len(code)} bytes of code")
    return code
