"""Moves tenants, one after the other, as `move_tenant` does: a JSON line asks, a JSON line answers.

Instants are of the monotonic clock, which all processes of a machine share.
"""

import json
import sys
import time
from dataclasses import asdict
from datetime import timedelta
from itertools import pairwise
from typing import Any

import django


def move(asked: dict[str, Any]) -> dict[str, Any]:
    """One move; an error is an answer too."""
    from sharding.moves.core.steps import Mode
    from sharding.moves.errors import MoveError
    from sharding.moves.services.moving import move_tenant
    from sharding.moves.types import MoveRequest
    from sharding.placements.services.placing import get_placement

    tenant_id = asked["tenant"]
    source = get_placement(tenant_id).shard_id
    target = next(shard for shard in asked["shards"] if shard != source)
    request = MoveRequest(
        tenant_id,
        target,
        mode=Mode(asked["mode"]),
        max_pause=timedelta(milliseconds=asked["max_pause_ms"]),
        between=timedelta(milliseconds=200),
    )
    began = time.monotonic()
    try:
        receipt = move_tenant(request)
    except MoveError as error:
        return {"began": began, "ended": time.monotonic(), "error": str(error), "to": source}
    ended = time.monotonic()
    return {
        "began": began,
        "ended": ended,
        "to": target,
        "receipt": asdict(receipt),
        "steps_ms": steps_of(receipt.move_id),
        "result": result_of(receipt.move_id),
    }


def steps_of(move_id: int) -> dict[str, float]:
    """Milliseconds from what the journal has of each step to what it has next."""
    from sharding.moves.models import MoveEvent

    events = list(MoveEvent.objects.using("control").filter(move=move_id).order_by("pk"))
    took: dict[str, float] = {}
    for event, then in pairwise(events):
        took[event.step] = took.get(event.step, 0.0) + (then.at - event.at).total_seconds() * 1000
    return {step: round(milliseconds, 2) for step, milliseconds in took.items()}


def result_of(move_id: int) -> dict[str, Any]:
    """What the move has measured of itself."""
    from sharding.moves.models import Move

    return Move.objects.using("control").get(pk=move_id).result


def main() -> None:
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(move(json.loads(line))), flush=True)


if __name__ == "__main__":
    django.setup()
    main()
