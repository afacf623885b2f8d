"""Which content types and permissions the code has, and which a schema has."""

from collections.abc import Iterable, Iterator

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.db.migrations.migration import Migration
from django.db.migrations.operations import RenameModel
from psycopg import sql

from migrations_tools.ids.types import Names, PermissionOf, Rename, TypeName
from migrations_tools.loading import FedLoader
from migrations_tools.states import tenant_labels
from sharding.schemas.connections import Connection
from sharding.schemas.services.global_ids import LOCAL_FROM, PERMISSIONS, TYPES
from sharding.schemas.services.tables import has_table

_LOCAL_TYPES = "SELECT app_label, model FROM {types} WHERE id >= {local_from}"
_LOCAL_PERMISSIONS = """
    SELECT t.app_label, t.model, p.codename
    FROM {permissions} p JOIN {types} t ON t.id = p.content_type_id
    WHERE p.id >= {local_from}
"""


def names_of_models() -> Names:
    """What Django's post_migrate makes in a tenant's schema: of all models of its apps.

    With the renames of all migrations on disk, so that a name that was given up long ago keeps its
    id for the schemas that still have it.
    """
    types: set[TypeName] = set()
    permissions: set[PermissionOf] = set()
    for label in tenant_labels():
        # Proxy models have types and permissions of their own.
        for model in apps.get_app_config(label).get_models():
            options = model._meta
            name = TypeName(options.app_label, str(options.model_name))
            types.add(name)
            permissions |= {
                PermissionOf(name, get_permission_codename(action, options))
                for action in options.default_permissions
            }
            permissions |= {PermissionOf(name, codename) for codename, _ in options.permissions}
    return Names(frozenset(types), frozenset(permissions), renames_of(_on_disk()), live_types())


def names_in(connection: Connection, schema: str) -> Names:
    """What has local ids in `schema`: nobody has allocated it."""
    if not has_table(connection, schema, TYPES.name):
        return Names()
    words = {
        "types": sql.Identifier(schema, TYPES.name),
        "permissions": sql.Identifier(schema, PERMISSIONS.name),
        "local_from": sql.Literal(LOCAL_FROM),
    }
    types = connection.execute(sql.SQL(_LOCAL_TYPES).format(**words)).fetchall()
    permissions: list[tuple[str, str, str]] = []
    if has_table(connection, schema, PERMISSIONS.name):
        permissions = connection.execute(sql.SQL(_LOCAL_PERMISSIONS).format(**words)).fetchall()
    return Names(
        frozenset(TypeName(*row) for row in types),
        frozenset(PermissionOf(TypeName(app, model), code) for app, model, code in permissions),
        live=live_types(),
    )


def live_types() -> frozenset[TypeName]:
    """The types of all models that the code has."""
    return frozenset(
        TypeName(model._meta.app_label, str(model._meta.model_name)) for model in apps.get_models()
    )


def renames_of(migrations: Iterable[Migration]) -> tuple[Rename, ...]:
    """The models that these rename, in order, as Django sees them for its content types."""
    return tuple(
        Rename(migration.app_label, operation.old_name_lower, operation.new_name_lower)
        for migration in migrations
        for operation in migration.operations
        if isinstance(operation, RenameModel)
    )


def _on_disk() -> Iterator[Migration]:
    """All migrations of tenants' apps, replaced ones too, each app's by name."""
    labels = tenant_labels()
    found = FedLoader(()).disk_migrations or {}
    yield from (found[node] for node in sorted(found) if node[0] in labels)
