"""Stock OpenOCD and a session of ours at one probe at the same time, as `onchip serve` offers it.

OpenOCD knows nothing of sharing: it clears all comparators when it comes, and believes that SELECT,
CSW and TAR hold what it wrote.
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.services.share.support import comparators, served, watching
from tests.support.images import counting_loop
from tests.support.openocd import OpenOcd, build_fakehid

pytestmark = pytest.mark.tools

RAM = 0x2000_1000
CODE = 0x0800_0102


def test_openocd_and_a_script(tmp_path: Path) -> None:
    openocd = OpenOcd(build_fakehid(tmp_path))
    done = threading.Event()
    seen: list[bytes] = []
    with served(probe_model="hid-64x4") as shared, shared.session() as session:
        session.flash(counting_loop("stm32f407", length=512))
        session.core.breakpoints.set(0x0800_0180)
        session.core.watchpoints.set(0x2000_3000, 4)
        session.memory.write(RAM, bytes(range(64)))

        def watch() -> None:
            while not done.is_set():
                seen.append(session.memory.read(RAM, 64))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            said = openocd.run(
                f"127.0.0.1:{shared.server.port}",
                "target/stm32f4x.cfg",
                f"""
                init
                reset halt
                bp {CODE:#x} 2 hw
                resume
                wait_until {{[[target current] curstate] eq "halted"}}
                say_registers stop pc
                write_memory 0x20002000 32 {{1 2 3 4 5 6 7 8}}
                say_words ram 0x20002000 8
                step
                rbp {CODE:#x}
                """,
                folder=tmp_path,
            )
        finally:
            done.set()
            watcher.join(20)
        assert said.number("stop.pc") == CODE
        assert said.words("ram") == list(range(1, 9))
        assert len(seen) > 10
        assert set(seen) == {bytes(range(64))}
        shared.wait(lambda: len(shared.server.users) == 1)
        assert [word & 1 for word in comparators(shared)] == [0, 0, 0, 0, 0, 1]
        assert watching(shared) == [False, False, False, True]
        session.core.halt()
        assert session.core.step()
        assert shared.failure is None
