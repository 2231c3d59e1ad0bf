"""A virtual board: a chip behind a probe, with its supply, its reset button and its console.

The board owns time. Nothing moves unless packets come (``link``, ``exchange``) or time is let pass
(``advance``).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from onchip.errors import BoardError, ProbeBusy

from .coresight.access_port import AccessPort, TimedAccessPort
from .coresight.mem_ap import MemAp
from .coresight.sw_dp import SwDp
from .dap.clock import NS_PER_S, ProbeClock
from .dap.pins import ResetLine
from .faults import BoardFault, Faults, PacketFault
from .probe.device import ProbeDevice
from .probe.link import VirtualLink
from .probe.model import DEFAULT_MODEL, load_probe_model
from .target.console import Console
from .timeline import Timeline

if TYPE_CHECKING:
    from .bus import Bus
    from .cortex_m.core import VirtualCore
    from .target.flash_faults import FlashFaults
    from .target.model import ChipModel

BARE_RAM = "bare-ram"
_BUTTON_NS = 1_000_000
_RUBBISH = bytes((n * 167 + 13) & 0xFF for n in range(256))


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the probe has done so far: counts, SWCLK cycles, and simulated time in seconds.

    ``round_trips`` counts the packets that a host wrote while nothing was in flight; ``transfers``
    counts SWD transfers of whatever outcome, ``waits`` those that were answered with WAIT.
    """

    packets: int
    round_trips: int
    transfers: int
    waits: int
    swclk_cycles: int
    time_s: float


class BoardLink(VirtualLink):
    """A link that knows its board."""

    def __init__(
        self,
        probe: ProbeDevice,
        description: str,
        on_close: Callable[[], None],
        board: VirtualBoard,
    ) -> None:
        super().__init__(probe, description, on_close)
        self.board = board


