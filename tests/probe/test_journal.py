"""The file of what breakpoints in flash hide: whole or not there, and believed only as it was."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from onchip.probe import journal
from onchip.probe.journal import FlashJournal, Hidden, journals_of

HIDDEN = Hidden({0x0800_0102: b"\x01\x30"}, {0x0800_0100: bytes(range(32))}, changing=True)


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(journal.platformdirs, "user_state_dir", lambda *a, **k: str(tmp_path))
    return tmp_path


def test_what_is_written_is_read() -> None:
    file = FlashJournal("stm32f407", "0123")
    assert file.read() is None
    assert not journals_of("stm32f407")
    file.write(HIDDEN)
    found = FlashJournal("stm32f407", "0123").read()
    assert found is not None
    assert (found.halfwords, found.around, found.changing) == (
        *(HIDDEN.halfwords, HIDDEN.around),
        True,
    )
    assert found.pid == os.getpid()
    assert found.abandoned  # by an earlier session of this process
    assert journals_of("stm32f407")
    assert not journals_of("stm32")
    assert [each.name for each in file.path.parent.iterdir()] == [file.path.name]


def test_each_chip_has_its_own() -> None:
    FlashJournal("stm32f407", "0123").write(HIDDEN)
    assert FlashJournal("stm32f407", "4567").read() is None
    assert FlashJournal("stm32f407", "0123", "tcp:localhost:4441").read() is None


def test_nothing_hidden_takes_the_file_away() -> None:
    file = FlashJournal("stm32f407", "0123")
    file.write(HIDDEN)
    file.write(Hidden())
    file.write(Hidden())
    assert file.read() is None
    assert not file.path.exists()


def test_it_is_on_the_disk_before_it_has_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(journal.os, "fsync", lambda fd: (done.append("sync"), fsync(fd)))
    monkeypatch.setattr(
        journal.Path, "replace", lambda a, b: (done.append("name"), replace(a, b))[1]
    )
    FlashJournal("stm32f407", "0123").write(HIDDEN)
    assert done == ["sync", "name", "sync"]


@pytest.mark.parametrize("change", [{"version": 2}, {"pid": "x"}, {"halfwords": {"x": "00"}}, None])
def test_what_is_damaged_holds_nothing(change: dict[str, object] | None) -> None:
    file = FlashJournal("stm32f407", "0123")
    file.write(HIDDEN)
    facts = json.loads(file.path.read_text())
    file.path.write_text("[" if change is None else json.dumps(facts | change))
    assert file.read() is None


def test_where_nothing_can_be_written_nothing_is_kept(own_state: Path) -> None:
    (own_state / "flash").write_text("no directory")
    file = FlashJournal("stm32f407", "0123")
    file.write(HIDDEN)
    assert file.read() is None


def test_one_whose_process_lives_is_not_abandoned() -> None:
    assert not Hidden(pid=os.getppid()).abandoned
    assert Hidden(pid=0).abandoned
