"""`onchip flash --dry-run`, its options, and many boards at once."""

from __future__ import annotations

import json
import threading
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from onchip import session
from onchip.cli import many
from tests.support.images import write_bin

from .conftest import Onchip


@pytest.fixture
def board(tmp_path: Path) -> tuple[str, str]:
    return "--probe", f"virtual:stm32f407@{tmp_path / 'board.flash'}"


def test_a_dry_run_says_what_would_be_done_and_does_nothing(onchip: Onchip, tmp_path: Path) -> None:
    board = "--probe", f"virtual:nrf51822@{tmp_path / 'board.flash'}"
    image = write_bin(tmp_path, "nrf51822", length=1500)
    drawing = tmp_path / "plan.svg"
    first = onchip("flash", image, "--dry-run", "--plan-svg", drawing, *board)
    assert first.code == 0, first.err
    lines = first.out.splitlines()
    assert lines[1].split() == ["0x0000_0000", "1", "KiB", "blank", "program", "1", "KiB"]
    assert lines[2].startswith("0x0000_0400  1 KiB  blank")
    assert lines[-1] == "nrf51822: would erase 0 bytes and program 2 KiB; nothing done"
    bars = ET.parse(drawing).getroot().findall("{http://www.w3.org/2000/svg}rect")
    assert len(bars) == 4 + 2 * 2
    assert onchip("verify", image, *board).code != 0
    assert onchip("flash", image, *board).code == 0
    other = tmp_path / "other.bin"
    other.write_bytes(Path(image).read_bytes()[:1200] + b"changed")
    plan = json.loads(onchip("flash", other, "--dry-run", "--json", *board).out)
    assert [(s["state"], s["action"]) for s in plan["sectors"]] == [
        ("same", "skip"),
        ("differs", "erase and program"),
    ]
    assert plan["sectors"][1]["pages"] == [{"address": 1024, "length": 1024, "state": "differs"}]
    assert plan["sectors"][1]["kept_bytes"] > 0
    plan = json.loads(onchip("flash", other, "--dry-run", "--no-keep", "--json", *board).out)
    assert plan["sectors"][1]["kept_bytes"] == 0
    assert onchip("verify", image, *board).code == 0


def test_a_dry_run_tells_the_pages_of_a_sector(
    onchip: Onchip, tmp_path: Path, board: tuple[str, str]
) -> None:
    image = write_bin(tmp_path, "stm32f407", length=9000)
    assert onchip("flash", image, *board).code == 0
    other = bytearray(Path(image).read_bytes())
    other[5000] ^= 0xFF
    Path(image).write_bytes(other + b"more" * 2000)
    outcome = onchip("flash", image, "--dry-run", *board)
    assert "16 KiB  differs in 8 KiB  erase and program" in outcome.out
    plan = json.loads(onchip("flash", image, "--dry-run", "--json", *board).out)
    pages = [(page["address"], page["state"]) for page in plan["sectors"][0]["pages"]]
    start = 0x0800_0000
    assert pages == [
        (start, "same"),
        (start + 0x1000, "differs"),
        (start + 0x3000, "blank"),
    ]


def test_a_dry_run_of_a_chip_erase(onchip: Onchip, tmp_path: Path, board: tuple[str, str]) -> None:
    image = write_bin(tmp_path, "stm32f407", length=1000)
    words = ("flash", image, "--dry-run", "--erase", "chip", "--json")
    sectors = json.loads(onchip(*words, *board).out)["sectors"]
    assert len(sectors) == 12
    assert sectors[0]["state"] == "unknown"
    assert sectors[0]["pages"] == [{"address": 0x800_0000, "length": 0x4000, "state": "unknown"}]
    assert [s["action"] for s in sectors] == ["erase and program"] + ["erase"] * 11


def test_a_dry_run_refuses_what_the_job_would(
    onchip: Onchip, tmp_path: Path, board: tuple[str, str]
) -> None:
    image = write_bin(tmp_path, "stm32f407", length=1000)
    outcome = onchip("flash", image, "--base", "0x60000000", "--dry-run", *board)
    assert outcome.code != 0
    assert "no memory" in outcome.err
    outcome = onchip("flash", image, "--plan-svg", "x.svg", *board)
    assert outcome.code == 2
    assert "--dry-run" in outcome.err


def test_full_verification_and_no_streaming(
    onchip: Onchip, tmp_path: Path, board: tuple[str, str]
) -> None:
    image = write_bin(tmp_path, "stm32f407", length=2000)
    outcome = onchip("flash", image, "--verify", "full", "--no-stream", "--no-keep", *board)
    assert outcome.code == 0, outcome.err
    assert "  by single calls: as asked for\n" in outcome.out
    again = onchip("flash", image, "--verbose", *board)
    assert "  by a stream of pages to a driver on the chip\n" in again.out
    assert onchip("verify", image, *board).code == 0


