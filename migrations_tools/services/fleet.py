"""Bring every tenant's schema to the state of the code: control, what shards share, then waves."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

import psycopg

from migrations_tools.execution import silent
from migrations_tools.fleet.errors import FleetPaused, NothingToResume, UnknownSchemas
from migrations_tools.fleet.journal import Journal, begin_journal, fleet_lock
from migrations_tools.fleet.keeping import Keeper
from migrations_tools.fleet.looking import left_since, read_placed, read_shards, read_soaks
from migrations_tools.fleet.models import FleetRun
from migrations_tools.fleet.planning import plan_fleet, read_budget
from migrations_tools.fleet.ports import left_alone
from migrations_tools.fleet.progress import Progress
from migrations_tools.fleet.recordings import find_routes, measure, unmeasured
from migrations_tools.fleet.requests import FleetReport, FleetRequest
from migrations_tools.fleet.routes import Route, name_anew, pending_names, state_of_group
from migrations_tools.fleet.running import Pace, Runner
from migrations_tools.fleet.states import RunState, StepState
from migrations_tools.fleet.types import FleetPlan, ShardRows
from migrations_tools.ids.services.allocate import allocate_known
from migrations_tools.safety.services.check import check_pending
from migrations_tools.services.control import ControlRequest, migrate_control
from migrations_tools.states import pending_between, wanted_state
from sharding.placements.models import CONTROL
from sharding.placements.services.reference import publish_reference
from sharding.placements.services.reference_snapshots import digest_of
from sharding.placements.services.reference_snapshots import look as reference_tables
from sharding.pools.outages import in_one_line
from sharding.registry.current import registry
from sharding.schemas.connections import Connection

Tell = Callable[[str], None]


def look(request: FleetRequest) -> tuple[FleetPlan, dict[str, ShardRows]]:
    """Who is where, and who would be taken in which order. One query per shard.

    Raises:
        UnknownSchemas: a tenant or a shard that is not there was named.
        CanaryUnfit: a canary was named that cannot be taken.
    """
    if unknown := set(request.shards) - set(registry().shards):
        raise UnknownSchemas("shard", unknown, "See list_shards.")
    placed = read_placed(tenants=request.tenants, shards=request.shards)
    found = {one.tenant_id for one in placed}
    if moved := set(request.moved) - found:
        placed += read_placed(tenants=moved)
    named = {*request.tenants, *request.shares.canaries}
    if unknown := named - found:
        raise UnknownSchemas(
            "tenant id",
            unknown,
            f"For a slug give the id: `manage.py show_tenant {min(unknown)}` shows it.",
        )
    shards = read_shards({one.shard for one in placed})
    plan = plan_fleet(
        placed,
        shards,
        wanted=wanted_state().digest,
        left_alone=left_alone(skip_suspended=request.skip_suspended),
        shares=request.shares,
        put_off=_kept(read_soaks()) if request.keep_soaks else {},
    )
    read_budget(request.budget, behind=plan.behind)
    return plan, shards


def _kept(soaks: Mapping[str, int]) -> dict[str, str]:
    return {
        tenant_id: f"its move {move} soaks, and would not lead back any more"
        for tenant_id, move in soaks.items()
    }


def preview(request: FleetRequest, *, record: bool = False, tell: Tell = silent) -> FleetReport:
    """What a fleet migration would do. Changes no tenant's schema.

    With `record` the pending migrations are run in a template, which tells which can be replayed,
    and what they would lock or break.

    Raises:
        UnknownSchemas: a tenant or a shard that is not there was named.
        CanaryUnfit: a canary was named that cannot be taken.
    """
    began = time.monotonic()
    control = tuple(migrate_control(ControlRequest(plan_only=True)))
    plan, _ = look(request)
    states = {group.key: state_of_group(group) for group in plan.groups}
    routes = {key: Route(pending_names(state)) for key, state in states.items()}
    safety = {}
    if record:
        routes = find_routes(plan, record_from=request.record_from, tell=tell)
        safety = {
            key: check_pending(pending_between(state), routes[key].recording)
            for key, state in states.items()
        }
    return FleetReport(
        plan,
        control=control,
        routes=routes,
        safety=safety,
        # Before control is migrated it may not know of soaks.
        soaks={} if control else _ended_by(plan),
        seconds=time.monotonic() - began,
    )


def _ended_by(plan: FleetPlan) -> dict[str, int]:
    """The soaks that this plan would end."""
    soaks = read_soaks()
    behind = [member.tenant_id for group in plan.groups for member in group.members]
    return {tenant_id: soaks[tenant_id] for tenant_id in behind if tenant_id in soaks}


def migrate_fleet(request: FleetRequest, *, tell: Tell) -> FleetReport:
    """Migrate control, publish what the shards share, and take each schema that is behind.

    One that fails stops nothing, within the error budget; those that cannot be taken now are
    reported, and the next run takes them.

    Locks: of the fleet, on control; each schema's lease while it is taken.
    Transaction: forbids an open one.
    Idempotent: what is migrated is left alone, and a run that was cut off anywhere is finished by
        the next.

    Raises:
        FleetBusy: another one is under way.
        FleetPaused: control went away, or somebody interrupted it.
        UnknownSchemas: a tenant or a shard that is not there was named.
        CanaryUnfit: a canary was named that cannot be taken.
    """
    began = time.monotonic()
    if not migrate_control(ControlRequest(plan_only=True)):
        plan, shards = look(request)
        if not plan.behind and _in_step(shards):
            return FleetReport(plan, seconds=time.monotonic() - began)
    with fleet_lock() as connection:
        report = _migrate(connection, request, tell)
    return replace(report, seconds=time.monotonic() - began)


def resumable() -> FleetRequest:
    """What the last fleet migration was asked for, if it was stopped or left schemas behind.

    Raises:
        NothingToResume: it was not, or there was none.
    """
    last = FleetRun.objects.using(CONTROL).order_by("-id").first()
    if last is None or last.state == RunState.DONE:
        raise NothingToResume
    asked = FleetRequest.from_json(last.asked)
    if not asked.shards:
        return asked
    # It was asked for whoever lived there then.
    moved = {*asked.moved, *left_since(asked.shards, last.started_at)}
    return replace(asked, moved=tuple(sorted(moved)))


def _migrate(connection: Connection, request: FleetRequest, tell: Tell) -> FleetReport:
    # Control first: the journal is one of its tables.
    control = migrate_control(ControlRequest(), tell=lambda name: tell(f"control: {name}"))
    plan = _prepared(request, tell)
    journal, buried = begin_journal(
        connection, asked=request.to_json(), wanted=plan.wanted, keep_soaks=request.keep_soaks
    )
    if buried:
        tell("The run before was cut off; its leases are free again and its schemas looked at.")
    report = FleetReport(plan, run=journal.run, control=tuple(control))
    try:
        report = _take(journal, request, report, tell)
    except KeyboardInterrupt as error:
        journal.close(RunState.PAUSED, {"stopped": "interrupted"})
        raise FleetPaused("it was interrupted.") from error
    except psycopg.Error as error:
        if not connection.closed:
            raise
        raise FleetPaused(
            f"control went away ({in_one_line(error)}), so that nothing more can be begun."
        ) from error
    except BaseException:
        with suppress(psycopg.Error):
            journal.close(RunState.PAUSED, {"stopped": "an error of the program"})
        raise
    journal.close(report.state, _summary(report))
    return report


def _prepared(request: FleetRequest, tell: Tell) -> FleetPlan:
    """The plan, after everything is known that it goes by."""
    plan, _ = look(request)
    outdated = [
        (group, state.digest)
        for group in plan.groups
        if group.key.digest and (state := state_of_group(group)).digest != group.key.digest
    ]
    for group, digest in outdated:
        name_anew(group, digest)
    if outdated:
        plan, _ = look(request)
    if members := unmeasured(plan, record_from=request.record_from):
        measure(members, tell=tell)
        plan, _ = look(request)
    return plan


def _take(journal: Journal, request: FleetRequest, report: FleetReport, tell: Tell) -> FleetReport:
    plan = report.plan
    if plan.behind:
        # Names of new and renamed models have their ids before the first schema inserts them.
        allocate_known(publish=False)
    published = _publish(request, tell)
    routes = find_routes(plan, record_from=request.record_from, tell=tell)
    runner = Runner(
        journal=journal,
        routes=routes,
        pace=Pace(
            lanes=request.lanes,
            budget=read_budget(request.budget, behind=plan.behind),
            pause_s=request.pause_s,
        ),
        progress=Progress(plan.behind, tell),
        tell=tell,
        begun_before=journal.begun_before(
            [member.tenant_id for group in plan.groups for member in group.members]
        ),
    )
    with Keeper(journal, runner.stop):
        runner.run(plan.waves)
    return replace(
        report, published=published, routes=routes, ends=runner.ends, stopped=runner.stopped
    )


def _publish(request: FleetRequest, tell: Tell) -> int:
    publication = publish_reference(shards=request.shards)
    for outcome in publication.problems:
        tell(f"shard {outcome.shard} did not get the reference tables: {outcome.problem}")
    return publication.version


def _in_step(shards: dict[str, ShardRows]) -> bool:
    """Whether the shards have control's reference tables as they are now."""
    tables = reference_tables()
    digest = digest_of(tables) if tables else ""
    return all(found.away or found.reference == digest for found in shards.values())


def _summary(report: FleetReport) -> dict[str, object]:
    return {
        "done": report.count(StepState.DONE),
        "failed": report.count(StepState.FAILED),
        "put_off": report.count(StepState.PUT_OFF),
        "stopped": report.stopped,
    }
