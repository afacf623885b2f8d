"""Who is where, and why: the whole fleet in one screen."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import Count

from migrations_tools.fleet.models import FleetRun, FleetStep
from migrations_tools.fleet.progress import duration
from migrations_tools.fleet.rendering import listed, named, reason_lines, some_reasons, thousands
from migrations_tools.fleet.requests import FleetRequest
from migrations_tools.fleet.routes import group_of, pending_names, state_of_group
from migrations_tools.fleet.states import RunState, Standing, StepState
from migrations_tools.fleet.types import FleetPlan, Member
from migrations_tools.services.fleet import look
from migrations_tools.states import wanted_state
from sharding.placements.models import CONTROL
from sharding.schemas.errors import SchemaError

_MOST_STATES: Final = 15
_ROW: Final = "{:<10} {:<3} {:>8}  {:<34} {}"
_NAMED_SHARDS: Final = 3


@dataclass(frozen=True, slots=True)
class StateLine:
    """Schemas that have the same migrations.

    Attributes:
        structures: how many structures they have; more than one is drift.
        lacks: migrations, in order; None where nobody could be asked.
    """

    digest: str
    major: int
    shards: Counter[str]
    structures: int
    lacks: tuple[str, ...] | None

    @property
    def schemas(self) -> int:
        """How many."""
        return self.shards.total()


@dataclass(frozen=True, slots=True)
class RunLine:
    """The last fleet migration.

    Attributes:
        steps: how many schemas are how far in it.
        said: why schemas failed or were put off, with their ids, the most frequent first.
    """

    number: int
    state: RunState
    began: str
    seconds: float
    holder: str
    steps: Counter[StepState]
    said: tuple[tuple[StepState, str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """Where all schemas are."""

    wanted: str
    migrations: int
    plan: FleetPlan
    states: tuple[StateLine, ...] = field(default=())
    run: RunLine | None = None

    @property
    def behind(self) -> int:
        """Schemas that serve and are not known to have the state of the code."""
        counts = self.plan.counts()
        return counts[Standing.BEHIND] + counts[Standing.WAITING] + counts[Standing.WRONG]


def fleet_status(*, tenants: tuple[str, ...] = (), shards: tuple[str, ...] = ()) -> FleetStatus:
    """Ask control and, once each, the shards.

    Raises:
        UnknownSchemas: a tenant or a shard that is not there was named.
    """
    plan, _ = look(FleetRequest(tenants=tenants, shards=shards))
    wanted = wanted_state()
    return FleetStatus(
        wanted=wanted.digest,
        migrations=len(wanted.nodes),
        plan=plan,
        states=tuple(_states(plan)),
        run=_last_run(),
    )


def status_lines(status: FleetStatus) -> Iterator[str]:
    """One screen, however many schemas there are."""
    yield f"The code wants state {status.wanted[:8]}: {status.migrations} migrations."
    if status.run is not None:
        yield _run_line(status.run)
    yield ""
    yield _ROW.format("STATE", "PG", "SCHEMAS", "SHARDS", "LACKS")
    for line in status.states[:_MOST_STATES]:
        lacks = "?" if line.lacks is None else listed(line.lacks) or "nothing"
        if line.structures > 1:
            lacks += f"; {line.structures} structures, see check_drift"
        yield _ROW.format(
            line.digest[:8] or "-",
            line.major,
            thousands(line.schemas),
            _spread(line.shards),
            lacks,
        )
    if rest := status.states[_MOST_STATES:]:
        schemas = sum(line.schemas for line in rest)
        yield f"{thousands(schemas)} more in {len(rest)} other states, which --json lists"
    yield ""
    yield from reason_lines(status.plan)
    if status.run is not None:
        behind = {
            one.tenant_id for one in status.plan.members if one.standing is not Standing.LEVEL
        }
        yield from some_reasons(
            (f"{state} in run {status.run.number}", said, tuple(still))
            for state, said, ids in status.run.said
            if (still := behind.intersection(ids))
        )
    counts = status.plan.counts()
    parts = [
        f"{thousands(counts[standing])} {standing}" for standing in Standing if counts[standing]
    ]
    yield f"{thousands(len(status.plan.members))} schemas: {', '.join(parts) or 'none'}."


def member_lines(status: FleetStatus) -> Iterator[str]:
    """A line for each schema, for few of them."""
    lacks = {(line.digest, line.major): line.lacks for line in status.states}
    for one in status.plan.members:
        words = [f"{one.tenant_id} on {one.shard}: {one.standing}"]
        if one.key is not None:
            words.append(f"at {named(one.key)} on PostgreSQL {one.key.major}")
            if missing := lacks.get((one.key.digest, one.key.major)):
                words.append(f"lacks {', '.join(missing)}")
        if one.why:
            words.append(one.why)
        yield "; ".join(words)


def status_json(status: FleetStatus) -> dict[str, Any]:
    """All of it, with plain values; every schema that is not level has its own entry."""
    run = status.run
    return {
        "wanted": status.wanted,
        "migrations": status.migrations,
        "counts": {str(standing): n for standing, n in sorted(status.plan.counts().items())},
        "states": [
            {
                "digest": line.digest or None,
                "major": line.major,
                "schemas": line.schemas,
                "shards": dict(sorted(line.shards.items())),
                "structures": line.structures,
                "lacks": None if line.lacks is None else list(line.lacks),
            }
            for line in status.states
        ],
        "not_level": [_member_json(one) for one in status.plan.members if _tells(one)],
        "run": None
        if run is None
        else {
            "number": run.number,
            "state": str(run.state),
            "began": run.began,
            "seconds": round(run.seconds, 3),
            "steps": {str(state): n for state, n in sorted(run.steps.items())},
            "not_done": [
                {"state": str(state), "said": said, "tenant_ids": sorted(ids)}
                for state, said, ids in run.said
            ],
        },
    }


def _member_json(one: Member) -> dict[str, Any]:
    return {
        "tenant_id": one.tenant_id,
        "shard": one.shard,
        "standing": str(one.standing),
        "digest": one.key.digest if one.key else None,
        "why": one.why,
    }


def _tells(one: Member) -> bool:
    return one.standing is not Standing.LEVEL


def _states(plan: FleetPlan) -> Iterator[StateLine]:
    found: dict[tuple[str, int], list[Member]] = defaultdict(list)
    for member in plan.members:
        if member.key is not None:
            found[member.key.digest, member.key.major].append(member)
    for (digest, major), members in sorted(found.items(), key=lambda pair: -len(pair[1])):
        yield StateLine(
            digest=digest,
            major=major,
            shards=Counter(member.shard for member in members),
            structures=len({one.key.fingerprint for one in members if one.key} - {""}),
            lacks=() if digest == plan.wanted else _lacks(members),
        )


def _lacks(members: list[Member]) -> tuple[str, ...] | None:
    try:
        return pending_names(state_of_group(group_of(members)))
    except SchemaError:
        return None


def _last_run() -> RunLine | None:
    run = FleetRun.objects.using(CONTROL).order_by("-id").first()
    if run is None:
        return None
    steps = FleetStep.objects.using(CONTROL).filter(run=run)
    counted = steps.values_list("state").annotate(Count("id")).order_by("state")
    said: dict[tuple[str, str], list[str]] = defaultdict(list)
    unhappy = steps.filter(state__in=[StepState.FAILED, StepState.PUT_OFF])
    for state, why, tenant_id in unhappy.values_list("state", "said", "tenant_id"):
        said[state, why].append(tenant_id)
    ordered = sorted(said.items(), key=lambda pair: -len(pair[1]))
    return RunLine(
        number=run.pk,
        state=RunState(run.state),
        began=f"{run.started_at:%Y-%m-%d %H:%M:%S %Z}",
        seconds=((run.ended_at or run.beat_at) - run.started_at).total_seconds(),
        holder=run.holder,
        steps=Counter({StepState(state): count for state, count in counted}),
        said=tuple((StepState(state), why, tuple(ids)) for (state, why), ids in ordered),
    )


def _run_line(run: RunLine) -> str:
    parts = ", ".join(
        f"{thousands(run.steps[state])} {state}" for state in StepState if run.steps[state]
    )
    host, _, rest = run.holder.partition(":")
    by = f", process {rest.partition(':')[0]} on {host}" if run.state is RunState.RUNNING else ""
    took = f"{duration(run.seconds)}: " if run.seconds or parts else ""
    return f"Run {run.number} of {run.began}{by}: {run.state}, {took}{parts or 'no schema begun'}."


def _spread(shards: Counter[str]) -> str:
    named_ones = [f"{name} {thousands(count)}" for name, count in shards.most_common(_NAMED_SHARDS)]
    more = len(shards) - len(named_ones)
    return ", ".join(named_ones) + (f" and {more} more" if more > 0 else "")
