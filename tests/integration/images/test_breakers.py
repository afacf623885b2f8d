"""What migrations can make, and what of it has no image: read off, replayed, compared."""

import dataclasses
import threading
from contextlib import contextmanager

import psycopg
import pytest

from migrations_tools.images.errors import (
    BuildsDiffer,
    ImageRefused,
    LeavesTheSchema,
    NameLeft,
    ReplayDiffers,
)
from migrations_tools.images.reading import agree, prove, read
from migrations_tools.images.templates import drop_left_templates, left_templates, template
from migrations_tools.services.build_schema import build_schema
from sharding.schemas.connections import own_connection
from tests.fixtures.waiting import wait_for

WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
TABLE = "CREATE TABLE note (id serial PRIMARY KEY, title varchar(30), key uuid)"

EVERYTHING = (
    TABLE,
    "CREATE TYPE mood AS ENUM ('glad', 'sad')",
    "CREATE DOMAIN short AS varchar(20) CHECK (VALUE <> '')",
    "CREATE TYPE pair AS (a int, b text)",
    "CREATE COLLATION plain (provider = libc, locale = 'C')",
    "CREATE SEQUENCE free START 7",
    "SELECT nextval('free')",
    "CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE RETURN n * 2",
    (
        "CREATE FUNCTION more(n int) RETURNS int LANGUAGE sql IMMUTABLE"
        " BEGIN ATOMIC SELECT CASE WHEN n > 0 THEN n END; SELECT n + 1; END"
    ),
    "CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END; -- ;$$",
    """CREATE TABLE "Odd ""name""; --" (
        id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        mood mood DEFAULT 'glad', short short, pair pair,
        title text COLLATE plain,
        kind varchar(10) CHECK (kind IN ('a', 'b')),
        doubled int GENERATED ALWAYS AS (twice(5)) STORED,
        of_note int DEFAULT nextval('note_id_seq') REFERENCES note DEFERRABLE INITIALLY DEFERRED,
        parent int REFERENCES "Odd ""name""; --",
        number int DEFAULT nextval('free'::regclass),
        period int4range,
        EXCLUDE USING gist (period WITH &&)
    )""",
    "CREATE TABLE event (day int, x int) PARTITION BY RANGE (day)",
    "CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (0) TO (10)",
    "INSERT INTO event VALUES (1, 2)",
    "CREATE TEXT SEARCH CONFIGURATION words (COPY = simple)",
    "CREATE INDEX by_words ON note USING gin (to_tsvector('words'::regconfig, title))",
    "CREATE INDEX some_notes ON note (lower(title)) INCLUDE (key) WHERE title IN ('a', 'b')",
    "ALTER TABLE note ADD CONSTRAINT late CHECK (id > 0) NOT VALID",
    "CREATE STATISTICS both_columns ON id, title FROM note",
    "CREATE VIEW glad WITH (security_invoker=true) AS SELECT id FROM note WHERE title IN ('a')",
    "CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM event",
    "CREATE TRIGGER touch BEFORE UPDATE ON note FOR EACH ROW EXECUTE FUNCTION touched()",
    "CREATE POLICY own_rows ON note USING (id > 0)",
    "CREATE RULE no_deletes AS ON DELETE TO event DO INSTEAD NOTHING",
    "COMMENT ON COLUMN note.title IS 'SET x = 1; -- \\restrict'",
    # Rows that look like commands.
    "INSERT INTO note (title) VALUES (E'\\\\restrict x'), (E'x\\nSET y = 1;'), ('--'), (NULL)",
    """INSERT INTO "Odd ""name""; --" (short, pair, period, of_note)
        VALUES ('x', '(1,y)', '[1,2)', 1)""",
    "DELETE FROM note WHERE title = '--'",
)


@contextmanager
def template_of(server, *statements: str):
    with template(server) as made:
        with made.raw.transaction():
            for statement in statements:
                made.raw.execute(statement.replace("{name}", made.name))
        yield made


def read_off(server, *statements: str):
    with template_of(server, *statements) as made:
        return read(made)


def test_everything_that_lies_in_a_schema_is_replayed_equal(server):
    first, second = read_off(server, *EVERYTHING), read_off(server, *EVERYTHING)
    both = agree(first, second, {})
    body = prove(server, both, "digest", {})
    assert body.fingerprint
    assert body.locks > 30


