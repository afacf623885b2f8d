"""What a test asks for, by its markers and fixtures."""

from dataclasses import dataclass
from typing import Any, Final

import pytest

_TENANT_FIXTURES: Final = frozenset({"tenant", "other_tenant", "tenant_client"})
_DATABASE_FIXTURES: Final = frozenset(
    {"db", "transactional_db", "live_server", "django_db_reset_sequences", "control", "shards"}
    | {"django_db_serialized_rollback", "admin_user", "admin_client"}
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What one test needs before its fixtures are set up.

    Attributes:
        tenant: it runs in the first tenant's scope.
        databases: it may use test databases, so they must be there.
    """

    tenant: bool
    databases: bool


def asked_by(item: pytest.Item) -> Asked:
    """Look at an item.

    Raises:
        UsageError: one method of a Django TestCase is marked, and not its class.
    """
    fixtures = set(getattr(item, "fixturenames", ()))
    marked = item.get_closest_marker("tenant") is not None
    if marked and _is_django_test_case(item) and not _class_is_marked(item):
        raise pytest.UsageError(
            f"{item.nodeid}: mark the class with `tenant`, not one of its methods. A TestCase "
            "opens its transaction once for the class, and a transaction belongs to one tenant."
        )
    tenant = marked or bool(fixtures & _TENANT_FIXTURES)
    databases = (
        tenant
        or item.get_closest_marker("django_db") is not None
        or bool(fixtures & _DATABASE_FIXTURES)
        or _is_django_test_case(item)
    )
    return Asked(tenant, databases)


def let_use_databases(item: pytest.Item) -> None:
    """Give a test function the `django_db` mark that its other marks and fixtures ask for."""
    if _is_django_test_case(item) or not isinstance(item, pytest.Function):
        return
    fixtures = set(item.fixturenames)
    tenant = item.get_closest_marker("tenant") is not None or bool(fixtures & _TENANT_FIXTURES)
    control = "control" in fixtures
    if not tenant and not control:
        return
    mark = item.get_closest_marker("django_db")
    given: dict[str, Any] = dict(mark.kwargs) if mark else {}
    if control:
        before = given.get("databases") or (["default"] if tenant else [])
        if before != "__all__":
            given["databases"] = sorted({*before, "control"})
    if mark is None or given != mark.kwargs:
        item.add_marker(pytest.mark.django_db(*(mark.args if mark else ()), **given), append=False)


def _is_django_test_case(item: pytest.Item) -> bool:
    from django.test import TransactionTestCase

    owner = getattr(item, "cls", None)
    return (
        isinstance(owner, type) and issubclass(owner, TransactionTestCase) and bool(owner.databases)
    )


def _class_is_marked(item: pytest.Item) -> bool:
    node: Any = item.parent
    while node is not None:
        if any(mark.name == "tenant" for mark in node.own_markers):
            return True
        node = node.parent
    return False
