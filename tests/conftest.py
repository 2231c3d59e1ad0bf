"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# A machine that is busy with something else makes single examples slow, and tells nothing of us;
# what hangs is ended by pytest-timeout.
settings.register_profile("onchip", deadline=None)
settings.load_profile("onchip")
