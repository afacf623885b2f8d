"""Short names of what a plan was made from, and of the plan. Pure."""

from collections.abc import Sequence
from hashlib import sha256

from sharding.rebalance.core.plans import Step
from sharding.rebalance.core.types import Policy, World


def digest_of(world: World, policy: Policy) -> str:
    """Of all that decides the plan. Of the time only what it decides: who cools down."""
    found = sha256(repr(_plain(policy)).encode())
    for shard in sorted(world.shards, key=lambda each: each.name):
        labels = sorted(shard.labels)
        found.update(
            f"{shard.name}|{shard.bytes}|{shard.load}|{shard.tenants}|{shard.weight}|"
            f"{shard.draining}|{shard.down}|{labels}\n".encode()
        )
    since = world.at - policy.cooldown
    lines = [
        f"{each.tenant_id}|{each.shard}|{each.bytes}|{each.load}|{each.group}|{each.pinned_to}|"
        f"{sorted(each.labels) if each.labels else ''}|{each.moving_to}|{each.busy}|"
        f"{each.moved_at is not None and each.moved_at > since}"
        for each in world.tenants
    ]
    lines.sort()
    found.update("\n".join(lines).encode())
    return found.hexdigest()


def id_of(digest: str, steps: Sequence[Step]) -> str:
    """Of a plan: equal steps from equal input have one name."""
    found = sha256(digest.encode())
    found.update("\n".join(f"{s.tenant_id}|{s.source}|{s.target}|{s.why}" for s in steps).encode())
    return found.hexdigest()[:12]


def _plain(policy: Policy) -> list[tuple[str, object]]:
    return [
        ("enter", policy.enter),
        ("leave", policy.leave),
        ("floor", policy.floor),
        ("hard", sorted(policy.hard.items())),
        ("fill", sorted(policy.fill)),
        ("cooldown", policy.cooldown.total_seconds()),
        ("improvement", policy.improvement),
        ("base_bytes", policy.base_bytes),
        ("max_moves", policy.max_moves),
        ("max_bytes", policy.max_bytes),
    ]
