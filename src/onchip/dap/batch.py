"""Skeleton."""
from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from .client import DapClient
from .transfers import Transfers

T = TypeVar("T")


class Result(Generic[T]):
    """A value that exists once its batch has run."""

    @property
    def value(self) -> T:
        """Return the value.

        Raises:
            UsageError: the batch has not run.
            TransferError: the operation failed, or was skipped because an earlier one failed.
        """
        raise NotImplementedError


class Batch:
    """Operations that travel together."""

    def __init__(self, client: DapClient) -> None:
        self.client = client

    def add(self, emit: Callable[[Transfers], None], *, repeatable: bool = False) -> None:
        """Add an operation; ``emit`` runs at :meth:`run`, in order.

        ``repeatable``: doing it twice is the same as doing it once (a register read).
        """
        raise NotImplementedError

    def run(self) -> None:
        """Run everything; raises the first failing operation's error."""
        raise NotImplementedError
