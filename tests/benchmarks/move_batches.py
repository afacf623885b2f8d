"""Moves and turns of one tenant under load, and what the oracle says of them."""

import time
from dataclasses import dataclass
from typing import Any, Final

from tests.benchmarks.move_ground import MoveGround, Mover
from tests.benchmarks.move_oracle import Verdict, judge
from tests.benchmarks.move_plan import Batch
from tests.benchmarks.moved.effects import EFFECTS
from tests.fixtures.two_shards import SHARDS
from tests.fixtures.web_servers import WebServer

READERS: Final = 3
WRITERS: Final = 3
BY_SQL: Final = 2
PER_SECOND: Final = 10.0
_WARM_SECONDS: Final = 1.0
_BETWEEN: Final = 0.3

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """Some switches of one case, and what clients were told meanwhile.

    Attributes:
        moves, turns: what `move_mover` answered of whole moves, and of switches back and forth.
        failed: what did not come to its end, in words.
        answers: what `move_clients` wrote down.
        wal_mb_per_second: of the neighbours' server, while the batch lasted.
    """

    case: str
    moves: list[Answer]
    turns: list[Answer]
    failed: list[str]
    answers: list[Answer]
    verdict: Verdict
    wal_mb_per_second: float


def measure(ground: MoveGround, server: WebServer, mover: Mover, batch: Batch) -> Measured:
    """Do what the batch says, with clients all the time."""
    clients = {
        "readers": READERS,
        "writers": WRITERS if batch.case.busy else 0,
        "by_sql": BY_SQL if batch.case.busy else 0,
        "per_second": PER_SECOND,
        "from_number": 0,
    }
    _forget_writes(ground)
    moves: list[Answer] = []
    turns: list[Answer] = []
    ends: list[Answer] = []
    with ground.clients(server, clients) as answers:
        time.sleep(_WARM_SECONDS)
        began, wal = time.monotonic(), ground.wal_bytes(SHARDS[0])
        for _ in range(batch.moves):
            moves.append(mover.move(batch.case.mode, soaks=batch.turns > 0))
            time.sleep(_BETWEEN)
        if batch.turns and "receipt" in moves[-1]:
            for _ in range(batch.turns):
                turns.append(mover.turn())
                time.sleep(_BETWEEN)
            ends.append(mover.finish())
        wal = ground.wal_bytes(SHARDS[0]) - wal
        lasted = time.monotonic() - began
    return Measured(
        case=batch.case.name,
        moves=moves,
        turns=turns,
        failed=[one["error"] for one in (*moves, *turns, *ends) if "error" in one],
        answers=answers,
        verdict=_judge(ground, answers),
        wal_mb_per_second=round(wal / 1e6 / lasted, 1),
    )


def _forget_writes(ground: MoveGround) -> None:
    """The tenant is as large in each batch as in the first."""
    at, schema = ground.place(), ground.tenant.schema
    ground.tell(at, f"DELETE FROM {schema}.bench_moved_entry")
    ground.tell(at, f"UPDATE {schema}.bench_moved_counter SET value = 0")
    ground.tell(at, f"VACUUM {schema}.bench_moved_entry, {schema}.bench_moved_counter")
    ground.effects(EFFECTS)


def _judge(ground: MoveGround, answers: list[Answer]) -> Verdict:
    at, schema = ground.place(), ground.tenant.schema
    effects = [one.split(":") for one in ground.effects(EFFECTS)]
    return judge(
        answers,
        rows=ground.ask(at, f"SELECT writer, number FROM {schema}.bench_moved_entry"),
        effects=[(int(writer), int(number)) for writer, number in effects],
        counters=dict(ground.ask(at, f"SELECT writer, value FROM {schema}.bench_moved_counter")),
    )
