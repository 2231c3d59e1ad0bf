"""Flash programming, always verified."""

from pyOCD.flash.flash import Flash
from pyOCD.flash.flash_builder import FlashBuilder
from pyOCD.flash.info import FlashInfo, PageInfo, ProgrammingInfo

FLASH: dict[str, type[Flash]] = {}
"""Classes for targets whose flash is a subclass of `Flash`, by the target's name. Put yours in."""

__all__ = ["FLASH", "Flash", "FlashBuilder", "FlashInfo", "PageInfo", "ProgrammingInfo"]
