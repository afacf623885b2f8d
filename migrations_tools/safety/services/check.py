"""Check what was not released yet: run it for real in a template, look at what it did."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from django.apps import apps
from django.db.migrations.migration import Migration
from django.db.migrations.state import ProjectState

from migrations_tools.execution import Tell, silent
from migrations_tools.images.templates import template
from migrations_tools.loading import Node, unmigrated_apps
from migrations_tools.replay.rehearsal import rehearse
from migrations_tools.replay.types import Recording, Step
from migrations_tools.safety.conf import safety_settings
from migrations_tools.safety.errors import NoSquawk, UnknownMigration
from migrations_tools.safety.operations import ACCEPTS, check_operations
from migrations_tools.safety.squawk import check_sql
from migrations_tools.safety.types import Finding, SafetyReport
from migrations_tools.states import pending_between, state_of, tenant_labels
from sharding.registry.types import Server

_ELSEWHERE = frozenset({"site-packages", "dist-packages"})


def check_migrations(
    server: Server,
    *,
    labels: Collection[str] = (),
    everything: bool = False,
    tell: Tell = silent,
) -> SafetyReport:
    """What the migrations of tenants' apps that were not released yet would do to a live fleet.

    All migrations are run in an empty template on `server`, which is dropped afterwards. `labels`
    names apps, also of others; without, it is the apps of this project. `everything` looks at what
    was released as well.

    Transaction: several; forbids an open one on that shard.

    Raises:
        UnknownMigration: a setting or `labels` names what is not there.
        NoSquawk, SquawkFailed: its SQL cannot be checked.
        RecordingFailed: a migration fails in an empty schema.
        ServerUnreachable: the server is away.
    """
    everyone = pending_between(state_of(()))
    chosen = _chosen(everyone, labels, everything)
    if not chosen:
        return SafetyReport((), ())
    with template(server) as made:
        recording = rehearse(made.connection, made.name, tell=tell)
    return _report(everyone, chosen, steps_of(recording))


def check_pending(pending: Iterable[Migration], recording: Recording | None) -> SafetyReport:
    """What `pending` would do to the fleet, for a plan: SQL only where squawk is installed."""
    chosen = {(one.app_label, one.name) for one in pending}
    steps = steps_of(recording) if recording is not None else {}
    everyone = pending_between(state_of(()))
    try:
        return _report(everyone, chosen, steps)
    except NoSquawk as error:
        return replace(_report(everyone, chosen, {}), left_out=str(error))


def steps_of(recording: Recording) -> dict[Node, Step]:
    """The steps by migration."""
    return {step.node: step for segment in recording.segments for step in segment.steps}


def _report(
    everyone: Iterable[Migration], chosen: Collection[Node], steps: Mapping[Node, Step]
) -> SafetyReport:
    findings: list[Finding] = []
    state = ProjectState(real_apps=unmigrated_apps())
    checked = []
    for migration in everyone:
        node = migration.app_label, migration.name
        if node in chosen:
            checked.append(node)
            findings += _accepted(migration, _found(migration, state, steps.get(node)))
        migration.mutate_state(state, preserve=False)
    why_not = {node: steps[node].why_not for node in checked if node in steps}
    return SafetyReport(
        checked=tuple(checked),
        findings=tuple(findings),
        why_not_replayed={node: why for node, why in why_not.items() if why},
    )


def _found(migration: Migration, before: ProjectState, step: Step | None) -> Iterator[Finding]:
    yield from check_operations(migration, before)
    if step is not None and step.statements:
        yield from check_sql(step.node, step.statements, atomic=migration.atomic)


def _accepted(migration: Migration, findings: Iterable[Finding]) -> Iterator[Finding]:
    """One finding per rule, with the reason that the migration gives for accepting it."""
    reasons: Mapping[str, str] = getattr(migration, ACCEPTS, {})
    told: set[str] = set()
    for finding in findings:
        if finding.rule not in told:
            told.add(finding.rule)
            yield replace(finding, accepted=reasons.get(finding.rule, ""))


def _chosen(
    everyone: Iterable[Migration], labels: Collection[str], everything: bool
) -> frozenset[Node]:
    for label in labels:
        if label not in tenant_labels():
            raise UnknownMigration(repr(label), "--app")
    wanted = frozenset(labels) or frozenset(filter(_is_ours, tenant_labels()))
    nodes = frozenset((one.app_label, one.name) for one in everyone if one.app_label in wanted)
    return nodes if everything else nodes - _released(everyone)


def _is_ours(label: str) -> bool:
    return _ELSEWHERE.isdisjoint(Path(apps.get_app_config(label).path).parts)


def _released(everyone: Iterable[Migration]) -> frozenset[Node]:
    """What the setting names and all that it builds upon in its own app."""
    by_node = {(one.app_label, one.name): one for one in everyone}
    found: set[Node] = set()
    for label, name in safety_settings().released.items():
        if (label, name) not in by_node:
            raise UnknownMigration(f"{label}.{name}", "ATOLL_RELEASED_MIGRATIONS")
        waiting = [(label, name)]
        while waiting:
            node = waiting.pop()
            found.add(node)
            waiting += [
                parent
                for parent in by_node[node].dependencies
                if parent[0] == label and parent in by_node and parent not in found
            ]
    return frozenset(found)
