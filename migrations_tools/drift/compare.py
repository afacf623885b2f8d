"""Compare what control believes with what was seen. Pure: no Django, no driver."""

from collections.abc import Collection, Iterator, Mapping

from migrations_tools.drift.types import (
    Directory,
    Finding,
    Kind,
    Placed,
    SchemaSeen,
    ShardSeen,
)
from sharding.schemas.types import Marker, Phase

READY = "ready"
OPEN_PHASES = frozenset({Phase.INCOMING, Phase.ACTIVE, Phase.FENCED})
"""In which a schema serves somebody, or is about to."""

_RIGHTS: Mapping[Phase, tuple[bool | None, bool]] = {
    # may write, may look
    Phase.INCOMING: (False, False),
    Phase.ACTIVE: (True, True),
    Phase.FENCED: (False, True),
    Phase.SEALED: (False, False),
    Phase.TOMBSTONE: (None, False),
}


def compare(directory: Directory, shards: Collection[ShardSeen]) -> tuple[Finding, ...]:
    """All that differs between the directory and the shards that were looked at.

    A shard that is not among `shards` was not asked for, and nothing is said of it.
    """
    found = [*_in_control(directory, {shard.name for shard in shards})]
    for shard in shards:
        found += _of_server(directory, shard)
        if shard.problem or shard.unprepared:
            continue
        for placed in directory.placements.values():
            if placed.shard == shard.name:
                found += _of_placement(placed, shard)
        for seen in shard.schemas.values():
            found += _of_schema(directory, shard, seen)
        found += _of_roles(directory, shard)
        found += _of_templates(shard)
    return tuple(found)


def only_lasting(before: Collection[Finding], after: Collection[Finding]) -> tuple[Finding, ...]:
    """What was found against two readings of the directory, one on each side of the look.

    What was just being made or dropped differs in one of them only.
    """
    still = {finding.key for finding in before}
    return tuple(finding for finding in after if finding.key in still)


def _in_control(directory: Directory, looked_at: Collection[str]) -> Iterator[Finding]:
    for placed in directory.placements.values():
        if placed.shard not in looked_at:
            continue
        if directory.tenants is not None and placed.tenant_id not in directory.tenants:
            yield Finding(
                Kind.PLACEMENT_WITHOUT_TENANT,
                placed.tenant_id,
                placed.shard,
                f"Control places {placed.tenant_id} on {placed.shard}, and no tenant has this id.",
                "Restore the tenant's row from a backup of control; or, if it was deleted, delete "
                f"the placement's row and run: manage.py drop_left_over {placed.shard} "
                f"{placed.schema}",
            )
        if placed.state != READY and not placed.leased:
            yield _unfinished(placed)
    if directory.tenants is not None:
        for tenant_id in sorted(directory.tenants - directory.placements.keys()):
            yield Finding(
                Kind.TENANT_WITHOUT_PLACEMENT,
                tenant_id,
                "",
                f"Tenant {tenant_id} has no placement: control does not know where it lives.",
                "Restore the placement's row from a backup of control; `manage.py check_drift` "
                "names the shard on which a schema without a tenant bears this id.",
            )


def _unfinished(placed: Placed) -> Finding:
    ways = {
        "creating": "Run the command that made it again (`manage.py create_tenant`, with the same "
        f"arguments), or take it back: manage.py create_tenant {placed.tenant_id} --undo",
        "dropping": "Run the command again that was taking it away: `manage.py purge_deleted`, or "
        f"manage.py create_tenant {placed.tenant_id} --undo",
    }
    return Finding(
        Kind.PLACEMENT_UNFINISHED,
        placed.tenant_id,
        placed.shard,
        f"The placement of {placed.tenant_id} is {placed.state}, and nobody works on it.",
        ways.get(placed.state, "Run the command again that was moving it."),
    )


def _of_server(directory: Directory, shard: ShardSeen) -> Iterator[Finding]:
    def finding(kind: Kind, what: str, mend: str) -> Finding:
        return Finding(kind, shard.name, shard.name, what, mend)

    if shard.problem:
        yield finding(
            Kind.SHARD_AWAY,
            f"Nothing is known of {shard.name}: {shard.problem}",
            f"Bring it back, then: manage.py check_drift --shard {shard.name}",
        )
        return
    if shard.unprepared:
        yield finding(
            Kind.SHARD_UNPREPARED,
            f"The database of {shard.name} answers and is no shard.",
            f"Look whether the registry leads to the right database; then: manage.py add_shard "
            f"{shard.name}",
        )
        return
    if shard.in_recovery:
        yield finding(
            Kind.SHARD_IN_RECOVERY,
            f"The address of {shard.name} leads to a server in recovery: a standby, or a backup "
            "that is still being restored.",
            "Give the primary's address in the registry, or wait until the restore is through.",
        )
    if shard.server_name != shard.name:
        yield finding(
            Kind.SHARD_WRONG_NAME,
            f"The database at the address of {shard.name} says that it is {shard.server_name!r}.",
            "Set the addresses in the registry file right.",
        )
        return
    expected = directory.incarnations.get(shard.name, shard.incarnation)
    if shard.incarnation < expected:
        yield finding(
            Kind.SHARD_SEALED,
            f"The server of {shard.name} is of incarnation {shard.incarnation} and the registry "
            f"knows {expected}: it was restored, or is an old primary. Nobody is served from it.",
            f"manage.py open_restored_shard {shard.name} --dry-run",
        )
    elif shard.incarnation > expected:
        yield finding(
            Kind.SHARD_NEWER,
            f"The server of {shard.name} is of incarnation {shard.incarnation} and the registry "
            f"knows {expected}: the registry file of this machine is older than the server.",
            "Bring the newest registry file to this machine.",
        )


