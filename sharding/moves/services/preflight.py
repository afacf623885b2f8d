"""Look before a move: what it would do, and every reason not to. Changes nothing."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from psycopg import sql

from sharding.moves import ports
from sharding.moves.connections import as_owner, mover_login
from sharding.moves.core.choosing import Choice
from sharding.moves.core.states import MoveState
from sharding.moves.core.steps import Mode, Way, steps_from
from sharding.moves.models import Move
from sharding.moves.services.alike import unlike
from sharding.moves.services.journal import live_move_of
from sharding.moves.services.room import no_room, what_nobody_said
from sharding.moves.services.server_fit import in_its_way, unfit
from sharding.moves.services.stream_ways import no_way_between
from sharding.moves.services.suiting import suited, unfit_for_streams
from sharding.moves.types import MovePlan, MoveRequest, Refusal
from sharding.placements.errors import ShardNotRestored, ShardUnavailable
from sharding.placements.models import Placement
from sharding.placements.services.choosing import check_shard
from sharding.placements.services.incarnations import incarnation_of
from sharding.placements.services.placing import get_placement
from sharding.placements.states import PlacementState
from sharding.registry import current as addresses
from sharding.registry.errors import RegistryError
from sharding.registry.types import Server
from sharding.schemas.connections import BRIEF, Connection, Patience
from sharding.schemas.errors import ServerUnreachable
from sharding.schemas.services.describe import describe_on
from sharding.schemas.services.markers import read_marker
from sharding.schemas.services.portability import ties_of
from sharding.schemas.services.tables import has_schema
from sharding.schemas.types import Phase, SchemaDescription

_PATIENCE: Final = Patience(statement=BRIEF.statement * 10, lock=BRIEF.lock)

_RIGHTS: Final = """
    SELECT pg_has_role({own}, 'MEMBER'),
           has_parameter_privilege('deadlock_timeout', 'SET'),
           has_parameter_privilege('session_replication_role', 'SET'),
           pg_has_role('pg_read_all_stats', 'USAGE'),
           pg_has_role('pg_signal_backend', 'USAGE')
