"""Shard rows: find them, begin one, say what it is, set its state."""

import re
from collections.abc import Iterable

from django.db import transaction

from sharding.placements.errors import InvalidShardName, NoSuchShard, ShardNameTaken
from sharding.placements.models import CONTROL, Shard
from sharding.placements.services.audit import record_audit
from sharding.placements.states import ShardState
from sharding.schemas.preparation.types import DatabaseFacts

_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,28}[a-z0-9])?")
_NOT_SHARDS = frozenset({"control", "default"})


def find_shard(name: str, *, lock: bool = False) -> Shard:
    """The shard that somebody named. With `lock` nobody else changes its row meanwhile.

    Transaction: with `lock` it needs one on control.

    Raises:
        NoSuchShard: there is none of this name.
    """
    rows = Shard.objects.using(CONTROL)
    found = (rows.select_for_update() if lock else rows).filter(name=name).first()
    if found is None:
        raise NoSuchShard([name], known=_names())
    return found


def shards_named(names: Iterable[str] = ()) -> list[str]:
    """The names of those that somebody named, or of all shards, each once and in order.

    Raises:
        NoSuchShard: with those of the names that are no shard's.
    """
    known, wanted = _names(), set(names)
    if unknown := wanted.difference(known):
        raise NoSuchShard(sorted(unknown), known=known)
    return sorted(wanted) or known


def check_shard_name(name: str) -> None:
    """It becomes a Django alias, a queue (`shard.<name>`) and a key in files.

    Raises:
        InvalidShardName: it cannot.
    """
    if not _NAME.fullmatch(name) or name in _NOT_SHARDS:
        raise InvalidShardName(name)


def begin_shard(name: str) -> Shard:
    """Write down that `name` is being prepared; a shard that is there stays as it is.

    Transaction: opens one on control.
    Idempotent.

    Raises:
        InvalidShardName: nothing was written.
    """
    check_shard_name(name)
    with transaction.atomic(using=CONTROL):
        shard, created = Shard.objects.using(CONTROL).get_or_create(name=name)
        if created:
            record_audit("shard.begin", name)
    return shard


def activate_shard(name: str, facts: DatabaseFacts, *, registry_version: int) -> Shard:
    """Say what the prepared database is, and let it take tenants; a later state stays.

    Every process reads its registry again once it sees this `registry_version`.

    Transaction: opens one on control.
    Idempotent.

    Raises:
        ShardNameTaken: the row is another database's, or the database another shard's.
    """
    with transaction.atomic(using=CONTROL):
        shard = Shard.objects.using(CONTROL).select_for_update().get(name=name)
        check_identity(shard, facts)
        before = _facts(shard)
        shard.version = facts.version
        shard.collation = facts.collation
        shard.cluster, shard.database = facts.cluster, facts.database
        shard.registry_version = max(shard.registry_version, registry_version)
        if shard.state == ShardState.PREPARING:
            shard.state = ShardState.ACTIVE
        after = _facts(shard)
        if after != before:
            shard.save(using=CONTROL)
            record_audit("shard.activate", name, before=before, after=after)
    return shard


def check_identity(shard: Shard, facts: DatabaseFacts) -> None:
    """Refuse a second shard on one database, and a second database under one name.

    Raises:
        ShardNameTaken: with the name of the other.
    """
    mine = (facts.cluster, facts.database)
    if shard.cluster and (shard.cluster, shard.database) != mine and shard.placements.exists():
        raise ShardNameTaken(
            shard.name,
            f"control knows it as database {shard.database!r} of server {shard.cluster}, and this "
            f"is {facts.database!r} of {facts.cluster}, while tenants are placed there. After a "
            "restore or a fail-over set the row's cluster right first",
        )
    other = (
        Shard.objects.using(CONTROL)
        .filter(cluster=facts.cluster, database=facts.database)
        .exclude(name=shard.name)
        .first()
    )
    if other is not None:
        raise ShardNameTaken(shard.name, f"this database is shard {other.name!r} already")


def set_shard_state(name: str, state: ShardState) -> Shard:
    """Let a shard take new tenants, or no longer.

    Transaction: opens one on control.
    Idempotent.
    """
    with transaction.atomic(using=CONTROL):
        shard = Shard.objects.using(CONTROL).select_for_update().get(name=name)
        if shard.state != state:
            before = _facts(shard)
            shard.state = state
            shard.save(using=CONTROL, update_fields=["state"])
            record_audit("shard.state", name, before=before, after=_facts(shard))
    return shard


def _names() -> list[str]:
    return list(Shard.objects.using(CONTROL).order_by("name").values_list("name", flat=True))


def _facts(shard: Shard) -> dict[str, object]:
    return {
        "state": str(shard.state),
        "version": shard.version,
        "database": f"{shard.cluster}/{shard.database}",
        "registry_version": shard.registry_version,
    }
