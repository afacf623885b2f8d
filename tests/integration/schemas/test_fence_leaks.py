"""What gets past the fence and the seal, and what does not: the measured table, row by row.

Each attempt is made in a session that was there before the fence, since one that comes later meets
less. What leaks is written down too: these are the holes that other things have to close.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import tuple_row

from sharding.backend.prefix import prefix_for
from sharding.schemas.connections import own_connection
from sharding.schemas.services import fence
from sharding.scope import Placement
from tests.fixtures.shards import web
from tests.fixtures.waiting import wait_for

READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE = (
    "BEGIN",
    "BEGIN ISOLATION LEVEL REPEATABLE READ",
    "BEGIN ISOLATION LEVEL SERIALIZABLE",
)
LEVELS = (READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE)
KINDS = (
    "CREATE TABLE note (id serial PRIMARY KEY, x int)",
    "INSERT INTO note (x) SELECT generate_series(1, 3)",
    "CREATE TABLE event (day int, x int) PARTITION BY RANGE (day)",
    "CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (0) TO (10)",
    "CREATE TABLE elder (id int PRIMARY KEY)",
    "CREATE TABLE younger (id int PRIMARY KEY, elder int REFERENCES elder ON DELETE CASCADE)",
    "CREATE TABLE child (y int) INHERITS (note)",
    "CREATE VIEW looks AS SELECT id, x FROM note",
    (
        "CREATE FUNCTION put() RETURNS void LANGUAGE plpgsql AS "
        "'BEGIN INSERT INTO note (x) VALUES (7); END'"
    ),
)
WRITE = "INSERT INTO note (x) VALUES (9)"
REFUSED = "AT001"


class Session:
    """A client's session, as the web servers' login; each transaction binds the tenant anew."""

    def __init__(self, tenant) -> None:
        self.tenant = tenant
        self.connection = psycopg.connect(**web(tenant.server), autocommit=True)
        self.connection.prepare_threshold = None
        self.bare("SET plan_cache_mode TO force_generic_plan")

    def bare(self, statement: str) -> psycopg.Cursor:
        return self.connection.execute(statement.encode(), prepare=False)

    def begin(self, how: str = READ_COMMITTED) -> None:
        self.bare(how)
        place = Placement(self.tenant.schema, "any", self.tenant.schema, 1, "g")
        for command in prefix_for(place).commands:
            self.bare(command.decode())

    def say(self, statement: str) -> list[tuple]:
        cursor = self.bare(statement)
        return cursor.fetchall() if cursor.description else []

    def prepared(self, statement: str) -> list[tuple]:
        """By a plan that is kept on the session."""
        cursor = self.connection.cursor(row_factory=tuple_row)
        cursor.execute(statement.encode(), prepare=True)
        return cursor.fetchall() if cursor.description else []

    def end(self) -> None:
        self.bare("COMMIT")

    def in_one(self, statement: str, how: str = READ_COMMITTED) -> None:
        self.begin(how)
        self.say(statement)
        self.end()

    def copy_in(self) -> None:
        self.begin()
        with self.connection.cursor() as cursor, cursor.copy("COPY note (x) FROM STDIN") as copy:
            copy.write("1\n")
        self.end()


@dataclass(frozen=True)
class Attempt:
    """Something that a session does before the fence, and what it tries after it."""

    name: str
    after: Callable[[Session], object]
    before: Callable[[Session], object] = lambda session: None


def one_write(statement: str) -> Attempt:
    return Attempt(statement, lambda session: session.in_one(statement))


def with_a_kept_plan(session: Session) -> None:
    session.begin()
    session.prepared("UPDATE note SET x = x + 1")
    session.bare("ROLLBACK")


def a_kept_plan(how: str) -> Attempt:
    """In a transaction that has read the table before the fence."""

    def before(session):
        with_a_kept_plan(session)
        session.begin(how)
        session.say("SELECT count(*) FROM note")

    return Attempt(f"kept plan, {how}", lambda s: s.prepared("UPDATE note SET x = x + 1"), before)


def a_kept_plan_that_was_rolled_back(how: str) -> Attempt:
    def before(session):
        session.begin(how)
        session.say("SAVEPOINT here")
        session.prepared("UPDATE note SET x = x + 1")
        session.say("ROLLBACK TO SAVEPOINT here")

    return Attempt(
        f"rolled back to a savepoint, {how}",
        lambda session: session.prepared("UPDATE note SET x = x + 1"),
        before,
    )


def an_open_snapshot(how: str) -> Attempt:
    def before(session):
        session.begin(how)
        session.say("SELECT count(*) FROM note")

    return Attempt(f"open snapshot, {how}", lambda s: s.say("UPDATE note SET x = 8"), before)


def a_row_that_is_locked(session: Session) -> None:
    session.begin()
    session.say("SELECT * FROM note ORDER BY id LIMIT 1 FOR UPDATE")


def a_function_that_was_called(session: Session) -> None:
    session.begin()
    session.say("SELECT put()")
    session.bare("ROLLBACK")


ATTEMPTS = (
    *map(
        one_write,
        (
            WRITE,
            "UPDATE note SET x = 2",
            "UPDATE note SET x = 2 WHERE false",
            "DELETE FROM note",
            "INSERT INTO note (id, x) VALUES (1, 1) ON CONFLICT DO NOTHING",
            "INSERT INTO note (id, x) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET x = 5",
            (
                "MERGE INTO note USING (VALUES (99)) AS new (id) ON note.id = new.id "
                "WHEN NOT MATCHED THEN INSERT (x) VALUES (1)"
            ),
            "WITH w AS (INSERT INTO note (x) VALUES (1) RETURNING x) SELECT * FROM w",
            "UPDATE looks SET x = 3",
            "INSERT INTO event VALUES (1, 1)",
            "INSERT INTO event_1 VALUES (1, 1)",
            "INSERT INTO child (id, x) VALUES (50, 1)",
            "DELETE FROM elder",
        ),
    ),
    Attempt("COPY FROM", lambda session: session.copy_in()),
    Attempt(
        "kept plan, a transaction of its own",
        lambda session: (session.begin(), session.prepared("UPDATE note SET x = x + 1")),
        with_a_kept_plan,
    ),
    *map(a_kept_plan, LEVELS),
    *map(a_kept_plan_that_was_rolled_back, LEVELS),
    *map(an_open_snapshot, LEVELS),
    Attempt("a locked row", lambda s: s.say("UPDATE note SET x = 4"), a_row_that_is_locked),
    Attempt(
        "a function's kept plan",
        lambda session: (session.begin(), session.say("SELECT put()")),
        a_function_that_was_called,
    ),
)


@pytest.fixture
def tenant(new_tenant):
    return new_tenant(tables=KINDS)


@contextmanager
def fenced(tenant, *, drain: str = "300ms") -> Iterator[None]:
    """Within the block the tenant's writes are refused."""
    with own_connection(tenant.server) as own:
        fence.arm(own, tenant.schema)
        try:
            with own.transaction():
                own.execute(sql.SQL("SET LOCAL lock_timeout TO {}").format(sql.Literal(drain)))
                own.execute(fence.locking(tenant.schema, fence.guarded_tables(own, tenant.schema)))
                fence.revoke_permit(own, tenant.schema)
            yield
        finally:
            fence.grant_permit(own, tenant.schema)


