"""Drive two tenants through the configured address, and say whether it keeps them apart."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import psycopg
from django.db import DatabaseError, connections, transaction

from sharding import scope
from sharding.placements.errors import NoSuchShard, TooFewTenants
from sharding.placements.models import CONTROL, Placement
from sharding.placements.states import PlacementState
from sharding.pools.outages import as_sentence, causes, says_away
from sharding.registry.current import registry
from sharding.schemas.connections import BRIEF, own_connection

CLIENTS: Final = 6
ROUNDS: Final = 25
_PROTOCOL_VIOLATION: Final = "08P01"
"""What PgBouncer says whatever it refuses."""
_WHO: Final = "SELECT session_user, current_user, current_schema(), pg_backend_pid()"


class Safety(StrEnum):
    """What is printed."""

    SAFE = "SAFE"
    UNSAFE = "UNSAFE"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one statement found.

    Attributes:
        wanted: whose it was; None: nobody's, after a tenant's on the same connection.
        login: what the connection logged in as.
        user: as whom it ran.
        schema: where it looked first; None: nowhere.
        transaction: which transaction it was part of; empty: none.
        backend: the server's process that ran it.
    """

    wanted: scope.Placement | None
    login: str
    user: str
    schema: str | None
    transaction: str
    backend: int


Drive = Callable[[Sequence[scope.Placement]], Iterable[Seen]]
"""Runs statements of these tenants in turn, and tells what each found."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one shard's address.

    Attributes:
        backends: how many server processes ran all of it.
        reasons: why it is not safe; empty: it is.
    """

    shard: str
    address: str
    statements: int
    backends: int
    reasons: tuple[str, ...]

    @property
    def safety(self) -> Safety:
        """The one word."""
        return Safety.UNSAFE if self.reasons else Safety.SAFE


def check_pooler(names: Iterable[str] = ()) -> list[Verdict]:
    """Ask of all shards, or those named, whether their pooled address keeps tenants apart.

    Writes nothing anywhere.

    Raises:
        NoSuchShard: one of the names is no shard's.
        TooFewTenants: a shard named has not two tenants; of all shards none has.
    """
    servers = registry().shards
    named = tuple(dict.fromkeys(names))
    if unknown := set(named) - set(servers):
        raise NoSuchShard(sorted(unknown), known=servers)
    verdicts = []
    for name in named or servers:
        places = two_tenants_of(name)
        if len(places) == 2:
            verdicts.append(check_address(name, places))
        elif named:
            raise TooFewTenants(name)
    if not verdicts:
        raise TooFewTenants(", ".join(servers) or "none")
    return verdicts


def two_tenants_of(shard: str) -> list[scope.Placement]:
    """Two tenants that are served there, or fewer."""
    rows = Placement.objects.using(CONTROL).filter(shard=shard, state=PlacementState.READY)
    return [row.to_scope() for row in rows.order_by("tenant_id")[:2]]


def check_address(
    shard: str, places: Sequence[scope.Placement], drive: Drive | None = None
) -> Verdict:
    """Drive `places`, all of one shard, and judge. `drive`: by default as requests do it.

    Raises:
        DatabaseError: the server does not answer, which says nothing about its pooler.
        ServerUnreachable: likewise.
    """
    seen: list[Seen] = []
    reasons: list[str] = []
    try:
        seen.extend((drive or drive_bound)(places))
    except DatabaseError as error:
        if says_away(error) and not _pooler_refused(error, shard):
            raise
        reasons.append(f"a statement was refused: {as_sentence(str(error))}")
    reasons += complaints(seen)
    return Verdict(
        shard=shard,
        address=str(registry().shards[shard].pooled),
        statements=len(seen),
        backends=len({each.backend for each in seen}),
        reasons=tuple(dict.fromkeys(reasons)),
    )


def _pooler_refused(error: BaseException, shard: str) -> bool:
    """Whether it was the pooler that refused, while the server behind it is well.

    Raises:
        ServerUnreachable: it is not.
    """
    states = (each.sqlstate for each in causes(error) if isinstance(each, psycopg.Error))
    if _PROTOCOL_VIOLATION not in states:
        return False
    with own_connection(registry().shards[shard], BRIEF) as connection:
        connection.execute("SELECT 1")
    return True


def complaints(seen: Iterable[Seen]) -> Iterator[str]:
    """What is wrong with what statements found; a pure look at it."""
    backends: dict[str, int] = {}
    for each in seen:
        if each.wanted is None:
            if each.user != each.login:
                yield (
                    f"after a tenant's statement the session was still {each.user}, not "
                    f"{each.login}"
                )
        elif (each.user, each.schema) != (each.wanted.role, each.wanted.schema):
            yield (
                f"a statement of {each.wanted.tenant_id} ran as {each.user} in "
                f"{each.schema or 'no schema'}"
            )
        if each.transaction:
            first = backends.setdefault(each.transaction, each.backend)
            if first != each.backend:
                yield "statements of one transaction ran on different server connections"


def drive_bound(places: Sequence[scope.Placement]) -> list[Seen]:
    """As requests do it, from several threads at once: autocommit, transactions, nobody's.

    Raises:
        DatabaseError: a statement was refused.
    """
    started = threading.Barrier(CLIENTS)

    def client(number: int) -> list[Seen]:
        # A thread that knows nothing of us, as a request's.
        try:
            started.wait(timeout=30)
            return list(_rounds(number, places))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [seen for each in pool.map(client, range(CLIENTS)) for seen in each]


def _rounds(number: int, places: Sequence[scope.Placement]) -> Iterator[Seen]:
    for turn in range(ROUNDS):
        place = places[(number + turn) % len(places)]
        with scope.enter(place):
            yield _ask(place)
            with transaction.atomic():
                for _ in range(2):
                    yield _ask(place, transaction=f"{number}-{turn}")
            # Bare, as health checks and savepoints go out.
            here: Any = connections["default"]
            with here.bare():
                yield _ask(None)


def _ask(wanted: scope.Placement | None, *, transaction: str = "") -> Seen:
    with connections["default"].cursor() as cursor:
        cursor.execute(_WHO)
        login, user, schema, backend = cursor.fetchone()
    return Seen(wanted, login, user, schema, transaction, backend)
