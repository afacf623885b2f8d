"""The one tenant's scope in which the whole suite runs, and the guards that the product has."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.commands import dumpdata, flush, loaddata, migrate
from django.db import connection
from django.db.models.signals import post_migrate

from sharding import scope
from sharding.backend import session_bound
from sharding.backend.alias import alias_of
from tests.django_suite.recording import RecordingRunner

SHARD = "default"

_WHO = "SELECT current_user, current_schema(), session_user, current_setting('is_superuser')"


def enter_for_good(tenant_id: str) -> None:
    """Enter the tenant's scope, for this thread and for every thread that is started from now on.

    The product's threads start without a scope, on purpose; the suite's tests of threads ask
    whether transactions and locks work, and a scope is what they need for that.
    """
    place = scope.Placement(tenant_id, SHARD, tenant_id, epoch=1, generation="suite")
    scope.enter(place).__enter__()
    start = threading.Thread.start

    def start_in_scope(thread: threading.Thread) -> None:
        run = thread.run

        def run_in_scope() -> None:
            with scope.enter(place):
                run()

        thread.run = run_in_scope  # type: ignore[method-assign]
        start(thread)

    threading.Thread.start = start_in_scope  # type: ignore[method-assign,assignment]


class StampingRouter:
    """Django's own default routing, with aliases that name the tenant as TenantRouter's do.

    Its models have no home: what TenantRouter decides by homes is no part of the suite.
    """

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        """The tenant's alias, or none for what lives on the suite's second database."""
        record = hints.get("instance")
        if record is not None and record._state.db not in (None, SHARD):
            return None
        return alias_of(scope.tenant())

    db_for_write = db_for_read


class GuardedRunner(RecordingRunner):
    """Puts the product's guards and caches in place, as its app does when Django is ready."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        from sharding.backend.content_types import key_content_types_by_tenant
        from sharding.backend.guards import install_guards
        from sharding.backend.stamping import install_stamping

        install_guards()
        install_stamping()
        key_content_types_by_tenant()
        # These the product runs in session-bound mode.
        commands: tuple[Any, ...] = (dumpdata, flush, loaddata, migrate)
        for command in commands:
            command.Command.execute = _while_migrating(command.Command.execute)
        post_migrate.send = _while_migrating(post_migrate.send)  # type: ignore[method-assign]
        super().__init__(*args, **kwargs)

    def run_suite(self, suite: Any, **kwargs: Any) -> Any:
        """Django's, once it is sure that what runs is bound: else the comparison says nothing."""
        tenant_id = scope.tenant().tenant_id
        with connection.cursor() as cursor:
            cursor.execute(_WHO)
            found = cursor.fetchone()
        if found != (tenant_id, tenant_id, "web", "off"):
            raise ImproperlyConfigured(f"The suite does not run as the tenant, but as {found}.")
        return super().run_suite(suite, **kwargs)


@contextmanager
def _migrating() -> Iterator[None]:
    """What the guards allow in session-bound mode: records that were read past the router."""
    before = session_bound.active_alias()
    session_bound._thread.alias = SHARD
    try:
        yield
    finally:
        session_bound._thread.alias = before


def _while_migrating(call: Callable[..., Any]) -> Callable[..., Any]:
    def call_while_migrating(*args: Any, **kwargs: Any) -> Any:
        with _migrating():
            return call(*args, **kwargs)

    return call_while_migrating
