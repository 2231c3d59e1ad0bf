"""Walk the ROM tables of an AP: which CoreSight components there are, and where.

One level of the tree is read per round trip: the identification of all components at once, then the
entries of those that are tables. What does not answer (absent, or powered down) is kept in the tree
with its problem said, and the walk goes on behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from ..arch.adi import BASE
from ..arch.coresight import (
    ARCHID_ROM_TABLE,
    CIDR_CLASS_MASK,
    CIDR_PREAMBLE,
    DEVARCH,
    DEVARCH_OFFSET,
    DEVTYPE_OFFSET,
    ComponentClass,
    RomEntry,
    RomEntry9,
    pidr_designer,
    pidr_part,
)
from ..dap import Result
from ..errors import TransferFault, TransferSkipped, UsageError
from .mem_ap import MemAp
from .parts import component_name, designer_name

_IDENTIFICATION = 0x1000 - DEVTYPE_OFFSET  # DEVTYPE, PIDR4-7, PIDR0-3, CIDR0-3
_ENTRIES_AT_ONCE = 16
_MOST_ENTRIES = 960  # of a class 1 table; a class 9 table has 512
_DEEPEST = 6
_MOST_COMPONENTS = 256


@dataclass(slots=True)
class Component:
    """One CoreSight component, or a ROM table with its children.

    ``problem`` says why it could not be read, or that it is not what a table should name.
    """

    address: int
    cidr: int = 0
    pidr: int = 0
    devarch: DEVARCH = DEVARCH(0)  # noqa: RUF009  # an int, and immutable
    devtype: int = 0
    component_class: int = 0
    designer: str = ""
    part: int = 0
    name: str = "no answer"
    children: list[Component] = field(default_factory=list)
    problem: str = ""

    def __iter__(self) -> Iterator[Component]:
        """Go through this component and everything below it, depth first."""
        yield self
        for child in self.children:
            yield from child

    @property
    def is_table(self) -> bool:
        """Return whether this is a ROM table, class 1 or 9."""
        if self.component_class == ComponentClass.ROM_TABLE:
            return True
        archid = self.devarch.ARCHID if self.devarch.PRESENT else None
        return self.component_class == ComponentClass.CORESIGHT and archid == ARCHID_ROM_TABLE

    def __str__(self) -> str:
        return "\n".join(self._lines(0))

    def __repr__(self) -> str:
        below = f", {len(self.children)} below" if self.children else ""
        told = self.problem or f"{self.name}, {self.designer}"
        return f"<Component {self.address:#010x}: {told}{below}>"

    def _lines(self, depth: int) -> Iterator[str]:
        told = self.problem or f"{self.name}, {self.designer}"
        yield f"{'  ' * depth}{self.address:#010x} {told}"
        for child in self.children:
            yield from child._lines(depth + 1)


def walk(ap: MemAp, base: int | None = None) -> Component:
    """Read the ROM table of an AP and everything it names; the root is the AP's own table.

    ``base``: start there instead of where the AP's BASE register points.

    Raises:
        UsageError: the AP has no ROM table.
        TransferError: the wire or the target's bus failed, not just one component.
        ProbeError: the probe failed.
    """
    if base is None:
        base = table_address(ap.base)
        if base is None:
            raise UsageError(f"AP {ap.index} has no ROM table (BASE {int(ap.base):#010x})")
    root = Component(base)
    level = [root]
    seen = {base}
    head = _identify_root(ap, root)
    for _ in range(_DEEPEST):
        if head is None:
            _identify(ap, level)
        tables = [c for c in level if c.is_table]
        if not tables:
            break
        if head is None or not _take_entries(root, head, seen):
            _read_entries(ap, tables, seen, 0 if head is None else len(head))
        head = None
        level = [child for table in tables for child in table.children]
        if not level or len(seen) > _MOST_COMPONENTS:
            break
    return root


def table_address(base: BASE) -> int | None:
    """Return where BASE points; None if there is no table."""
    if base == 0xFFFF_FFFF or (base.Format and not base.P):
        return None
    return int(base) & 0xFFFF_F000


def _identify_root(ap: MemAp, root: Component) -> bytes | None:
    """Identify the root and read its first entries along with it: it is a table nearly always."""
    batch = ap.batch()
    devarch = ap.queue_read_u32(batch, root.address + DEVARCH_OFFSET)
    rest = ap.queue_read(batch, root.address + DEVTYPE_OFFSET, _IDENTIFICATION)
    entries = ap.queue_read(batch, root.address, 4 * _ENTRIES_AT_ONCE)
    try:
        batch.run()
    except TransferFault:
        return None
    _fill(root, devarch.value, rest.value)
    return entries.value if root.is_table else None


def _identify(ap: MemAp, components: list[Component]) -> None:
    """Read the identification of all ``components``, in one batch unless one of them faults."""
    left = list(components)
    while left:
        batch = ap.batch()
        results: list[tuple[Component, Result[int], Result[bytes]]] = []
        for component in left:
            devarch = ap.queue_read_u32(batch, component.address + DEVARCH_OFFSET)
            rest = ap.queue_read(batch, component.address + DEVTYPE_OFFSET, _IDENTIFICATION)
            results.append((component, devarch, rest))
        with suppress(TransferFault):  # whose it was shows below
            batch.run()
        left = []
        for at, (component, devarch, rest) in enumerate(results):
            try:
                _fill(component, devarch.value, rest.value)
            except TransferFault as error:
                component.problem = f"does not answer: {error.message}"
                left = [c for c, _, _ in results[at + 1 :]]
                break


def _fill(component: Component, devarch: int, data: bytes) -> None:
    words = [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]
    pidr = sum((words[1 + i] & 0xFF) << 8 * ((i + 4) % 8) for i in range(8))
    cidr = sum((words[9 + i] & 0xFF) << 8 * i for i in range(4))
    component.cidr, component.pidr = cidr, pidr
    if cidr & ~CIDR_CLASS_MASK != CIDR_PREAMBLE:
        component.problem = f"no CoreSight component (CIDR {cidr:#010x})"
        return
    component.component_class = (cidr & CIDR_CLASS_MASK) >> 12
    component.part = pidr_part(pidr)
    designer = pidr_designer(pidr)
    component.designer = designer_name(designer)
    archid = None
    if component.component_class == ComponentClass.CORESIGHT:
        component.devarch = DEVARCH(devarch)
        component.devtype = words[0] & 0xFF
        archid = component.devarch.ARCHID if component.devarch.PRESENT else None
    component.name = component_name(designer, component.part, component.component_class, archid)


def _read_entries(ap: MemAp, tables: list[Component], seen: set[int], start: int) -> None:
    """Read the entries of all ``tables``, some at a time, until each one's end was seen."""
    left = [(table, start) for table in tables]
    while left:
        batch = ap.batch()
        length = 4 * _ENTRIES_AT_ONCE
        results = [(t, at, ap.queue_read(batch, t.address + at, length)) for t, at in left]
        with suppress(TransferFault):  # whose it was shows below
            batch.run()
        left = []
        for table, at, result in results:
            try:
                ended = _take_entries(table, result.value, seen)
            except TransferSkipped:
                left.append((table, at))
            except TransferFault as error:
                table.problem = f"its entries do not answer: {error.message}"
            else:
                if not ended and at + length < 4 * _MOST_ENTRIES:
                    left.append((table, at + length))


def _take_entries(table: Component, data: bytes, seen: set[int]) -> bool:
    """Add the components that ``data`` names; return whether the table ended."""
    for i in range(0, len(data), 4):
        word = int.from_bytes(data[i : i + 4], "little")
        if table.component_class == ComponentClass.ROM_TABLE:
            if word == 0:
                return True
            present = RomEntry(word).PRESENT
        else:
            state = RomEntry9(word).PRESENT
            if state == 0:
                return True
            present = state == 3
        address = (table.address + (word & 0xFFFF_F000)) & 0xFFFF_FFFF
        if present and address not in seen:
            seen.add(address)
            table.children.append(Component(address))
    return False
