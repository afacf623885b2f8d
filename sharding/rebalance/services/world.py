"""What the planner is told: tenants, shards and a policy, as control and samples have it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import fmean
from types import MappingProxyType
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from sharding.placements.models import CONTROL, Placement, Shard
from sharding.placements.services.reserving import cap_of
from sharding.placements.states import PlacementState, ShardState
from sharding.rebalance import ports
from sharding.rebalance.conf import rebalance_settings
from sharding.rebalance.core.copying import rates_of
from sharding.rebalance.core.types import Policy, ShardCapacity, TenantLoad, World
from sharding.rebalance.models import KeptApart, Pin, TenantSize
from sharding.rebalance.services.loads import loads
from sharding.rebalance.services.reachable import why_down

_BUSY = {
    PlacementState.CREATING: "being made",
    PlacementState.DROPPING: "being purged",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """The world, and what people should know of how it was seen.

    Attributes:
        down: shards that serve nobody, with the reason.
        unmeasured: tenants whose size nobody knows; they count as large as the others are on
            average.
        key: changes when shards, what they bear or have, pins or groups do, or a shard goes away
            or comes back; not when tenants grow.
    """

    world: World
    down: Mapping[str, str]
    unmeasured: int
    key: str


def see_world(*, moving: Mapping[str, str] = MappingProxyType({}), ask: bool = True) -> Seen:
    """All tenants and shards now. Shards are asked whether they answer, and nothing else.

    moving: tenants that are about to be moved, with where to; beside those that are on their way.
    ask: False: all shards are taken to answer.
    """
    now = timezone.now()
    shards = list(Shard.objects.using(CONTROL).order_by("name"))
    down = why_down(shards) if ask else {}
    tenants, unmeasured = _tenants(now, moving)
    world = World(
        tenants=tuple(tenants),
        shards=tuple(_capacity(shard, is_down=shard.name in down) for shard in shards),
        at=now,
    )
    return Seen(world, down, unmeasured, key_of(shards, down))


def world_key() -> str:
    """As `Seen.key`, without looking at the tenants."""
    shards = list(Shard.objects.using(CONTROL).order_by("name"))
    return key_of(shards, why_down(shards))


def key_of(shards: list[Shard], down: Mapping[str, str]) -> str:
    """A digest of everything that people decide, and of who is away."""
    facts = [
        [
            (
                shard.name,
                shard.state,
                shard.weight,
                shard.capacity_bytes,
                shard.capacity_load,
                cap_of(shard),
                shard.labels,
            )
            for shard in shards
        ],
        sorted(down),
        list(
            Pin.objects.using(CONTROL)
            .order_by("tenant_id")
            .values_list("tenant_id", "shard", "labels")
        ),
        list(
            KeptApart.objects.using(CONTROL).order_by("tenant_id").values_list("tenant_id", "group")
        ),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def policy(asked: Mapping[str, Any]) -> Policy:
    """What the settings say, and what somebody asked for this time: `max_moves`, `max_bytes`."""
    told, pause = rebalance_settings().policy(), ports.mover.usual_pause()
    return replace(
        told,
        max_moves=asked.get("max_moves"),
        max_bytes=asked.get("max_bytes"),
        pause=told.pause if pause is None else pause,
        copied=rates_of(ports.mover.copied_lately()),
    )


def _capacity(shard: Shard, *, is_down: bool) -> ShardCapacity:
    return ShardCapacity(
        name=shard.name,
        bytes=shard.capacity_bytes,
        load=shard.capacity_load,
        tenants=cap_of(shard),
        weight=shard.weight,
        draining=shard.state == ShardState.DRAINING,
        down=is_down,
        labels=frozenset(shard.labels),
    )


def _tenants(now: datetime, begun: Mapping[str, str]) -> tuple[list[TenantLoad], int]:
    sizes = {
        tenant_id: size
        for tenant_id, size in TenantSize.objects.using(CONTROL).values_list("tenant_id", "bytes")
        if size is not None
    }
    usual = round(fmean(sizes.values())) if sizes else 0
    load_of = loads(now)
    pins = Pin.objects.using(CONTROL).in_bulk()
    groups = dict(KeptApart.objects.using(CONTROL).values_list("tenant_id", "group"))
    moving = {**begun, **ports.mover.under_way()}
    arrived = ports.mover.arrived(since=now - rebalance_settings().cooldown)
    busy = _busy() | dict(ports.tenants.busy())
    places = Placement.objects.using(CONTROL).order_by("tenant_id")
    rows = list(places.values_list("tenant_id", "shard_id"))
    tenants = [
        TenantLoad(
            tenant_id=tenant_id,
            shard=shard,
            bytes=sizes.get(tenant_id, usual),
            load=load_of.get(tenant_id, 0.0),
            group=groups.get(tenant_id, ""),
            pinned_to=pins[tenant_id].shard if tenant_id in pins else "",
            labels=frozenset(pins[tenant_id].labels) if tenant_id in pins else frozenset(),
            moved_at=arrived.get(tenant_id),
            moving_to=moving.get(tenant_id, ""),
            busy="" if tenant_id in moving else busy.get(tenant_id, ""),
        )
        for tenant_id, shard in rows
    ]
    return tenants, sum(tenant_id not in sizes for tenant_id, _ in rows)


def _busy() -> dict[str, str]:
    """Who is being made or purged, and whose lease somebody holds."""
    places = Placement.objects.using(CONTROL)
    held = places.filter(lease_until__gte=Now()).values_list("tenant_id", "lease_purpose")
    unready = places.filter(state__in=list(_BUSY)).values_list("tenant_id", "state")
    return {
        **{tenant_id: purpose or "being worked on" for tenant_id, purpose in held},
        **{tenant_id: _BUSY[PlacementState(state)] for tenant_id, state in unready},
    }