@pytest.mark.parametrize(
    ("statements", "refusal"),
    [
        (("INSERT INTO note (title) VALUES (current_schema())",), NameLeft),
        (("INSERT INTO note (title) VALUES ('{name}')",), NameLeft),
        (
            (
                (
                    "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path FROM CURRENT"
                    " AS 'SELECT 1'"
                ),
            ),
            NameLeft,
        ),
        (
            ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1 FROM {name}.note'",),
            NameLeft,
        ),
        (("CREATE INDEX of_{name} ON note (title)",), NameLeft),
        (
            ("ALTER TABLE note ADD other int DEFAULT nextval('public.breaker_seq')",),
            LeavesTheSchema,
        ),
        (("ALTER TABLE note ADD FOREIGN KEY (id) REFERENCES public.breaker",), LeavesTheSchema),
        (
            (
                (
                    "CREATE TRIGGER t BEFORE INSERT ON note FOR EACH ROW"
                    " EXECUTE FUNCTION public.breaker_touched()"
                ),
            ),
            LeavesTheSchema,
        ),
        (
            (
                (
                    "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql"
                    " AS 'SELECT count(*) FROM public.breaker'"
                ),
            ),
            LeavesTheSchema,
        ),
        (
            ("CREATE VIEW v AS SELECT id FROM public.breaker",),
            LeavesTheSchema,
        ),
    ],
)
@pytest.mark.usefixtures("in_public")
def test_a_breaker_is_refused(server, statements, refusal):
    with pytest.raises(refusal) as caught:
        read_off(server, TABLE, *statements)
    assert isinstance(caught.value, ImageRefused)


@pytest.fixture(scope="module")
def in_public(stack_ready):
    """Things in `public` that own may use, as an application's older part may have left them."""
    with psycopg.connect(stack_ready.admin_conninfo("alpha"), autocommit=True) as admin:
        admin.execute("CREATE TABLE public.breaker (id int PRIMARY KEY)")
        admin.execute("CREATE SEQUENCE public.breaker_seq")
        admin.execute(
            "CREATE FUNCTION public.breaker_touched() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RETURN NEW; END'"
        )
        admin.execute("GRANT USAGE ON SCHEMA public TO own")
        admin.execute("GRANT ALL ON public.breaker, public.breaker_seq TO own")
        yield
        admin.execute("DROP TABLE public.breaker")
        admin.execute("DROP SEQUENCE public.breaker_seq")
        admin.execute("DROP FUNCTION public.breaker_touched()")
        admin.execute("REVOKE USAGE ON SCHEMA public FROM own")


def test_another_tenant_s_schema_is_refused(server, new_place):
    build_schema(new_place())
    with own_connection(server) as own:
        (other,) = own.execute("SELECT min(schema) FROM atoll.tenant_schema").fetchone()
    with pytest.raises(LeavesTheSchema, match=other):
        read_off(server, TABLE, f"CREATE VIEW v AS SELECT * FROM {other}.workspace_ticket")


def test_a_value_that_each_build_makes_anew_needs_an_expression(server):
    statements = (TABLE, "INSERT INTO note (title, key) VALUES ('a', gen_random_uuid())")
    first, second = read_off(server, *statements), read_off(server, *statements)
    with pytest.raises(BuildsDiffer, match=r"note\.key is"):
        agree(first, second, {})
    expressions = {"note.key": "gen_random_uuid()"}
    body = prove(server, agree(first, second, expressions), "digest", expressions)
    assert any("gen_random_uuid()" in seed for seed in body.pieces[1])


def test_an_expression_that_makes_no_such_value_is_refused(server):
    statements = (TABLE, "INSERT INTO note (title, key) VALUES ('a', gen_random_uuid())")
    first, second = read_off(server, *statements), read_off(server, *statements)
    expressions = {"note.key": "'no uuid at all'"}
    with pytest.raises(ReplayDiffers, match="It fails"):
        prove(server, agree(first, second, expressions), "digest", expressions)


def test_what_the_dump_does_not_say_is_refused(server):
    """As an extension made inside the schema: the dump names what it brings, and not itself."""
    reading = read_off(server, TABLE)
    without = dataclasses.replace(reading, script=reading.script[1:])
    with pytest.raises(ReplayDiffers):
        prove(server, without, "digest", {})


def test_a_template_of_a_killed_process_is_dropped_and_one_in_use_is_not(server):
    with own_connection(server) as own:
        own.execute("CREATE SCHEMA tmpl_0123456789ab")
        own.execute("CREATE TABLE tmpl_0123456789ab.t (id int)")
        with template(server) as made:
            assert made.name in left_templates(own)
            assert "tmpl_0123456789ab" not in left_templates(own)
            assert drop_left_templates(server) == ()
            assert made.name in left_templates(own)
        assert left_templates(own) == ()


def test_a_template_is_dropped_though_its_session_ends_a_moment_after_it_was_closed(server):
    """As on a busy server: who gets the template's lock next has it for as long as that."""
    hold = "SELECT pg_advisory_lock(hashtext('atoll.template'), hashtext(%s))"

    def end_late(name):
        with own_connection(server) as other:
            other.execute(hold, (name,))
            other.execute("SELECT pg_sleep(0.5)")

    with own_connection(server) as own:
        with template(server) as made:
            late = threading.Thread(target=end_late, args=(made.name,))
            late.start()
            wait_for(lambda: own.execute(WAITING).fetchone() == (1,))
        late.join()
        assert left_templates(own) == ()
