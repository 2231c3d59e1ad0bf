"""From settings to an open `Session`: find the probe, wake the debug port, find the core.

Settings are checked before anything is touched. Where connecting fails, what was taken is given
back and the error says at which step.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from onchip import registry
from onchip.coresight.access_port import find_access_ports
from onchip.coresight.debug_port import DebugPort
from onchip.coresight.mem_ap import MemAp
from onchip.coresight.swd_clock import FIRST_CLOCK_HZ, fastest_clock
from onchip.cortex_m.core import Core
from onchip.cortex_m.state import ResetKind
from onchip.dap.client import DapClient
from onchip.errors import (
    LockedChip,
    OnchipError,
    TargetError,
    TransferError,
    TransferNoAck,
    UsageError,
)
from onchip.session.session import Session
from onchip.target import chip as chips
from onchip.target.boards import board_of
from onchip.target.families import nordic

if TYPE_CHECKING:
    from onchip.coresight.access_port import AccessPort
    from onchip.flash.algorithm import FlashAlgorithm
    from onchip.probe.link import Link
    from onchip.registry import PluggedProbe
    from onchip.target.chip import Chip
    from onchip.target.memory_map import FlashRegion

DEFAULT_FREQUENCY_HZ = 4_000_000
PROBE_VARIABLE = "ONCHIP_PROBE"
"""The environment variable that names the probe where a script or command does not."""
TOKEN_VARIABLE = "ONCHIP_TOKEN"
"""The environment variable with the token that the server of a probe asks for."""


class ConnectMode(StrEnum):
    """What connecting does to the core."""

    ATTACH = "attach"
    """Leave it as it is: a running core runs on."""
    HALT = "halt"
    """Halt it where it is."""
    UNDER_RESET = "under-reset"
    """Hold nRESET while connecting, and halt the core before its first instruction."""


class WhenLocked(StrEnum):
    """What connecting does with a chip whose read-out protection is on."""

    REFUSE = "refuse"
    """Raise `LockedChip`."""
    ALLOW = "allow"
    """Connect where the core still answers: RAM and registers, but no flash."""
    ERASE = "erase"
    """Erase everything, which unlocks it; an open chip is left as it is."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The debug port behind a probe, awake, and the access ports behind that."""

    client: DapClient
    dp: DebugPort
    aps: list[AccessPort | MemAp]


def connect(
    probe: str | None = None,
    *,
    target: str | None = None,
    packs: Sequence[str | Path] = (),
    frequency_hz: int | Literal["auto"] = DEFAULT_FREQUENCY_HZ,
    connect: str = "attach",
    when_locked: str = "refuse",
    record: str | Path | None = None,
    command: Sequence[str] = (),
) -> Session:
    """Connect to the chip behind a probe.

    Args:
        probe: ``virtual:CHIP[/PROBEMODEL][@FILE]``, ``tcp:HOST:PORT``, ``replay:FILE`` or a
            serial; None takes what ONCHIP_PROBE names, else the only probe there is.
        target: the chip's name; None asks the chip itself.
        packs: CMSIS-Packs in which ``target`` is looked for first.
        frequency_hz: the SWD clock; ``auto`` finds the fastest that works, by a pattern test.
            `Session.client` tells which it became, and which the probe refused if it did.
        connect: ``attach``, ``halt`` or ``under-reset``; see `ConnectMode`.
        when_locked: ``refuse``, ``allow``, or ``erase``, which loses all that is on a locked chip;
            see `WhenLocked` and `Session.locked`.
        record: a file to write every packet to; ``replay:FILE`` answers from it.
        command: the command line, for the head of the recording.

    Raises:
        UsageError: a setting cannot be meant; nothing was touched.
        BoardError: the virtual board cannot be built.
        ProbeError: no way to the probe.
        TransferError: the probe cannot talk to the chip.
        TargetError: the chip answers, but is locked, or not the one that was asked for.
    """
    try:
        mode = ConnectMode(connect)
    except ValueError:
        raise UsageError(
            f"connect={connect!r} is no way to connect", hint=f"use {', '.join(ConnectMode)}"
        ) from None
    try:
        locked = WhenLocked(when_locked)
    except ValueError:
        raise UsageError(
            f"when_locked={when_locked!r} cannot be", hint=f"use {', '.join(WhenLocked)}"
        ) from None
    if frequency_hz != "auto" and frequency_hz <= 0:
        raise UsageError(f"a clock of {frequency_hz} Hz does not tick")
    chip = None if target is None else named_chip(target, packs)
    link = open_link(probe)
    try:
        if record is not None:
            settings = {"target": target, "frequency_hz": frequency_hz, "connect": mode.value}
            link = record_link(link, record, command=command, settings=settings)
        return open_session(
            link, chip=chip, frequency_hz=frequency_hz, mode=mode, when_locked=locked
        )
    except BaseException:
        with contextlib.suppress(OnchipError):  # what went wrong first is what the caller must see
            link.close()
        raise


