"""A core as a set of registers: what it is, how they are read and written, what is kept of them.

What was read while the core stands still is kept, and void after any failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..arch.scs import CPUID
from ..coresight import MemAp
from ..dap import Batch, Result
from .identify import CoreIdentity
from .registers import RegisterAccess, Registers
from .run_control import RunControl


class RegisterCore:
    """A core whose registers can be read and written by name while it is halted."""

    def __init__(self, ap: MemAp) -> None:
        self.ap = ap
        self.identity = CoreIdentity("Cortex-M", "", CPUID(0), has_fpu=False)
        self.run = RunControl(ap)
        self._access = RegisterAccess(ap, self.run)
        self._access.on_write = self._register_written
        self._pc: int | None = None
        self._kept: dict[str, int] = {}
        self._kept_generation = -1

    # ---- what it is

    @property
    def name(self) -> str:
        """Return the core's name: ``Cortex-M4F``."""
        return self.identity.name

    @property
    def cpuid(self) -> CPUID:
        """Return CPUID."""
        return self.identity.cpuid

    @property
    def has_fpu(self) -> bool:
        """Return whether it has a floating-point unit."""
        return self.identity.has_fpu

    @property
    def architecture(self) -> str:
        """Return the architecture: ``ARMv7E-M``."""
        return self.identity.architecture

    def configure(self, identity: CoreIdentity) -> None:
        """Take in what the core is, and so which registers it has."""
        self.identity = identity
        self._access.configure(baseline=identity.baseline, has_fpu=identity.has_fpu)

    def batch(self) -> Batch:
        """Return an empty batch."""
        return self.ap.batch()

    def now(self) -> float:
        """Return the link's time in seconds."""
        return self.ap.dp.client.link.now()

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass on the link's clock."""
        self.ap.dp.client.link.sleep(seconds)

    # ---- registers

    @property
    def register_names(self) -> tuple[str, ...]:
        """Return the registers of this core, s0-s31 among them if it has an FPU."""
        return self._access.names

    @property
    def registers(self) -> Registers:
        """Return the registers as a mapping that reads and writes the hardware."""
        return Registers(lambda: self.register_names, self.read_registers, self.write_register)

    def queue_read_register(self, batch: Batch, name: str) -> Result[int]:
        """Queue the read of one register; d0-d15 are read as 64 bits."""
        result: Result[int] = batch.result()
        canonical = self._access.canonical(name)
        inner = self._access.queue_read(batch, [canonical])

        result.bind(lambda: inner.value[canonical])
        return result

    def queue_read_registers(
        self, batch: Batch, names: Iterable[str] | None = None
    ) -> Result[dict[str, int]]:
        """Queue the read of several registers; None: all."""
        return self._access.queue_read(batch, self.register_names if names is None else names)

    def queue_write_register(self, batch: Batch, name: str, value: int) -> None:
        """Queue the write of one register; see :meth:`RegisterAccess.queue_write`."""
        self._access.queue_write(batch, name, value)

    def queue_load_registers(self, batch: Batch, values: Mapping[str, int]) -> None:
        """Queue writes for a core to be resumed then; see :meth:`RegisterAccess.queue_load`."""
        self._access.queue_load(batch, values)

    def read_register(self, name: str) -> int:
        """Return a register by name; d0-d15 as 64 bits, of apsr, ipsr and epsr their bits of xpsr.

        Raises:
            UsageError: this core has no such register.
            CoreStateError: the core runs.
            TransferError: the debug hardware did not answer.
        """
        return next(iter(self.read_registers([name]).values()))

    def read_registers(self, names: Iterable[str] | None = None) -> dict[str, int]:
        """Return registers by name; None: all of this core (s0-s31, not d0-d15).

        Raises:
            UsageError: this core has no such register.
            CoreStateError: the core runs.
            TransferError: the debug hardware did not answer.
        """
        wanted = [
            self._access.canonical(n) for n in (self.register_names if names is None else names)
        ]
        self.run.require_halted("read registers")
        if self._kept and self._fresh() and self.run.halted and self._kept.keys() >= set(wanted):
            return {name: self._kept[name] for name in wanted}
        batch = self.batch()
        result = self._access.queue_read(batch, wanted)
        batch.run()
        if "pc" in result.value:
            self._keep_pc(result.value["pc"])
        return result.value

    def write_register(self, name: str, value: int) -> None:
        """Write a register by name; of apsr, ipsr and epsr their bits of xpsr, and no others.

        Raises:
            UsageError: this core has no such register, or ``value`` does not fit it.
            CoreStateError: the core runs.
            TransferError: the debug hardware did not answer.
        """
        self.write_registers({name: value})

    def write_registers(self, values: Mapping[str, int]) -> None:
        """Write several registers in one batch.

        Raises:
            UsageError: as :meth:`write_register`; nothing is then written.
            CoreStateError: the core runs.
            TransferError: the debug hardware did not answer.
        """
        self.run.require_halted("write registers")
        batch = self.batch()
        for name, value in values.items():
            self.queue_write_register(batch, name, value)
        batch.run()

    # ---- what is kept while the core stands still

    def _keep(self, values: Mapping[str, int]) -> None:
        self._kept = dict(values)
        self._keep_pc(values.get("pc", self._pc))

    def _keep_pc(self, pc: int | None) -> None:
        self._pc = pc
        self._kept_generation = self.ap.dp.client.generation

    def _fresh(self) -> bool:
        return self._kept_generation == self.ap.dp.client.generation

    @property
    def known_pc(self) -> int | None:
        """Return the pc, if it is known without asking the core."""
        return self._pc if self._fresh() else None

    def forget(self) -> None:
        """Forget what changes when the core runs."""
        self._kept = {}
        self._pc = None
        self._access.forget()

    def _register_written(self, name: str, value: int) -> None:
        self._kept = {}
        if name == "pc":
            self._keep_pc(value & ~1)
