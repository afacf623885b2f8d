"""Where a tenant fits, and if nowhere, what is in the way. Pure."""

from collections.abc import Sequence
from typing import Final
from zlib import crc32

from sharding.rebalance.core.ledger import Ledger, Three
from sharding.rebalance.core.plans import LeftAlone, WhyNot

_INFINITE: Final = float("inf")

_EASY: Final = 0.98
"""Up to this part of a limit a tenant's own first choice is taken."""


class Fitting:
    """Finds targets in a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._order: list[int] = [*range(len(ledger.shards))] * 2

    def find(
        self,
        tenant: int,
        limits: Sequence[Three],
        pool: Sequence[bool],
        *,
        below: float = _INFINITE,
    ) -> int | None:
        """The shard of `pool` that it goes to so that none of `limits` is exceeded.

        Each tenant tries the shards in an order of its own, which does not depend on how full
        they are: when the sizes have changed a little, most tenants still go to the same shards
        as in yesterday's plan. When all are nearly full it is the emptiest one.

        below: what the highest of the ratios that its coming changes must stay below.
        """
        ledger = self._ledger
        facts, cost, home = ledger.tenants[tenant], ledger.cost[tenant], ledger.home[tenant]
        size, load, one = cost
        free = not (facts.group or facts.labels or facts.pinned_to)
        best, least, used = None, 1.0, ledger.used
        shards = len(ledger.shards)
        first = crc32(facts.tenant_id.encode()) % shards
        for at in self._order[first : first + shards]:
            if not pool[at] or at == home:
                continue
            held, limit = used[at], limits[at]
            by_size, by_load, by_one = held[0] + size, held[1] + load, held[2] + one
            if by_size > limit[0] or by_load > limit[1] or by_one > limit[2]:
                continue
            if not (free or ledger.may_live(tenant, at)):
                continue
            if below < _INFINITE and not ledger.stays_below(below, at, cost):
                continue
            value = max(by_size / limit[0], by_load / limit[1], by_one / limit[2])
            if value <= _EASY:
                return at
            if best is None or (value, at) < (least, best):
                best, least = at, value
        return best

    def why_none(self, tenant: int, limits: Sequence[Three], why: WhyNot) -> LeftAlone:
        """What keeps it from every other shard; `why` where it is that none has room."""
        ledger = self._ledger
        facts, cost, home = ledger.tenants[tenant], ledger.cost[tenant], ledger.home[tenant]
        others = [at for at in ledger.live if at != home]
        source = ledger.shards[home].name

        def left(
            reason: WhyNot, value: float = 0.0, threshold: float = 0.0, detail: str = ""
        ) -> LeftAlone:
            return LeftAlone(source, reason, value, threshold, None, facts.tenant_id, detail)

        if not others:
            return left(WhyNot.TARGET_DOWN, detail="there is no other shard that takes tenants")
        if facts.pinned_to:
            pinned = ledger.index.get(facts.pinned_to)
            if pinned is None or not ledger.open[pinned]:
                return left(WhyNot.TARGET_DOWN, detail=f"it is pinned to {facts.pinned_to}")
            others = [pinned] if pinned != home else []
            if not others:
                return left(WhyNot.PINNED, detail=f"to {facts.pinned_to}")
        labelled = [at for at in others if facts.labels <= ledger.shards[at].labels]
        if not labelled:
            return left(WhyNot.LABEL, detail=", ".join(sorted(facts.labels)))
        alone = {at: fullness((0, 0, 0), cost, limits[at]) for at in labelled}
        if min(alone.values()) > 1:
            return left(WhyNot.TOO_BIG, min(alone.values()), 1.0)
        room = {at: fullness(ledger.used[at], cost, limits[at]) for at in labelled}
        if facts.group and any(value <= 1 for value in room.values()):
            return left(WhyNot.GROUP, detail=facts.group)
        return left(why, min(room.values()), 1.0)


def fullness(used: Sequence[float], cost: Sequence[float], limit: Three) -> float:
    """What it would hold with one more tenant, in parts of a limit, where it is highest."""
    return max((held + each) / top for held, each, top in zip(used, cost, limit, strict=True))