@contextmanager
def sessions(tenant, number: int) -> Iterator[list[Session]]:
    made = [Session(tenant) for _ in range(number)]
    try:
        yield made
    finally:
        for one in made:
            one.connection.close()


def outcome(attempt: Callable[[], object]) -> str:
    """The error's SQLSTATE, or `passed`."""
    try:
        attempt()
    except psycopg.Error as error:
        return error.sqlstate or str(error)
    return "passed"


def test_no_session_that_was_there_before_writes_past_the_fence(tenant):
    with sessions(tenant, len(ATTEMPTS)) as made:
        pairs = list(zip(ATTEMPTS, made, strict=True))
        for attempt, session in pairs:
            attempt.before(session)
        with fenced(tenant):
            found = {a.name: outcome(lambda a=a, s=s: a.after(s)) for a, s in pairs}
    assert found == dict.fromkeys(found, REFUSED)
    assert tenant.as_tenant("SELECT count(*), sum(x) FROM note") == [(3, 6)]


def test_the_same_sessions_write_where_nothing_is_fenced(tenant):
    """The control: it is the fence that refuses them, and nothing else."""
    for attempt in ATTEMPTS:
        with sessions(tenant, 1) as (session,):
            attempt.before(session)
            assert outcome(lambda a=attempt, s=session: a.after(s)) == "passed", attempt.name


