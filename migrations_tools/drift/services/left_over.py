"""Drop what belongs to nobody: a stray schema, a tenant's role, a template."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.db import transaction
from psycopg import sql

from migrations_tools.drift.errors import NotLeftOver, StillInUse
from migrations_tools.drift.services.directory import read_directory
from migrations_tools.drift.services.survey import TEMPLATE_NAMES, look_at_shard
from migrations_tools.drift.types import ShardSeen
from sharding.moves.services.journal import live_move_of
from sharding.placements.models import CONTROL
from sharding.placements.services.audit import record_audit
from sharding.placements.services.shards import find_shard
from sharding.registry import current as addresses
from sharding.registry.types import Server
from sharding.schemas.connections import own_connection
from sharding.schemas.errors import ServerUnreachable
from sharding.schemas.services.drop_schema import drop_schema
from sharding.schemas.services.roles import drop_role
from sharding.scope.types import TENANT_ID_PATTERN

_TEMPLATE: Final = re.compile(TEMPLATE_NAMES)
_DROP_TEMPLATE: Final = "DROP SCHEMA IF EXISTS {template} CASCADE"


class LeftOver(StrEnum):
    """What a name stands for."""

    SCHEMA = "schema"
    ROLE = "role"
    TEMPLATE = "template"


@dataclass(frozen=True, slots=True)
class Found:
    """Something that belongs to nobody.

    Attributes:
        home: the shard on which the tenant of this name lives; empty where there is none.
        has_role: the role of a schema belongs to nobody either, and goes with it.
    """

    what: LeftOver
    shard: str
    name: str
    home: str = ""
    has_role: bool = False


def find_left_over(shard: str, name: str) -> Found:
    """What `name` on `shard` is, if it belongs to nobody. Changes nothing.

    Raises:
        NoSuchShard: there is none of this name.
        NotLeftOver: it belongs to somebody, is worked in, or is not there.
        ServerUnreachable: the shard cannot be looked at.
    """
    server = _server(shard)
    template = _TEMPLATE.fullmatch(name) is not None
    if not template and TENANT_ID_PATTERN.fullmatch(name) is None:
        raise NotLeftOver(shard, name, "it is neither a tenant's id nor a template's name")
    seen = look_at_shard(server, schemas=None if template else {name})
    if seen.problem or seen.unprepared:
        raise ServerUnreachable(
            server.name, str(server.direct), seen.problem or "it is not prepared"
        )
    if template:
        if name not in seen.templates:
            raise NotLeftOver(shard, name, "no such template is there, or somebody works in it")
        return Found(LeftOver.TEMPLATE, shard, name)
    return _of_tenant(seen, shard, name, server)


def drop_left_over(found: Found) -> None:
    """Drop it, after another look whether it still belongs to nobody. There is no way back.

    Transaction: several on the shard; forbids an open one on control.

    Raises:
        NotLeftOver, ForeignSchema, SchemaInUse, ServerUnreachable: as their messages say.
        StillInUse: the role stays; what is left of the schema is gone.
    """
    found = find_left_over(found.shard, found.name)
    server = addresses.shard(found.shard)
    with transaction.atomic(using=CONTROL):
        record_audit(
            "drift.drop", found.name, before={"what": str(found.what), "shard": found.shard}
        )
    if found.what is LeftOver.TEMPLATE:
        with own_connection(server) as connection:
            connection.execute(sql.SQL(_DROP_TEMPLATE).format(template=sql.Identifier(found.name)))
        return
    if found.what is LeftOver.SCHEMA:
        drop_schema(server, found.name)
    if (found.what is LeftOver.ROLE or found.has_role) and not drop_role(server, found.name):
        raise StillInUse(found.shard, found.name)


def _server(shard: str) -> Server:
    return addresses.shard(find_shard(shard).name)


def _of_tenant(seen: ShardSeen, shard: str, name: str, server: Server) -> Found:
    directory = read_directory()
    placed = directory.placements.get(name)
    if placed is not None and placed.shard == shard:
        raise NotLeftOver(shard, name, f"the tenant of this id lives there ({placed.state})")
    if placed is not None and placed.leased:
        raise NotLeftOver(shard, name, "somebody is changing or moving its tenant now")
    if (move := live_move_of(name)) is not None:
        raise NotLeftOver(shard, name, f"move {move.pk} of its tenant is {move.state}")
    unknown = placed is None and name not in directory.roles
    one = seen.schemas.get(name)
    if one is not None and (one.exists or one.marker is not None):
        home = placed.shard if placed is not None else ""
        return Found(LeftOver.SCHEMA, shard, name, home=home, has_role=unknown and one.has_role)
    if name in look_at_shard(server).roles and unknown:
        return Found(LeftOver.ROLE, shard, name)
    raise NotLeftOver(shard, name, "nothing of this name is there, or its id is kept for ever")
