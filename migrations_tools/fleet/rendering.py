"""A plan, a report, in words that a person at 3 a.m. reads at a glance, and as JSON."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from migrations_tools.fleet.progress import duration
from migrations_tools.fleet.requests import FleetReport
from migrations_tools.fleet.routes import Route
from migrations_tools.fleet.states import Standing, StepState
from migrations_tools.fleet.types import FleetPlan, Group, GroupKey

SHOWN: Final = 3
MOST_REASONS: Final = 8
"""One screen holds so many of each kind; those of most schemas come first."""
_LONGEST: Final = 160
_STANDINGS: Final = {
    Standing.SKIPPED: "left alone",
    Standing.WAITING: "to be caught up later",
    Standing.WRONG: "not as control says",
}


def plan_lines(report: FleetReport) -> Iterator[str]:
    """What would be done, and to whom."""
    plan = report.plan
    if report.control:
        yield f"control: {listed(report.control, shown=len(report.control))}"
    for number, group in enumerate(plan.groups, start=1):
        yield f"group {number}: {_group(group, report)}"
        yield from _ways(group, report)
    for wave in plan.waves:
        shards = Counter(member.shard for member in wave.members)
        spread = ", ".join(f"{shard} {count}" for shard, count in sorted(shards.items()))
        ids = listed([member.tenant_id for member in wave.members])
        yield f"wave {wave.name}: {len(wave.members)} schemas ({spread}): {ids}"
    yield from reason_lines(plan)
    if report.soaks:
        moves = listed([str(move) for move in sorted(report.soaks.values())])
        yield (
            f"{thousands(len(report.soaks))} moves soak and could not go back any more ({moves}); "
            "--keep-soaks leaves their tenants for later"
        )
    counts = plan.counts()
    yield (
        f"{len(plan.members)} schemas: {plan.behind} would be migrated, "
        f"{counts[Standing.LEVEL]} have it all. Nothing was changed."
    )


def report_lines(report: FleetReport) -> Iterator[str]:
    """What was done, what was not, and why."""
    yield from reason_lines(report.plan)
    for state, words in ((StepState.FAILED, "failed"), (StepState.PUT_OFF, "put off")):
        told: dict[str, list[str]] = defaultdict(list)
        for end in report.ends.values():
            if end.state is state:
                told[end.said].append(end.tenant_id)
        yield from some_reasons([(words, said, ids) for said, ids in told.items()])
    counts = report.plan.counts()
    total, done = len(report.plan.members), report.count(StepState.DONE)
    if not report.plan.behind:
        rest = total - counts[Standing.LEVEL]
        yield (
            f"{total} schemas, nothing to do{f' ({rest} not looked at)' * bool(rest)}: "
            f"{duration(report.seconds)}."
        )
        return
    each = f", {1000 * report.seconds / done:.1f} ms each" if done else ""
    parts = [
        f"{done} migrated",
        f"{counts[Standing.LEVEL]} had it all",
        *(f"{count} {words}" for count, words in _not_done(report) if count),
    ]
    yield (
        f"Run {report.run}, {total} schemas: {', '.join(parts)}. "
        f"It took {duration(report.seconds)}{each}."
    )


def reason_lines(plan: FleetPlan) -> Iterator[str]:
    """Whom it does not take, by reason, the most frequent first."""
    ids: dict[tuple[Standing, str], list[str]] = defaultdict(list)
    for member in plan.members:
        if member.why:
            ids[member.standing, member.why].append(member.tenant_id)
    yield from some_reasons(
        [(_STANDINGS[standing], why, found) for (standing, why), found in ids.items()]
    )


def some_reasons(reasons: Iterable[tuple[str, str, Sequence[str]]]) -> Iterator[str]:
    """What happened, why, and to whom: a line each for those of most schemas, one for the rest."""
    ordered = sorted(reasons, key=lambda one: -len(one[2]))
    for words, why, ids in ordered[:MOST_REASONS]:
        yield f"{thousands(len(ids))} {words}: {why[:_LONGEST]} ({listed(sorted(ids))})"
    if rest := ordered[MOST_REASONS:]:
        ids = sorted(tenant_id for _, _, some in rest for tenant_id in some)
        yield (
            f"{thousands(len(ids))} more for {thousands(len(rest))} other reasons, which --json "
            f"lists ({listed(ids)})"
        )


def plan_json(report: FleetReport) -> dict[str, Any]:
    """The plan, with plain values."""
    return {
        "wanted": report.plan.wanted,
        "control": list(report.control),
        "soaks": dict(report.soaks),
        "groups": [group_json(group, report) for group in report.plan.groups],
        "waves": [
            {"name": wave.name, "tenants": [one.tenant_id for one in wave.members]}
            for wave in report.plan.waves
        ],
        "schemas": [
            {
                "tenant_id": one.tenant_id,
                "shard": one.shard,
                "standing": str(one.standing),
                "why": one.why,
            }
            for one in report.plan.members
        ],
    }


def report_json(report: FleetReport) -> dict[str, Any]:
    """The report, with plain values; seconds are on the wall clock."""
    return {
        **plan_json(report),
        "run": report.run,
        "state": str(report.state),
        "stopped": report.stopped,
        "seconds": round(report.seconds, 3),
        "steps": [
            {
                "tenant_id": end.tenant_id,
                "shard": end.shard,
                "state": str(end.state),
                "way": end.way,
                "said": end.said,
            }
            for end in report.ends.values()
        ],
    }


def group_json(group: Group, report: FleetReport) -> dict[str, Any]:
    """A group, with plain values."""
    route = report.routes.get(group.key)
    safety = report.safety.get(group.key)
    return {
        "digest": group.key.digest,
        "fingerprint": group.key.fingerprint or None,
        "major": group.key.major,
        "schemas": len(group.members),
        "lacks": list(route.pending) if route else [],
        "replayed": list(_replayed(route)) if route else [],
        "findings": [
            {
                "migration": ".".join(finding.node),
                "rule": finding.rule,
                "what": finding.what,
                "instead": finding.instead,
                "accepted": finding.accepted,
            }
            for finding in (safety.findings if safety else ())
        ],
    }


def named(key: GroupKey) -> str:
    """A group's state in a few letters."""
    return key.digest[:8] or "no state"


