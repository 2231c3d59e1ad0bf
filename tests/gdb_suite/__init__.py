"""GDB's own test suite (gdb.base, as Debian ships its source) against a GDB server.

    python -m tests.gdb_suite                          all of gdb.base on ours; the table into docs/
    python -m tests.gdb_suite --server qemu            the same on QEMU's, to compare with
    python -m tests.gdb_suite --fast                   the selection that runs in CI
    python -m tests.gdb_suite recurse watch-cond       some files, with what failed

The programs are the suite's, built with arm-none-eabi-gcc and picolibc for RAM only (board.ld,
start.S); onchip.exp tells DejaGnu so. The server is one process for all of them: ours on a virtual
board (serve.py), or QEMU's (qemu.py). Nothing of the suite is in this repository: source.py gets
it, once, into the user's cache.
"""
