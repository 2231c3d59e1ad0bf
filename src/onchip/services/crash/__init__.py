"""What happened to a program that crashed: one report for `onchip fault`, `onchip run` and GDB.

Below stand the core's fault decoding and the symbols; nothing here runs the core or writes to it.
"""

from __future__ import annotations

from onchip.services.crash.report import CrashReport, collect
from onchip.services.crash.show import as_data, as_markdown, as_text

__all__ = ["CrashReport", "as_data", "as_markdown", "as_text", "collect"]