WAITED_FOR = {
    "a write": lambda s: (s.begin(), s.say(WRITE)),
    "a write of a kept plan": lambda s: (s.begin(), s.prepared("UPDATE note SET x = x + 1")),
    "a lock": lambda s: (s.begin(), s.say("LOCK TABLE note IN ROW EXCLUSIVE MODE")),
    "a write through a view": lambda s: (s.begin(), s.say("UPDATE looks SET x = 3")),
}


@pytest.mark.parametrize("begun", WAITED_FOR)
def test_a_transaction_that_has_written_is_waited_for(tenant, begun):
    with sessions(tenant, 1) as (session,):
        WAITED_FOR[begun](session)
        with pytest.raises(psycopg.errors.LockNotAvailable), fenced(tenant, drain="50ms"):
            pass
        assert outcome(session.end) == "passed"
    with fenced(tenant):
        assert outcome(lambda: tenant.as_tenant(WRITE)) == REFUSED


def test_a_copy_that_is_under_way_is_waited_for(tenant):
    with sessions(tenant, 1) as (session,):
        session.begin()
        with session.connection.cursor() as cursor:
            with cursor.copy("COPY note (x) FROM STDIN") as copy:
                copy.write("1\n")
                # Until the server has read that it began, there is nothing to wait for.
                with own_connection(tenant.server) as own:
                    _wait_for_lock(own, tenant, session)
                with pytest.raises(psycopg.errors.LockNotAvailable), fenced(tenant, drain="50ms"):
                    pass
        session.end()
    assert tenant.as_tenant("SELECT count(*) FROM note") == [(4,)]


def _wait_for_lock(own, tenant, session) -> None:
    asked = (
        "SELECT count(*) FROM pg_locks WHERE pid = %s AND mode = 'RowExclusiveLock'"
        " AND relation = %s::regclass"
    )
    facts = (session.connection.info.backend_pid, f"{tenant.schema}.note")
    wait_for(lambda: own.execute(asked, facts).fetchone() != (0,), "COPY did not begin")


def test_nobody_but_a_superuser_gets_past_it_by_a_setting(tenant, prepared):
    note = sql.Identifier(tenant.schema, "note")
    write = sql.SQL("INSERT INTO {} (x) VALUES (1)").format(note)
    with fenced(tenant), prepared.superuser() as superuser, sessions(tenant, 1) as (session,):
        assert outcome(lambda: superuser.execute(write)) == REFUSED
        assert outcome(lambda: session.bare("SET session_replication_role TO replica")) == "42501"
        with own_connection(tenant.server) as own:
            assert outcome(lambda: own.execute(write)) == REFUSED
            assert outcome(lambda: own.execute(sql.SQL("TRUNCATE {}").format(note))) == REFUSED
            asked = "SET session_replication_role TO replica"
            assert outcome(lambda: own.execute(asked)) == "42501"
        # What moves rows does it so, and is meant to pass.
        superuser.execute("SET session_replication_role TO replica")
        assert outcome(lambda: superuser.execute(write)) == "passed"


LEAKS = {
    "a trigger that is disabled": (
        "ALTER TABLE {s}.note DISABLE TRIGGER zz_atoll_guard",
        "INSERT INTO {s}.note (x) VALUES (1)",
    ),
    "all of them": (
        "ALTER TABLE {s}.note DISABLE TRIGGER USER",
        "INSERT INTO {s}.note (x) VALUES (1)",
    ),
    "a new table": ("CREATE TABLE {s}.late AS SELECT 1 AS x",),
    "a new column": ("ALTER TABLE {s}.note ADD COLUMN late int DEFAULT 1",),
    "a table that goes": ("DROP TABLE {s}.younger",),
    "a new partition": (
        "CREATE TABLE {s}.event_2 PARTITION OF {s}.event FOR VALUES FROM (10) TO (20)",
        "INSERT INTO {s}.event_2 VALUES (11, 1)",
    ),
    "a new index": ("CREATE INDEX ON {s}.note (x)",),
}


@pytest.mark.parametrize("how", LEAKS)
def test_the_owners_ddl_walks_round_the_fence(tenant, how):
    """Therefore nobody else works on a tenant that moves, and the fence looks at every guard."""
    with fenced(tenant), own_connection(tenant.server) as own:
        for statement in LEAKS[how]:
            own.execute(sql.SQL(statement).format(s=sql.Identifier(tenant.schema)))


