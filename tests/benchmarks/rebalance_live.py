"""A third shard is added to two that work, and tenants are moved onto it while all are asked."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.benchmarks.move_figures import REFUSED, quantile
from tests.benchmarks.move_ground import Tenant
from tests.benchmarks.move_oracle import ACKNOWLEDGED, Verdict, judge
from tests.benchmarks.moved.effects import EFFECTS
from tests.benchmarks.rebalance_ground import ADDED, NUMBERS, RebalanceGround, rebalance_ground
from tests.fixtures.two_shards import SHARDS

TENANTS: Final = 200
PER_SECOND: Final = 0.2
PARTS: Final = {"p50": 0.5, "p99": 0.99, "longest": 1.0}
_WARM_S: Final = 10.0
_BEFORE_S: Final = 40.0
_AFTER_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Live:
    """What came of it.

    Attributes:
        moved: tenants that ended on the added shard.
        steps: of the rebalance, by how each ended.
        bytes: of the tenants that moved, as planned.
        add_s, seconds: what adding the shard took, and from the command to the end of the last
            move.
        before, during: what clients met, in milliseconds and numbers.
        pauses: of the moves, in milliseconds.
        modes: of the moves, how often each.
        spread_before, spread_after: tenants and megabytes by shard.
    """

    tenants: int
    moved: int
    steps: Mapping[str, int]
    bytes: int
    add_s: float
    seconds: float
    before: Mapping[str, float | None]
    during: Mapping[str, float | None]
    pauses: Mapping[str, float | None]
    modes: Mapping[str, int]
    spread_before: Mapping[str, Sequence[int]]
    spread_after: Mapping[str, Sequence[int]]
    acknowledged: int
    lost_writes: int
    duplicated_effects: int
    without_effect: int
    torn: int
    http_503: int
    client_errors: int

    def to_json(self) -> dict[str, Any]:
        """With the keys that the goals speak of."""
        told = {name: getattr(self, name) for name in self.__slots__}
        return {**told, "p99_ratio": self.p99_ratio}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Live":
        """What `to_json` said."""
        return cls(**{name: told[name] for name in cls.__slots__})

    @property
    def p99_ratio(self) -> float | None:
        """Of all tenants' requests, during it beside before it."""
        before, during = self.before["p99"], self.during["p99"]
        return round(during / before, 2) if before and during else None


def measure(tenants: int) -> Live:
    """The whole of it, on servers of its own."""
    with (
        rebalance_ground(tenants) as ground,
        ground.served() as server,
        ground.worker("control", beat=True),
        ground.worker(*(f"shard.{name}" for name in SHARDS)),
    ):
        ground.wait_until_sizes_are_known()
        homes = ground.places()
        ground.effects(EFFECTS)
        with ground.clients_of_all(server, PER_SECOND) as answers:
            time.sleep(_WARM_S)
            began = time.monotonic()
            time.sleep(_BEFORE_S)
            adds = time.monotonic()
            ground.add_shard()
            added = time.monotonic()
            with ground.worker(f"shard.{ADDED}"):
                told = json.loads(ground.manage("rebalance_shards", "--yes", "--json"))
                ended = time.monotonic()
                time.sleep(_AFTER_S)
        verdict = _judge(ground, answers)
        during = [one for one in answers if added <= one["asked"] < ended]
        before = [one for one in answers if began <= one["asked"] < adds]
        homes_now = ground.places()
        ours = {tenant.id for tenant in ground.made}
        moves = ground.ask(
            "control", "SELECT mode, result FROM moves_move WHERE state <> 'aborted'"
        )
        pauses = [result["pause_ms"]["total"] for _, result in moves if "pause_ms" in result]
        return Live(
            tenants=tenants,
            moved=sum(homes_now[one] == ADDED for one in ours),
            steps=dict(Counter(step["state"] for step in told["steps"])),
            bytes=told["bytes_done"],
            add_s=round(added - adds, 1),
            seconds=round(ended - added, 1),
            before=_met(before),
            during=_met(during),
            pauses={name: quantile(pauses, part) for name, part in PARTS.items()},
            modes=dict(Counter(mode for mode, _ in moves)),
            spread_before=_spread(ground.made, homes),
            spread_after=_spread(ground.made, homes_now),
            acknowledged=verdict.acknowledged,
            lost_writes=verdict.lost,
            duplicated_effects=verdict.doubled,
            without_effect=verdict.without_effect,
            torn=verdict.torn,
            http_503=sum(one["status"] == REFUSED for one in answers),
            client_errors=sum(one["status"] not in (ACKNOWLEDGED, REFUSED) for one in answers),
        )


def _met(answers: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    took = [one["took"] * 1000 for one in answers]
    return {"requests": len(took), **{name: quantile(took, part) for name, part in PARTS.items()}}


def _judge(ground: RebalanceGround, answers: Sequence[Mapping[str, Any]]) -> Verdict:
    """Each tenant for itself: its clients, its rows, what was done for it outside."""
    told: dict[int, list[Mapping[str, Any]]] = {}
    for one in answers:
        told.setdefault(one["number"] // NUMBERS, []).append(one)
    effects: dict[int, list[tuple[int, int]]] = {}
    for effect in ground.effects(EFFECTS):
        writer, number = map(int, effect.split(":"))
        effects.setdefault(number // NUMBERS, []).append((writer, number))
    found, homes = Verdict(), ground.places()
    for at, tenant in enumerate(ground.made):
        here, schema = homes[tenant.id], tenant.schema
        found += judge(
            told.get(at, []),
            rows=ground.ask(here, f"SELECT writer, number FROM {schema}.bench_moved_entry"),
            effects=effects.get(at, []),
            counters=dict(
                ground.ask(here, f"SELECT writer, value FROM {schema}.bench_moved_counter")
            ),
        )
    return found


def _spread(tenants: Iterable[Tenant], homes: Mapping[str, str]) -> dict[str, list[int]]:
    spread = {name: [0, 0] for name in (*SHARDS, ADDED)}
    for tenant in tenants:
        here = spread[homes[tenant.id]]
        here[0] += 1
        here[1] += round(tenant.bytes_with_indexes / 1e6)
    return spread
