"""Which migrations a tenant's schema has: the rows of its django_migrations, made comparable.

Two schemas are in one state when the same code would do the same to both. Their rows may differ
all the same: by those of squashed migrations, or of apps that are gone.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from django.db.migrations.migration import Migration

from migrations_tools.execution import labels_of
from migrations_tools.loading import Disk, FedLoader, Node, disk, rows_of
from sharding.backend.session_bound import take_migrations

__all__ = ["Node", "State", "pending_between", "state_of", "tenant_labels", "wanted_state"]

_SOME_SHARD = "any shard"  # no alias has a space; the router only compares it
_DIGITS = 32


@dataclass(frozen=True, slots=True)
class State:
    """The migrations that a schema has, as nodes of the graph.

    Attributes:
        nodes: applied, of those that tenants' schemas get; squashed ones in the place of what they
            replace, where all of that is applied.
        digest: names them.
    """

    nodes: frozenset[Node]
    digest: str


def state_of(rows: Iterable[Node]) -> State:
    """The state of a schema whose django_migrations has these rows, (app, name).

    Rows of apps that the code does not have, or that belong elsewhere, say nothing. Kept per
    distinct set of rows, since all schemas of a fleet have one of few.
    """
    return _state_of(frozenset(rows), disk())


def wanted_state() -> State:
    """The state that the code wants: every migration of the tenants' apps."""
    return _wanted(disk())


def pending_between(state: State) -> tuple[Migration, ...]:
    """What brings `state` to the wanted one, in order.

    The migrations are shared: whoever changes their operations takes copies.
    """
    return _pending(state, disk())


def tenant_labels() -> frozenset[str]:
    """The apps that have tables in tenants' schemas."""
    return _labels(disk())


@lru_cache(maxsize=1024)
def _state_of(rows: frozenset[Node], key: Disk) -> State:
    loader = FedLoader(rows)
    return _state(loader.applied_migrations.keys() & _closure(loader, key))


@lru_cache(maxsize=8)
def _wanted(key: Disk) -> State:
    return _state(_closure(FedLoader(()), key))


@lru_cache(maxsize=64)
def _pending(state: State, key: Disk) -> tuple[Migration, ...]:
    loader = FedLoader(row for node in state.nodes for row in rows_of(node))
    applied = set(loader.applied_migrations)
    found: list[Migration] = []
    for leaf in _leaves(loader, key):
        for node in loader.graph.forwards_plan(leaf):
            if node not in applied:
                applied.add(node)
                found.append(loader.graph.nodes[node])
    return tuple(found)


@lru_cache(maxsize=8)
def _labels(key: Disk) -> frozenset[str]:
    with take_migrations(_SOME_SHARD):
        return labels_of(_SOME_SHARD)


def _leaves(loader: FedLoader, key: Disk) -> list[Node]:
    labels = _labels(key)
    return [node for node in loader.graph.leaf_nodes() if node[0] in labels]


def _closure(loader: FedLoader, key: Disk) -> frozenset[Node]:
    """What a schema gets: what the tenants' apps have, and what that depends on."""
    return frozenset(
        node for leaf in _leaves(loader, key) for node in loader.graph.forwards_plan(leaf)
    )


def _state(nodes: Iterable[Node]) -> State:
    chosen = frozenset(nodes)
    text = "\n".join(sorted(f"{app}.{name}" for app, name in chosen))
    return State(chosen, hashlib.sha256(text.encode()).hexdigest()[:_DIGITS])
