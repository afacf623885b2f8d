"""Names of reference tables, and that their rows are not deleted by Django's ways."""

import pytest
from django.db import models
from django.test.utils import isolate_apps

from routers.errors import ReferenceIsReadOnly, ReferenceRowsStay
from routers.reference_tables import check_reference_tables, misnamed
from sharding import scope
from tenants.catalog.models import Country


def test_the_products_own_tables_are_named_well():
    assert check_reference_tables() == []


@isolate_apps("tenants.catalog")
def test_a_reference_table_without_the_prefix_and_another_with_it_are_found():
    class Tax(models.Model):
        atoll_home = "reference"

        class Meta:
            app_label = "catalog"

    class Trip(models.Model):
        atoll_home = "tenant"

        class Meta:
            app_label = "catalog"
            db_table = "ref_trip"

    class Log(models.Model):
        atoll_home = "control"

        class Meta:
            app_label = "catalog"
            db_table = "ref_log"

    found = [(error.id, error.obj) for error in misnamed([Tax, Trip, Log])]
    assert found == [("routers.E005", Tax), ("routers.E006", Trip), ("routers.E006", Log)]


def test_deleting_is_refused_before_any_database_is_asked():
    with scope.enter(scope.CONTROL):
        for delete in (Country(code="NO").delete, Country.objects.all().delete):
            with pytest.raises(ReferenceRowsStay, match="retired and not deleted"):
                delete()


def test_in_a_tenants_scope_it_is_refused_as_every_write_is():
    place = scope.Placement("t0abcdefg", shard="alpha", schema="t0abcdefg", epoch=1, generation="g")
    with scope.enter(place), pytest.raises(ReferenceIsReadOnly):
        Country(code="NO").delete()