def _group(group: Group, report: FleetReport) -> str:
    route = report.routes.get(group.key)
    lacks = listed(route.pending) if route and route.pending else "nothing but a new name"
    return (
        f"{len(group.members)} schemas at {named(group.key)} on PostgreSQL {group.key.major} "
        f"lack {lacks}"
    )


def _ways(group: Group, report: FleetReport) -> Iterator[str]:
    """How each migration would be done and what it would do, where that was found out."""
    safety = report.safety.get(group.key)
    route = report.routes.get(group.key)
    if safety is None or route is None:
        return
    replayed = set(_replayed(route))
    if route.recording is None:
        yield f"  all by Django's executor: {route.why_not[:_LONGEST]}"
    for node in safety.checked:
        name = ".".join(node)
        why_not = safety.why_not_replayed.get(node, "")
        if name in replayed:
            yield f"  {name}: replayed"
        elif why_not:
            yield f"  {name}: by Django's executor, {why_not}"
        for finding in safety.findings:
            if finding.node == node:
                accepted = f" (accepted: {finding.accepted})" if finding.accepted else ""
                yield f"    {finding.rule}: {finding.what}{accepted}"
                if finding.instead and not finding.accepted:
                    yield f"      instead: {finding.instead}"
    if safety.left_out:
        yield f"  {safety.left_out}"


def _replayed(route: Route) -> Iterator[str]:
    if route.recording is not None:
        for segment in route.recording.segments:
            yield from (".".join(step.node) for step in segment.steps if step.replayable)


def _not_done(report: FleetReport) -> Iterator[tuple[int, str]]:
    counts = report.plan.counts()
    yield report.count(StepState.FAILED), "failed"
    yield report.count(StepState.PUT_OFF), "put off"
    yield report.plan.behind - len(report.ends), "not begun"
    for standing, words in _STANDINGS.items():
        yield counts[standing], words


def listed(names: Iterable[str], *, shown: int = SHOWN) -> str:
    """The first names, and how many more there are."""
    every = list(names)
    more = len(every) - shown
    return ", ".join(every[:shown]) + (f" and {more} more" if more > 0 else "")


def thousands(number: int) -> str:
    """A number with its thousands set apart: `12,000`."""
    return f"{number:,}"
