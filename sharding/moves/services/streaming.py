"""Logical mode before the pause: one snapshot is copied, and streams bring what changes since.

The tenant works meanwhile and notices nothing. What is made is owed first.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import Final

import psycopg

from sharding.moves.connections import BULK, identity_of, mover_connection
from sharding.moves.control_points import reach
from sharding.moves.errors import EndsChanged, PauseOverran
from sharding.moves.services import journal, streams
from sharding.moves.services.copying import analyze, check_tables, read_tables
from sharding.moves.services.preparing import check_alike, warm
from sharding.moves.services.streams import Direction, await_beat, beat, name_of
from sharding.moves.services.work import Lanes, Work
from sharding.moves.types import STREAMS, DebtKind
from sharding.registry.types import Server
from sharding.schemas.connections import Connection
from sharding.schemas.services.image_replay import complete
from sharding.schemas.services.transfer import (
    TableShape,
    copy_in,
    copy_out,
    pin,
    snapshot,
    tables_of,
)

COPIERS: Final = 3
"""Tables that are copied at once; a large one keeps one of them busy."""

_LARGEST_FIRST: Final = """
    SELECT name FROM unnest(%(names)s::text[]) AS named (name)
    ORDER BY pg_table_size(format('%%I.%%I', %(schema)s::text, name)::regclass) DESC, name
