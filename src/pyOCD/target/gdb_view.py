"""The target as GDB is told of it: documents, and registers in hexadecimal."""

from __future__ import annotations

from onchip.services.gdb import EXPEDITED, GENERAL, RegisterLayout, memory_map_xml, target_xml
from pyOCD.target.connected import Connected

_SIGNALS = {3: 11, 4: 11, 5: 10, 6: 4}  # by exception: SIGSEGV, SIGSEGV, SIGBUS, SIGILL
_SIGINT, _SIGTRAP = 2, 5


class GdbView(Connected):
    """The part of a target that a GDB server would hand on."""

    @property
    def _layout(self) -> RegisterLayout:
        core = self.session.core
        mainline = "v6" not in core.architecture.lower()
        return RegisterLayout(has_fpu=core.has_fpu, mainline=mainline)

    def getTargetXML(self) -> str:
        """Return the target description."""
        return target_xml(self._layout).decode("ascii")

    def getMemoryMapXML(self) -> str:
        """Return the memory map."""
        return memory_map_xml(self.session.memory_map).decode("ascii")

    def getThreadsXML(self) -> str:
        """Return the list of threads: the core."""
        name = self.session.core.name
        return f'<?xml version="1.0"?>\n<threads><thread id="1">{name}</thread></threads>\n'

    def getRegisterContext(self) -> str:
        """Return the general registers as the answer to ``g``."""
        return self._layout.encode_general(self.session.core.read_registers(GENERAL)).hex()

    def setRegisterContext(self, data: str) -> None:
        """Write registers as the data of ``G`` do."""
        self.session.core.write_registers(self._layout.decode(bytes.fromhex(data)))

    def setRegister(self, reg: int, data: str) -> None:
        """Write the register with GDB's number ``reg``."""
        spec = self._layout.find(reg)
        self.session.core.write_register(
            spec.name, int.from_bytes(bytes.fromhex(data)[: spec.bits // 8], "little")
        )

    def gdbGetRegister(self, reg: int) -> str:
        """Return the register with GDB's number ``reg``."""
        spec = self._layout.find(reg)
        return spec.encode(self.session.core.read_register(spec.name)).hex()

    def getSignalValue(self) -> int:
        """Return the signal for the halt: SIGTRAP, or that of the fault the core is in."""
        return _SIGNALS.get(self.session.core.read_register("xpsr") & 0x1FF, _SIGTRAP)

    def getTResponse(self, gdbInterrupt: bool = False, forceSignal: int | None = None) -> str:
        """Return a stop reply."""
        signal = _SIGINT if gdbInterrupt else self.getSignalValue()
        layout = self._layout
        values = self.session.core.read_registers(EXPEDITED)
        specs = [layout.by_name[name] for name in EXPEDITED]
        pairs = "".join(f"{s.number:02x}:{s.encode(values[s.name]).hex()};" for s in specs)
        return f"T{signal if forceSignal is None else forceSignal:02x}{pairs}"
