"""Core registers by name, through DCRSR and DCRDR.

A read is three accesses of 7 request bytes: write DCRSR (BD1), read DHCSR (BD0), read DCRDR (BD2).
Nothing asks beforehand whether the core is ready: S_HALT and S_REGRDY stand in the DHCSR that was
read, and the rare register that was not ready is read again, with a wait in the probe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping

from ..arch.scs import DCRDR, DCRSR, DHCSR, Regsel
from ..coresight import MemAp
from ..dap import Batch, Element, Result, Transfers
from ..errors import CoreStateError, UsageError
from .run_control import RunControl

_S_REGRDY = int(DHCSR.build(S_REGRDY=1))
_WRITE = int(DCRSR.build(REGWnR=1))
_READY_TIMEOUT_S = 0.5

CORE_NAMES = tuple([f"r{n}" for n in range(13)] + ["sp", "lr", "pc", "xpsr"])
STACK_NAMES = ("msp", "psp")
_CFBP_SHIFT = {"primask": 0, "basepri": 8, "faultmask": 16, "control": 24}
_CFBP_WIDTH = {"primask": 1, "basepri": 8, "faultmask": 1, "control": 8}
_FPU_NAMES = tuple(["fpscr"] + [f"s{n}" for n in range(32)])
_PSR_MASK = {"apsr": 0xF80F_0000, "ipsr": 0x0000_01FF, "epsr": 0x0700_FC00}
PSR_VIEWS = tuple(_PSR_MASK)
"""Views of xpsr, each with its own bits, where they stand in it (ARMv7-M B1.4.2)."""
_ALIASES = {"r13": "sp", "r14": "lr", "r15": "pc", "psr": "xpsr", "cpsr": "xpsr"}

_REGSEL = {name: n for n, name in enumerate(CORE_NAMES[:16])}
_REGSEL |= {"xpsr": Regsel.XPSR, "msp": Regsel.MSP, "psp": Regsel.PSP, "fpscr": Regsel.FPSCR}
_REGSEL |= {f"s{n}": Regsel.S0 + n for n in range(32)}


class _Reading:
    """One register on its way: DHCSR and DCRDR as they came."""

    __slots__ = ("data", "selector", "status")

    def __init__(self, selector: int, status: Element, data: Element) -> None:
        self.selector = selector
        self.status = status
        self.data = data


class RegisterAccess:
    """The registers of one core. It must be halted."""

    def __init__(self, ap: MemAp, run: RunControl) -> None:
        self.ap = ap
        self.run = run
        self.names: tuple[str, ...] = CORE_NAMES + STACK_NAMES + ("control", "primask")
        self.on_write: Callable[[str, int], None] = lambda name, value: None
        self._shared: dict[int, int] = {}  # words that hold several registers, by selector
        self._shared_generation = -1

    def configure(self, *, baseline: bool, has_fpu: bool) -> None:
        """Set which registers this core has."""
        special = ("control", "primask") if baseline else tuple(reversed(_CFBP_SHIFT))
        self.names = CORE_NAMES + STACK_NAMES + special + (_FPU_NAMES if has_fpu else ())

    def canonical(self, name: str) -> str:
        """Return the one name of a register that may be spelled in several ways.

        Raises:
            UsageError: this core has no such register.
        """
        plain = name.strip().lower()
        plain = _ALIASES.get(plain, plain)
        if plain in self.names or plain in _PSR_MASK:
            return plain
        if plain in _DOUBLES and "s0" in self.names:
            return plain
        hint = "it has no FPU" if plain in _FPU_NAMES or plain in _DOUBLES else None
        if hint is None:
            hint = f"it has {', '.join(self.names[:4])} ... {', '.join(self.names[13:])}"
        raise UsageError(f"this core has no register {name!r}", hint=hint)

    # ---- reading

    def queue_read(self, batch: Batch, names: Iterable[str]) -> Result[dict[str, int]]:
        """Queue the read of registers; the result holds them by canonical name, in order.

        Raises:
            UsageError: this core has no such register.
        """
        wanted = [self.canonical(name) for name in names]
        selectors = dict.fromkeys(s for name in wanted for s in _selectors(name))
        result: Result[dict[str, int]] = batch.result()

        def emit(t: Transfers) -> None:
            self.run.require_halted("read registers")
            readings = [self._emit_read(t, selector) for selector in selectors]
            values: dict[int, int] = {}
            t.finish(lambda: self._collect(readings, values))
            result.bind(lambda: {name: _assemble(name, values) for name in wanted})

        batch.add(emit, repeatable=True)
        return result

    def _emit_read(self, t: Transfers, selector: int) -> _Reading:
        ap = self.ap
        ap.emit_write_word(t, DCRSR.address, selector)
        status = ap.emit_read_word(t, DHCSR.address)
        return _Reading(selector, status, ap.emit_read_word(t, DCRDR))

    def _collect(self, readings: list[_Reading], values: dict[int, int]) -> None:
        """Check what came; read again what was not ready.

        Raises:
            CoreStateError: the core was not halted.
        """
        late = []
        reset_seen = False
        for reading in readings:
            status = DHCSR(reading.status.word())
            reset_seen = reset_seen or status.S_RESET_ST
            if not status.S_HALT:
                self.run.note(status)
                raise CoreStateError(
                    "cannot read registers while the core runs", hint="halt it first"
                )
            if status & _S_REGRDY:
                values[reading.selector] = reading.data.word()
            else:
                late.append(reading.selector)
        self.run.halted = True
        self.run.reset_seen |= reset_seen
        if late:
            self._read_late(late, values)

    def _read_late(self, selectors: list[int], values: dict[int, int]) -> None:
        batch = self.ap.batch()
        elements: dict[int, Element] = {}

        def emit(t: Transfers) -> None:
            for selector in selectors:
                t.barrier()
                self.ap.emit_write_word(t, DCRSR.address, selector)
                self._emit_ready(t)
                elements[selector] = self.ap.emit_read_word(t, DCRDR)

        batch.add(emit)
        batch.run()
        values.update((selector, element.word()) for selector, element in elements.items())

    def _emit_ready(self, t: Transfers) -> None:
        self.ap.emit_wait_word(t, DHCSR.address, _S_REGRDY, _S_REGRDY, _READY_TIMEOUT_S)

    # ---- writing

    def queue_write(self, batch: Batch, name: str, value: int) -> None:
        """Queue the write of a register.

        CONTROL, FAULTMASK, BASEPRI and PRIMASK share one word, and APSR, IPSR and EPSR xPSR: unless
        that is known, it is read at once, so the core must then be halted already.

        Raises:
            UsageError: no such register, or ``value`` does not fit it.
            CoreStateError: the core runs.
        """
        name = self.canonical(name)
        _check_width(name, value)
        if name in _CFBP_SHIFT or name in _PSR_MASK:
            self._learn_shared(*_selectors(name))

        def emit(t: Transfers) -> None:
            self.run.require_halted("write registers")
            for selector, word in self._words(name, value):
                t.barrier()
                self.ap.emit_write_word(t, DCRDR, word)
                self.ap.emit_write_word(t, DCRSR.address, selector | _WRITE)
                self._emit_ready(t)
            self.on_write(name, value)

        batch.add(emit)

    def queue_load(self, batch: Batch, values: Mapping[str, int]) -> None:
        """Queue writes for a core that is to be resumed then: none waits for the one before.

        If one is lost the resume, which waits for all of them, is not done.
        """
        named = [(self.canonical(name), value) for name, value in values.items()]

        def emit(t: Transfers) -> None:
            self.run.require_halted("write registers")
            for name, value in named:
                for selector, word in self._words(name, value):
                    self.ap.emit_write_word(t, DCRDR, word)
                    self.ap.emit_write_word(t, DCRSR.address, selector | _WRITE)
                    self._emit_ready(t)
                self.on_write(name, value)

        batch.add(emit)

    def _words(self, name: str, value: int) -> list[tuple[int, int]]:
        if name in _CFBP_SHIFT:
            shift = _CFBP_SHIFT[name]
            return [self._change_shared(Regsel.CFBP, 0xFF << shift, value << shift, name)]
        if name in _PSR_MASK:
            return [self._change_shared(Regsel.XPSR, _PSR_MASK[name], value, name)]
        if name in _DOUBLES:
            low, high = _selectors(name)
            return [(low, value & 0xFFFF_FFFF), (high, value >> 32)]
        if name == "pc":
            value &= ~1  # the DebugReturnAddress is halfword aligned (ARMv7-M C1.6.3)
        if name == "xpsr":
            self._known_shared()[Regsel.XPSR] = value
        return [(_REGSEL[name], value)]

    # ---- words that hold several registers

    def _change_shared(self, selector: int, mask: int, bits: int, name: str) -> tuple[int, int]:
        word = self._known_shared().get(selector)
        if word is None:
            raise CoreStateError(f"what shares a word with {name} is not known any more")
        self._shared[selector] = word & ~mask | bits
        return selector, self._shared[selector]

    def _known_shared(self) -> dict[int, int]:
        generation = self.ap.dp.client.generation
        if self._shared_generation != generation:
            self._shared, self._shared_generation = {}, generation
        return self._shared

    def _learn_shared(self, selector: int) -> None:
        if selector in self._known_shared():
            return
        values: dict[int, int] = {}
        element: list[_Reading] = []

        def emit(t: Transfers) -> None:
            element.append(self._emit_read(t, selector))
            t.finish(lambda: self._collect(element, values))

        batch = self.ap.batch()
        batch.add(emit, repeatable=True)
        batch.run()
        self._known_shared()[selector] = values[selector]

    def forget(self) -> None:
        """Forget what may change once the core runs."""
        self._shared = {}


_DOUBLES = {f"d{n}": (Regsel.S0 + 2 * n, Regsel.S0 + 2 * n + 1) for n in range(16)}


def _check_width(name: str, value: int) -> None:
    """Refuse what does not fit.

    Raises:
        UsageError: it does not.
    """
    if name in _PSR_MASK:
        if value & ~_PSR_MASK[name]:
            raise UsageError(
                f"{value:#x} does not fit {name}, whose bits are {_PSR_MASK[name]:#010x}"
            )
        return
    width = 64 if name in _DOUBLES else _CFBP_WIDTH.get(name, 32)
    if not 0 <= value < 1 << width:
        raise UsageError(f"{value:#x} does not fit {name}, which has {width} bits")


def _selectors(name: str) -> tuple[int, ...]:
    if name in _DOUBLES:
        return _DOUBLES[name]
    if name in _CFBP_SHIFT:
        return (Regsel.CFBP,)
    if name in _PSR_MASK:
        return (Regsel.XPSR,)
    return (_REGSEL[name],)


def _assemble(name: str, values: Mapping[int, int]) -> int:
    words = [values[selector] for selector in _selectors(name)]
    if name in _CFBP_SHIFT:
        return words[0] >> _CFBP_SHIFT[name] & 0xFF
    if name in _PSR_MASK:
        return words[0] & _PSR_MASK[name]
    return words[0] if len(words) == 1 else words[0] | words[1] << 32


class Registers(MutableMapping[str, int]):
    """The registers of a core as a mapping that reads and writes the hardware.

    ``registers["pc"]`` reads one; showing the whole reads all of them in one batch.
    """

    def __init__(
        self,
        names: Callable[[], tuple[str, ...]],
        read: Callable[[Iterable[str]], dict[str, int]],
        write: Callable[[str, int], None],
    ) -> None:
        self._names = names
        self._read = read
        self._write = write

    def __getitem__(self, name: str) -> int:
        return next(iter(self._read([name]).values()))

    def __setitem__(self, name: str, value: int) -> None:
        self._write(name, value)

    def __delitem__(self, name: str) -> None:
        raise UsageError("a core's registers cannot be deleted")

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __contains__(self, name: object) -> bool:
        return name in self._names()

    def __repr__(self) -> str:
        names = [n for n in self._names() if not n.startswith("s") or n == "sp"]
        try:
            values = self._read(names)
        except CoreStateError:
            return "<Registers: the core runs>"
        cells = [f"{name:>9} {value:#010x}" for name, value in values.items()]
        return "\n".join("  ".join(cells[i : i + 4]) for i in range(0, len(cells), 4))
