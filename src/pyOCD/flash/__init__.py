"""Flash programming, always verified."""

from pyOCD.flash.flash import Flash
from pyOCD.flash.flash_builder import FlashBuilder
from pyOCD.flash.info import FlashInfo, PageInfo, ProgrammingInfo

__all__ = ["Flash", "FlashBuilder", "FlashInfo", "PageInfo", "ProgrammingInfo"]
