"""Fail a shard over: its standby serves from now on, and its old primary nobody ever again.

The address and the next incarnation go into the registry first. From then on neither server serves
anybody: the old one stands there no more, the new one is a standby, and of an older incarnation.
Only when every process has taken that in is the standby promoted, compared like a restored backup
(it may not have got everything), and given the number. An old primary that wakes up in between, or
years later, has the old number (`sharding/backend/identity.py`).

Source: docs/adr/0015; docs/runbooks/fail-over.md.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import psycopg
from django.db import transaction

from sharding.placements.errors import NotPromoted, ProcessesBehind, ShardStillServes
from sharding.placements.models import CONTROL
from sharding.placements.services.audit import record_audit
from sharding.placements.services.incarnations import locked_server, register_shard, who_is_there
from sharding.placements.services.processes import live_processes
from sharding.placements.services.restored import Reopening, open_restored_shard
from sharding.pools.outages import in_one_line
from sharding.registry.types import Endpoint, Server
from sharding.schemas.connections import BRIEF, Patience, admin_connection, own_connection
from sharding.schemas.errors import ServerUnreachable

Tell = Callable[[str], None]

_REPLAYED: Final = "SELECT pg_last_xact_replay_timestamp()"
_STARTED: Final = "SELECT pg_postmaster_start_time()"
_PROMOTE: Final = "SELECT pg_promote(wait => true, wait_seconds => 60)"
_PROMOTING: Final = Patience(statement=timedelta(seconds=65))
_LOOK_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class PromotionRequest:
    """What is to be done.

    Attributes:
        host, port: of the server that is to serve; None: as in the registry, where others have
            promoted it and lead its address there.
        pooled: where requests go when a pooler stands before it, the server's own address to go
            past one; None: as it was.
        admin_conninfo: of a superuser of the standby; empty where others promote it.
        wait: how long processes may take to hear of it; none at all: nobody is waited for.
        although_it_serves: do it while the old primary still accepts writes.
    """

    name: str
    registry_path: Path
    host: str | None = None
    port: int | None = None
    pooled: Endpoint | None = None
    admin_conninfo: str = ""
    wait: timedelta = timedelta(seconds=15)
    although_it_serves: bool = False


@dataclass(frozen=True, slots=True)
class Promotion:
    """What `promote_shard` does.

    Attributes:
        before, after: what the registry says.
        server: the one that is to serve, by itself.
        in_recovery: it is a standby still.
        replayed_at: when the newest transaction was committed that a standby has; None when it
            has had none since it was started, or is no standby.
    """

    before: Server
    after: Server
    server: Server
    in_recovery: bool
    replayed_at: datetime | None


def plan_promotion(request: PromotionRequest) -> Promotion:
    """What `promote_shard` would do now. Changes nothing.

    Raises:
        NoSuchShard: there is none of this name.
        ShardNotRestored: the server is that of another shard, or several stand to choose from.
        ServerUnreachable: it does not answer.
        ShardStillServes: the old primary accepts writes.
    """
    with transaction.atomic(using=CONTROL):
        return _plan(request, locked_server(request.name, request.registry_path))


def promote_shard(request: PromotionRequest, *, tell: Tell = lambda line: None) -> Reopening:
    """Have the standby serve, and the old primary nobody.

    Returns:
        How the standby compared with the placements.

    Locks: the shard's row, while the registry is written.
    Transaction: several on control and one on the shard; forbids an open one.
    Idempotent: a run that was cut off leaves the shard sealed, and the next one finishes it.

    Raises:
        NoSuchShard, ShardNotRestored, ServerUnreachable, ShardStillServes: nothing was changed.
        NotPromoted, ProcessesBehind: it serves nobody; run it again.
    """
    with transaction.atomic(using=CONTROL):
        before = locked_server(request.name, request.registry_path)
        plan = _plan(request, before)
        if plan.in_recovery and not request.admin_conninfo:
            raise NotPromoted(
                request.name,
                "it is in recovery, and nothing was changed. Give a superuser's connection by "
                "--admin, or promote it by what looks after it, and run this again",
            )
        version = register_shard(plan.after, request.registry_path)
        if plan.after != before:
            record_audit(
                "shard.promote", request.name, before=_told(before), after=_told(plan.after)
            )
    tell(f"registry version {version}: {plan.after.direct}, incarnation {plan.after.incarnation}")
    _wait_for_processes(request, version, tell)
    if plan.in_recovery:
        tell(f"promoting {plan.server.direct}")
        _promote(plan.server, request.admin_conninfo)
    return open_restored_shard(request.name, tell=tell)


def _plan(request: PromotionRequest, before: Server) -> Promotion:
    server = _by_itself(request, before)
    with own_connection(server, BRIEF) as connection:
        found, in_recovery = who_is_there(connection, server)
        (replayed_at,) = connection.execute(_REPLAYED).fetchone() or (None,)
    if not request.although_it_serves:
        _refuse_if_others_serve(before, server.direct)
    after = _registered_as(request, before, server.direct)
    # Where neither is so, a run was cut off, and the number is raised already.
    by_others = found >= before.incarnation and (in_recovery or request.host is None)
    if after.direct != before.direct or by_others:
        after = replace(after, incarnation=max(found, before.incarnation) + 1)
    return Promotion(before, after, server, in_recovery, replayed_at)


def _by_itself(request: PromotionRequest, before: Server) -> Server:
    at = before.direct
    hosts = (request.host,) if request.host else at.hosts
    if len(hosts) > 1:
        raise NotPromoted(
            request.name,
            f"its address is {at}: say by --host which of them is to serve. Nothing was changed",
        )
    alone = Endpoint(hosts[0], request.port or at.port, at.dbname)
    return replace(before, direct=alone, pooled=alone)


def _registered_as(request: PromotionRequest, before: Server, new: Endpoint) -> Server:
    """The new one first; others of a list stay behind it, on whose port they are."""
    others = [host for host in before.direct.hosts if host != new.host]
    several = len(before.direct.hosts) > 1 and new.port == before.direct.port
    direct = replace(new, host=",".join([new.host, *others])) if several else new
    asked = request.pooled
    if asked is None:
        pooled = direct if before.pooled == before.direct else before.pooled
    elif (asked.host, asked.port) == (new.host, new.port):
        pooled = direct  # past the pooler
    else:
        pooled = replace(asked, dbname=before.pooled.dbname)
    return replace(before, direct=direct, pooled=pooled)


def _refuse_if_others_serve(before: Server, new: Endpoint) -> None:
    for host in before.direct.hosts:
        old = replace(before.direct, host=host)
        if old == new:
            continue
        try:
            with own_connection(replace(before, direct=old, pooled=old), BRIEF) as connection:
                found, in_recovery = who_is_there(connection, before)
        except (ServerUnreachable, psycopg.Error):
            continue  # that is why somebody fails over
        if not in_recovery and found >= before.incarnation:
            raise ShardStillServes(before.name, str(old))


def _wait_for_processes(request: PromotionRequest, version: int, tell: Tell) -> None:
    ends = time.monotonic() + request.wait.total_seconds()
    while behind := list(live_processes().filter(registry_version__lt=version)):
        if not request.wait:
            tell(f"not waited for {len(behind)} processes that go by an older registry")
            return
        if time.monotonic() > ends:
            raise ProcessesBehind(request.name, version=version, processes=map(str, behind))
        time.sleep(_LOOK_S)


def _promote(server: Server, admin_conninfo: str) -> None:
    with own_connection(server, BRIEF) as connection:
        started = connection.execute(_STARTED).fetchone()
    with admin_connection(server.name, admin_conninfo, _PROMOTING) as admin:
        if admin.execute(_STARTED).fetchone() != started:
            raise NotPromoted(server.name, f"--admin leads to another server than {server.direct}")
        try:
            (promoted,) = admin.execute(_PROMOTE).fetchone() or (False,)
        except psycopg.Error as error:
            raise NotPromoted(server.name, in_one_line(error)) from error
    if not promoted:
        raise NotPromoted(server.name, "pg_promote() gave up after a minute")


def _told(server: Server) -> dict[str, object]:
    return {"direct": str(server.direct), "incarnation": server.incarnation}
