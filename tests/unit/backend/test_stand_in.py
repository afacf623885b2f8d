"""`default` without a scope answers metadata and refuses the rest."""

# ruff: noqa: PLW0108 - without a lambda the attribute would be looked up while tests are collected

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import OperationalError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from sharding import scope
from sharding.registry import current
from sharding.registry.errors import ControlNotRegistered
from sharding.registry.types import Registry


@pytest.mark.parametrize(
    "ask",
    [
        lambda: connection.vendor,
        lambda: connection.features.supports_json_field,
        lambda: connection.features.has_native_uuid_field,
        lambda: connection.features.supports_unlimited_charfield,
        lambda: connection.ops.quote_name("x"),
        lambda: connection.ops.max_name_length(),
        lambda: connection.introspection.identifier_converter("x"),
        lambda: connection.data_types["CharField"],
        lambda: connection.settings_dict["ATOMIC_REQUESTS"],
        lambda: connection.alias,
        lambda: connection.display_name,
        lambda: connection.get_database_version(),
        lambda: connection.in_atomic_block,
    ],
)
def test_it_answers(handler, ask):
    ask()


@pytest.mark.parametrize(
    "use",
    [
        lambda: connection.cursor(),
        lambda: connection.chunked_cursor(),
        lambda: connection.ensure_connection(),
        lambda: connection.connect(),
        lambda: transaction.atomic().__enter__(),
        lambda: transaction.on_commit(lambda: None),
        lambda: transaction.get_autocommit(),
        lambda: transaction.set_autocommit(False),
        lambda: transaction.set_rollback(True),
        lambda: transaction.commit(),
        lambda: transaction.rollback(),
        lambda: connection.schema_editor(),
        lambda: CaptureQueriesContext(connection).__enter__(),
        lambda: Group.objects.count(),
        lambda: Group.objects.using("default").count(),
        lambda: Group.objects.create(name="x"),
        lambda: connection.client.runshell([]),
    ],
)
def test_it_refuses(handler, use):
    with pytest.raises(scope.NoTenantInScope, match=r"scope\.enter"):
        use()


def test_closing_it_is_no_error(handler):
    connection.close()
    handler.close_all()


def test_a_query_can_be_printed_but_not_run_on_it(handler):
    assert "auth_group" in str(Group.objects.using("default").all().query)


def test_control_without_an_address_is_away_to_django(handler, django_db_blocker, monkeypatch):
    """So `makemigrations` needs no server and no registry, for which Django only warns."""
    monkeypatch.setattr(current, "_current", Registry())
    monkeypatch.delenv("ATOLL_REGISTRY", raising=False)
    with django_db_blocker.unblock():
        for error in (OperationalError, ControlNotRegistered):
            with pytest.raises(error, match="ATOLL_REGISTRY"):
                connections["control"].cursor()
        with pytest.warns(RuntimeWarning, match="consistent migration history"):
            call_command("makemigrations", "workspace", dry_run=True, check_changes=True)