"""
_CAUGHT_UP_WITHIN: Final = timedelta(hours=1)
_ASKS_EVERY: Final = timedelta(seconds=1)
_BACK_WITHIN: Final = timedelta(seconds=30)
_SHORT_WITHIN: Final = timedelta(minutes=1)
_STOP_WITHIN_S: Final = 2.0
_SHORT: Final = 0.25
"""Of the budget of the pause: a stream that takes so little will take little in it."""


def publish(work: Work) -> None:
    """Say at the source which tables are followed, and write down which servers both ends are."""
    move, who = work.move, work.who
    with (
        mover_connection(work.source, who) as source,
        mover_connection(work.target, who) as target,
    ):
        servers = {move.source: identity_of(source), move.target: identity_of(target)}
        journal.keep_result(move, streams=streams.base_of(who), servers=servers)
        journal.owe(move, (move.source, DebtKind.PUBLICATION))
        work.tables = read_tables(source, work.schema)
        streams.publish(source, who, _name(work, Direction.THERE), _names(work.tables))


def copy_snapshot(work: Work) -> None:
    """All rows, as they were when the slot began to keep what comes after them."""
    began = time.monotonic()
    journal.owe(work.move, (work.move.source, DebtKind.SLOT))
    with ExitStack() as opened:
        with streams.slot(
            work.source, work.who, _name(work, Direction.THERE), export=True
        ) as exported:
            reach("copy_snapshot.slot")
            # Whoever sees a snapshot keeps it; its holder is not needed then.
            pairs = [_pair(work, opened, exported) for _ in range(COPIERS)]
        work.rows += _copy_tables(work, pairs)
    took = time.monotonic() - began
    work.tell(f"copied {work.rows} rows of {len(work.tables)} tables in {took:.1f} s")
    journal.keep_copied(work.move, took)


def build(work: Work) -> None:
    """What goes faster once the rows are there: indexes, constraints, what the planner knows."""
    began = time.monotonic()
    rest = work.made.rest if work.made else None
    assert rest is not None, "its tables were made before"
    with mover_connection(work.target, work.who, patience=BULK) as target:
        complete(target, work.schema, rest, token=work.token)
        reach("build.built")
        check_alike(work, target)
        analyze(target, work.schema, work.tables)
    took = time.monotonic() - began
    work.tell(f"built what belongs to them in {took:.1f} s")
    journal.keep_copied(work.move, took)


def follow(work: Work) -> None:
    """The target gets what has changed since the snapshot, and from now on."""
    move = work.move
    journal.owe(move, (move.target, DebtKind.SUBSCRIPTION))
    with mover_connection(work.target, work.who) as target:
        _subscribe(work, target, at=work.target, to=work.source, direction=Direction.THERE)


def follow_back(work: Work) -> None:
    """The other way as well, before anybody needs it."""
    move, who = work.move, work.who
    name = _name(work, Direction.BACK)
    journal.owe(
        move,
        (move.target, DebtKind.PUBLICATION),
        (move.target, DebtKind.SLOT),
        (move.source, DebtKind.SUBSCRIPTION),
    )
    with (
        mover_connection(work.target, who) as target,
        mover_connection(work.source, who) as source,
    ):
        streams.publish(target, who, name, _names(work.tables))
        with streams.slot(work.target, who, name, export=False):
            reach("follow_back.slot")
        _subscribe(work, source, at=work.source, to=work.target, direction=Direction.BACK)
        if _probe(target, source, work, Direction.BACK, within=_BACK_WITHIN) is None:
            raise EndsChanged(move.source, "it does not follow the target: there is no way back")


def catch_up(work: Work) -> None:
    """Wait, while the tenant writes, until its changes arrive at once; have every lane warm.

    Raises:
        PauseOverran: the stream is so far behind that the pause would be too long.
        EndsChanged: a server has dropped what a stream was to bring, or the way back does not flow.
    """
    lanes = work.open_lanes()
    if work.route.soaks:
        _check_slot(work, lanes.opening, work.target, work.direction.other)
    _come_to_its_end(work, lanes)
    _stay_close_behind(work, lanes)
    if work.route.soaks:
        back = work.direction.other
        if _probe(lanes.opening, lanes.reading, work, back, within=_BACK_WITHIN) is None:
            raise EndsChanged(work.move.source, "it does not follow the target any more")
    warm(work, lanes, work.tables)


def _check_slot(work: Work, connection: Connection, server: Server, direction: Direction) -> None:
    """Wait for no row that cannot come: a server may be told to keep only so much for a slot."""
    name = _name(work, direction)
    if not streams.is_whole(connection, name):
        raise work.cannot_follow(server.name, f"slot {name} is lost")


def _come_to_its_end(work: Work, lanes: Lanes) -> None:
    """Wait until all that was written before now has arrived, however much that is."""
    gives_up_at = time.monotonic() + _CAUGHT_UP_WITHIN.total_seconds()
    sent = beat(lanes.fence, work.schema, work.direction)
    while await_beat(lanes.opening, work.schema, work.direction, sent, within=_ASKS_EVERY) is None:
        work.still_wanted()
        _check_slot(work, lanes.fence, work.source, work.direction)
        if time.monotonic() >= gives_up_at:
            raise PauseOverran(
                doing="the stream does not come to its end", budget=work.request.max_pause
            )


def _stay_close_behind(work: Work, lanes: Lanes) -> None:
    """Wait until what is written now arrives in a small part of the pause."""
    budget = work.request.max_pause
    gives_up_at = time.monotonic() + _SHORT_WITHIN.total_seconds()
    while True:
        took = _probe(lanes.fence, lanes.opening, work, work.direction, within=budget)
        if took is not None and took < budget * _SHORT:
            return
        work.still_wanted()
        if time.monotonic() >= gives_up_at:
            raise PauseOverran(doing="the stream is behind", budget=budget)


def unstream_source(work: Work) -> None:
    """Nothing keeps WAL there any more, and nothing comes in."""
    unstream_end(work, work.source)


def unstream_target(work: Work) -> None:
    """The same at the target."""
    unstream_end(work, work.target)


def unstream_end(work: Work, server: Server) -> None:
    """Take away what is owed there of both streams, and note it; the other shard is not asked."""
    owed = [kind for kind in STREAMS if journal.owes(work.move, server.name, kind)]
    if not owed:
        return
    streams.end_streams(server, work.who)
    reach("unstream.done")
    journal.settle(work.move, server.name, *owed)


def _name(work: Work, direction: Direction) -> str:
    return name_of(work.move.result["streams"], direction)


def _names(tables: tuple[TableShape, ...]) -> list[str]:
    return [table.name for table in tables]


def _pair(work: Work, opened: ExitStack, exported: str) -> tuple[Connection, Connection]:
    source = opened.enter_context(mover_connection(work.source, work.who, patience=BULK))
    opened.enter_context(snapshot(source, work.schema, exported=exported))
    target = opened.enter_context(
        mover_connection(work.target, work.who, replica=True, patience=BULK)
    )
    return source, target


def _copy_tables(work: Work, pairs: list[tuple[Connection, Connection]]) -> int:
    ahead: SimpleQueue[TableShape] = SimpleQueue()
    source, target = pairs[0]
    check_tables(work.schema, work.tables, read_tables(target, work.schema))
    check_tables(work.schema, work.tables, tables_of(source, work.schema))
    shapes = {table.name: table for table in work.tables}
    facts = {"schema": work.schema, "names": list(shapes)}
    for (name,) in source.execute(_LARGEST_FIRST, facts).fetchall():
        ahead.put(shapes[name])

    def copies(pair: tuple[Connection, Connection]) -> int:
        rows = 0
        while True:
            try:
                table = ahead.get_nowait()
            except Empty:
                return rows
            work.ours()
            rows += _copy_table(*pair, work.schema, table)

    with ThreadPoolExecutor(len(pairs), thread_name_prefix="copier") as copiers:
        try:
            return sum(copiers.map(copies, pairs))
        except KeyboardInterrupt:
            _stop(pairs, ahead)
            raise


def _stop(pairs: list[tuple[Connection, Connection]], ahead: SimpleQueue[TableShape]) -> None:
    """Let no copier begin another table, nor end its own: somebody waits for us to end."""
    with suppress(Empty):
        while True:
            ahead.get_nowait()
    for source, _ in pairs:
        with suppress(psycopg.Error):
            source.cancel_safe(timeout=_STOP_WITHIN_S)


def _copy_table(source: Connection, target: Connection, schema: str, table: TableShape) -> int:
    with target.transaction():
        pin(target, schema)
        return copy_in(target, schema, table, copy_out(source, schema, table))


def _subscribe(
    work: Work, connection: Connection, *, at: Server, to: Server, direction: Direction
) -> None:
    try:
        streams.subscribe(connection, at, to, work.who, _name(work, direction))
    except psycopg.Error as error:
        raise EndsChanged(at.name, f"it cannot follow {to.name}: {error}") from error


def _probe(
    source: Connection, target: Connection, work: Work, direction: Direction, *, within: timedelta
) -> timedelta | None:
    sent = beat(source, work.schema, direction)
    return await_beat(target, work.schema, direction, sent, within=within)