class VirtualBoard:
    """A board with ``chip`` behind a probe of ``probe_model``.

    ``flash_file`` keeps the chip's non-volatile memory between runs: it is read now if it exists,
    and written by ``close``. ``locked`` delivers the chip with its read-out protection on.
    ``advertise_target`` lets the probe tell the chip's name in DAP_Info, as on-board probes may.

    Raises:
        BoardError: no such chip or probe model, or the flash file is not of this chip or cannot be
            read, or could not be written.
    """

    def __init__(
        self,
        chip: str = "stm32f407",
        probe_model: str = DEFAULT_MODEL,
        flash_file: str | Path | None = None,
        *,
        serial: str | None = None,
        locked: bool = False,
        advertise_target: bool = False,
    ) -> None:
        model = load_probe_model(probe_model)
        self.timeline = Timeline()
        self.chip = _build_chip(chip, self.timeline, locked=locked)
        self.flash_file = None if flash_file is None else Path(flash_file)
        if self.flash_file is not None:
            self._load_flash(self.flash_file)
        self.faults = Faults()
        self.faults.on_board_fault = self._strike
        self.clock = ProbeClock(self.timeline, model.default_frequency_hz)
        self.console = Console(self.chip.uart.feed)
        self.serial = serial if serial is not None else f"virtual-{self.chip.name}"
        self._mem_aps: list[MemAp] = []
        self.dp = SwDp(self.chip.debug_port, self._access_ports(), self.faults)
        self.dp.reachable = self.chip.debug_access
        self.reset_line = ResetLine()
        self.reset_line.on_change = self._reset_line_changed
        core = self.chip.core
        self.probe = ProbeDevice(
            model,
            dp=self.dp,
            clock=self.clock,
            faults=self.faults,
            reset_line=self.reset_line,
            serial=self.serial,
            halted=lambda: core.halted,
            uart_send=self.chip.uart.feed,
            target=("", self.chip.part) if advertise_target else None,
        )
        self.chip.uart.output = self._uart_output
        if self.probe.trace is not None:
            core.on_trace = self.probe.trace.feed
        self._link: BoardLink | None = None
        self._closed = False
        self.chip.reset("power-on")

    # ---- its parts

    @property
    def core(self) -> VirtualCore:
        """The chip's core."""
        return self.chip.core

    @property
    def bus(self) -> Bus:
        """The chip's bus."""
        return self.chip.bus

    @property
    def uart(self) -> Console:
        """The board's serial port."""
        return self.console

    @property
    def flash_faults(self) -> FlashFaults:
        """The script of the flash controller: ``board.flash_faults.add(FlashFault(...))``."""
        return self.chip.flash_faults

    @property
    def powered(self) -> bool:
        """Whether the chip has its supply."""
        return self.dp.powered

    @property
    def statistics(self) -> Statistics:
        """A snapshot of the counters."""
        return Statistics(
            packets=self.probe.packets,
            round_trips=self.probe.round_trips,
            transfers=self.probe.port.transfers,
            waits=self.probe.port.waits,
            swclk_cycles=self.clock.swclk_cycles,
            time_s=self.clock.now_ns / NS_PER_S,
        )

    # ---- ways in

    def link(self, *, owns_board: bool = False) -> BoardLink:
        """Return a link to the probe, on simulated time. ``owns_board``: closing it closes all.

        Raises:
            ProbeBusy: another link is open.
            BoardError: the board is closed.
        """
        if self._closed:
            raise BoardError(f"the virtual board {self.serial} is closed")
        if self._link is not None:
            raise ProbeBusy(f"the probe of {self.serial} is in use", hint="close the other link")

        def closed() -> None:
            if self._link is link:  # not if it was unplugged, and another took its place
                self._link = None
            if owns_board:
                self.close()

        link = BoardLink(self.probe, f"virtual:{self.chip.name}", closed, self)
        self._link = link
        return link

    def begin(self, packet: bytes) -> Generator[None, None, list[bytes]]:
        """Start ``packet`` at the board's present, without USB in between; for a server.

        The generator yields whenever the probe repeats a transfer and its clock has passed
        ``self.probe.firmware.transfers.pause_at_ns``; it returns the responses. Packet faults apply
        but for their delays.
        """
        self.clock.sync()
        kind, _ = self.faults.next_packet()
        if kind is PacketFault.LOSE_REQUEST or not self.probe.plugged:
            return []
        responses = yield from self.probe.run(packet)
        if kind is PacketFault.LOSE_RESPONSE:
            return []
        if kind is PacketFault.REPEAT_RESPONSE:
            return responses * 2
        return responses

    def exchange(self, packet: bytes) -> bytes:
        """Run ``packet`` to its end and return its response; empty if there is none."""
        running = self.begin(packet)
        while True:
            try:
                next(running)
            except StopIteration as finished:
                responses: list[bytes] = finished.value
                return responses[-1] if responses else b""

    # ---- time, power, reset, plug

    def advance(self, seconds: float) -> None:
        """Let simulated time pass with the probe idle."""
        self.clock.wait_until(self.clock.now_ns + round(seconds * NS_PER_S))

    def press_reset(self, seconds: float = _BUTTON_NS / NS_PER_S) -> None:
        """Press the reset button, let ``seconds`` pass, release it."""
        self.clock.sync()
        self.reset_line.hold("button", low=True)
        self.advance(seconds)
        self.reset_line.hold("button", low=False)

    def power_off(self) -> None:
        """Take the target's supply away. The probe stays."""
        if not self.dp.powered:
            return
        self.clock.sync()
        self.dp.powered = False
        self.chip.power_loss()
        self.core.hold_reset(asserted=True)
        for memory in self.bus.memories:
            if memory.kind == "ram":
                memory.data[:] = _RUBBISH * (memory.size // len(_RUBBISH))
                self.bus.code_changed(memory.base, memory.size)

    def power_on(self) -> None:
        """Bring the target's supply back: everything resets."""
        if self.dp.powered:
            return
        self.clock.sync()
        for access_port in self._mem_aps:
            access_port.reset()
        self.dp.power_on()
        self.probe.port.line.power_on()
        self.core.hold_reset(asserted=self.reset_line.low)
        self.chip.reset("power-on")
        self.dp.powered = True

    def power_cycle(self, seconds: float = 0.1) -> None:
        """Take the target's supply away for ``seconds``, and give it back."""
        self.power_off()
        self.advance(seconds)
        self.power_on()

    def unplug(self) -> None:
        """Pull the probe's cable: links are lost for good. The target keeps its supply."""
        self.probe.unplug()

    def plug_in(self) -> None:
        """Plug the probe in again; an open link stays lost, a new one works."""
        if not self.probe.plugged:
            self._link = None
            self.probe.plug_in()

    def _load_flash(self, path: Path) -> None:
        """Read the flash file; refuse now what could not be saved at the end."""
        hint = "name another file, or a new one"
        if not path.parent.is_dir():
            raise BoardError(f"{path}: there is no folder {path.parent} to keep the flash in")
        if not path.exists():
            return
        try:
            self.chip.load_flash(path.read_bytes())
        except OSError as error:
            raise BoardError(f"{path}: {error.strerror}", hint=hint) from error
        except BoardError as error:
            raise BoardError(f"{path}: {error.message}", hint=hint) from error

    def save(self) -> None:
        """Write the flash file, if there is one, replacing it whole or not at all.

        Raises:
            BoardError: it cannot be written.
        """
        if self.flash_file is None:
            return
        unfinished = self.flash_file.with_name(self.flash_file.name + ".new")
        try:
            unfinished.write_bytes(self.chip.save_flash())
            unfinished.replace(self.flash_file)
        except OSError as error:
            raise BoardError(f"the flash was not saved: {unfinished}: {error.strerror}") from error

    def close(self) -> None:
        """Save the flash file and free the engine. Closing twice is harmless.

        Raises:
            BoardError: the flash file cannot be written; everything else is done.
        """
        if self._closed:
            return
        self._closed = True
        self.unplug()
        try:
            self.save()
        finally:
            self.core.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<VirtualBoard {self.chip.name} behind {self.probe.model.name}>"

    # ---- within

    def _access_ports(self) -> dict[int, AccessPort]:
        ports: dict[int, AccessPort] = {}
        for description in self.chip.access_ports:
            if description.device is not None:
                ports[description.index] = TimedAccessPort(description.device, self.clock.sync)
            else:
                mem_ap = MemAp(description, self.chip.bus, self.clock.sync)
                self._mem_aps.append(mem_ap)
                ports[description.index] = mem_ap
        return ports

    def _uart_output(self, data: bytes) -> None:
        self.console.take(data)
        if self.probe.uart is not None:
            self.probe.uart.feed(data)

    def _reset_line_changed(self) -> None:
        if not self.dp.powered:
            return
        low = self.reset_line.low
        if low:
            self.chip.reset_peripherals("system")
        self.core.hold_reset(asserted=low)

    def _strike(self, fault: BoardFault, duration_ns: int) -> None:
        """Let a scripted fault of the whole board happen now."""
        self.clock.sync()
        if fault is BoardFault.UNPLUG:
            self.unplug()
        elif fault is BoardFault.RESET_TARGET:
            self.reset_line.hold("button", low=True)
            self.timeline.after(_BUTTON_NS, lambda: self.reset_line.hold("button", low=False))
        else:
            self.power_off()
            if fault is BoardFault.BROWN_OUT:
                self.timeline.after(duration_ns, self.power_on)


def _build_chip(name: str, timeline: Timeline, *, locked: bool) -> ChipModel:
    try:
        if name == BARE_RAM:
            from .target.bare_ram import build_bare_ram

            return build_bare_ram(timeline)
        from .target.chip import build_chip
    except ModuleNotFoundError as missing:
        if missing.name != "unicorn":
            raise
        raise BoardError(
            "virtual boards need the CPU emulator Unicorn", hint="pip install 'onchip[sim]'"
        ) from missing
    return build_chip(name, timeline, locked=locked)
