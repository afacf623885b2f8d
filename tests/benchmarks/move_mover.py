"""Moves tenants, one after the other, as the commands do: a JSON line asks, a JSON line answers.

Instants are of the monotonic clock, which all processes of a machine share.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from itertools import pairwise
from typing import Any, Final

import django

Answer = dict[str, Any]


def move(asked: Answer) -> Answer:
    """One move, up to its soak where it is to have one; an error is an answer too."""
    from sharding.moves.core.steps import Mode
    from sharding.moves.services.moving import move_tenant
    from sharding.moves.types import MoveRequest
    from sharding.placements.services.placing import get_placement

    tenant_id = asked["tenant"]
    source = get_placement(tenant_id).shard_id
    request = MoveRequest(
        tenant_id,
        next(shard for shard in asked["shards"] if shard != source),
        mode=Mode(asked["mode"]),
        max_pause=timedelta(milliseconds=asked["max_pause_ms"]),
        between=timedelta(milliseconds=200),
        soak=timedelta(days=1) if asked["soaks"] else timedelta(0),
    )
    return _measured(lambda: move_tenant(request), source)


def turn(asked: Answer) -> Answer:
    """A move that soaks goes back where it came from, and goes on to soak."""
    from sharding.moves.services.after_soak import rollback_move
    from sharding.placements.services.placing import get_placement

    most = timedelta(milliseconds=asked["max_pause_ms"])
    source = get_placement(asked["tenant"]).shard_id
    return _measured(lambda: rollback_move(asked["tenant"], max_pause=most), source)


def finish(asked: Answer) -> Answer:
    """End a soak."""
    from sharding.moves.services.after_soak import finish_move
    from sharding.placements.services.placing import get_placement

    source = get_placement(asked["tenant"]).shard_id
    return _measured(lambda: finish_move(asked["tenant"]), source)


def _measured(does: Callable[[], Any], source: str) -> Answer:
    from sharding.moves.errors import MoveError

    before, began = _newest_event(), time.monotonic()
    try:
        receipt = does()
    except MoveError as error:
        return {"began": began, "ended": time.monotonic(), "from": source, "error": str(error)}
    return {
        "began": began,
        "ended": time.monotonic(),
        "from": source,
        "receipt": asdict(receipt),
        "steps_ms": steps_of(receipt.move_id, after=before),
        "result": result_of(receipt.move_id),
    }


def steps_of(move_id: int, *, after: int) -> dict[str, float]:
    """Milliseconds from what the journal has of each step to what it has next."""
    from sharding.moves.models import MoveEvent

    events = MoveEvent.objects.using("control").filter(move=move_id, pk__gt=after).order_by("pk")
    took: dict[str, float] = {}
    for event, then in pairwise(events):
        took[event.step] = took.get(event.step, 0.0) + (then.at - event.at).total_seconds() * 1000
    return {step: round(milliseconds, 2) for step, milliseconds in took.items()}


def result_of(move_id: int) -> Answer:
    """What the move has measured of itself."""
    from sharding.moves.models import Move

    return Move.objects.using("control").get(pk=move_id).result


def _newest_event() -> int:
    from sharding.moves.models import MoveEvent

    newest = MoveEvent.objects.using("control").order_by("-pk").first()
    return newest.pk if newest else 0


DOES: Final[dict[str, Callable[[Answer], Answer]]] = {"move": move, "turn": turn, "finish": finish}


def main() -> None:
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(DOES[asked["do"]](asked)), flush=True)


if __name__ == "__main__":
    django.setup()
    main()