def named_chip(name: str, packs: Sequence[str | Path] = ()) -> Chip:
    """Return the chip of that name: of one of the CMSIS-Packs, else one that is known anyway.

    Raises:
        UsageError: a pack cannot be read, or nobody knows the name.
        AlgorithmError: a flash algorithm of the pack cannot be used.
    """
    if not packs:
        return chips.load_chip(name)
    from onchip.flash.pack import find_chip

    return find_chip(name, packs)


def algorithm_from_table(
    table: Mapping[str, Any], regions: Sequence[FlashRegion]
) -> FlashAlgorithm:
    """Return a flash algorithm from the classic form, a table of code and entry points.

    Raises:
        AlgorithmError: the table cannot be used.
    """
    from onchip.flash.table import algorithm_from_table as read

    return read(table, regions)


def known_chips() -> tuple[Chip, ...]:
    """Return the chips that ``target`` can name."""
    return chips.known_chips()


def plugged_probes() -> list[PluggedProbe]:
    """Return what `connect` could name by serial: the probes and boards that are plugged in."""
    return registry.plugged_probes()


def open_session(
    link: Link,
    *,
    chip: Chip | None = None,
    frequency_hz: int | Literal["auto"] = DEFAULT_FREQUENCY_HZ,
    mode: ConnectMode = ConnectMode.ATTACH,
    when_locked: WhenLocked = WhenLocked.REFUSE,
) -> Session:
    """Connect through a link that the caller has opened; `Session.close` closes it.

    Raises:
        OnchipError: as `connect` does. The link stays open then.
    """
    first_hz = FIRST_CLOCK_HZ if frequency_hz == "auto" else frequency_hz
    client = DapClient.open(link, frequency_hz=first_hz)
    session = session_of(client, chip=chip, mode=mode, when_locked=when_locked)
    if frequency_hz == "auto":
        settle_clock(session)
    return session


def settle_clock(session: Session) -> None:
    """Find the fastest SWD clock that works, by a pattern test in the target's RAM.

    Raises:
        OnchipError: the target does not answer, not at the slowest clock either.
    """
    fastest_clock(session.dp, session.core.ap)


def open_link(probe: str | None = None) -> Link:
    """Return the way to a probe, named as for `connect`; nothing is asked of it yet.

    Raises:
        UsageError, BoardError, ProbeError: as `connect`.
    """
    name = probe or os.environ.get(PROBE_VARIABLE) or None
    return registry.open_link(name, token=os.environ.get(TOKEN_VARIABLE, ""))