def _of_placement(placed: Placed, shard: ShardSeen) -> Iterator[Finding]:
    seen = shard.schemas.get(placed.schema)
    if placed.state == READY and (seen is None or not seen.exists):
        yield Finding(
            Kind.SCHEMA_MISSING,
            placed.schema,
            shard.name,
            f"Tenant {placed.tenant_id} lives on {shard.name}, and its schema is not there.",
            "Its data is lost here: look for it among the schemas without a tenant of other "
            "shards, else restore it from an archive (docs/how-to/drift.md).",
        )


def _of_schema(directory: Directory, shard: ShardSeen, seen: SchemaSeen) -> Iterator[Finding]:
    marker = seen.marker
    placed = directory.of_schema(shard.name, seen.name)
    if not seen.exists:
        # A tombstone is kept so that a late writer is recognised.
        if marker is not None and marker.phase is not Phase.TOMBSTONE and placed is None:
            yield Finding(
                Kind.MARKER_WITHOUT_SCHEMA,
                seen.name,
                shard.name,
                f"atoll.tenant_schema says that {seen.name} is {marker.phase}, and no schema is "
                "called so.",
                f"manage.py drop_left_over {shard.name} {seen.name}",
            )
        return
    if placed is None:
        yield from _of_stray(directory, shard, seen)
        return
    if not seen.has_role:
        yield Finding(
            Kind.ROLE_MISSING,
            seen.name,
            shard.name,
            f"No role is called {seen.name}: the tenant's statements fail.",
            "Bring the server's roles back (pg_dumpall --roles-only of the backup), then: "
            f"manage.py mend_schema {seen.name}",
        )
    if marker is None:
        yield Finding(
            Kind.SCHEMA_UNMARKED,
            seen.name,
            shard.name,
            f"Schema {seen.name} has no row in atoll.tenant_schema.",
            "Restore the row from a backup of the shard; without it nothing may fence or migrate "
            "the schema.",
        )
        return
    if seen.unguarded:
        names = ", ".join(seen.unguarded)
        yield Finding(
            Kind.TABLE_UNGUARDED,
            seen.name,
            shard.name,
            f"Tables of {seen.name} without a guard: {names}. A move would lose what is written "
            "to them.",
            f"manage.py mend_schema {seen.name}",
        )
    if placed.state == READY:
        yield from _of_marker(placed, shard, seen, marker)


def _of_marker(
    placed: Placed, shard: ShardSeen, seen: SchemaSeen, marker: Marker
) -> Iterator[Finding]:
    if marker.spare:
        yield Finding(
            Kind.SCHEMA_MISSING,
            seen.name,
            shard.name,
            f"Tenant {placed.tenant_id} lives on {shard.name}, and {seen.name} is a spare there "
            "that was never opened: the shard is older than control.",
            "Its data is lost here: look for it among the schemas without a tenant of other "
            "shards, else restore it from an archive (docs/how-to/drift.md).",
        )
        return
    if placed.arrived_epoch and marker.epoch < placed.arrived_epoch:
        yield Finding(
            Kind.SCHEMA_STALE,
            seen.name,
            shard.name,
            f"Schema {seen.name} was opened at epoch {marker.epoch}, and its tenant came here at "
            f"{placed.arrived_epoch}: this copy is from before the tenant was away.",
            f"Seal the shard (manage.py seal_shard {shard.name}), then: manage.py "
            f"open_restored_shard {shard.name} --dry-run",
        )
        return
    if marker.epoch > placed.epoch:
        yield Finding(
            Kind.SCHEMA_AHEAD,
            seen.name,
            shard.name,
            f"Schema {seen.name} was opened at epoch {marker.epoch}, and control knows only "
            f"{placed.epoch}: control is older than the shard.",
            "Control was restored from a backup: bring it further forward (docs/how-to/"
            "back-up-and-restore.md).",
        )
    if marker.unfinished is not None and not placed.leased:
        yield Finding(
            Kind.SCHEMA_UNFINISHED,
            seen.name,
            shard.name,
            f"{marker.unfinished} was cut off in {seen.name} and left a part of itself behind.",
            "Undo that part by hand (look for an invalid index) and clear `unfinished` of its row "
            "in atoll.tenant_schema (docs/how-to/migrate-the-fleet.md), then: manage.py "
            f"migrate_schemas --tenant {placed.tenant_id}",
        )
    if marker.phase is not Phase.ACTIVE and not placed.leased:
        yield Finding(
            Kind.SCHEMA_CLOSED,
            seen.name,
            shard.name,
            f"Tenant {placed.tenant_id} lives here, and its schema is {marker.phase}: it is not "
            "served.",
            f"Look that no other shard has an open copy (manage.py check_drift), then: manage.py "
            f"mend_schema {seen.name} --open",
        )
    yield from _of_rights(shard, seen, marker)


