"""Content types and permissions have one id for one name, in every schema of every shard.

Three ranges that never meet: stock ids from 1 (of schemas that are older than this, or came from
elsewhere), global ones from `GLOBAL_FROM`, allocated in control, and local ones from `LOCAL_FROM`,
for names that control does not know. A trigger of each schema's own tables looks a new row's id up
in the reference tables, so that libraries need not know.

Source: docs/adr/0012, docs/architecture.md.
"""

from dataclasses import dataclass
from typing import Final

from psycopg import sql

from sharding.schemas.services.furnish import Execute

GLOBAL_FROM: Final = 1_000_000
LOCAL_FROM: Final = 1_000_000_000

TRIGGER: Final = "global_id"
"""Its name on both tables."""


@dataclass(frozen=True, slots=True)
class IdTable:
    """A table of Django's whose ids are the same in all schemas.

    Attributes:
        name: the table's, in every tenant's schema.
        function: the trigger function's, in the shard's schema `atoll`.
        known: the reference table that knows ids by names.
        known_id: its column for them.
    """

    key: str
    noun: str
    name: str
    function: str
    known: str
    known_id: str


TYPES: Final = IdTable(
    key="content-types",
    noun="content types",
    name="django_content_type",
    function="content_type_gets_global_id",
    known="ref_content_type_name",
    known_id="content_type_id",
)
PERMISSIONS: Final = IdTable(
    key="permissions",
    noun="permissions",
    name="auth_permission",
    function="permission_gets_global_id",
    known="ref_permission_name",
    known_id="permission_id",
)

# One statement, so that whoever has a cursor can do it. The function's absence is found out here
# and not at the first row: then the shard was prepared by an older release.
_INSTALL = """
DO $install$
DECLARE
    home constant text := {schema};
    one record;
    counter regclass;
    next_id bigint;
BEGIN
    FOR one IN
        SELECT t.name, t.function, to_regclass(format('%I.%I', home, t.name)) AS place
        FROM (VALUES ({types}, {of_types}), ({permissions}, {of_permissions})) t (name, function)
    LOOP
        CONTINUE WHEN one.place IS NULL;
        IF NOT EXISTS (
            SELECT FROM pg_trigger WHERE tgrelid = one.place AND tgname = {trigger}
        ) THEN
            IF to_regprocedure(format('{support}.%I()', one.function)) IS NULL THEN
                RAISE EXCEPTION
                    'this shard lacks the function %: run add_shard again, with the arguments of '
                    'its first run', one.function
                    USING ERRCODE = 'undefined_function';
            END IF;
            -- A table with rows whose checks are deferred takes no trigger.
            SET CONSTRAINTS ALL IMMEDIATE;
            EXECUTE format(
                'CREATE TRIGGER %I BEFORE INSERT ON %I.%I'
                ' FOR EACH ROW EXECUTE FUNCTION {support}.%I()',
                {trigger}, home, one.name, one.function
            );
        END IF;
        counter := pg_get_serial_sequence(format('%I.%I', home, one.name), 'id');
        IF counter IS NOT NULL THEN
            EXECUTE format('SELECT last_value FROM %s', counter) INTO next_id;
            IF next_id < {local_from} THEN
                EXECUTE format('ALTER SEQUENCE %s RESTART WITH {local_from}', counter);
            END IF;
        END IF;
    END LOOP;
END
$install$
"""


def install(execute: Execute, schema: str) -> None:
    """Let content types and permissions of `schema` get global ids from now on.

    A table that is not there yet is left for the next call.

    Transaction: the caller's, and it must be the one that makes the tables: rows may come in the
        very next one.
    Locks: SHARE ROW EXCLUSIVE on each of the two tables that lacked its trigger.
    Idempotent: it changes what is missing and nothing else.

    Raises:
        psycopg.errors.UndefinedFunction: the shard was prepared by an older release; the message
            says what to do. Through a cursor of Django's: ProgrammingError.
    """
    execute(installing(schema))


def installing(schema: str) -> sql.Composed:
    """The one statement that `install` runs."""
    return sql.SQL(_INSTALL).format(
        schema=sql.Literal(schema),
        types=sql.Literal(TYPES.name),
        of_types=sql.Literal(TYPES.function),
        permissions=sql.Literal(PERMISSIONS.name),
        of_permissions=sql.Literal(PERMISSIONS.function),
        trigger=sql.Literal(TRIGGER),
        support=sql.SQL("atoll"),
        local_from=sql.Literal(LOCAL_FROM),
    )
