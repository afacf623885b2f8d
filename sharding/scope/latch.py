"""What a request or a task met at its shard, whatever its code made of it.

A tenant that moves refuses writes where it was (SQLSTATE AT001), and then every look: its tables
"do not exist", or may not be read. Code may catch such an error, word it anew or swallow it. So
cursors note it here, beside the scope, and whoever runs the whole asks afterwards.

Whether anything was committed is noted as well: what has an effect is not run twice.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from sharding.scope.current import tenant_or_none
from sharding.scope.types import Placement

FENCED: Final = "AT001"
"""Raised by the guards of a schema whose write permit was taken."""
_MISSING_SCHEMA: Final = "3F000"
_MISSING_ROLE: Final = "22023"
"""What SET ROLE answers where the role was dropped; also of wrong values, which is found out."""


@dataclass(slots=True)
class Latch:
    """What was noted. Never unset: one refused statement is enough.

    Attributes:
        refused: where a fence refused a write.
        missed: where something was not found or not allowed, as where a tenant is no longer.
        committed: whether a transaction that may have written was committed, or may have been.
    """

    refused: Placement | None = None
    missed: Placement | None = None
    committed: bool = False

    @property
    def met(self) -> Placement | None:
        """Where the tenant perhaps is no longer; None: nothing speaks for it."""
        return self.refused or self.missed

    def note(self, sqlstate: str | None) -> None:
        """Take in an error of a statement that ran in the scope in force."""
        if sqlstate is None:
            return
        if sqlstate == FENCED:
            self.refused = self.refused or tenant_or_none()
        elif sqlstate[:2] == "42" or sqlstate in (_MISSING_SCHEMA, _MISSING_ROLE):
            self.missed = self.missed or tenant_or_none()


_latch: Final[ContextVar[Latch | None]] = ContextVar("atoll_latch", default=None)

current_latch = _latch.get
"""The latch of the running request or task; None outside of both. Threads and coroutines that were
started with its context share it."""


@contextmanager
def latched() -> Iterator[Latch]:
    """Note what the block meets in a latch of its own."""
    before = _latch.get()
    made = Latch()
    _latch.set(made)
    try:
        yield made
    finally:
        # By value: a token is only good in the context that made it.
        _latch.set(before)


def replace_latch(latch: Latch | None) -> Latch | None:
    """Put `latch` in place and return what was there. For those who cannot be a `with` block."""
    before = _latch.get()
    _latch.set(latch)
    return before


def note_commit() -> None:
    """What may have written was committed, or nobody knows whether it was."""
    latch = _latch.get()
    if latch is not None:
        latch.committed = True
