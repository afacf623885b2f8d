"""Give ids to names in control, and bring them to the shards."""

from collections.abc import Iterable
from dataclasses import dataclass

import django
from django.db import connections, transaction
from django.db.migrations.migration import Migration

from migrations_tools.ids.models import CONTROL, ContentTypeName, PermissionName
from migrations_tools.ids.plan import Plan, plan_ids
from migrations_tools.ids.services.names import live_types, names_in, names_of_models, renames_of
from migrations_tools.ids.types import Known, Names, TypeName
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
        publication: how the shards took it; None where nothing was new, or nothing published.
    """

    content_types: tuple[str, ...]
    permissions: tuple[str, ...]
    moved: tuple[str, ...]
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


def alias_renames(
    migrations: Iterable[Migration], *, publish: bool = True, dry_run: bool = False
) -> Allocation:
    """Give the new names of models that these rename the old names' ids; before they are applied.

    Transaction: one on control; forbids an open one there when it publishes.
    Idempotent.
    """
    names = Names(renames=renames_of(migrations), live=live_types())
    return _allocate(names, publish=publish, dry_run=dry_run)


def read_known() -> Known:
    """All names and ids that control knows."""
    types = ContentTypeName.objects.using(CONTROL)
    permissions = PermissionName.objects.using(CONTROL)
    return Known(
        {
            TypeName(app, model): id_
            for app, model, id_ in types.values_list("app_label", "model", "content_type_id")
        },
        {
            (type_id, codename): id_
            for type_id, codename, id_ in permissions.values_list(
                "content_type_id", "codename", "permission_id"
            )
        },
    )


def _allocate(names: Names, *, publish: bool, dry_run: bool) -> Allocation:
    with transaction.atomic(using=CONTROL, durable=publish):
        with connections[CONTROL].cursor() as cursor:
            cursor.execute(_TAKE_TURNS)
        known = read_known()
        plan = plan_ids(known, names, renames_permissions=_RENAMES_PERMISSIONS)
        if not dry_run:
            _write(plan)
    publication = None
    if publish and not dry_run and not plan.is_empty:
        publication = publish_reference()
    return _told(plan, known, publication)


def _write(plan: Plan) -> None:
    ContentTypeName.objects.using(CONTROL).bulk_create(
        ContentTypeName(content_type_id=id_, app_label=name.app_label, model=name.model)
        for name, id_ in plan.types.items()
    )
    PermissionName.objects.using(CONTROL).bulk_create(
        PermissionName(permission_id=id_, content_type_id=type_id, codename=codename)
        for (type_id, codename), id_ in plan.permissions.items()
    )
    for name, id_ in plan.moved.items():
        ContentTypeName.objects.using(CONTROL).filter(
            app_label=name.app_label, model=name.model
        ).update(content_type_id=id_)


def _told(plan: Plan, known: Known, publication: Publication | None) -> Allocation:
    by_id = {id_: name for name, id_ in {**known.types, **plan.types, **plan.moved}.items()}
    return Allocation(
        content_types=tuple(sorted(map(str, plan.types))),
        permissions=tuple(
            sorted(f"{by_id[type_id]} {codename}" for type_id, codename in plan.permissions)
        ),
        moved=tuple(sorted(map(str, plan.moved))),
        publication=publication,
    )
