"""The pause in logical mode: the target has all that the source has taken, and both are kept.

Between the fence and the switch. The last thing that the fence has sent through the stream comes
after all that was ever committed before it; what arrives later was refused.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psycopg
from psycopg import sql

from sharding.moves.connections import DURABLE, in_one_message
from sharding.moves.control_points import reach
from sharding.moves.errors import PauseOverran
from sharding.moves.services.copying import check_tables
from sharding.moves.services.sequences import advance_sequences
from sharding.moves.services.streams import await_beat
from sharding.moves.services.work import Work
from sharding.schemas.services.markers import setting_phase
from sharding.schemas.services.transfer import (
    SequenceValue,
    freeze,
    freeze_pinned,
    read_sequences,
    tables_of,
)
from sharding.schemas.types import Phase


def drain(work: Work) -> None:
    """Wait for the stream's end; then sequences and our token: one durable commit at the target.

    What streams bring is committed there without waiting for the disk: only this commit makes sure
    that a target that crashes still has it.

    Raises:
        PauseOverran: it did not come in time.
        FenceIncomplete: there are other tables, or columns, than those that the stream carries.
    """
    lanes = work.open_lanes()
    left = work.left("waiting for the stream")
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="reader") as aside, ExitStack() as commits:
            with work.timed("stream"):
                reading = aside.submit(_freeze_source, work)
                checking = aside.submit(_check_source, work)
                # What can be said before all has arrived is said while it arrives. Each statement
                # of this transaction sees what is committed by then: see `login_connection`.
                commits.enter_context(lanes.writing.transaction())
                marking = setting_phase(work.schema, Phase.INCOMING, token=work.token)
                in_one_message(lanes.writing, work.who, sql.SQL(DURABLE), marking)
                arrived = await_beat(
                    lanes.writing, work.schema, work.direction, work.sentinel, within=left
                )
                sequences = reading.result()
            if arrived is None:
                raise PauseOverran(doing="waiting for the stream", budget=work.request.max_pause)
            with work.timed("sequences"):
                frozen = aside.submit(freeze, lanes.frozen)
                advance_sequences(lanes.writing, work.schema, sequences)
                reach("drain.uncommitted")
                commits.close()
                # The source's structure is looked at meanwhile: until the switch all can go back.
                checking.result()
                frozen.result()
    except psycopg.errors.QueryCanceled as error:
        raise PauseOverran(doing="waiting for the stream", budget=work.request.max_pause) from error
    work.is_frozen = True


def _freeze_source(work: Work) -> tuple[SequenceValue, ...]:
    """Keep the source's rows as they are under the fence, and read where its sequences are."""
    reading = work.open_lanes().reading
    freeze_pinned(reading, work.schema)
    return read_sequences(reading, work.schema)


def _check_source(work: Work) -> None:
    """Make sure that the streams carry all there is under the fence."""
    found = tables_of(work.open_lanes().reading, work.schema)
    check_tables(work.schema, work.tables, found)
