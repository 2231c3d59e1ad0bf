"""The targets that a board can be told to have, by name. Put yours in."""

from __future__ import annotations

from onchip.session import known_chips, load_chip
from pyOCD.target.target import Target


class CortexM(Target):
    """A Cortex-M of which nothing else is known: no flash."""

    chip = "cortex_m"


def _named(name: str) -> type[Target]:
    return type(f"Target_{name}", (Target,), {"chip": name, "__doc__": f"An {name}."})


_KNOWN = {chip.name: _named(chip.name) for chip in known_chips()}

TARGET: dict[str, type[Target]] = {
    "cortex_m": CortexM,
    **_KNOWN,
    "nrf51": _KNOWN["nrf51822"],
    "target_lpc1768": _KNOWN["lpc1768"],
}
"""Names to classes. ``MbedBoard.chooseBoard(target_override=NAME)`` takes any of them."""


def target_class(name: str | None) -> type[Target]:
    """Return the class for a name; None is a target that identifies itself.

    Raises:
        UsageError: no target has that name.
    """
    if name is None:
        return Target
    if name in TARGET:
        return TARGET[name]
    if name.lower() in TARGET:
        return TARGET[name.lower()]
    return TARGET[load_chip(name).name]


__all__ = ["TARGET", "CortexM", "target_class"]
