"""Look whether a shard can be built on, before anything is written anywhere."""

from collections.abc import Collection
from datetime import timedelta
from time import monotonic
from typing import Final

from sharding.placements.errors import NoShardAvailable, NoSuchShard
from sharding.placements.services.choosing import check_shard, choose_shard
from sharding.placements.services.ids_in_use import refuse_ids_in_use
from sharding.registry import current as addresses
from sharding.registry.errors import UnknownShard
from sharding.schemas.connections import Patience, own_connection
from sharding.schemas.errors import ServerUnreachable
from tenants.errors import InvalidRequest, ShardNotUsable
from tenants.services.types import AUTO

SLOWEST: Final = timedelta(milliseconds=500)
"""Building takes some hundred statements: a shard that needs longer for an empty one is refused
rather than built on for minutes."""

_PATIENCE: Final = Patience(statement=timedelta(seconds=2), lock=timedelta(seconds=1))


def usable_shard(wanted: str, *, labels: Collection[str] = ()) -> str:
    """The shard `wanted`, or for AUTO the best one that answers; it has these labels.

    Takes a few seconds per shard that is down, in whatever way it is.

    Raises:
        InvalidRequest: there is none of this name.
        ShardUnavailable: it takes no new tenants, or no shard does.
        ShardNotUsable: it, or every one, does not answer in time.
    """
    if wanted != AUTO:
        try:
            name = check_shard(wanted, labels=labels).name
        except NoSuchShard as error:
            raise InvalidRequest(str(error)) from error
        check_answers(name)
        return name
    away: list[ShardNotUsable] = []
    while True:
        try:
            name = choose_shard(avoiding=[error.shard for error in away], labels=labels)
        except NoShardAvailable:
            if away:
                raise away[0] from None
            raise
        try:
            check_answers(name)
        except ShardNotUsable as error:
            away.append(error)
        else:
            return name


def check_answers(shard: str) -> None:
    """Ask the shard something that takes no time.

    Raises:
        ShardNotUsable: it has no address, does not answer, or takes its time.
    """
    try:
        server = addresses.shard(shard)
        with own_connection(server, _PATIENCE) as connection:
            began = monotonic()
            connection.execute("SELECT 1")
            took = timedelta(seconds=monotonic() - began)
    except (ServerUnreachable, UnknownShard) as error:
        raise ShardNotUsable(shard, str(error)) from error
    if took > SLOWEST:
        raise ShardNotUsable(shard, f"it takes {took.total_seconds():.1f} s for an empty query.")


def check_ids(shard: str, slug: str) -> None:
    """Look whether the id that a new tenant would get is a forgotten tenant's.

    Raises:
        IdsInUse: it may be. Nothing was changed.
        ShardNotUsable: the shard does not say.
    """
    try:
        refuse_ids_in_use(shard, used_by=slug)
    except ServerUnreachable as error:
        raise ShardNotUsable(shard, str(error)) from error
