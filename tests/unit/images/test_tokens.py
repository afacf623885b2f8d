"""The schema's name becomes a placeholder where it is a name, and nothing else does."""

import pytest

from migrations_tools.images.errors import LeavesTheSchema, NameLeft, UnknownStatement
from migrations_tools.images.tokens import script_of, single, with_placeholder

NAME = "tmpl_0123456789ab"


def replaced(statement: str) -> str:
    return with_placeholder(single(statement), NAME).replace("\x00", "@")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (f"CREATE TABLE {NAME}.note (id int)", "CREATE TABLE @.note (id int)"),
        (f'CREATE TABLE "{NAME}"."Note" (id int)', 'CREATE TABLE @."Note" (id int)'),
        (
            f"ALTER TABLE ONLY {NAME}.a ADD CONSTRAINT c FOREIGN KEY (b) REFERENCES {NAME}.b(id)",
            "ALTER TABLE ONLY @.a ADD CONSTRAINT c FOREIGN KEY (b) REFERENCES @.b(id)",
        ),
        (
            f"ALTER TABLE {NAME}.a ALTER id SET DEFAULT nextval('{NAME}.a_id_seq'::regclass)",
            "ALTER TABLE @.a ALTER id SET DEFAULT nextval('@.a_id_seq'::regclass)",
        ),
        (
            f"""SELECT pg_catalog.setval('{NAME}."A_id_seq"', 4, true)""",
            """SELECT pg_catalog.setval('@."A_id_seq"', 4, true)""",
        ),
        (
            f"SELECT to_tsvector('{NAME}.words'::regconfig, a)",
            "SELECT to_tsvector('@.words'::regconfig, a)",
        ),
        ("INSERT INTO t VALUES ('tmpl_', 'note.id')", "INSERT INTO t VALUES ('tmpl_', 'note.id')"),
    ],
)
def test_names_of_the_schema_are_replaced(statement, expected):
    assert replaced(statement) == expected


@pytest.mark.parametrize(
    "statement",
    [
        f"INSERT INTO t VALUES ('{NAME}')",
        f"INSERT INTO t VALUES ('{NAME}.note')",
        f"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1 FROM {NAME}.note'",
        f"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$SELECT 1 FROM {NAME}.note$$",
        f"CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path TO '{NAME}' AS 'SELECT 1'",
        f"CREATE TABLE note_of_{NAME} (id int)",
        f"SELECT 1 AS {NAME}",
        f"SELECT '{NAME.upper()}'",
        f"SELECT pg_catalog.setval('a', 1), '{NAME}.b'",
        f"SELECT '{NAME}'::regnamespace",
    ],
)
def test_a_name_that_is_left_anywhere_is_refused(statement):
    with pytest.raises(NameLeft):
        replaced(statement)


DUMP = f"""--
-- PostgreSQL database dump
--

\\restrict zzz

SET statement_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);
CREATE SCHEMA {NAME};
SET default_tablespace = '';
CREATE TABLE {NAME}.note (
    id integer NOT NULL -- not kept
);
COMMENT ON TABLE {NAME}.note IS 'SET x = 1;';
INSERT INTO {NAME}.note (id) VALUES
	(1),
	(2);
SELECT pg_catalog.setval('{NAME}.note_id_seq', 2, true);
REFRESH MATERIALIZED VIEW {NAME}.m;
\\unrestrict zzz
"""


def test_of_a_dump_what_makes_the_schema_is_kept():
    script = script_of(DUMP, NAME, forbidden={"public"})
    assert [statement.split()[0] for statement in script] == [
        "CREATE",
        "COMMENT",
        "INSERT",
        "SELECT",
        "REFRESH",
    ]
    assert not any(NAME in statement for statement in script)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE x",
        "GRANT ALL ON x TO y",
        "COPY x FROM stdin",
        "SELECT evil()",
        "SELECT pg_catalog.pg_sleep(1)",
        "CREATE EXTENSION hstore",
        "CREATE PUBLICATION p",
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO x",
        "ALTER ROLE own SUPERUSER",
        "DO $$BEGIN END$$",
        "\\connect other",
        "TRUNCATE x",
    ],
)
def test_a_statement_of_an_unknown_kind_is_refused(statement):
    with pytest.raises(UnknownStatement):
        script_of(f"{statement};\n", NAME, forbidden={"public"})


@pytest.mark.parametrize(
    "statement",
    [
        f"ALTER TABLE {NAME}.a ADD FOREIGN KEY (b) REFERENCES public.users(id)",
        f'ALTER TABLE {NAME}.a ADD FOREIGN KEY (b) REFERENCES "public".users(id)',
        f"CREATE TRIGGER t BEFORE INSERT ON {NAME}.a EXECUTE FUNCTION public.f()",
        f"CREATE INDEX i ON {NAME}.a USING gin (b public.gin_trgm_ops)",
        f"ALTER TABLE {NAME}.a ALTER b SET DEFAULT nextval('public.s'::regclass)",
        f"CREATE FUNCTION {NAME}.f() RETURNS int LANGUAGE sql AS $$SELECT 1 FROM public.users$$",
        f"CREATE VIEW {NAME}.v AS SELECT * FROM t0other00.note",
    ],
)
def test_what_leaves_the_schema_is_refused(statement):
    with pytest.raises(LeavesTheSchema):
        script_of(f"{statement};\n", NAME, forbidden={"public", "t0other00"})


@pytest.mark.parametrize(
    "statement",
    [
        f"ALTER TABLE {NAME}.a ADD FOREIGN KEY (b) REFERENCES reference.ref_plan(id)",
        f"INSERT INTO {NAME}.a (b) VALUES ('public.users')",
        f"CREATE VIEW {NAME}.v AS SELECT {NAME}.public.id FROM {NAME}.public",
        f"COMMENT ON TABLE {NAME}.a IS 'see public.users'",
    ],
)
def test_what_only_looks_like_it_is_kept(statement):
    assert len(script_of(f"{statement};\n", NAME, forbidden={"public"})) == 1


def test_two_statements_are_not_one():
    with pytest.raises(UnknownStatement):
        single("SELECT 1; SELECT 2")


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ("pg_attver=22161880", None),
        ("pg_attver='22161880'", None),
        ("pg_attver=22161880, n_distinct=5", "n_distinct=5"),
        ("n_distinct=5, pg_attver=22161880", "n_distinct=5"),
        (
            "n_distinct=5, pg_attver=1, n_distinct_inherited=2",
            "n_distinct=5, n_distinct_inherited=2",
        ),
        ("n_distinct=5", "n_distinct=5"),
    ],
)
def test_what_a_server_notes_of_a_column_for_itself_is_left_out(options, left):
    head = "ALTER TABLE ONLY {}.note ALTER COLUMN id SET ({})"
    script = script_of(f"{head.format(NAME, options)};\n", NAME, forbidden=())
    said = ["".join(one.split()) for one in script]
    expected = [] if left is None else ["".join(head.format("\x00", left).split())]
    assert said == expected


def test_a_column_that_is_called_like_such_a_note_is_kept():
    statement = f"ALTER TABLE {NAME}.note ALTER COLUMN pg_attver SET NOT NULL"
    assert script_of(f"{statement};", NAME, forbidden=())[0].count("pg_attver") == 1