"""
_LACKING: Final = (
    "it may not act as {own}",
    "it may not set deadlock_timeout",
    "it may not set session_replication_role",
    "it may not see others' sessions (pg_read_all_stats)",
    "it may not end others' sessions (pg_signal_backend)",
)
Found = Iterator[Refusal]


def plan_move(request: MoveRequest) -> MovePlan:
    """What moving the tenant would do now, with all reasons why it is refused.

    Raises:
        NoSuchPlacement, NoSuchShard: there is nobody, or nowhere to go.
    """
    placement = get_placement(request.tenant_id)
    plan = MovePlan(request, placement.shard_id)
    refusals = [*_by_control(request, placement)]
    if refusals:
        return _with(plan, refusals)
    try:
        source = addresses.shard(placement.shard_id)
        target = addresses.shard(request.target)
        refusals += _without_movers(source, target)
        if refusals:
            return _with(plan, refusals)
        with (
            mover_login(source, _PATIENCE) as at_source,
            mover_login(target, _PATIENCE) as at_target,
        ):
            refusals += [*_rights(at_source, source), *_rights(at_target, target)]
            if refusals:
                return _with(plan, refusals)
            refusals += [*_identity(at_source, source), *_identity(at_target, target)]
            if refusals:
                return _with(plan, refusals)
            there = describe_on(at_source, source, placement.schema)
            refusals += [
                *_of_source(at_source, source, placement, there),
                *_of_target(at_target, target, placement.schema),
                *unlike(at_source, at_target, source, target),
                *unfit(at_source, at_target, there, target=target.name),
                *in_its_way(at_source, there, source.name),
                *in_its_way(at_target, there, target.name),
                *no_room(at_target, target, there),
            ]
            if refusals:
                return _with(plan, refusals)
            choice, refusals = _mode(request, at_source, at_target, source, target, there)
    except (ServerUnreachable, RegistryError) as error:
        return _with(
            plan,
            [
                *refusals,
                Refusal(
                    "moves.unreachable",
                    str(error),
                    "`manage.py list_shards` shows which shards answer.",
                ),
            ],
        )
    plan = replace(plan, unknown=what_nobody_said(target, there))
    return _chosen(_with(plan, refusals), choice, there)


def _mode(  # noqa: PLR0913 - both ends, and what is between them
    request: MoveRequest,
    at_source: Connection,
    at_target: Connection,
    source: Server,
    target: Server,
    there: SchemaDescription,
) -> tuple[Choice, list[Refusal]]:
    """How it would go; and if that is logical mode, what speaks against it."""
    ends = (at_source, at_target, source, target)
    no_streams = [*unfit_for_streams(*ends, there.schema)]

    def choose() -> Choice:
        against = no_streams[0].reason if no_streams else ""
        return suited(request, at_source, there.schema, size=there.bytes, against=against)

    choice = choose()
    if choice.mode is Mode.BLOCK:
        return choice, []
    if not no_streams:
        # Only now: the servers sign in at each other.
        no_streams += no_way_between(*ends)
    if no_streams and request.mode is None:
        return choose(), []
    return choice, no_streams


def _with(plan: MovePlan, refusals: list[Refusal]) -> MovePlan:
    return replace(plan, refusals=tuple(refusals))


def _chosen(plan: MovePlan, choice: Choice, there: SchemaDescription) -> MovePlan:
    request = replace(plan.request, mode=choice.mode)
    return replace(
        plan,
        request=request,
        why_mode=choice.why,
        bytes=there.bytes,
        tables=len(there.tables),
        steps=tuple(
            step.does for step in steps_from(MoveState.PLANNED, Way.FORWARD, request.route)
        ),
    )


def _by_control(request: MoveRequest, placement: Placement) -> Found:
    if placement.shard_id == request.target:
        yield Refusal(
            "moves.there_already",
            f"It lives on {request.target} already.",
            "Name another shard with --to.",
        )
        return
    live = live_move_of(request.tenant_id)
    if live is not None:
        yield Refusal("moves.already", f"Move {live.pk} of it is {live.state}.", _end_of(live))
        return
    if placement.state != PlacementState.READY:
        yield Refusal(
            "moves.not_ready",
            f"Its place is {placement.state}.",
            "Finish first what is under way; `manage.py show_tenant` says what.",
        )
    try:
        check_shard(request.target)
    except ShardUnavailable as error:
        yield Refusal("moves.target_unavailable", str(error), "Name another shard with --to.")
    yield from ports.tenants.refusals(request.tenant_id, target=request.target)


def _end_of(live: Move) -> str:
    if live.state == MoveState.SOAKING:
        return (
            f"End its soak with `manage.py finish_move {live.pk}`, or go back where it came from "
            "with `rollback_move`."
        )
    return f"Wait for it, or end it with `manage.py resume_move {live.pk}` or `abort_move`."


def _without_movers(*servers: Server) -> Found:
    for server in servers:
        if server.mover is None:
            yield Refusal(
                "moves.no_mover",
                f"The registry has no mover for {server.name}.",
                f"Add one with `manage.py add_shard {server.name}` and the mover's password.",
            )


def _rights(connection: Connection, server: Server) -> Found:
    row = connection.execute(sql.SQL(_RIGHTS).format(own=sql.Literal(server.own.user))).fetchone()
    has = row or (False,) * len(_LACKING)
    for right, lacking in zip(has, _LACKING, strict=True):
        if not right:
            yield Refusal(
                "moves.rights",
                f"The mover of {server.name} lacks a right: "
                f"{lacking.replace('{own}', server.own.user)}.",
                f"Run `manage.py add_shard {server.name}` with the arguments of its first run.",
            )


def _identity(connection: Connection, server: Server) -> Found:
    as_owner(connection, server)
    try:
        incarnation = incarnation_of(connection, server)
    except ShardNotRestored as error:
        yield Refusal("moves.wrong_server", str(error), "Mend the registry.")
        return
    if incarnation < server.incarnation:
        yield Refusal(
            "moves.sealed_shard",
            f"{server.name} was restored and has not been compared yet.",
            f"Run `manage.py open_restored_shard {server.name}`.",
        )


def _of_source(
    connection: Connection, source: Server, placement: Placement, there: SchemaDescription
) -> Found:
    marker = there.marker
    if not there.exists or marker is None or marker.phase is not Phase.ACTIVE:
        found = "missing" if marker is None or not there.exists else marker.phase
        yield Refusal(
            "moves.source_not_active",
            f"Its schema on {placement.shard_id} is {found}.",
            "`manage.py check_drift` says what is wrong there.",
        )
        return
    if marker.unfinished is not None:
        yield Refusal(
            "moves.unfinished",
            f"In its schema {marker.unfinished} was begun and not finished.",
            "Run `manage.py migrate_schemas` for it first.",
        )
    for lack in there.lacks:
        yield Refusal(
            "moves.drifted",
            f"Its schema is not as it must be: {lack}.",
            "Run `manage.py mend_schema` first.",
        )
    for tie in ties_of(connection, placement.schema, logins=_logins(source)):
        yield Refusal("moves.tied", f"Its schema is tied to where it is: {tie}.", "Untie it first.")
    yield from ports.shape.refusals(placement.to_scope(), marker)


def _logins(server: Server) -> list[str]:
    known = (server.web, server.own, server.mover, server.role_maker, server.pooler)
    return [login.user for login in known if login is not None]


def _of_target(connection: Connection, target: Server, schema: str) -> Found:
    marker = read_marker(connection, schema)
    is_marked = marker is not None and marker.phase is not Phase.TOMBSTONE
    if has_schema(connection, schema) or is_marked:
        found = "unmarked" if marker is None else str(marker.phase)
        yield Refusal(
            "moves.target_taken",
            f"{target.name} has a schema {schema} already ({found}).",
            "`manage.py check_drift` says whose it is and how to drop it.",
        )
