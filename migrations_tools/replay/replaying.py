"""Send a recorded segment to one schema."""

import random
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import psycopg

from migrations_tools.errors import SchemaBusy, SchemaClosed
from migrations_tools.replay.errors import LockNotGranted, NotAtStart, ReplayRefused
from migrations_tools.replay.message import BUSY, NOT_AT_START, compose
from migrations_tools.replay.types import Mark, Segment
from sharding.pools.outages import as_sentence, without_rows
from sharding.schemas.connections import Connection
from sharding.schemas.errors import SchemaMissing
from sharding.schemas.services.markers import read_marker
from sharding.schemas.types import Marker, Phase

_PAUSE_S: Final = 0.1
_IN_USE: Final = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the tables of one schema are waited for.

    Attributes:
        wait: for each lock. Readers queue behind DDL that waits, so that long may a tenant's
            requests be held up.
        attempts: with the tables free in between.
    """

    wait: timedelta = timedelta(milliseconds=250)
    attempts: int = 3


PATIENT: Final = Patience()


def replay_segment(
    connection: Connection, schema: str, segment: Segment, *, patience: Patience = PATIENT
) -> None:
    """Take `schema` over a replayable segment: structure, rows, furniture and marks, together.

    `connection` is the owner's and in autocommit; it may serve one schema after another.

    Locks: ACCESS EXCLUSIVE on what the migrations change, for the length of one message.
    Transaction: one; forbids an open one.
    Idempotent: a schema that is at the end of the segment already is left alone.

    Raises:
        LockNotGranted: its tables were in use all the time.
        NotAtStart: it is at neither end of the segment.
        SchemaBusy, SchemaClosed, SchemaMissing: it is not to be migrated now.
        ReplayRefused: the database refused the recorded statements; the executor may know why.
        psycopg.OperationalError: the server is away; what became of it the next call finds out.
    """
    assert segment.replayable, "the executor's segments are run by run_by_executor"
    major = connection.info.server_version // 10_000
    text = compose(schema, segment, major=major, lock_wait=patience.wait).as_bytes(connection)
    for turn in range(1, patience.attempts + 1):
        try:
            # Never prepared: a prepared statement is one statement.
            connection.execute(text, prepare=False)
        except _IN_USE as error:
            if turn == patience.attempts:
                raise LockNotGranted(schema, turn) from error
            # Jitter, no secret: those who wait for each other must not meet again.
            time.sleep(_PAUSE_S * turn * random.uniform(0.5, 1.5))
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            if error.sqlstate == BUSY:
                raise SchemaBusy(schema) from error
            if error.sqlstate != NOT_AT_START:
                raise ReplayRefused(
                    schema, segment.nodes, as_sentence(without_rows(error))
                ) from error
            _refuse_unless_through(connection, schema, segment)
            return
        else:
            return


def _refuse_unless_through(connection: Connection, schema: str, segment: Segment) -> None:
    """A run that lost its connection after the commit comes here again."""
    major = connection.info.server_version // 10_000
    marker = read_marker(connection, schema)
    if marker is None:
        raise SchemaMissing(connection.info.dbname, schema)
    if marker.phase is not Phase.ACTIVE:
        raise SchemaClosed(schema, marker.phase)
    if marker.unfinished is not None or not _is_at(marker, segment.after, major):
        raise NotAtStart(schema, wanted=_told(segment.before, major), found=_told_of(marker))


def _is_at(marker: Marker, mark: Mark, major: int) -> bool:
    return (marker.digest, marker.fingerprint, marker.major) == (
        mark.digest,
        mark.fingerprint,
        major,
    )


def _told_of(marker: Marker) -> str:
    if marker.unfinished is not None:
        return f"in the middle of {marker.unfinished}"
    found = Mark(marker.digest or "none", marker.fingerprint or "unmeasured")
    return _told(found, marker.major or 0)


def _told(mark: Mark, major: int) -> str:
    return f"at state {mark.digest[:8]}, structure {mark.fingerprint[:8]} (PostgreSQL {major})"
