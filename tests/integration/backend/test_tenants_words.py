"""django-tenants' words on `default` mean "enter this scope"."""

from typing import Any

import pytest
from django.db import connection as default
from django.db import transaction
from django_tenants.utils import schema_context, schema_exists, tenant_context

from sharding import scope
from sharding.backend.errors import BackendError
from sharding.scope import ports
from tests.integration.backend.models import Author

connection: Any = default  # its words are ours, not Django's


class Tenant:
    """What django-tenants asks of a tenant."""

    def __init__(self, schema_name):
        self.schema_name = schema_name


@pytest.fixture
def resolvable(grounds):
    places = {place.schema: place for place in grounds.all}

    def resolve(name):
        try:
            return places[name]
        except KeyError:
            raise scope.UnknownTenant(name) from None

    before = ports.resolver
    scope.register_resolver(resolve)
    yield grounds
    scope.register_resolver(before)


def test_both_contexts_enter_and_leave(resolvable):
    for place in (resolvable.a, resolvable.b, resolvable.c, resolvable.a):
        with schema_context(place.schema):
            assert scope.current() == place
            assert connection.schema_name == place.schema
            Author.objects.create(name=place.role)
        assert scope.current() is None
        with tenant_context(Tenant(place.schema)):
            assert set(Author.objects.values_list("name", flat=True)) == {place.role}
        assert scope.current() is None


def test_they_nest_and_restore_tenant_and_control(resolvable):
    with scope.enter(scope.CONTROL):
        with schema_context(resolvable.a.schema):
            with schema_context(resolvable.c.schema):
                assert scope.current() == resolvable.c
            assert scope.current() == resolvable.a
            with schema_context("public"):
                assert scope.current() is scope.CONTROL
                assert connection.schema_name == "public"
        assert scope.current() is scope.CONTROL


def test_they_work_as_decorators(resolvable):
    @schema_context(resolvable.b.schema)
    def work():
        return scope.current()

    assert work() == resolvable.b
    assert scope.current() is None


def test_set_tenant_and_its_kin(resolvable):
    connection.set_tenant(Tenant(resolvable.a.schema))
    assert connection.tenant.schema_name == resolvable.a.schema
    connection.set_schema(resolvable.c.schema)
    assert scope.current() == resolvable.c
    connection.set_schema_to_public()
    assert scope.current() is None
    assert connection.tenant is None
    assert connection.schema_name is None
    with pytest.raises(scope.NoTenantInScope):
        Author.objects.count()


def test_an_unknown_schema_is_refused_and_the_scope_stays(resolvable):
    with scope.enter(resolvable.a):
        with pytest.raises(scope.UnknownTenant), schema_context("tnobody1"):
            pass
        assert scope.current() == resolvable.a


def test_another_tenant_is_refused_inside_a_block(resolvable):
    with scope.enter(resolvable.a), transaction.atomic():
        with pytest.raises(scope.OpenTransaction):
            connection.set_schema(resolvable.b.schema)
        assert scope.current() == resolvable.a


def test_setting_the_attribute_is_refused(resolvable):
    with scope.enter(resolvable.a), pytest.raises(BackendError, match="set_tenant"):
        connection.tenant = Tenant(resolvable.b.schema)


def test_its_utilities_ask_the_scopes_shard(resolvable):
    with scope.enter(resolvable.a):
        assert schema_exists(resolvable.b.schema, database="default")
        assert not schema_exists(resolvable.c.schema, database="default")
