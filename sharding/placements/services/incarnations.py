"""The number by which a server is told from its own past: raise it, so that the past stays shut.

A backup carries the number that its server had. Both ways here leave the registry with a greater
one, so that nobody is served by what was restored from it (`sharding/backend/identity.py`).

Source: docs/adr/0015.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from django.db import transaction

from sharding.placements.errors import NoSuchShard, ShardNotRestored, ShardSealed
from sharding.placements.models import CONTROL, Placement, Shard
from sharding.placements.services.audit import record_audit
from sharding.placements.services.registry_file import read_file, register_server
from sharding.registry.types import Server
from sharding.schemas.connections import Connection, own_connection

_SERVER: Final = "SELECT name, incarnation, pg_is_in_recovery() FROM atoll.server"
_RAISE: Final = "UPDATE atoll.server SET incarnation = %(to)s WHERE incarnation < %(to)s"


@dataclass(frozen=True, slots=True)
class Sealing:
    """What a shard's number was and is, or would be: the same object for both.

    Attributes:
        before: of the registry where a shard is sealed, of the server where its backups are.
        incarnation: from then on.
        tenants: how many live on the shard.
    """

    name: str
    before: int
    incarnation: int
    tenants: int


def seal_shard(name: str, registry_path: Path, *, dry_run: bool = False) -> Sealing:
    """Have nobody served from shard `name` until its server was compared and opened.

    Every process hears of it with its next heartbeat: it reads its registry file again, finds
    another incarnation, and makes new connections, which are refused. On other machines the new
    file has to be brought there first.

    Locks: the shard's row.
    Transaction: opens one on control.

    Raises:
        NoSuchShard: nothing was changed.
    """
    with transaction.atomic(using=CONTROL):
        server = locked_server(name, registry_path)
        done = _sealing(name, server.incarnation)
        if not dry_run:
            register_shard(replace(server, incarnation=done.incarnation), registry_path)
            record_audit("shard.seal", name, after={"incarnation": done.incarnation})
    return done


def seal_backups(name: str, registry_path: Path, *, dry_run: bool = False) -> Sealing:
    """Have every backup of shard `name` that was made so far start sealed.

    The server that runs gets the next incarnation, and then the registry: nobody is refused.
    Every process hears of it as of seal_shard, and goes on with new connections.

    Locks: the shard's row.
    Transaction: opens one on control, and writes one row on the shard.
    Idempotent: a run that was cut off leaves the server ahead of the registry, by which nobody is
        refused; the next run brings both to the same number.

    Raises:
        NoSuchShard, ShardNotRestored, ServerUnreachable: nothing was changed.
        ShardSealed: nothing was changed; what was restored is to be compared first.
    """
    with transaction.atomic(using=CONTROL):
        server = locked_server(name, registry_path)
        with own_connection(server) as connection:
            found = incarnation_of(connection, server)
            if found < server.incarnation:
                raise ShardSealed(name, found=found, wanted=server.incarnation)
            done = _sealing(name, found)
            if not dry_run:
                connection.execute(_RAISE, {"to": done.incarnation})
        if not dry_run:
            register_shard(replace(server, incarnation=done.incarnation), registry_path)
            record_audit(
                "shard.seal_backups",
                name,
                before={"incarnation": done.before},
                after={"incarnation": done.incarnation},
            )
    return done


def incarnation_of(connection: Connection, server: Server) -> int:
    """What the database at the address of `server` says of itself.

    Raises:
        ShardNotRestored: it is in recovery, or another shard, or none.
    """
    incarnation, in_recovery = who_is_there(connection, server)
    if in_recovery:
        raise ShardNotRestored(server.name, "it is in recovery: wait until that is through")
    return incarnation


def who_is_there(connection: Connection, server: Server) -> tuple[int, bool]:
    """The incarnation of the database at the address of `server`, and whether it is a standby.

    Raises:
        ShardNotRestored: it is another shard's, or none's.
    """
    row = connection.execute(_SERVER).fetchone()
    name, incarnation, in_recovery = row if row is not None else ("", 0, False)
    if name != server.name:
        raise ShardNotRestored(server.name, f"the database at its address is shard {name!r}")
    return int(incarnation), bool(in_recovery)


def locked_server(name: str, registry_path: Path) -> Server:
    """What the registry file says of a shard, whose row nobody else changes meanwhile.

    Locks: the shard's row.
    Transaction: needs one on control.

    Raises:
        NoSuchShard: there is none of this name.
    """
    rows = Shard.objects.using(CONTROL)
    row = rows.select_for_update().filter(name=name).first()
    server = read_file(registry_path).shards.get(name)
    if row is None or server is None:
        raise NoSuchShard([name], known=list(rows.values_list("name", flat=True)))
    return server


def _sealing(name: str, before: int) -> Sealing:
    tenants = Placement.objects.using(CONTROL).filter(shard_id=name).count()
    return Sealing(name, before=before, incarnation=before + 1, tenants=tenants)


def register_shard(server: Server, registry_path: Path) -> int:
    """Put a shard's entry into the file, and let every process know; return the file's version.

    Transaction: needs one on control.
    """
    version = register_server(registry_path, server)
    Shard.objects.using(CONTROL).filter(name=server.name).update(registry_version=version)
    return version
