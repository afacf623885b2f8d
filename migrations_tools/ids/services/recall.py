"""What is known of ids: by control, and by shards when control has forgotten.

A control database that was restored from a backup lacks the names that got ids since. Tenants have
these ids, and the shards still know them: to give them to other names would mix tenants' rights up.
"""

import psycopg

from migrations_tools.ids.models import CONTROL, ContentTypeName, PermissionName
from migrations_tools.ids.types import Known, TypeName
from sharding.placements.services.reference import servers_of
from sharding.registry.types import Server
from sharding.schemas.connections import BRIEF, own_connection
from sharding.schemas.errors import SchemaError
from sharding.schemas.services.known_ids import KnownIds, read_known_ids


def read_known() -> Known:
    """All names and ids that control knows."""
    types = ContentTypeName.objects.using(CONTROL).values_list("name", "content_type_id")
    permissions = PermissionName.objects.using(CONTROL).values_list("name", "permission_id")
    return _known(KnownIds(dict(types), dict(permissions)))


def recall(known: Known) -> Known:
    """`known`, and what shards know besides; one that is away is left out.

    An id that control has given to another name meanwhile stays that one's.
    """
    types, permissions = dict(known.types), dict(known.permissions)
    used = set(types.values()), set(permissions.values())
    for server in servers_of(()).values():
        found = _ask(server)
        types.update(
            (name, id_)
            for name, id_ in found.types.items()
            if name not in types and id_ not in used[0]
        )
        permissions.update(
            (key, id_)
            for key, id_ in found.permissions.items()
            if key not in permissions and id_ not in used[1]
        )
    return Known(types, permissions)


def permission_key(type_id: int, codename: str) -> str:
    """How the tables write a permission's name."""
    return f"{type_id}.{codename}"


def _ask(server: Server | None) -> Known:
    if server is None:
        return Known()
    try:
        with own_connection(server, BRIEF) as connection:
            return _known(read_known_ids(connection))
    except (SchemaError, psycopg.Error):
        return Known()


def _known(found: KnownIds) -> Known:
    return Known(
        {TypeName(*name.split(".", 1)): id_ for name, id_ in found.types.items()},
        {
            (int(type_id), codename): id_
            for (type_id, codename), id_ in (
                (name.split(".", 1), id_) for name, id_ in found.permissions.items()
            )
        },
    )
