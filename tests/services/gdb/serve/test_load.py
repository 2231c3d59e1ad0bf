"""GDB's load: flash is erased, collected, programmed, verified."""

from __future__ import annotations

from onchip.cortex_m import ResetKind
from onchip.errors import FlashError
from onchip.services.gdb.options import GdbOptions

from ..fake_core import FLASH
from ..fakes import Talk


def test_load_is_collected_programmed_and_reset(talk):
    assert talk.ask(b"vFlashErase:8000000,800") == b"OK"
    assert talk.ask(b"vFlashWrite:8000000:abcd") == b"OK"
    assert talk.ask(b"vFlashWrite:8000004:ef") == b"OK"
    assert talk.session.jobs == []
    assert talk.ask(b"vFlashDone") == b"OK"
    assert talk.session.jobs == [
        ("erase", FLASH + 0x400, 0x400),
        ("flash", [(FLASH, b"abcdef")], "sector"),
    ]
    assert talk.core.resets == [(ResetKind.SYSTEM, True)]
    assert talk.ask(b"vFlashDone") == b"OK"
    assert len(talk.session.jobs) == 2


def test_erasing_alone(talk):
    talk.ask(b"vFlashErase:8000000,10000")
    talk.ask(b"vFlashDone")
    assert talk.session.jobs == [("erase", FLASH, 0x10000)]


def test_chip_erase_for_load():
    talk = Talk(options=GdbOptions(erase="chip"))
    talk.ask(b"vFlashErase:8000000,800")
    talk.ask(b"vFlashWrite:8000000:ab")
    talk.ask(b"vFlashDone")
    assert talk.session.jobs == [("flash", [(FLASH, b"ab")], "chip")]


def test_load_of_a_running_core_is_refused(talk):
    talk.ask(b"vFlashErase:8000000,400")
    talk.ask(b"vCont;c")
    assert b"halted core" in talk.ask(b"vFlashDone")
    assert talk.session.jobs == []


def test_flash_that_is_none_is_refused_before_anything(talk):
    assert talk.ask(b"vFlashErase:20000000,400").startswith(b"E.0x20000000")
    assert talk.ask(b"vFlashWrite:800fffe:abcd").startswith(b"E.0x08010000")
    assert talk.session.jobs == []


def test_a_failed_load_says_so_and_is_over(talk):
    talk.session.flash_error = FlashError("page 3 does not verify", address=FLASH)
    talk.ask(b"vFlashWrite:8000000:ab")
    assert talk.ask(b"vFlashDone") == b"E.page 3 does not verify"
    assert talk.logged == ["page 3 does not verify"]
    assert talk.ask(b"vFlashDone") == b"OK"


def test_overlapping_writes_are_an_error(talk):
    talk.ask(b"vFlashWrite:8000000:abcd")
    talk.ask(b"vFlashWrite:8000002:ef")
    assert talk.ask(b"vFlashDone").startswith(b"E.")
