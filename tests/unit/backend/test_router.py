"""The router decides or raises."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import models, router
from django.test.utils import isolate_apps

from routers.databases import TenantRouter
from routers.errors import ReferenceIsReadOnly
from routers.homes import Home, NoHome, forget_homes, home_of, home_of_label
from sharding import scope
from sharding.backend.alias import alias_of, tenant_of
from sharding.placements.models import Shard
from tests.unit.backend.conftest import place

ROUTER = TenantRouter()


@pytest.fixture(autouse=True)
def _fresh_homes():
    forget_homes()
    yield
    forget_homes()


@pytest.fixture
def plan():
    with isolate_apps("tests.unit.backend"):

        class Plan(models.Model):
            atoll_home = "reference"

            class Meta:
                app_label = "backend_unit"

        yield Plan


def stamped(record, alias):
    record._state.db = alias
    return record


def test_control_is_control_in_every_scope():
    for wanted in (None, scope.CONTROL, place()):
        with scope.enter(wanted):
            assert ROUTER.db_for_read(Shard) == ROUTER.db_for_write(Shard) == "control"


def test_a_tenants_model_needs_a_tenant():
    for wanted in (None, scope.CONTROL):
        with scope.enter(wanted):
            for ask in (ROUTER.db_for_read, ROUTER.db_for_write):
                with pytest.raises(scope.NoTenantInScope, match=r"auth\.Group"):
                    ask(Group)
    with scope.enter(place()):
        alias = ROUTER.db_for_write(Group)
    assert alias == "alpha"
    assert tenant_of(alias) == place().tenant_id


def test_a_record_is_asked_whose_it_is():
    with scope.enter(place()):
        mine = stamped(Group(), alias_of(place()))
        assert ROUTER.db_for_write(Group, instance=mine) == "alpha"
        assert ROUTER.db_for_write(Group, instance=Group()) == "alpha"
        for other in (place(2), place(2, "beta")):
            with pytest.raises(scope.WrongTenant):
                ROUTER.db_for_write(Group, instance=stamped(Group(), alias_of(other)))
        with pytest.raises(scope.Unstamped):
            ROUTER.db_for_read(Group, instance=stamped(Group(), "alpha"))


def test_a_record_read_before_a_move_is_its_tenants_still():
    before = stamped(Group(), alias_of(place(1, "beta")))
    with scope.enter(place(1, "alpha")):
        assert ROUTER.db_for_write(Group, instance=before) == "alpha"


def test_relations_of_two_tenants_raise_and_name_them():
    one, other = stamped(Group(), alias_of(place())), stamped(Permission(), alias_of(place(2)))
    for wanted in (None, place()):
        with scope.enter(wanted), pytest.raises(scope.WrongTenant, match="ttenant"):
            ROUTER.allow_relation(one, other)


def test_relations_across_homes_raise(plan):
    shard = stamped(Shard(), "control")
    group = stamped(Group(), alias_of(place()))
    with scope.enter(place()):
        with pytest.raises(scope.CrossHomeRelation, match="plain field"):
            ROUTER.allow_relation(group, shard)
        with pytest.raises(scope.CrossHomeRelation):
            ROUTER.db_for_read(Group, instance=shard)
        assert ROUTER.allow_relation(group, Permission())
        assert ROUTER.allow_relation(group, stamped(plan(), "control"))
        assert ROUTER.allow_relation(shard, Shard())


def test_reference_rows_are_read_from_the_shard_and_written_in_control_only(plan):
    with scope.enter(scope.CONTROL):
        assert ROUTER.db_for_read(plan) == ROUTER.db_for_write(plan) == "control"
    with scope.enter(place()):
        assert ROUTER.db_for_read(plan) == "alpha"
        for hints in ({}, {"instance": plan()}):
            with pytest.raises(ReferenceIsReadOnly, match="control scope"):
                ROUTER.db_for_write(plan, **hints)
    with pytest.raises(scope.NoTenantInScope):
        ROUTER.db_for_read(plan)


def test_migrations_go_to_control_and_to_no_shard(plan):
    for wanted in (None, scope.CONTROL, place()):
        with scope.enter(wanted):
            assert ROUTER.allow_migrate("control", "placements")
            assert not ROUTER.allow_migrate("control", "auth", "group")
            for alias in ("default", "alpha", "beta"):
                for label in ("placements", "auth"):
                    assert not ROUTER.allow_migrate(alias, label)
    assert home_of(plan) is Home.REFERENCE


def test_no_home_raises_and_says_how_to_declare_one():
    with isolate_apps("tests.unit.backend"):

        class Homeless(models.Model):
            class Meta:
                app_label = "nowhere"

        with pytest.raises(NoHome, match="atoll_home"):
            ROUTER.db_for_read(Homeless)
    with pytest.raises(NoHome):
        home_of_label("nowhere")
    with pytest.raises(NoHome):
        ROUTER.allow_migrate("control", "nowhere", "thing")


def test_homes_are_declared_by_setting_model_and_app(settings):
    assert home_of(Group) is Home.TENANT
    assert home_of(Group.permissions.through) is Home.TENANT
    assert home_of(Shard) is Home.CONTROL
    assert home_of_label("auth", "gone_since_0003") is Home.TENANT
    settings.ATOLL_HOMES = {"auth": "tenant", "auth.Group": "control"}
    forget_homes()
    assert home_of(Group) is Home.CONTROL
    assert home_of(Permission) is Home.TENANT


def test_historical_models_live_where_the_real_ones_do():
    from django.db.migrations.state import ModelState, ProjectState

    state = ProjectState()
    state.add_model(ModelState("auth", "group", [("id", models.BigAutoField(primary_key=True))]))
    assert home_of(state.apps.get_model("auth", "group")) is Home.TENANT


def test_django_asks_this_router():
    with scope.enter(place()):
        assert tenant_of(router.db_for_read(Group)) == place().tenant_id
