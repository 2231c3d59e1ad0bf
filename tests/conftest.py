"""What holds for every test."""

from __future__ import annotations

import gc
import os
import sys

from hypothesis import settings

# A machine that is busy with something else makes single examples slow, and tells nothing of us;
# what hangs is ended by pytest-timeout.
settings.register_profile("onchip", deadline=None, max_examples=25)
settings.load_profile("onchip")


# Many tests start processes, and each would compile the whole package where bytecode is not kept.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_finish() -> None:
    """Take what thousands of collected tests hold out of the garbage collector's rounds."""
    gc.collect()
    gc.freeze()