def record_link(
    link: Link,
    record: str | Path,
    *,
    command: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> Link:
    """Return a link that writes every packet to ``record``; closing it closes ``link``.

    Raises:
        RecordingError: the file cannot be written; ``link`` stays open.
    """
    return registry.recorded(link, record, command=command, settings=settings or {})


def open_probe(
    probe: str | Link | None = None,
    *,
    frequency_hz: int | Literal["auto"] = DEFAULT_FREQUENCY_HZ,
) -> DapClient:
    """Open a probe without connecting to the chip behind it; `session_of` does that later.

    With ``auto`` the clock is a slow one, which `settle_clock` changes later.

    Raises:
        UsageError, BoardError, ProbeError: as `connect`. The link is closed then.
    """
    link = open_link(probe) if probe is None or isinstance(probe, str) else probe
    first_hz = FIRST_CLOCK_HZ if frequency_hz == "auto" else frequency_hz
    try:
        return DapClient.open(link, frequency_hz=first_hz)
    except BaseException:
        link.close()
        raise


def session_of(
    client: DapClient,
    *,
    chip: Chip | None = None,
    mode: ConnectMode = ConnectMode.ATTACH,
    when_locked: WhenLocked = WhenLocked.REFUSE,
) -> Session:
    """Connect through a probe that is open already; `Session.close` closes it.

    Raises:
        OnchipError: as `connect` does. The probe stays open then.
    """
    ports = ports_of(client, chip=chip, mode=mode)
    return session_at(ports, chip=chip, mode=mode, when_locked=when_locked)


def ports_of(
    client: DapClient, *, chip: Chip | None = None, mode: ConnectMode = ConnectMode.ATTACH
) -> Ports:
    """Wake the debug port and find the access ports: the first half of `session_of`.

    With ``mode`` under-reset nRESET is low afterwards, and `session_at` releases it.

    Raises:
        OnchipError: as `connect` does. The probe stays open, nRESET is released.
    """
    if mode is ConnectMode.UNDER_RESET:
        client.assert_reset()
    with _released_on_failure(client, mode):
        dp = DebugPort(client)
        try:
            dp.connect()
        except TransferNoAck as error:
            raise _perhaps_locked(error, chip or _expected_chip(client)) from error
        return Ports(client, dp, find_access_ports(dp))


def session_at(
    ports: Ports,
    *,
    chip: Chip | None = None,
    mode: ConnectMode = ConnectMode.ATTACH,
    when_locked: WhenLocked = WhenLocked.REFUSE,
) -> Session:
    """Find the core behind the ports, and the chip: the second half of `session_of`.

    Raises:
        OnchipError: as `connect` does. The probe stays open.
    """
    client, erased = ports.client, False
    with _released_on_failure(client, mode):
        try:
            core = _find_core(ports.aps)
        except LockedChip:
            ctrl_ap = nordic.find_ctrl_ap(ports.aps)
            if when_locked is not WhenLocked.ERASE or ctrl_ap is None:
                raise
            nordic.erase_all(ctrl_ap)
            erased = True
            core = _find_core(find_access_ports(ports.dp))
        running = core.was_running
        if mode is ConnectMode.UNDER_RESET:
            core.reset(ResetKind.HARDWARE, halt=True)
    if mode is ConnectMode.HALT:
        core.halt()
    session = Session(client, ports.dp, ports.aps, core, resume_on_close=running)
    session.recognise(chip)
    if session.locked is not None and when_locked is WhenLocked.ERASE:
        erased = session.unlock()
    if session.locked is not None and when_locked is not WhenLocked.ALLOW:
        raise session.locked
    session.was_unlocked = erased
    if session.locked is None:
        session.adopt_left_behind()
    return session


@contextlib.contextmanager
def _released_on_failure(client: DapClient, mode: ConnectMode) -> Iterator[None]:
    try:
        yield
    except OnchipError:
        if mode is ConnectMode.UNDER_RESET:
            with contextlib.suppress(OnchipError):
                client.release_reset()
        raise


def _expected_chip(client: DapClient) -> Chip | None:
    """Return the chip that the probe's own words, or its board's number, promise."""
    with contextlib.suppress(OnchipError):
        board = board_of(client.info.serial)
        for name in (client.info.target_name, board.chip if board is not None else ""):
            if name:
                with contextlib.suppress(UsageError):
                    return chips.load_chip(name)
    return None


def _perhaps_locked(error: TransferNoAck, chip: Chip | None) -> TransferNoAck:
    if chip is None or not chip.silent_lock:
        return error
    hint = f"{error.hint}; or it is locked: {chip.silent_lock}"
    return TransferNoAck(error.message, operation=error.operation, hint=hint)


def _find_core(aps: list[AccessPort | MemAp]) -> Core:
    """Return the core behind the first MEM-AP that has one, connected."""
    failure: OnchipError | None = None
    for ap in aps:
        if isinstance(ap, MemAp):
            core = Core(ap)
            try:
                core.connect()
            except (TransferError, TargetError) as error:
                failure = failure or error
            else:
                return core
    nordic.check_unlocked(aps)
    if failure is not None:
        raise failure
    raise TargetError(
        "the debug port answers, but no access port leads to a memory bus",
        hint="the chip may be locked; try --connect under-reset",
    )
