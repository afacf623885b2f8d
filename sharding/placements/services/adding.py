"""Add a shard: from a bare database and an administrator's connection to one that takes tenants."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import psycopg

from sharding.placements.errors import ShardNameTaken
from sharding.placements.models import CONTROL, ReservedRole, Shard
from sharding.placements.services.reference import bring_newest, lags
from sharding.placements.services.registry_file import read_file, register_server
from sharding.placements.services.reserving import top_up_roles
from sharding.placements.services.shard_findings import many_roles, other_locale, unreachable
from sharding.placements.services.shards import (
    activate_shard,
    begin_shard,
    check_identity,
    check_shard_name,
)
from sharding.placements.states import ShardState
from sharding.pools.budgeted import refuse_too_many_shards
from sharding.registry.types import Endpoint, Login, Registry, Server
from sharding.schemas.connections import login_connection
from sharding.schemas.errors import PreparationFailed, ServerUnreachable
from sharding.schemas.preparation.logins import OWN_MAKES_ROLES_SINCE
from sharding.schemas.preparation.types import (
    DatabaseFacts,
    Outcome,
    Preparation,
    StepReport,
)
from sharding.schemas.services.prepare_shard import look_at, prepare_shard

Tell = Callable[[StepReport], None]

_WHO: Final = "SELECT name FROM atoll.server"
_NO_SHARD: Final = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.InsufficientPrivilege,
)


@dataclass(frozen=True, slots=True)
class AddShardRequest:
    """What is to be added.

    Attributes:
        admin_conninfo: a superuser's, to the database itself; used for this and kept nowhere.
        passwords: by login (`web`, `own`, `mover`, `rolemaker`, `pooler`), for those that are
            there already; those not given are made up.
        registry_path: the file that the address goes into.
        pooler_login: make a login with which PgBouncer looks up how web proves its password.
    """

    name: str
    admin_conninfo: str
    direct: Endpoint
    pooled: Endpoint
    passwords: dict[str, str]
    registry_path: Path
    pooler_login: bool = False
    dry_run: bool = False


def add_shard(request: AddShardRequest, tell: Tell = lambda report: None) -> Preparation:
    """Take every step that is not done: row, address, database, tenant roles, reference tables.

    The row comes first and says PREPARING until the end; the address, with the passwords that were
    made up, comes second. So a run that is cut off is visible, and the next one finishes it.

    Transaction: several on control and on the shard; forbids an open one.
    Idempotent.

    Last it looks whether this server and the others' reach each other, which only moves need: what
    does not is a finding, and the same command looks again.

    Raises:
        InvalidShardName, ShardNameTaken, GroupTooLarge: nothing was changed.
        NotFitToBeShard: nothing was changed on the database.
        PreparationFailed, ServerUnreachable: what is done stays; run it again.
    """
    check_shard_name(request.name)
    facts = look_at(request.admin_conninfo, request.name)
    known = Shard.objects.using(CONTROL).filter(name=request.name).first()
    check_identity(known or Shard(name=request.name), facts)
    server = _server(request, facts)
    _refuse_one_too_many(server, request.registry_path)
    if known is not None and known.state != ShardState.PREPARING and facts.shard == known.name:
        # Its tenants are led there as soon as the address is written.
        _check_way(server, is_prepared=True)
    planned = prepare_shard(request.admin_conninfo, server, dry_run=True)
    findings = (
        *planned.findings,
        *other_locale(request.name, facts),
        *many_roles(facts, known or Shard(name=request.name, version=facts.version)),
    )
    ours = _own_steps(request, server, known)
    if request.dry_run:
        steps = (*ours[:2], *planned.steps, *ours[2:])
        for step in steps:
            tell(step)
        return Preparation(request.name, facts, findings, steps)

    begin_shard(request.name)
    tell(_done(ours[0]))
    version = register_server(request.registry_path, server)
    tell(_done(ours[1]))
    prepared = prepare_shard(request.admin_conninfo, server, tell=tell)
    _check_way(server, is_prepared=False)
    activate_shard(request.name, facts, registry_version=version)
    if ours[2].outcome is Outcome.TO_DO:
        top_up_roles(request.name)
    tell(_done(ours[2]))
    if ours[3].outcome is Outcome.TO_DO:
        bring_newest(server)
    tell(_done(ours[3]))
    steps = (*map(_done, ours[:2]), *prepared.steps, *map(_done, ours[2:]))
    findings = (*findings, *unreachable(server, read_file(request.registry_path).shards.values()))
    return Preparation(request.name, facts, findings, steps)


def _refuse_one_too_many(server: Server, path: Path) -> None:
    """Processes that run would refuse its tenants, and those that start would not."""
    known = read_file(path)
    if server.name not in known.shards:
        refuse_too_many_shards(replace(known, shards={**known.shards, server.name: server}))


def _check_way(server: Server, *, is_prepared: bool) -> None:
    """Ask, at the address that requests will go to, which shard it is.

    Raises:
        ServerUnreachable: nobody answers there.
        ShardNameTaken, PreparationFailed: it is another database.
    """
    if server.pooled == server.direct:
        return
    try:
        found = _at_the_end_of(server.pooled, server)
    except ServerUnreachable as error:
        if not is_prepared:
            raise
        raise ServerUnreachable(
            error.server, error.endpoint, error.reason, at_first_look=True
        ) from error
    if found != server.name:
        there = f"shard {found!r}" if found else "a database that is no shard"
        why = f"{server.pooled} leads to {there}"
        if is_prepared:
            raise ShardNameTaken(server.name, why)
        raise PreparationFailed(server.name, "pooled", why)


def _at_the_end_of(endpoint: Endpoint, server: Server) -> str | None:
    """The shard that one meets there; None: what is there is none."""
    with login_connection(server, endpoint, server.web) as connection:
        try:
            row = connection.execute(_WHO).fetchone()
        except _NO_SHARD:
            row = None
    return row[0] if row else None


def _own_steps(
    request: AddShardRequest, server: Server, known: Shard | None
) -> tuple[StepReport, ...]:
    registered = read_file(request.registry_path).shards.get(request.name) == server
    made = ReservedRole.objects.using(CONTROL).filter(shard=known, made_at__isnull=False)
    has_roles = known is not None and made.exists()
    has_reference = known is not None and not lags(server)
    return (
        _report("row", f"Write down that {request.name} is a shard", done=known is not None),
        _report("address", f"Put its address into {request.registry_path}", done=registered),
        _report("roles", "Make a first batch of tenant roles", done=has_roles),
        _report("reference", "Bring control's reference tables", done=has_reference),
    )


def _report(key: str, does: str, *, done: bool) -> StepReport:
    return StepReport(key, does, Outcome.DONE_BEFORE if done else Outcome.TO_DO)


def _done(step: StepReport) -> StepReport:
    return replace(step, outcome=Outcome.DONE) if step.outcome is Outcome.TO_DO else step


def _server(request: AddShardRequest, facts: DatabaseFacts) -> Server:
    """The entry that is there, or a new one; a half-made shard keeps its passwords."""
    registry = read_file(request.registry_path)
    there = registry.shards.get(request.name)
    for other in (registry.control, *registry.shards.values()):
        if other is not None and other is not there and other.direct == request.direct:
            raise ShardNameTaken(request.name, f"{request.direct} is {other.name!r} already")
    if there is not None and there.direct != request.direct:
        raise ShardNameTaken(
            request.name,
            f"the registry has it at {there.direct}, not at {request.direct}; a shard that moved "
            "to another address is changed in the registry file, by hand",
        )

    def login(user: str, before: Login | None) -> Login:
        if user in request.passwords:
            return Login(user, request.passwords[user])
        return before or Login(user, secrets.token_urlsafe(24))

    needs_role_maker = facts.version < OWN_MAKES_ROLES_SINCE
    return Server(
        name=request.name,
        direct=request.direct,
        pooled=request.pooled,
        web=login("web", there.web if there else None),
        own=login("own", there.own if there else None),
        mover=login("mover", there.mover if there else None),
        role_maker=(
            login("rolemaker", there.role_maker if there else None) if needs_role_maker else None
        ),
        pooler=_pooler_login(request, there, registry),
        incarnation=there.incarnation if there else 1,
    )


def _pooler_login(request: AddShardRequest, there: Server | None, known: Registry) -> Login | None:
    before = there.pooler if there else None
    if not request.pooler_login and before is None:
        return None
    if "pooler" in request.passwords:
        return Login("pooler", request.passwords["pooler"])
    # One PgBouncer knows one password per login, whatever stands behind it.
    others = (other.pooler for other in known.shards.values() if other.pooler is not None)
    return before or next(others, None) or Login("pooler", secrets.token_urlsafe(24))
