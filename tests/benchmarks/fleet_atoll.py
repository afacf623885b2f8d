"""Atoll's side of `make bench-fleet`: one step per process, timed after django.setup().

`python -m tests.benchmarks.fleet_atoll STEP [ARGUMENT …]` prints one JSON object; what it prints of
itself goes to the standard error stream.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import django

Answer = dict[str, Any]


def prepare(folder: str, *shards: str) -> Answer:
    """Control's tables and the shards, and the image of the release in the environment."""
    from devstack.prepare import prepare as prepare_servers
    from devstack.stack import Stack
    from migrations_tools.images.services.build_image import build_image

    prepare_servers(Stack(Path(folder), shards=shards))
    begun = time.perf_counter()
    receipt = build_image(tell=_tell)
    return {
        "image_seconds": time.perf_counter() - begun,
        "refused": [str(one) for one in receipt.refused],
    }


def create(shard: str, first: str, end: str, every_s: str = "0", spares: str = "") -> Answer:
    """Provision tenants `first` to `end` (exclusive) as `create_tenant` does.

    One each `every_s` seconds, or one after the other. With `spares` each finds one spare schema
    waiting, and the next is made when it is through; that time is told apart.
    """
    from sharding import scope
    from tenants.services.provision import provision_tenant
    from tenants.services.types import ProvisionRequest
    from tests.benchmarks import systems

    took, making = [], []
    if spares:
        _make_spare(shard)
    for number in range(int(first), int(end)):
        name = systems.slug(number)
        begun = time.perf_counter()
        with scope.enter(scope.CONTROL):
            provision_tenant(ProvisionRequest(slug=name, name=name, shard=shard))
        took.append(time.perf_counter() - begun)
        if spares and number + 1 < int(end):
            making.append(_make_spare(shard))
        time.sleep(max(0.0, float(every_s) - (time.perf_counter() - begun)))
    return {"seconds": took, "making": making}


def _make_spare(shard: str) -> float:
    from migrations_tools.spares.services.fill import make_spares

    begun = time.perf_counter()
    report = make_spares(shard)
    if report.ready != 1:
        raise SystemExit(f"There is no spare to be taken: {report}")
    return time.perf_counter() - begun


def migrate() -> Answer:
    """One fleet migration to the release in the environment."""
    from migrations_tools.fleet.requests import FleetRequest
    from migrations_tools.services.fleet import migrate_fleet

    begun = time.perf_counter()
    report = migrate_fleet(FleetRequest(), tell=_tell)
    seconds = time.perf_counter() - begun
    return {
        "seconds": seconds,
        "state": str(report.state),
        "taken": len(report.ends),
        "of": len(report.plan.members),
    }


def no_op(times: str = "7") -> Answer:
    """A fleet migration with nothing to do, several times; the median of them."""
    answers = [migrate() for _ in range(int(times))]
    return {**answers[-1], "seconds": median(answer["seconds"] for answer in answers)}


def drift(shard: str, times: str = "20") -> Answer:
    """One schema's fingerprint, again and again, among all the others of its shard."""
    from sharding.placements.models import Placement
    from sharding.registry.current import shard as server_of
    from sharding.schemas.connections import own_connection
    from sharding.schemas.services.fingerprint import fingerprint

    schema = Placement.objects.using("control").filter(shard_id=shard).first()
    assert schema is not None
    took = []
    with own_connection(server_of(shard)) as connection:
        for _ in range(int(times)):
            begun = time.perf_counter()
            fingerprint(connection, schema.schema)
            took.append(time.perf_counter() - begun)
    return {"seconds": median(took)}


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


STEPS: dict[str, Callable[..., Answer]] = {
    "prepare": prepare,
    "create": create,
    "migrate": migrate,
    "no-op": no_op,
    "drift": drift,
}

if __name__ == "__main__":
    django.setup()
    step, *arguments = sys.argv[1:]
    print(json.dumps(STEPS[step](*arguments)))