def test_a_failure_on_one_board_stops_no_other(onchip: Onchip, tmp_path: Path) -> None:
    image = write_bin(tmp_path, "stm32f407", length=1000)
    manifest = tmp_path / "boards.jsonl"
    names = [f"virtual:stm32f407@{tmp_path / name}" for name in ("a", "b")]
    probes = [names[0], "tcp:127.0.0.1:1", names[1]]
    words = [word for probe in probes for word in ("--probe", probe)]
    outcome = onchip("flash", image, "--manifest", manifest, *words)
    assert outcome.code != 0
    entries = [json.loads(line) for line in manifest.read_text().splitlines()]
    entries.sort(key=lambda entry: probes.index(entry["probe"]))
    assert [entry["probe"] for entry in entries] == probes
    assert [entry["result"] for entry in entries] == ["verified", "failed", "verified"]
    assert entries[0]["sha256"] == entries[2]["sha256"] != ""
    assert entries[0]["chip"] == "stm32f407"
    assert entries[1]["error"]
    assert outcome.out.count("verified") == 2
    for name in names:
        assert onchip("verify", image, "--probe", name).code == 0
    again = onchip("flash", image, "--json", "--probe", names[0], "--probe", names[1])
    assert again.code == 0, again.err
    lines = [json.loads(line) for line in again.out.splitlines()]
    assert [(line["programmed_bytes"], line["mode"]) for line in lines] == [(0, "stream")] * 2


def test_each_board_is_in_the_manifest_as_soon_as_it_is_done(
    onchip: Onchip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = write_bin(tmp_path, "nrf51822", length=500)
    manifest = tmp_path / "boards.jsonl"
    first_is_noted = threading.Event()
    flash = session.Session.flash

    def second_waits(own: session.Session, *words: object, **options: object) -> object:
        if own.chip_name == "lpc1768":
            deadline = time.monotonic() + 30
            while not (manifest.exists() and manifest.read_text().endswith("}\n")):
                assert time.monotonic() < deadline
            first_is_noted.set()
            raise RuntimeError("oops")
        return flash(own, *words, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(session.Session, "flash", second_waits)
    probes = ("--probe", "virtual:nrf51822", "--probe", "virtual:lpc1768")
    outcome = onchip("flash", image, "--manifest", manifest, *probes)
    assert first_is_noted.is_set()
    assert outcome.code == 70
    good, bad = [json.loads(line) for line in manifest.read_text().splitlines()]
    assert (good["result"], good["unique_id"]) == ("verified", "68636e6f325f7069")
    assert (bad["result"], bad["error"]) == ("failed", "a bug in onchip: RuntimeError('oops')")
    assert "virtual:nrf51822: program: " in outcome.err


def test_ctrl_c_lets_the_boards_finish(
    onchip: Onchip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = write_bin(tmp_path, "nrf51822", length=500)
    real, calls = many.wait, []

    def interrupted_once(futures: object) -> object:
        calls.append(futures)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return real(futures)  # type: ignore[arg-type]

    monkeypatch.setattr(many, "wait", interrupted_once)
    names = [f"virtual:nrf51822@{tmp_path / name}" for name in ("a", "b")]
    outcome = onchip("flash", image, "--probe", names[0], "--probe", names[1])
    assert outcome.code == 130
    assert "the boards that have begun are finished first" in outcome.err
    assert outcome.out.count("verified") == 2


def test_a_manifest_that_cannot_be_written_is_refused_first(onchip: Onchip, tmp_path: Path) -> None:
    image = write_bin(tmp_path, "nrf51822", length=500)
    probes = ("--probe", "virtual:nrf51822", "--probe", "virtual:lpc1768")
    outcome = onchip("flash", image, "--manifest", tmp_path / "no" / "file", *probes)
    assert outcome.code == 2
    assert "cannot write" in outcome.err
    outcome = onchip("flash", tmp_path / "none.bin", *probes)
    assert (outcome.code, "cannot read" in outcome.err) == (2, True)


def test_all_probes(onchip: Onchip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Plugged:
        spec = f"virtual:nrf52840@{tmp_path / 'n'}"

    image = write_bin(tmp_path, "nrf52840", length=1000)
    monkeypatch.setattr(session, "plugged_probes", list)
    nothing = onchip("flash", image, "--all")
    assert (nothing.code, "no probe is plugged in" in nothing.err) == (2, True)
    monkeypatch.setattr(session, "plugged_probes", lambda: [Plugged])
    assert onchip("flash", image, "--all").code == 0
    assert onchip("verify", image, "--probe", Plugged.spec).code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--all", "--probe", "x"), "exclude each other"),
        (("--probe", "x", "--probe", "x"), "named twice"),
        (("--probe", "x", "--probe", "y", "--dry-run"), "--dry-run takes one board"),
        (("--probe", "x", "--probe", "y", "--record", "f"), "--record takes one board"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    onchip: Onchip, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    outcome = onchip("flash", write_bin(tmp_path, "stm32f407"), *words)
    assert outcome.code == 2
    assert said in outcome.err
