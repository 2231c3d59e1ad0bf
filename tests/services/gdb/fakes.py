"""A session with a core that behaves by the book, and a client that talks to its server."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

from onchip.cortex_m import (
    ResetKind,
)
from onchip.services.gdb.options import GdbOptions
from onchip.services.gdb.stub import Stub
from onchip.services.gdb.target import Target
from onchip.target.memory_map import FlashRegion, MemoryMap, MemoryRegion, RegionKind, SectorRun
from onchip.wire.gdb_rsp.replies import ConsoleOutput

from .fake_core import FLASH, RAM, FakeCore

MEMORY_MAP = MemoryMap(
    [
        FlashRegion(
            name="flash",
            start=FLASH,
            length=0x10000,
            kind=RegionKind.FLASH,
            sectors=(SectorRun(FLASH, 0x400, 32), SectorRun(FLASH + 0x8000, 0x4000, 2)),
            algorithm="fake.FLM",
        ),
        MemoryRegion(name="boot", start=0x1FFF_0000, length=0x1000, kind=RegionKind.ROM),
        MemoryRegion(name="sram", start=RAM, length=0x10000, kind=RegionKind.RAM),
    ]
)


class FakeProbe:
    has_company = False

    def __init__(self):
        self.answers = 0
        self.checks = 0
        self.failures = []

    def check(self):
        self.checks += 1
        self.answers += 1
        if self.failures:
            raise self.failures.pop(0)


class FakeSession:
    chip_name = "fake"
    memory_map = MEMORY_MAP
    dp = SimpleNamespace(idr=0x2BA0_1477)
    aps = (SimpleNamespace(index=0, idr=0x2477_0011),)
    rom_table = "0xe00ff000 ROM table, fake"

    def __init__(self, core=None):
        self.core = core or FakeCore()
        self.lock = contextlib.nullcontext()
        self.resume_on_close = True
        self.jobs = []
        self.slept = 0.0
        self.flash_error = None
        self.client = FakeProbe()
        self.link = SimpleNamespace(
            sleep=self._sleep, now=lambda: self.slept, description="fake link"
        )

    def _sleep(self, seconds):
        self.slept += seconds
        self.core.run(100)

    def reset(self, kind=ResetKind.SYSTEM, *, halt=False):
        self.core.reset(kind, halt=halt)

    def flash(self, image, *, erase="sector", reset=True, read_back=False, progress=None):
        if self.flash_error:
            raise self.flash_error
        self.jobs.append(("flash", [(s.address, s.data) for s in image.segments], erase))
        for segment in image.segments:
            self.core.memory.write(segment.address, segment.data)
        return SimpleNamespace(
            image_bytes=image.length, programmed_bytes=image.length, same_bytes=0
        )

    def erase(self, start, length, *, reset=True, progress=None):
        self.jobs.append(("erase", start, length))
        return SimpleNamespace(erased_bytes=length)

    def erase_chip(self, *, reset=True):
        self.jobs.append(("erase chip",))
        return SimpleNamespace(erased_bytes=0x10000)


class Talk:
    """A client without a socket: what is asked is answered in ``sent``."""

    def __init__(self, session=None, options=None, target=None):
        self.session = session or FakeSession()
        self.target = target or Target(self.session, options or GdbOptions())
        self.core = self.session.core
        self.sent = []
        self.logged = []
        self.notified = []
        self.stub = Stub(self.target, self.sent.append, self.logged.append, self.notified.append)

    def ask(self, payload):
        """Return the answer to one packet; None when there is none."""
        self.sent.clear()
        self.stub.handle(payload)
        return self.sent[-1] if self.sent else None

    def run(self, payload, polls=50):
        """Resume and return the stop reply."""
        assert self.ask(payload) is None
        return self.wait(polls)

    def wait(self, polls=50):
        for _ in range(polls):
            self.target.poll()
            if self.sent and not self.sent[-1].startswith(b"O"):
                return self.sent[-1]
            self.session.link.sleep(0.001)
        raise AssertionError("no stop")

    def monitor(self, text):
        """Return what a monitor command printed, and its answer."""
        answer = self.ask(b"qRcmd," + text.encode().hex().encode())
        printed = b"".join(ConsoleOutput.decode(part).data for part in self.sent[:-1])
        return printed.decode(), answer
