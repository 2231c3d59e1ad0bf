"""Tests in the USB machine take minutes: only `make test-usb` (``-m usb_vm``) runs them."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "usb_vm" in (config.getoption("markexpr") or ""):
        return
    left_out = [item for item in items if item.get_closest_marker("usb_vm")]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
