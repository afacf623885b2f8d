"""The journal of a fleet migration, on the connection that holds the lock of the fleet.

That is one session on control: while it lives, no other fleet migration can begin, and when it is
lost nothing more can be begun by this one, since what is to be begun is written through it first.
"""

import os
import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from psycopg.types.json import Jsonb

from migrations_tools.fleet.errors import FleetBusy
from migrations_tools.fleet.states import RunState, StepState
from sharding import scope
from sharding.registry import current as addresses
from sharding.schemas.connections import Connection, own_connection

LEASE_TTL: Final = timedelta(seconds=60)
PURPOSE: Final = "migrate_fleet"
KEPT_RUNS: Final = 50

_TRY_LOCK = "SELECT pg_try_advisory_lock(hashtext('atoll.fleet'))"
_HAS_JOURNAL = "SELECT to_regclass('fleet_fleetrun') IS NOT NULL"
_WHO_RUNS = """
    SELECT id, holder, started_at, clock_timestamp() - beat_at FROM fleet_fleetrun
    WHERE state = 'running' ORDER BY id DESC LIMIT 1
"""

# Whoever is called running and is not us is dead: the lock is ours. So are its leases.
_BURY_RUNS = """
    UPDATE fleet_fleetrun SET state = %(cut_off)s, ended_at = beat_at
    WHERE state = 'running' RETURNING id, holder
"""
_BURY_STEPS = """
    UPDATE fleet_fleetstep SET state = %(put_off)s, said = 'cut off', ended_at = clock_timestamp()
    WHERE run_id = ANY(%(runs)s) AND state = 'begun'
"""
_FREE_LEASES = """
    UPDATE placements_placement SET lease_holder = '', lease_purpose = '', lease_until = NULL
    WHERE lease_holder = ANY(%(holders)s)
"""

# The journal is for people and for the next run; one of long ago says nothing to either.
_FORGET_STEPS = "DELETE FROM fleet_fleetstep WHERE run_id <= %(upto)s"
_FORGET_RUNS = "DELETE FROM fleet_fleetrun WHERE id <= %(upto)s"

_BEGIN = """
    INSERT INTO fleet_fleetrun (state, holder, asked, wanted, summary)
    VALUES ('running', %(holder)s, %(asked)s, %(wanted)s, '{}') RETURNING id
"""
_BEAT = "UPDATE fleet_fleetrun SET beat_at = clock_timestamp() WHERE id = %(run)s"
_RENEW = """
    UPDATE placements_placement SET lease_until = clock_timestamp() + %(ttl)s
    WHERE lease_holder = %(holder)s
"""
_CLOSE = """
    UPDATE fleet_fleetrun
    SET state = %(state)s, summary = %(summary)s, beat_at = clock_timestamp(),
        ended_at = clock_timestamp()
    WHERE id = %(run)s
"""

_BEGUN_BEFORE = """
    SELECT tenant_id FROM (
        SELECT DISTINCT ON (tenant_id) tenant_id, state, way, said FROM fleet_fleetstep
        WHERE tenant_id = ANY(%(ids)s) AND run_id < %(run)s
        ORDER BY tenant_id, run_id DESC
    ) newest
    WHERE state <> 'done' AND (way <> '' OR said = 'cut off')
"""

# Leases and intents of many schemas in one statement, since one schema takes 2 ms. Who has moved,
# or is held by somebody else, is not among the rows that come back. A move that soaks ends its
# soak, or is left as it is: what changes now does not travel to where it came from.
_TAKE = """
    WITH taken AS (
        UPDATE placements_placement
        SET lease_holder = %(holder)s, lease_purpose = %(purpose)s,
            lease_token = lease_token + 1, lease_until = clock_timestamp() + %(ttl)s
        WHERE tenant_id = ANY(%(ids)s) AND shard_id = %(shard)s AND state = 'ready'
          AND (lease_until IS NULL OR lease_until < clock_timestamp())
          AND NOT (%(keep_soaks)s AND EXISTS (
              SELECT FROM moves_move m WHERE m.tenant_id = placements_placement.tenant_id
                AND m.state = 'soaking' AND m.soak_ends_at > clock_timestamp()
          ))
        RETURNING tenant_id, schema, epoch, generation
    ), over AS (
        UPDATE moves_move SET soak_ends_at = clock_timestamp()
        WHERE state = 'soaking' AND soak_ends_at > clock_timestamp()
          AND tenant_id IN (SELECT tenant_id FROM taken)
    ), noted AS (
        INSERT INTO fleet_fleetstep AS step
            (run_id, tenant_id, shard, wave, state, way, said)
        SELECT %(run)s, tenant_id, %(shard)s, %(wave)s, 'begun', '', '' FROM taken
        ON CONFLICT (run_id, tenant_id) DO UPDATE
        SET state = 'begun', wave = excluded.wave, shard = excluded.shard, said = '',
            began_at = clock_timestamp(), ended_at = NULL
    )
    SELECT tenant_id, schema, epoch, generation FROM taken
"""
_END = """
    WITH ended AS (
        SELECT * FROM unnest(
            %(ids)s::text[], %(states)s::text[], %(ways)s::text[], %(said)s::text[]
        ) AS one (tenant_id, state, way, said)
    ), noted AS (
        UPDATE fleet_fleetstep step
        SET state = ended.state, way = ended.way, said = ended.said, ended_at = clock_timestamp()
        FROM ended WHERE step.run_id = %(run)s AND step.tenant_id = ended.tenant_id
    )
    UPDATE placements_placement place
    SET lease_holder = '', lease_purpose = '', lease_until = NULL
    FROM ended WHERE place.tenant_id = ended.tenant_id AND place.lease_holder = %(holder)s
"""
_NOTE_UNTAKEN = """
    INSERT INTO fleet_fleetstep (run_id, tenant_id, shard, wave, state, way, said, ended_at)
    SELECT %(run)s, tenant_id, shard, wave, 'put off', '', said, clock_timestamp()
    FROM unnest(%(ids)s::text[], %(shards)s::text[], %(waves)s::text[], %(said)s::text[])
        AS one (tenant_id, shard, wave, said)
    ON CONFLICT (run_id, tenant_id) DO UPDATE
    SET state = excluded.state, said = excluded.said, ended_at = excluded.ended_at
"""


