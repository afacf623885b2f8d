"""Which reserved ids have a spare schema: what control knows of them.

Whoever fills the spares of a shard is alone with them (a lock on the shard); tenants are made all
the while. So an id changes hands by one compare-and-set on its row: of the filler and a new tenant
one gets it.
"""

from typing import Final

from django.db.models import QuerySet

from sharding.placements.models import CONTROL, ReservedRole
from sharding.placements.services.reserving import reserve_tenant_id

FILLER: Final = "(spare)"
"""Has an id while a schema is made or dropped under it. No slug has parentheses."""
WITHHELD: Final = "(found open)"
"""Has an id under which a schema serves already: control is older than the shard."""


def free_spares(shard: str) -> dict[str, str]:
    """The spares that the next tenants may take: id, and the key of what it was made of."""
    rows = _unplaced(shard).filter(used_by="").exclude(spare="")
    return dict(rows.order_by("name").values_list("name", "spare"))


def all_spares(shard: str = "") -> frozenset[str]:
    """Every id under which there may be a spare: free, just taken, being made or dropped."""
    rows = _unplaced(shard)
    known = rows.exclude(spare="").values_list("name", flat=True)
    return frozenset((*known, *rows.filter(used_by=FILLER).values_list("name", flat=True)))


def begun_spares(shard: str) -> tuple[str, ...]:
    """The ids that the filler has: from before, since there is one filler at a time."""
    rows = _unplaced(shard).filter(used_by=FILLER)
    return tuple(rows.order_by("name").values_list("name", flat=True))


def begin_spare(shard: str) -> str:
    """An id for a new spare, which nobody else gets until `finish_spare` or `give_up_spare`.

    Transaction, Raises: as `reserve_tenant_id`.
    """
    return reserve_tenant_id(shard, used_by=FILLER)


def finish_spare(name: str, key: str) -> bool:
    """Let the next tenant have it; False when it is not the filler's. Idempotent."""
    return _change(name, FILLER, used_by="", spare=key)


def take_back_spare(name: str) -> bool:
    """Have it for the filler again; False when a tenant was quicker."""
    return _change(name, "", used_by=FILLER, spare="")


def give_up_spare(name: str) -> bool:
    """There is no schema under this id any more: it is as free as any. Idempotent."""
    return _change(name, FILLER, used_by="", spare="")


def withhold(name: str) -> bool:
    """Never give this id to anybody. Idempotent."""
    return _change(name, FILLER, used_by=WITHHELD, spare="")


def _unplaced(shard: str) -> QuerySet[ReservedRole]:
    rows = ReservedRole.objects.using(CONTROL).filter(placed_at=None)
    return rows.filter(shard_id=shard) if shard else rows


def _change(name: str, before: str, *, used_by: str, spare: str) -> bool:
    mine = ReservedRole.objects.using(CONTROL).filter(name=name, used_by=before, placed_at=None)
    return bool(mine.update(used_by=used_by, spare=spare))
