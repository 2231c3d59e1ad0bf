"""What a user is told of the flash when a job was cut short."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from onchip.cli.remains import Remains, told_remains
from onchip.errors import FlashError, OnchipError, PlanError, ProbeLost, UsageError
from onchip.flash.progress import Progress, silent
from onchip.services.board import BoardServer
from onchip.virtual_board.board import VirtualBoard
from tests.support.images import write_bin

from .conftest import Onchip

PLAN, ERASE, HALF = Progress("plan", 9, 9), Progress("erase", 1024, 4096), Progress("erase", 9, 9)


@pytest.mark.parametrize(
    ("reached", "said"),
    [
        ([], "the flash was not changed"),
        ([PLAN], "the flash was not changed"),
        ([PLAN, ERASE], "about 1 KiB of 4 KiB were erased, nothing was programmed"),
        ([HALF, Progress("program", 512, 2048)], "about 512 bytes of 2 KiB were programmed, none"),
        ([HALF, Progress("program", 8, 9), Progress("verify", 1, 2)], "the flash is incomplete"),
        (
            [HALF, Progress("program", 9, 9), Progress("verify", 1, 2)],
            "everything was written, but",
        ),
    ],
)
def test_every_phase_has_its_words(reached: list[Progress], said: str) -> None:
    shown: list[Progress] = []
    remains = Remains(shown.append)
    for progress in reached:
        remains(progress)
    assert said in remains.text()
    assert shown == reached


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (ProbeLost("gone"), "the flash was not changed"),
        (ProbeLost("gone", hint="plug it in"), "plug it in; the flash was not changed"),
        (FlashError("no", hint="the flash is bad"), "the flash is bad"),
        (UsageError("what", hint="so"), "so"),
        (PlanError("no room"), "the flash was not changed"),
    ],
)
def test_an_error_tells_it_in_its_hint(error: OnchipError, hint: str) -> None:
    with pytest.raises(type(error)) as caught, told_remains(silent):
        raise error
    assert caught.value.hint == hint


def test_an_interrupt_tells_it(
    onchip: Onchip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(session: object, image: object, **options: object) -> None:
        progress = options["progress"]
        assert isinstance(progress, Remains)
        progress(Progress("program", 1024, 2048))
        raise KeyboardInterrupt

    monkeypatch.setattr("onchip.session.Session.flash", interrupted)
    outcome = onchip("flash", write_bin(tmp_path, "lpc1768"), "--probe", "virtual:lpc1768")
    assert outcome.code == 130
    assert "onchip: interrupted\n  hint: the flash is incomplete: about 1 KiB of 2" in outcome.err


def test_an_interrupt_that_comes_out_as_something_else_tells_it_too() -> None:
    def interrupted() -> None:
        with told_remains(silent) as remains:
            remains(Progress("erase", 1024, 2048))
            raise RuntimeError("out of a callback")

    with pytest.raises(RuntimeError) as caught:
        interrupted()
    assert caught.value.__notes__ == [
        "the flash is incomplete: about 1 KiB of 2 KiB were erased, nothing was programmed: "
        "do it again"
    ]


def test_what_kill_9_leaves_can_be_flashed_again(onchip: Onchip, tmp_path: Path) -> None:
    image = write_bin(tmp_path, "nrf51822", length=8000)
    with VirtualBoard("nrf51822") as board, BoardServer(board, port=0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            words = ("flash", str(image), "--probe", f"tcp:127.0.0.1:{server.port}")
            process = subprocess.Popen(
                [sys.executable, "-m", "onchip", *words], stderr=subprocess.PIPE, text=True
            )
            assert process.stderr is not None
            for line in process.stderr:
                if line.startswith(("erase", "program")):
                    break
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            process.stderr.close()
            outcome = onchip(*words)
            assert outcome.code == 0, outcome.err
        finally:
            server.stop()
            thread.join(10)
        data = image.read_bytes()
        assert bytes(board.chip.flash_memories[0].data[: len(data)]) == data
