"""What a TOML file cannot say: how the peripherals of one family are built and joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .base import Assembly, Family, ModelFactory
from .lpc17 import Lpc17
from .nordic import Nordic
from .plain import Plain
from .stm32f4 import Stm32F4

__all__ = ["FAMILIES", "Assembly", "Family", "ModelFactory"]

FAMILIES: Mapping[str, Callable[[Assembly], Family]] = {
    "stm32f4": Stm32F4,
    "nordic": Nordic,
    "lpc17": Lpc17,
    "plain": Plain,
}
"""By the name in the TOML file's ``core.family``."""