PASSES = (
    "SELECT nextval('note_id_seq')",
    "SELECT * FROM note FOR UPDATE",
    "SELECT pg_advisory_xact_lock(1)",
    "NOTIFY somebody",
    "SELECT count(*) FROM note",
)


def test_what_writes_nothing_into_tables_passes(tenant):
    with fenced(tenant):
        assert {one: outcome(lambda o=one: tenant.as_tenant(o)) for one in PASSES} == dict.fromkeys(
            PASSES, "passed"
        )


def test_what_comes_from_tables_outside_is_refused_with_all_of_its_transaction(tenant, prepared):
    """A foreign key that cascades from a reference table, and a trigger that fires at COMMIT."""
    names = {"s": sql.Identifier(tenant.schema), "r": sql.Identifier(f"ref_{tenant.schema}")}
    with prepared.superuser() as superuser:
        for statement in (
            "CREATE TABLE reference.{r} (id int PRIMARY KEY)",
            "INSERT INTO reference.{r} VALUES (1), (2)",
            "ALTER TABLE {s}.note ADD COLUMN ref int REFERENCES reference.{r} ON DELETE CASCADE",
            (
                "CREATE FUNCTION {s}.late() RETURNS trigger LANGUAGE plpgsql AS "
                "'BEGIN INSERT INTO {s}.elder VALUES (NEW.id); RETURN NEW; END'"
            ),
            (
                "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON reference.{r} "
                "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {s}.late()"
            ),
        ):
            superuser.execute(sql.SQL(statement).format(**names))
        try:
            with fenced(tenant):
                for statement in (
                    "DELETE FROM reference.{r} WHERE id = 1",
                    "INSERT INTO reference.{r} VALUES (3)",
                ):
                    said = sql.SQL(statement).format(**names)
                    assert outcome(lambda s=said: superuser.execute(s)) == REFUSED
            rows = sql.SQL("SELECT count(*) FROM reference.{r}").format(**names)
            assert superuser.execute(rows).fetchone() == (2,)
        finally:
            superuser.execute(sql.SQL("DROP TABLE reference.{r} CASCADE").format(**names))


SEALED = {
    "SELECT count(*) FROM note": "42P01",
    "SELECT put()": "42883",
    "SELECT 'note'::regclass": "42P01",
    "SELECT 1": "passed",
}


def test_a_sealed_schema_is_not_there(tenant):
    with sealed(tenant):
        assert {one: outcome(lambda o=one: tenant.as_tenant(o)) for one in SEALED} == SEALED
        named = f"SELECT count(*) FROM {tenant.schema}.note"
        assert outcome(lambda: tenant.as_tenant(named)) == "42501"


READS = "SELECT count(*) FROM note"


def _open_and_read(session, how=READ_COMMITTED):
    session.begin(how)
    session.say("SELECT count(*) FROM elder")


def _plan_of_a_read(session):
    session.begin()
    session.prepared(READS)
    session.end()


def _cursor(session):
    session.begin()
    session.say("DECLARE looking CURSOR FOR SELECT * FROM note")
    session.say("FETCH 1 FROM looking")


STALE = (
    Attempt("42P01: plain, open transaction", lambda s: s.say(READS), _open_and_read),
    Attempt(
        "42P01: plain, open snapshot",
        lambda s: s.say(READS),
        lambda s: _open_and_read(s, REPEATABLE_READ),
    ),
    Attempt(
        "42P01: kept plan, another transaction",
        lambda s: (s.begin(), s.prepared(READS)),
        _plan_of_a_read,
    ),
    # It sees a frozen copy until its transaction ends, at the latest with that copy.
    Attempt("passed: an open cursor", lambda s: s.say("FETCH 1 FROM looking"), _cursor),
)


def test_who_reads_past_a_seal_is_known(tenant):
    with sessions(tenant, len(STALE)) as made:
        pairs = list(zip(STALE, made, strict=True))
        for attempt, session in pairs:
            attempt.before(session)
        with sealed(tenant):
            found = {a.name: outcome(lambda a=a, s=s: a.after(s)) for a, s in pairs}
    assert found == {name: name.partition(":")[0] for name in found}


@contextmanager
def sealed(tenant) -> Iterator[None]:
    with own_connection(tenant.server) as own:
        fence.seal(own, tenant.schema)
        try:
            yield
        finally:
            fence.unseal(own, tenant.schema)
