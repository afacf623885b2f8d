"""What operators want of a tenant's place, where another one is made of it.

A pin to labels says what its rows need, such as a region; a clone holds the same rows, so it needs
the same. A pin to a shard and a group are about this one tenant, and an archive may come to servers
that have other names and labels: these hold for nobody else, and whoever makes the copy is told.
"""

from collections.abc import Collection, Iterator

from sharding.rebalance.services.wishes import wishes_of

NO_LABEL = "none"
"""What somebody types so that a clone needs nothing of its shard."""


def not_taken_over(tenant_id: str, slug: str, labels: Collection[str]) -> tuple[str, ...]:
    """What is wanted of this tenant's place here and not of the copy's, in words.

    labels: what the copy's shard must have.
    """
    return tuple(_told(tenant_id, slug, labels))


def _told(tenant_id: str, slug: str, labels: Collection[str]) -> Iterator[str]:
    wanted = wishes_of(tenant_id)
    if wanted.shard:
        yield f"{slug} ({tenant_id}) is pinned to {wanted.shard} (`manage.py pin_tenant`)"
    if missing := sorted(set(wanted.labels) - set(labels)):
        shards = f"shards with {', '.join(missing)}"
        yield f"{slug} ({tenant_id}) is pinned to {shards} (`manage.py pin_tenant --label`)"
    if wanted.group:
        yield f"{slug} ({tenant_id}) is in group {wanted.group} (`manage.py keep_apart`)"
