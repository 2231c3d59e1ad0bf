"""The whole error tree.

    OnchipError
    ├── UsageError            what was asked cannot be meant: refused before anything is touched
    ├── WireError             bytes that are not a message of the protocol
    │   └── CommandUnknown    the probe answered 0xFF: it does not have the command
    ├── ProbeError            the way to the probe
    │   ├── ProbeNotFound
    │   ├── ProbeBusy
    │   ├── ProbeDenied       the system keeps it from this user: permission, or a driver
    │   ├── ProbeLost         unplugged, or its socket closed
    │   ├── ProbeTimeout      no answer in time
    │   ├── ProbeRefused      the probe answered DAP_ERROR, or lacks the capability
    │   └── RecordingError    a recording that is none, or that the host does not follow
    ├── TransferError         one DP or AP operation failed; carries ``operation`` and ``address``
    │   ├── TransferFault     ACK FAULT: the bus or the port refused the access
    │   ├── TransferWait      ACK WAIT for longer than all retries
    │   ├── TransferNoAck     nothing drove the line
    │   ├── TransferParity    the data's parity was wrong
    │   ├── TransferMismatch  a match-wait ran out
    │   └── TransferSkipped   never reached the wire: an earlier operation of its batch failed
    ├── TargetError           the target's debug hardware answers, but not as needed
    │   ├── CoreStateError    needs a halted core, or a running one
    │   ├── CoreTimeout       did not halt, reset or answer in time
    │   ├── BreakpointError   no comparator left, or none that can do it
    │   ├── WatchpointError   likewise
    │   ├── LockedChip        read-out protection hides the chip from the debugger
    │   └── WrongChip         what answers is not what was asked for
    ├── ImageError            a firmware file that cannot be read, or contradicts itself
    ├── FlashError            programming; carries ``address``
    │   ├── AlgorithmError    an FLM file that is none, or that failed on the target
    │   │   └── AlgorithmCrash    it faulted, halted or hung instead of returning
    │   ├── PlanError         refused before anything was erased
    │   ├── EraseError
    │   ├── ProgramError
    │   └── VerifyError       what is on the chip is not what was to be there
    ├── SymbolError           debug information that is missing or damaged
    ├── ExpressionError       an expression about the target that has no value
    └── BoardError            a virtual board that cannot be built as asked

A message says what was attempted, where, what came back and what to try. ``hint`` is the last part,
kept apart so that a terminal can show it on its own line.
"""

from __future__ import annotations


class OnchipError(Exception):
    """Base of everything that onchip raises on purpose."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}; {self.hint}"


class UsageError(OnchipError):
    """What was asked cannot be meant; nothing was touched."""


class WireError(OnchipError):
    """The bytes are not a message of the protocol."""


class CommandUnknown(WireError):
    """The probe answered 0xFF in the place of the command byte: it does not have the command."""


class ProbeError(OnchipError):
    """The way to the probe failed."""


class ProbeNotFound(ProbeError):
    """No probe answers to that name."""


class ProbeBusy(ProbeError):
    """Another process holds the probe."""


class ProbeDenied(ProbeError):
    """The system does not let this user at the probe: no permission, or no driver."""


class ProbeLost(ProbeError):
    """The probe was unplugged, or its connection closed.

    ``target_state`` says what is known of the target that was left alone; empty: nothing.
    """

    target_state = ""

    def leave(self, target_state: str) -> None:
        """Say how the target was left, unless that was said already."""
        if target_state and not self.target_state:
            self.target_state = target_state
            self.hint = target_state if self.hint is None else f"{self.hint}; {target_state}"


class ProbeTimeout(ProbeError):
    """The probe did not answer in time."""


class ProbeRefused(ProbeError):
    """The probe answered that it will not or cannot."""


class RecordingError(ProbeError):
    """A recording cannot be read or written, or the host asks for something else than it holds."""


class TransferError(OnchipError):
    """One DP or AP operation failed.

    ``operation`` names it ("read DRW", "write SELECT"); ``address`` is the target address it was
    meant for, or None for an operation that has none.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str = "",
        address: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.operation = operation
        self.address = address


class TransferFault(TransferError):
    """The target answered FAULT."""


class TransferWait(TransferError):
    """The target answered WAIT until the retries ran out."""


class TransferNoAck(TransferError):
    """Nothing answered on the wire."""


class TransferParity(TransferError):
    """The data came with wrong parity."""


class TransferMismatch(TransferError):
    """A value that was waited for did not appear within the retries."""


class TransferSkipped(TransferError):
    """The operation did not run, because an earlier one of its batch failed."""


class TargetError(OnchipError):
    """The target's debug hardware does not do what was asked."""


class CoreStateError(TargetError):
    """The core is running where it must be halted, or the other way round."""


class CoreTimeout(TargetError):
    """The core did not get there in time."""


class BreakpointError(TargetError):
    """The breakpoint cannot be set."""


class WatchpointError(TargetError):
    """The watchpoint cannot be set."""


class LockedChip(TargetError):
    """The chip's read-out protection is on."""


class WrongChip(TargetError):
    """What answers is not what was asked for."""


class ImageError(OnchipError):
    """A firmware file cannot be read, or contradicts itself."""


class FlashError(OnchipError):
    """Programming failed. ``address`` is the first address concerned, if one is."""

    def __init__(
        self, message: str, *, address: int | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.address = address


class AlgorithmError(FlashError):
    """A flash algorithm cannot be used, or failed in another way than it may."""


class AlgorithmCrash(AlgorithmError):
    """A function faulted, halted or hung on the target instead of returning.

    ``function`` is its name: one of the algorithm's, or what `onchip` itself had the target do.
    """

    def __init__(
        self,
        message: str,
        *,
        address: int | None = None,
        hint: str | None = None,
        function: str = "",
    ) -> None:
        super().__init__(message, address=address, hint=hint)
        self.function = function


class PlanError(FlashError):
    """The job was refused before anything was erased."""


class EraseError(FlashError):
    """A sector or the chip could not be erased."""


class ProgramError(FlashError):
    """A page could not be programmed."""


class VerifyError(FlashError):
    """What is on the chip is not what was to be there."""


class SymbolError(OnchipError):
    """Debug information is missing or damaged."""


class ExpressionError(OnchipError):
    """An expression about the target has no value: a division by zero, say."""


class BoardError(OnchipError):
    """A virtual board cannot be built as asked."""
