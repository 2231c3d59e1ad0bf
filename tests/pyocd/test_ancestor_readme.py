"""The classic examples, as README.md and docs/classic.md of this project show them."""

from __future__ import annotations

import re
import threading
import time
import zlib
from pathlib import Path

import pytest

from tests.pyocd.gdb_client import Client
from tests.support.images import FLASH_START, write_bin

ROOT = Path(__file__).parents[2]
MARK = "<!-- python: tests/pyocd/test_ancestor_readme.py runs this block -->"


def blocks(paper: str) -> list[str]:
    """Return the marked blocks of a paper."""
    text = (ROOT / paper).read_text(encoding="utf-8")
    found = [re.search(r"```python\n(.*?)```", part, re.DOTALL) for part in text.split(MARK)[1:]]
    assert all(found)
    return [block[1] for block in found if block]


def run(block: str, paper: str) -> None:
    exec(compile(block, paper, "exec"), {"__name__": "example"})


HELLO = blocks("README.md")
SERVER, FLASH, EXTEND = blocks("docs/classic.md")


@pytest.mark.parametrize("chip", FLASH_START)
def test_it_runs(
    chip: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ONCHIP_PROBE", f"virtual:{chip}@{tmp_path / 'board.flash'}")
    monkeypatch.chdir(tmp_path)
    write_bin(tmp_path, chip).rename(tmp_path / "firmware.bin")
    (block,) = HELLO
    run(block, "README.md")
    values = re.findall(r"pc: 0x([0-9A-F]+)", capsys.readouterr().out)
    assert len(values) == 4
    last = int(values[-1], 16)
    assert FLASH_START[chip] + 0x100 <= last < FLASH_START[chip] + 0x108


def test_the_gdb_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert SERVER.count("3333") == 1
    script = threading.Thread(target=run, args=(SERVER.replace("3333", "0"), "docs/classic.md"))
    script.start()
    out = ""
    deadline = time.monotonic() + 10
    while not (found := re.search(r"GDB server started on port (\d+)\n", out)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
        out += capsys.readouterr().out
    client = Client(int(found[1]))
    assert client.ask(b"?").startswith(b"T05")
    assert client.ask(b"D") == b"OK"
    client.close()
    script.join(10)
    assert not script.is_alive()


@pytest.mark.parametrize("chip", FLASH_START)
def test_flash_piece_by_piece(
    chip: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ONCHIP_PROBE", f"virtual:{chip}")
    run(FLASH, "docs/classic.md")
    crc = zlib.crc32(bytes(range(32, 64)))
    assert capsys.readouterr().out == f"programmed: True\ncrc: {crc:08x}\n"


def test_extending(capsys: pytest.CaptureFixture[str]) -> None:
    from pyOCD.target import TARGET

    try:
        run(EXTEND, "docs/classic.md")
    finally:
        TARGET.pop("small_relative", None)
    assert capsys.readouterr().out == "small_relative 1\n"