def _of_rights(shard: ShardSeen, seen: SchemaSeen, marker: Marker) -> Iterator[Finding]:
    may_write, may_look = _RIGHTS[marker.phase]
    wrong = []
    if may_write is not None and seen.permit is not may_write:
        wrong.append("may write" if seen.permit else "may not write")
    if seen.usage is not may_look:
        wrong.append("may look into it" if seen.usage else "may not look into it")
    if wrong:
        yield Finding(
            Kind.RIGHTS_WRONG,
            seen.name,
            shard.name,
            f"Schema {seen.name} is {marker.phase}, and its tenant {' and '.join(wrong)}.",
            f"manage.py mend_schema {seen.name}",
        )


def _of_stray(directory: Directory, shard: ShardSeen, seen: SchemaSeen) -> Iterator[Finding]:
    home = directory.placements.get(seen.name)
    phase = seen.marker.phase if seen.marker is not None else None
    spare = seen.marker.spare if seen.marker is not None else None
    if home is None and (spare or seen.name in directory.spares):
        yield from _of_spare(directory, shard, seen)
        return
    if home is None:
        how = phase.value if phase is not None else "not ours (no row in atoll.tenant_schema)"
        yield Finding(
            Kind.SCHEMA_WITHOUT_TENANT,
            seen.name,
            shard.name,
            f"Schema {seen.name} is {how}, and no tenant has this id.",
            (
                "If control was restored from a backup and has forgotten it: manage.py "
                f"reattach_tenant {seen.name} --slug SLUG. "
                if phase is Phase.ACTIVE
                else ""
            )
            + f"If its data is not wanted: manage.py drop_left_over {shard.name} {seen.name}",
        )
        return
    # Closed copies are what a move leaves behind, and what it fills before it switches.
    if phase is not None and phase not in OPEN_PHASES and not seen.usage and not seen.permit:
        return
    if home.leased:
        return
    yield Finding(
        Kind.SCHEMA_TWICE,
        seen.name,
        shard.name,
        f"Tenant {home.tenant_id} lives on {home.shard}, and {shard.name} has a copy that is "
        f"{phase or 'unmarked'} and not sealed.",
        f"Seal the shard and let it be compared: manage.py seal_shard {shard.name}, then "
        f"manage.py open_restored_shard {shard.name}; when the copy is not wanted: manage.py "
        f"drop_left_over {shard.name} {seen.name}",
    )


def _of_spare(directory: Directory, shard: ShardSeen, seen: SchemaSeen) -> Iterator[Finding]:
    if seen.usage or seen.permit:
        yield Finding(
            Kind.SPARE_OPEN,
            seen.name,
            shard.name,
            f"Schema {seen.name} is a spare for a tenant that is not there yet, and its role may "
            f"{'write' if seen.permit else 'look into it'}.",
            f"manage.py drop_left_over {shard.name} {seen.name}",
        )
    elif seen.name not in directory.spares:
        yield Finding(
            Kind.SPARE_UNKNOWN,
            seen.name,
            shard.name,
            f"Schema {seen.name} is a spare, and control does not know of it: control or the shard "
            "was restored from a backup.",
            f"manage.py make_spares {shard.name} (it drops such spares; so does beat)",
        )


def _of_roles(directory: Directory, shard: ShardSeen) -> Iterator[Finding]:
    for role in sorted(shard.roles - directory.roles - directory.placements.keys()):
        if role in shard.schemas and shard.schemas[role].exists:
            continue  # told as a schema without a tenant
        yield Finding(
            Kind.ROLE_LEFT_OVER,
            role,
            shard.name,
            f"The server of {shard.name} has a tenant's role {role}, and control never gave this "
            "id out. Every role makes the server's sessions slower.",
            f"manage.py drop_left_over {shard.name} {role}",
        )


def _of_templates(shard: ShardSeen) -> Iterator[Finding]:
    for name in shard.templates:
        yield Finding(
            Kind.TEMPLATE_LEFT_OVER,
            name,
            shard.name,
            f"{name} is a template schema in which nobody works: what built it was killed.",
            f"The next build_image drops it; at once: manage.py drop_left_over {shard.name} {name}",
        )
