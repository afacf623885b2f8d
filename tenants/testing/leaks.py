"""What a test leaves behind: found, told, and put right before the next test meets it."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import connections
from django.db.backends.signals import connection_created
from psycopg.pq import TransactionStatus

from sharding import scope
from sharding.scope.current import replace

Depths = Mapping[str, tuple[bool, int]]

_made: Final[list[tuple[Any, threading.Thread]]] = []
"""Connections and the threads that made them. No weak references: a thread's wrappers go with it,
whenever the garbage collector comes."""


def watch() -> None:
    """Hear of every connection from now on. Idempotent."""
    connection_created.connect(_note_made, dispatch_uid="tenants.testing.leaks")


def _note_made(connection: Any, **kwargs: Any) -> None:
    _made[:] = [(one, thread) for one, thread in _made if one.connection is not None]
    _made.append((connection, threading.current_thread()))


@dataclass(frozen=True, slots=True)
class Before:
    """How things stood when a test began."""

    place: scope.Scope | None
    depths: Depths


def look() -> Before:
    """How things stand now, in this thread."""
    return Before(scope.current(), _depths())


def _depths() -> Depths:
    handler: Any = connections
    return {
        alias: (wrapper.in_atomic_block, len(wrapper.savepoint_ids))
        for alias, wrapper in handler.wrappers().items()
    }


def find_and_mend(before: Before) -> list[str]:
    """What is not as it was, in words; all of it is put right."""
    return [*_scope(before), *_blocks(before), *_raw_transactions(), *_dead_threads()]


def _scope(before: Before) -> Iterator[str]:
    now = scope.current()
    if now == before.place:
        return
    replace(before.place)
    yield (
        f"It left the scope of {scope.describe(now)} where {scope.describe(before.place)} was. "
        "Enter with `with`, or call __exit__ whatever happens."
    )


def _blocks(before: Before) -> Iterator[str]:
    handler: Any = connections
    for alias, (open_now, savepoints_now) in _depths().items():
        was_open, savepoints = before.depths.get(alias, (False, 0))
        if (open_now, savepoints_now) == (was_open, savepoints):
            continue
        wrapper = handler.peek(alias)
        if was_open and open_now and savepoints_now > savepoints:
            _cut_back(wrapper, savepoints)
            what = "an atomic block open"
        else:
            what = "fewer atomic blocks open than there were" if was_open else "a transaction open"
            abandon(wrapper)
        yield (
            f"It left {what} on {alias}. Leave every `atomic()` that is entered; "
            "nest `atomic()` inside `enter()`, never across it."
        )


def _cut_back(wrapper: Any, savepoints: int) -> None:
    """Undo what was done since the last block that is not the test's, and forget the blocks."""
    sids = [sid for sid in wrapper.savepoint_ids[savepoints:] if sid is not None]
    extra = len(wrapper.savepoint_ids) - savepoints
    if sids and wrapper.is_usable():
        wrapper._savepoint_rollback(sids[0])
        wrapper.needs_rollback = False
    else:
        # Nothing to go back to: whoever comes next in this transaction must not trust it.
        wrapper.needs_rollback = True
    del wrapper.savepoint_ids[savepoints:]
    del wrapper.atomic_blocks[len(wrapper.atomic_blocks) - extra :]


def abandon(wrapper: Any) -> None:
    """Close a connection for real, and let its wrapper forget every block."""
    wrapper.in_atomic_block = False
    wrapper.savepoint_ids.clear()
    wrapper.atomic_blocks.clear()
    wrapper.run_on_commit.clear()
    wrapper.needs_rollback = False
    wrapper.closed_in_transaction = False
    if hasattr(wrapper, "close_for_real"):
        wrapper.close_for_real()
    else:
        wrapper.close()


def _raw_transactions() -> Iterator[str]:
    handler: Any = connections
    for alias, wrapper in handler.wrappers().items():
        raw = wrapper.connection
        if raw is None or wrapper.in_atomic_block:
            continue
        if raw.closed or raw.info.transaction_status is TransactionStatus.IDLE:
            continue
        abandon(wrapper)
        yield (
            f"It left a transaction open on {alias} that no `atomic()` began "
            "(set_autocommit(False), or BEGIN by hand). Commit it or roll it back."
        )


def _dead_threads() -> Iterator[str]:
    for wrapper, thread in _made:
        if thread.is_alive() or wrapper.connection is None:
            continue
        wrapper.inc_thread_sharing()
        try:
            abandon(wrapper)
        finally:
            wrapper.dec_thread_sharing()
        yield (
            f"Its thread {thread.name} ended and left a connection to {wrapper.alias} open. "
            "A thread closes its own: `connections.close_all()` in a `finally`."
        )
