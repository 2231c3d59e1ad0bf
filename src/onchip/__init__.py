"""Debug and program Arm Cortex-M microcontrollers through CMSIS-DAP probes, real or virtual.

import onchip

with onchip.connect("virtual:stm32f407") as session:
    session.core.halt()
    print(session.core.registers["pc"])
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers know it; typing would take as long as Python itself
if TYPE_CHECKING:
    from .errors import OnchipError
    from .session import Session, connect

__version__ = "0.1.0"

__all__ = ["OnchipError", "Session", "__version__", "connect"]

_HOMES = {"connect": "session", "Session": "session", "OnchipError": "errors"}


def __getattr__(name: str) -> object:
    """Import the session only when somebody asks for it: `onchip --help` must be quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'onchip' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
