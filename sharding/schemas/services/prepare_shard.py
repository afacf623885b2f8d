"""Turn a bare database into a shard: one list of steps, taken as far as they are not done."""

from collections.abc import Callable

import psycopg
from psycopg import sql

from sharding.registry.types import Login, Server
from sharding.schemas.connections import Connection, admin_connection, login_connection
from sharding.schemas.errors import NotFitToBeShard, PreparationFailed, ServerUnreachable
from sharding.schemas.preparation.logins import logins
from sharding.schemas.preparation.look import judge, look
from sharding.schemas.preparation.steps import plan_steps
from sharding.schemas.preparation.types import DatabaseFacts, Outcome, Preparation, Step, StepReport

# Two preparations of one database take turns.
_TAKE_TURNS = "SELECT pg_advisory_lock(hashtext('atoll.prepare_shard'))"

_MISSING = (
    psycopg.errors.UndefinedObject,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InvalidSchemaName,
)

Tell = Callable[[StepReport], None]


def prepare_shard(
    admin_conninfo: str,
    server: Server,
    *,
    dry_run: bool = False,
    tell: Tell = lambda report: None,
) -> Preparation:
    """Make logins, rights, schemas, tables and the guard of one shard, as far as they are missing.

    The administrator's connection (superuser, or what a managed service gives) is used here and
    nowhere else. `tell` hears of every step as it ends.

    Transaction: one per step, so that what is done stays visible and is not done again.
    Idempotent: every step asks the catalogue first; a second run changes nothing.

    Raises:
        NotFitToBeShard: a look at the database says so; nothing was changed.
        PreparationFailed: a step failed; those before it are done.
        ServerUnreachable: the administrator cannot connect, or was cut off.
    """
    with admin_connection(server.name, admin_conninfo) as connection:
        connection.execute(_TAKE_TURNS)
        facts = look(connection)
        findings = judge(facts, server)
        fatal = tuple(finding.message for finding in findings if finding.fatal)
        if fatal:
            raise NotFitToBeShard(server.name, fatal)

        def encrypt(login: Login) -> str:
            return connection.pgconn.encrypt_password(
                login.password.encode(), login.user.encode(), b"scram-sha-256"
            ).decode()

        reports = []
        for step in plan_steps(server, facts, encrypt):
            report = StepReport(
                step.key, step.does, _take(connection, server, step, dry_run=dry_run)
            )
            tell(report)
            reports.append(report)
    if not dry_run:
        _sign_in(server)
    return Preparation(server.name, facts, findings, tuple(reports))


def look_at(admin_conninfo: str, name: str) -> DatabaseFacts:
    """What the database that is to become shard `name` is. Changes nothing.

    Raises:
        ServerUnreachable: the administrator cannot connect.
    """
    try:
        with admin_connection(name, admin_conninfo) as connection:
            return look(connection)
    except ServerUnreachable as error:
        raise ServerUnreachable(
            error.server, error.endpoint, error.reason, at_first_look=True
        ) from error


def _take(connection: Connection, server: Server, step: Step, *, dry_run: bool) -> Outcome:
    if _is_done(connection, step):
        return Outcome.DONE_BEFORE
    if dry_run:
        return Outcome.TO_DO
    try:
        with connection.transaction():
            for statement in step.act:
                connection.execute(statement)
            if not _is_done(connection, step):
                # A privilege that the administrator may not revoke is a WARNING, not an error.
                raise psycopg.errors.InsufficientPrivilege("the server let it pass without effect")
    except psycopg.errors.InsufficientPrivilege as error:
        if step.optional:
            return Outcome.DENIED
        raise PreparationFailed(server.name, step.key, str(error)) from error
    except psycopg.Error as error:
        if connection.closed:
            raise
        raise PreparationFailed(server.name, step.key, str(error)) from error
    return Outcome.DONE


def _is_done(connection: Connection, step: Step) -> bool:
    try:
        with connection.transaction():
            row = connection.execute(step.done).fetchone()
    except _MISSING:
        return False
    return bool(row and row[0])


def _sign_in(server: Server) -> None:
    """Try every login on the direct address: the password may be another one than ours."""
    for login in logins(server):
        try:
            with login_connection(server, server.direct, login) as connection:
                connection.execute(sql.SQL("SELECT 1"))
        except ServerUnreachable as error:
            raise PreparationFailed(
                server.name,
                f"sign-in-{login.user}",
                f"{error.__cause__} (a login that was there before keeps its password: give that)",
            ) from error