@dataclass(frozen=True, slots=True)
class StepEnd:
    """What became of one schema.

    Attributes:
        way: how it was migrated.
        said: why it failed or was put off.
    """

    tenant_id: str
    shard: str
    state: StepState
    way: str = ""
    said: str = ""


@dataclass(slots=True)
class Journal:
    """One fleet migration's journal. Usable from several threads; the connection takes turns.

    Attributes:
        keep_soaks: do not take whose move soaks.
    """

    connection: Connection
    run: int
    holder: str
    keep_soaks: bool = False

    def begun_before(self, ids: Sequence[str]) -> frozenset[str]:
        """Which of these an earlier run began and did not bring to the end."""
        rows = self.connection.execute(_BEGUN_BEFORE, {"ids": list(ids), "run": self.run})
        return frozenset(tenant_id for (tenant_id,) in rows)

    def take(self, shard: str, wave: str, ids: Sequence[str]) -> dict[str, scope.Placement]:
        """Take the leases of `ids` and write down that their steps begin; return those taken.

        Committed when this returns. One that is not in the answer is held by somebody else, or is
        no longer ready on this shard.
        """
        rows = self.connection.execute(
            _TAKE,
            {
                "holder": self.holder,
                "purpose": PURPOSE,
                "ttl": LEASE_TTL,
                "ids": list(ids),
                "shard": shard,
                "run": self.run,
                "wave": wave,
                "keep_soaks": self.keep_soaks,
            },
        ).fetchall()
        return {
            tenant_id: scope.Placement(tenant_id, shard, schema, epoch, generation)
            for tenant_id, schema, epoch, generation in rows
        }

    def end(self, ends: Sequence[StepEnd]) -> None:
        """Write down what became of these and give their leases back. Idempotent."""
        if ends:
            self.connection.execute(
                _END,
                {
                    "run": self.run,
                    "holder": self.holder,
                    "ids": [one.tenant_id for one in ends],
                    "states": [one.state.value for one in ends],
                    "ways": [one.way for one in ends],
                    "said": [one.said for one in ends],
                },
            )

    def note_untaken(self, ends: Sequence[StepEnd], wave: str) -> None:
        """Write down who was not to be had. Idempotent."""
        if ends:
            self.connection.execute(
                _NOTE_UNTAKEN,
                {
                    "run": self.run,
                    "ids": [one.tenant_id for one in ends],
                    "shards": [one.shard for one in ends],
                    "waves": [wave for _ in ends],
                    "said": [one.said for one in ends],
                },
            )

    def beat(self) -> None:
        """Give a sign of life and begin the time of all leases anew."""
        self.connection.execute(_BEAT, {"run": self.run})
        self.connection.execute(_RENEW, {"holder": self.holder, "ttl": LEASE_TTL})

    def close(self, state: RunState, summary: Mapping[str, object]) -> None:
        """Write down how it ended."""
        self.connection.execute(
            _CLOSE, {"run": self.run, "state": state.value, "summary": Jsonb(dict(summary))}
        )


@contextmanager
def fleet_lock() -> Iterator[Connection]:
    """Be the only fleet migration, for as long as the block and this process last.

    Locks: an advisory lock of a session on control, which the server gives back when the process
        ends, however it does.

    Raises:
        FleetBusy: another one is under way.
        ServerUnreachable: control does not answer.
    """
    with own_connection(addresses.control()) as connection:
        row = connection.execute(_TRY_LOCK).fetchone()
        if not (row and row[0]):
            raise FleetBusy(who_runs(connection))
        yield connection


def who_runs(connection: Connection) -> str:
    """The fleet migration that is under way, in words."""
    row = connection.execute(_HAS_JOURNAL).fetchone()
    found = connection.execute(_WHO_RUNS).fetchone() if row and row[0] else None
    if found is None:
        return "it has just begun, or it migrates control"
    run, holder, started_at, silent = found
    host, _, rest = holder.partition(":")
    return (
        f"run {run}, process {rest.partition(':')[0]} on {host}, since "
        f"{started_at:%Y-%m-%d %H:%M:%S %Z}; last sign of life {silent.total_seconds():.0f} s ago"
    )


def begin_journal(
    connection: Connection, *, asked: Mapping[str, object], wanted: str, keep_soaks: bool = False
) -> tuple[Journal, int]:
    """Write down that a run begins, and bury those whose process died; return how many of these.

    Transaction: opens one on control. Needs the lock of the fleet.
    """
    holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    with connection.transaction():
        dead = connection.execute(_BURY_RUNS, {"cut_off": RunState.CUT_OFF.value}).fetchall()
        if dead:
            connection.execute(
                _BURY_STEPS,
                {"put_off": StepState.PUT_OFF.value, "runs": [run for run, _ in dead]},
            )
            connection.execute(_FREE_LEASES, {"holders": [name for _, name in dead]})
        row = connection.execute(
            _BEGIN, {"holder": holder, "asked": Jsonb(dict(asked)), "wanted": wanted}
        ).fetchone()
        number = int(row[0]) if row else 0
        for query in (_FORGET_STEPS, _FORGET_RUNS):
            connection.execute(query, {"upto": number - KEPT_RUNS})
    return Journal(connection, number, holder, keep_soaks), len(dead)
