"""Django's executor for one schema after another, with what it works out kept between them.

Working out what the models were before and after each operation takes Django longer than most
operations take the server, and is the same for every schema of a group.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db.migrations.migration import Migration
from django.db.migrations.operations import RunPython
from django.db.migrations.state import ProjectState

from migrations_tools.execution import Executor, Plan
from migrations_tools.loading import Disk, Node, disk
from migrations_tools.replay.rule import applies_plainly
from migrations_tools.replay.types import Seen
from sharding.backend.content_types import key_by_tenant

_KEPT: Final = 8
"""Chains at a time; one is as large as the models of all apps, once per operation."""

STRUCTURE_WAIT: Final = timedelta(milliseconds=250)
"""Readers queue behind DDL that waits, so that long may a tenant's requests be held up."""
ROWS_WAIT: Final = timedelta(seconds=5)
"""Behind code that waits for a row nobody queues but who wants that row."""

_SET_LOCK_TIMEOUT: Final = "SELECT pg_catalog.set_config('lock_timeout', %s, true)"

Key = tuple[Disk, frozenset[Node], tuple[Node, ...]]
"""What is on disk, what is applied, what is to be."""


@dataclass(frozen=True, slots=True)
class Link:
    """One migration, with the models before and after each of its operations."""

    migration: Migration
    states: tuple[ProjectState, ...]

    def run(self, editor: Any) -> ProjectState:
        """Django's `Migration.apply`, without working out the states."""
        migration = self.migration
        if not _is_plain(migration):
            return migration.apply(self.states[0].clone(), editor)
        for operation, before, after in zip(
            migration.operations, self.states, self.states[1:], strict=False
        ):
            operation.database_forwards(migration.app_label, editor, before, after)
        return self.states[-1]


class SharedExecutor(Executor):
    """Applies a plan whose states another schema of the same group has had worked out.

    Its schemas serve tenants: a transaction that does not get a lock soon ends with 55P03. What
    runs outside of one waits, since what it has done before would stay behind.
    """

    def apply(self, plan: Plan) -> ProjectState:
        """As Executor's."""
        with _chain(self, plan) as links:
            for link in links:
                self.whole(link.migration, link.run)
            if self.loader.replacements:
                self.check_replacements()
            return links[-1].states[-1]

    def whole(self, migration: Migration, run: Callable[[Any], ProjectState]) -> ProjectState:
        """As Executor's, with an end of each wait for a lock."""

        def patiently(editor: Any) -> ProjectState:
            if migration.atomic:
                with self.connection.cursor() as cursor:
                    cursor.execute(_SET_LOCK_TIMEOUT, [_wait_of(migration)])
            return run(editor)

        return super().whole(migration, patiently)


Chain = tuple[Link, ...]

_chains: OrderedDict[Key, list[Chain]] = OrderedDict()
_taking = threading.Lock()


@contextmanager
def _chain(executor: Executor, plan: Plan) -> Iterator[Chain]:
    """A chain for nobody else: operations put defaults into its fields while they run."""
    nodes = executor.loader.graph.nodes
    applied = frozenset(node for node in executor.loader.applied_migrations if node in nodes)
    key = disk(), applied, tuple((one.app_label, one.name) for one, _ in plan)
    with _taking:
        kept = _chains.get(key)
        chain = kept.pop() if kept else None
    if chain is None:
        state = executor.state()
        executor.begin(plan, state)
        chain = _work_out(plan, state)
    else:
        executor.begin(plan, chain[0].states[0])
    yield chain
    # Not after an error: an operation that was cut off may have left a field as it was not.
    with _taking:
        _chains.setdefault(key, []).append(chain)
        _chains.move_to_end(key)
        while len(_chains) > _KEPT:
            _chains.popitem(last=False)


def _work_out(plan: Plan, state: ProjectState) -> Chain:
    chain = []
    for migration, _ in plan:
        states = [_rendered(state)]
        if _is_plain(migration):
            for operation in migration.operations:
                if isinstance(operation, RunPython):
                    states[-1] = _without_delay(states[-1])
                after = states[-1].clone()
                operation.state_forwards(migration.app_label, after)
                states.append(_rendered(after))
        else:
            states.append(_rendered(migration.mutate_state(states[0])))
        chain.append(Link(migration, tuple(states)))
        state = states[-1]
    return tuple(chain)


def _rendered(state: ProjectState) -> ProjectState:
    """With its models made, whose content types are cached by tenant."""
    registry: Any = state.apps
    with suppress(LookupError):
        key_by_tenant(registry.get_model("contenttypes", "contenttype"))
    return state


def _without_delay(state: ProjectState) -> ProjectState:
    """RunPython has models made anew where relations to them were put off: once, here."""
    if not state.is_delayed:
        return state
    whole = state.clone()
    whole.clear_delayed_apps_cache()
    whole.is_delayed = False
    return _rendered(whole)


def _wait_of(migration: Migration) -> str:
    only_code = all(isinstance(one, RunPython) for one in migration.operations)
    wait = ROWS_WAIT if only_code else STRUCTURE_WAIT
    return f"{wait // timedelta(milliseconds=1)}ms"


def _is_plain(migration: Migration) -> bool:
    return not applies_plainly(migration, Seen())
