"""Run `onchip` in this process, and see what a user would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from onchip.cli.main import main
from onchip.probe import discovery, plugged


@dataclass(frozen=True)
class Outcome:
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


Onchip = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def nothing_plugged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """No board of this machine's user gets into a test."""
    monkeypatch.setattr(discovery, "plugged_boards", list)
    monkeypatch.setattr(plugged, "usb_probes", lambda: ([], []))
    monkeypatch.delenv("ONCHIP_PROBE", raising=False)
    monkeypatch.delenv("ONCHIP_TRACEBACK", raising=False)


@pytest.fixture
def onchip(capsys: pytest.CaptureFixture[str]) -> Onchip:
    """Run `onchip` with words; return what it left."""

    def run(*words: object) -> Outcome:
        capsys.readouterr()
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Outcome(int(code), out, err)

    return run
