"""The recordings of tests/recordings: the host still asks what it asked, and concludes the same."""

from __future__ import annotations

import pytest

from onchip.registry import open_link
from onchip.session import open_session
from tests.recordings.make import FOLDER, RECORDINGS


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_host_follows_the_recording(name: str) -> None:
    """If a packet was changed on purpose: python -m tests.recordings.make"""
    with open_session(open_link(f"replay:{FOLDER / name}.rec")) as session:
        found = repr(RECORDINGS[name][2](session))
    assert found + "\n" == (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


def test_every_recording_is_replayed_and_small() -> None:
    files = {path.stem: path for path in FOLDER.glob("*.rec")}
    assert files.keys() == RECORDINGS.keys()
    assert all(path.stat().st_size < 20_000 for path in files.values())
