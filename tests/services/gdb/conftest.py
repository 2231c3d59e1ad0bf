"""A GDB that has attached to a fake core."""

from __future__ import annotations

import pytest

from .fakes import Talk


@pytest.fixture
def talk():
    talk = Talk()
    talk.ask(b"?")
    return talk
