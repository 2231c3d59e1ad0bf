"""A probe that is shared."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .support import Shared, served


@pytest.fixture
def shared() -> Iterator[Shared]:
    with served() as shared:
        yield shared
        assert shared.failure is None
