"""Flash programming, always verified."""

from pyOCD.flash.flash import Flash, FlashInfo, PageInfo

__all__ = ["Flash", "FlashInfo", "PageInfo"]
