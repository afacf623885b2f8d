"""Give ids to names in control, and bring them to the shards."""

from dataclasses import dataclass

import django
from django.db import connections, transaction

from migrations_tools.ids.models import CONTROL, ContentTypeName, PermissionName
from migrations_tools.ids.plan import Plan, plan_ids
from migrations_tools.ids.services.names import names_in, names_of_models
from migrations_tools.ids.services.recall import permission_key, read_known, recall
from migrations_tools.ids.types import Known, Names
from sharding.placements.services.reference import Publication, publish_reference
from sharding.schemas.connections import Connection

# Of two who allocate at once the second waits here, and then knows what the first wrote.
_TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtext('atoll.global_ids'))"

_RENAMES_PERMISSIONS = django.VERSION >= (6, 1)


@dataclass(frozen=True, slots=True)
class Allocation:
    """What got ids, or would: the same object for both.

    Attributes:
        content_types, permissions: new names, in words.
        moved: names that mean something else from now on.
        recalled: content types that shards knew and control did not any more.
        publication: how the shards took it; None where nothing was new, or nothing published.
    """

    content_types: tuple[str, ...]
    permissions: tuple[str, ...]
    moved: tuple[str, ...]
    recalled: int = 0
    publication: Publication | None = None

    @property
    def is_empty(self) -> bool:
        """Every name had its id already."""
        return not (self.content_types or self.permissions or self.moved)


def allocate_known(*, publish: bool = True, dry_run: bool = False) -> Allocation:
    """Give ids to the content types and permissions of all models that tenants have.

    Renamed models' names come first: both get one id. What libraries make besides, in the middle
    of a migration, only a built schema tells (`allocate_from`).

    Transaction: one on control; forbids an open one there when it publishes.
    Idempotent: names that have ids keep them.
    """
    return _allocate(names_of_models(), publish=publish, dry_run=dry_run)


def allocate_from(
    connection: Connection, schema: str, *, publish: bool = True, dry_run: bool = False
) -> Allocation:
    """Give ids to all that has local ones in `schema`, which was built of the code only.

    Never a tenant's that was used: what its people made is nobody else's business. The schema
    itself keeps its local ids; built once more, it has global ones.

    Transaction: one on control; forbids an open one there when it publishes.
    Idempotent: names that have ids keep them.
    """
    return _allocate(names_in(connection, schema), publish=publish, dry_run=dry_run)


def _allocate(names: Names, *, publish: bool, dry_run: bool) -> Allocation:
    with transaction.atomic(using=CONTROL, durable=publish):
        with connections[CONTROL].cursor() as cursor:
            cursor.execute(_TAKE_TURNS)
        before = known = read_known()
        plan = _plan(known, names)
        if not plan.is_empty:
            known = recall(before)
            plan = _plan(known, names)
        if not dry_run:
            _write(before, known, plan)
    publication = None
    if publish and not dry_run and not (plan.is_empty and known == before):
        publication = publish_reference()
    return _told(before, known, plan, publication)


def _plan(known: Known, names: Names) -> Plan:
    return plan_ids(known, names, renames_permissions=_RENAMES_PERMISSIONS)


def _write(before: Known, known: Known, plan: Plan) -> None:
    types = {**known.types, **plan.types}
    permissions = {**known.permissions, **plan.permissions}
    ContentTypeName.objects.using(CONTROL).bulk_create(
        ContentTypeName(name=str(name), content_type_id=id_)
        for name, id_ in types.items()
        if name not in before.types
    )
    PermissionName.objects.using(CONTROL).bulk_create(
        PermissionName(name=permission_key(*key), permission_id=id_)
        for key, id_ in permissions.items()
        if key not in before.permissions
    )
    for name, id_ in plan.moved.items():
        ContentTypeName.objects.using(CONTROL).filter(pk=str(name)).update(content_type_id=id_)


def _told(before: Known, known: Known, plan: Plan, publication: Publication | None) -> Allocation:
    by_id = {id_: name for name, id_ in {**known.types, **plan.types, **plan.moved}.items()}
    return Allocation(
        content_types=tuple(sorted(map(str, plan.types))),
        permissions=tuple(
            sorted(f"{by_id[type_id]} {codename}" for type_id, codename in plan.permissions)
        ),
        moved=tuple(sorted(map(str, plan.moved))),
        recalled=len(known.types) - len(before.types),
        publication=publication,
    )
