"""A shell's machine on a board that runs the shipped sample, halted at its reset."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

import onchip
from onchip.services.commands import Interpreter, SessionMachine
from onchip.symbols.dwarf import DebugInfo

SAMPLE = Path(str(files("onchip.cli") / "samples" / "stm32f407.elf"))


class Shell:
    """What is typed and what comes of it: the text that was printed and the value."""

    def __init__(self, session, debug):
        self.text = ""
        self.interrupt = False
        self.session, self.core = session, session.core
        self.machine = SessionMachine(
            session, debug, write=self._print, is_interrupted=lambda: self.interrupt
        )
        self.interpreter = Interpreter(self.machine)

    def _print(self, text):
        self.text += text

    def type(self, line):
        self.text = ""
        return self.interpreter.run(line)


@pytest.fixture(scope="module")
def session():
    with onchip.connect("virtual:stm32f407") as session:
        session.flash(SAMPLE)
        yield session


@pytest.fixture(scope="module")
def debug():
    return DebugInfo.load(SAMPLE)


@pytest.fixture
def shell(session, debug):
    session.core.breakpoints.clear()
    session.core.watchpoints.clear()
    session.reset(halt=True)
    return Shell(session, debug)


@pytest.fixture
def nameless(session):
    session.reset(halt=True)
    return Shell(session, None)
