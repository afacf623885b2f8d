"""What one should know of a new shard beside the others, as far as none of it is a refusal."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from sharding.placements.models import CONTROL, ReservedRole, Shard
from sharding.placements.services.reserving import cap_of
from sharding.pools.outages import as_sentence
from sharding.registry.types import Server
from sharding.schemas.preparation.types import DatabaseFacts, Finding
from sharding.schemas.services.reachability import why_unreachable

_AT_ONCE: Final = 10


def other_locale(name: str, facts: DatabaseFacts) -> Iterator[Finding]:
    """Shards that sort text in another way."""
    others = Shard.objects.using(CONTROL).exclude(name=name).exclude(collation="")
    for other in others.exclude(collation=facts.collation):
        yield Finding(
            "locale",
            fatal=False,
            message=f"It sorts text by {facts.collation}, {other.name} by {other.collation}: a "
            "tenant that moves between them sees its lists in another order.",
        )


def many_roles(facts: DatabaseFacts, shard: Shard) -> Iterator[Finding]:
    """That others have left too many roles on its server."""
    ours = ReservedRole.objects.using(CONTROL).filter(shard=shard.name).count()
    others, cap = facts.roles - ours, cap_of(shard)
    if others * 2 > cap:
        yield Finding(
            "roles",
            fatal=False,
            message=f"Its server has {others} roles that are not this shard's; it bears some {cap} "
            "in all. Every new tenant makes each session there look at all of them: give the "
            "shard a server of its own.",
        )


def unreachable(server: Server, others: Iterable[Server]) -> list[Finding]:
    """Servers that cannot stream to or from it, as moves need it. They are asked at once."""
    pairs = [
        pair
        for other in others
        if other.name != server.name and other.direct != server.direct
        for pair in ((server, other), (other, server))
    ]
    # Threads without our context: they only ask, on connections of their own.
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        reasons = list(pool.map(lambda pair: why_unreachable(*pair), pairs))
    return [
        Finding(
            "reachability",
            fatal=False,
            message=f"The server of {one.name} cannot stream from {other.name} at {other.direct} "
            f"as mover: {as_sentence(reason)} Tenants could not move between them. Let firewalls "
            f"and pg_hba.conf over there (database {other.direct.dbname}) let mover in from "
            f"{one.name}'s server, and see that the registry has an address that it can reach; "
            "then run this again.",
        )
        for (one, other), reason in zip(pairs, reasons, strict=True)
        if reason
    ]
