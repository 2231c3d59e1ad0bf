"""The core primitive: operations are collected, then run together; each read has a Result.

An operation is an *emitter*: a closure that, when the batch runs, lowers itself to register
accesses through the caches as they are then (SELECT, CSW, TAR, halted or running). So a batch can
be written down long before it runs, and what happens in between cannot make it wrong. ADR 0011
tells more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from ..errors import (
    OnchipError,
    ProbeError,
    ProbeLost,
    TransferNoAck,
    TransferParity,
    TransferSkipped,
    UsageError,
)
from .client import DapClient
from .pipeline import run_elements
from .transfers import Transfers

T = TypeVar("T")


class Result(Generic[T]):
    """A value that exists once its batch has run."""

    __slots__ = ("_batch", "_compute", "_operation")

    def __init__(self, batch: Batch, operation: int) -> None:
        self._batch = batch
        self._operation = operation
        self._compute: Callable[[], T] | None = None

    def __repr__(self) -> str:
        try:
            value = self.value
        except OnchipError as error:
            return f"<Result: {error.message}>"
        return f"<Result {value:#x}>" if type(value) is int else f"<Result {value!r}>"

    def bind(self, compute: Callable[[], T]) -> None:
        """Tell, while emitting, how the value comes out of what will have been read."""
        self._compute = compute

    @property
    def value(self) -> T:
        """Return the value.

        Raises:
            UsageError: the batch has not run.
            OnchipError: the operation failed (its own error).
            TransferSkipped: an earlier operation of the batch failed.
        """
        self._batch.check(self._operation)
        if self._compute is None:
            raise UsageError("the operation gave this result no value")
        return self._compute()


class Batch:
    """Operations that travel together, in as few packets and round trips as they fit.

    Everything before a failing operation has happened and its results are valid; what comes after
    it has not, except what was declared harmless (see ``transfers``).
    """

    __slots__ = ("_all_repeatable", "_error", "_failed_at", "_operations", "_ran", "client")

    def __init__(self, client: DapClient) -> None:
        self.client = client
        self._operations: list[Callable[[Transfers], None]] = []
        self._all_repeatable = True
        self._ran = False
        self._failed_at = -1
        self._error: OnchipError | None = None

    def __len__(self) -> int:
        return len(self._operations)

    def __repr__(self) -> str:
        state = "failed" if self._failed_at >= 0 else "has run" if self._ran else "has not run"
        return f"<Batch of {len(self)} operations, {state}>"

    def add(self, emit: Callable[[Transfers], None], *, repeatable: bool = False) -> None:
        """Add an operation; ``emit`` lowers it when the batch runs.

        ``repeatable``: doing it twice is the same as doing it once, as with reading a core
        register. A batch of nothing else is tried once more after trouble on the wire.

        Raises:
            UsageError: the batch has already run.
        """
        if self._ran:
            raise UsageError("this batch has run; make a new one")
        if not repeatable:
            self._all_repeatable = False
        self._operations.append(emit)

    def result(self) -> Result[T]:
        """Return a result for the operation that is added next."""
        return Result(self, len(self._operations))

    def check(self, operation: int) -> None:
        """Raise what stands between the operation of that index and its value, if anything does.

        Raises:
            UsageError: the batch has not run.
            OnchipError: the operation failed.
            TransferSkipped: an earlier operation of the batch failed.
        """
        if not self._ran:
            raise UsageError("the batch of this result has not run yet")
        if self._failed_at < 0 or operation < self._failed_at:
            return
        assert self._error is not None
        if operation == self._failed_at:
            raise self._error
        raise TransferSkipped(
            f"not run, because an earlier operation of its batch failed: {self._error.message}"
        )

    def run(self) -> None:
        """Run every operation, in order.

        Raises:
            UsageError: the batch has already run.
            OnchipError: of the first operation that failed: a ``TransferError`` that names the
                access, or what the operation itself raises (``CoreStateError``...).
            ProbeError: the probe failed; operations that were in flight are in doubt.
        """
        if self._ran:
            raise UsageError("this batch has run; make a new one")
        self._ran = True
        if not self._operations:
            return
        with self.client.lock:
            try:
                self._try()
            except ProbeLost as error:
                error.leave(self.client.describe_target())
                raise
            except (TransferNoAck, TransferParity, ProbeError):
                if not self._all_repeatable or not self.client.usable:
                    raise
                self._failed_at, self._error = -1, None
                self._try()

    def _try(self) -> None:
        client = self.client
        client.ensure_usable()
        transfers = Transfers(polls=client.polls)
        at = 0
        try:
            for at, emit in enumerate(self._operations):
                transfers.begin(at)
                emit(transfers)
        except BaseException as error:
            # nothing was sent, but the caches already speak as if it had been
            client.invalidate()
            self._fail(at if isinstance(error, OnchipError) else 0, error)
            raise
        try:
            failure = run_elements(client, transfers.elements)
        except ProbeError as error:
            self._fail(client.unconfirmed.operation if client.unconfirmed else 0, error)
            raise
        failed_at = len(self._operations) if failure is None else failure.element.operation
        if failure is not None:
            self._fail(failed_at, failure.error())
        for operation, callback in transfers.finishers:
            if operation >= failed_at:
                break
            try:
                callback()
            except OnchipError as error:
                self._fail(operation, error)
                raise
        if self._error is not None:
            raise self._error

    def _fail(self, operation: int, error: BaseException) -> None:
        self._failed_at = operation
        if isinstance(error, OnchipError):
            self._error = error
        else:
            self._error = OnchipError(f"the batch broke off: {error!r}")
