"""`unlock`: only a locked chip is erased, and it is said."""

from __future__ import annotations

import pytest

import onchip
from onchip.cli.main import main
from tests.services.gdb.fakes import Talk

from .conftest import SAMPLE, Shell


@pytest.fixture(params=["stm32f407", "nrf51822"])
def locked(request):
    with onchip.connect(f"virtual:{request.param}+locked", when_locked="allow") as session:
        yield session


def test_unlock_says_what_it_erases_and_opens_the_chip(locked):
    shell = Shell(locked, None)
    assert shell.type("unlock") is True
    chip = locked.chip_name
    assert shell.text.startswith(f"{chip} is locked: ")
    assert f"; erasing everything on it\n{chip} is blank, and open now" in shell.text
    assert (locked.locked, locked.core.halted) == (None, True)
    assert shell.type("unlock") is False
    assert shell.text == f"{chip} is not locked: nothing was erased\n"


def test_monitor_unlock():
    with onchip.connect("virtual:stm32f407+locked", when_locked="allow") as session:
        talk = Talk(session)
        talk.ask(b"?")
        assert talk.monitor(f"load '{SAMPLE}'")[1].startswith(b"E")
        printed, answer = talk.monitor("unlock")
        assert (answer, "is locked" in printed) == (b"OK", True)
        assert "852 bytes" in talk.monitor(f"load '{SAMPLE}'")[0]


def test_the_shell_of_a_locked_chip(capsys):
    board = ("--probe", "virtual:stm32f407+locked")
    assert main(["shell", "-c", "read32 0x20000000; unlock", *board]) == 0
    out, err = capsys.readouterr()
    assert "RDP" in err
    assert "`unlock` erases everything, and so opens it" in err
    assert "open now" in out
    assert main(["shell", "-c", "halt; erase chip", *board]) == 4


def test_an_open_chip_keeps_what_it_holds(session):
    before = session.memory.read(0x0800_0000, 64)
    assert session.unlock() is False
    assert session.memory.read(0x0800_0000, 64) == before
