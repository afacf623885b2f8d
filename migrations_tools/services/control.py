"""Migrate the control database, as the login that owns its tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import AmbiguityError
from django.db.transaction import TransactionManagementError

from migrations_tools.execution import Executor, Plan, Target, Tell, labels_of, silent
from sharding.backend.control.base import DatabaseWrapper
from sharding.placements.telling import Exit
from sharding.registry import current as addresses

CONTROL = "control"
STATEMENT_CAP = timedelta(minutes=10)
_SET_LOCK_TIMEOUT = "SELECT pg_catalog.set_config('lock_timeout', '10s', false)"


@dataclass(frozen=True, slots=True)
class ControlRequest:
    """What to bring control to.

    Attributes:
        app_label: this app only; all of control's when empty.
        name: up to or back to this migration (`zero`: none); the newest when empty.
        fake: record only.
        plan_only: change nothing.
    """

    app_label: str = ""
    name: str = ""
    fake: bool = False
    plan_only: bool = False


def migrate_control(request: ControlRequest, *, tell: Tell = silent) -> list[str]:
    """Apply what is pending on control and return its names, backwards ones with a `-` before.

    Transaction: one per migration, on the owner's connection; forbids an open one on control.
    Idempotent: safe to run again after a crash at any point.

    Raises:
        CommandError: the app or migration is not one of control's.
        ControlNotRegistered: control has no address.
    """
    with control_owner() as connection:
        executor = Executor(connection, note=_no_notes, tell=tell)
        plan = _plan(executor, request)
        if not request.plan_only:
            if request.fake:
                executor.migrate([], plan=plan, fake=True)
            else:
                executor.run(plan, whole=not request.app_label)
        return [f"{'-' * back}{one.app_label}.{one.name}" for one, back in plan]


def how_control_catches_up() -> str:
    """What to do about a control database that is older than this code; empty where it is not."""
    try:
        plan = Executor(connections[CONTROL], note=_no_notes).pending()
    except DatabaseError:
        return ""
    if not plan:
        return ""
    first, _ = plan[0]
    return (
        f"The control database is older than this code: it lacks {len(plan)} of its migrations, "
        f"first {first.app_label}.{first.name}. `manage.py migrate` brings them; what else "
        "a release wants, and in which order: docs/how-to/deploy.md. Then run this again."
    )


@contextmanager
def control_owner() -> Iterator[BaseDatabaseWrapper]:
    """Make `connections["control"]` of this thread the owner's direct connection for a while.

    Never a second alias: what a migration reads through another connection would wait for ever
    for the migration's own locks.
    """
    server = addresses.control()
    kept = connections[CONTROL]
    if kept.in_atomic_block:
        raise TransactionManagementError("Control cannot be migrated inside a transaction.")
    handler: Any = connections
    settings = handler.settings_for(CONTROL, server, login=server.own, endpoint=server.direct)
    owner = DatabaseWrapper(settings, CONTROL, server=server)
    connections[CONTROL] = owner
    try:
        owner.ensure_connection()
        # An index takes as long as it takes; a server that is down is met while connecting.
        owner.connection.cap = STATEMENT_CAP.total_seconds()
        owner.connection.execute(_SET_LOCK_TIMEOUT)
        yield owner
    finally:
        connections[CONTROL] = kept
        owner.close()


def _plan(executor: Executor, request: ControlRequest) -> Plan:
    if not request.app_label:
        return executor.pending()
    return executor.migration_plan([find_target(executor, request.app_label, request.name)])


def find_target(executor: Executor, app_label: str, name: str) -> Target:
    """The node that a person means by an app and the beginning of a migration's name.

    Raises:
        CommandError: there is none, there are several, or the app is not in this database.
    """
    alias = executor.connection.alias
    if app_label not in labels_of(alias):
        raise CommandError(
            f"App {app_label!r} has no tables in {alias}. Tenants' apps are migrated by "
            "`manage.py migrate_schemas`.",
            returncode=Exit.USAGE,
        )
    if app_label not in executor.loader.migrated_apps:
        raise CommandError(f"App {app_label!r} has no migrations.", returncode=Exit.USAGE)
    if name == "zero":
        return app_label, None
    if not name:
        leaf: Target = executor.loader.graph.leaf_nodes(app_label)[0]
        return leaf
    try:
        found = executor.loader.get_migration_by_prefix(app_label, name)
    except AmbiguityError as error:
        raise CommandError(
            f"{name!r} names several migrations of {app_label!r}.", returncode=Exit.USAGE
        ) from error
    except KeyError as error:
        raise CommandError(
            f"{app_label!r} has no migration {name!r}.", returncode=Exit.USAGE
        ) from error
    return app_label, found.name


def _no_notes(what: str | None) -> None:
    """Control keeps no note of migrations without a transaction: people watch over them."""
