"""Every model has a home, and no relation leaves it but to a reference table."""

from collections.abc import Sequence

import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.core.checks.registry import registry
from django.db import models
from django.test.utils import isolate_apps

from routers.checks import check_homes, crossings, homeless
from routers.homes import Home, NoHome, home_of


def all_models() -> list[type[models.Model]]:
    return apps.get_models(include_auto_created=True)


@pytest.mark.parametrize("model", all_models(), ids=lambda model: str(model._meta.label))
def test_a_model_has_a_home(model: type[models.Model]) -> None:
    assert home_of(model) in Home


def test_the_check_of_homes_finds_nothing_here_and_runs_with_every_start() -> None:
    checks: Sequence[object] = registry.get_checks()
    assert check_homes in checks
    assert not [message for message in run_checks() if str(message.id).startswith("routers.")]


def test_generic_relations_stay_where_the_content_types_are() -> None:
    for model in all_models():
        for field in model._meta.private_fields:
            assert home_of(model) is Home.TENANT, f"{model._meta.label}.{field.name}"


@isolate_apps()
def test_a_model_of_an_app_that_says_nothing_is_refused() -> None:
    class Homeless(models.Model):
        class Meta:
            app_label = "nobody_said"

    class Leads(models.Model):
        atoll_home = "tenant"
        to = models.ForeignKey(Homeless, models.PROTECT)

        class Meta:
            app_label = "nobody_said"

    with pytest.raises(NoHome, match=r"nobody_said\.Homeless has no home"):
        home_of(Homeless)
    (error,) = homeless([Homeless, Leads])
    assert (error.id, error.obj) == ("routers.E001", Homeless)
    assert "ATOLL_HOMES" in str(error.hint)
    assert list(crossings([Homeless, Leads])) == [], "told once"


@isolate_apps()
def test_a_planted_relation_across_homes_is_found() -> None:
    class Here(models.Model):
        atoll_home = "control"

        class Meta:
            app_label = "planted"

    class Rates(models.Model):
        atoll_home = "reference"
        here = models.ForeignKey(Here, models.DO_NOTHING)

        class Meta:
            app_label = "planted"

    class There(models.Model):
        atoll_home = "tenant"
        here = models.OneToOneField(Here, models.PROTECT)
        several = models.ManyToManyField(Here)
        itself = models.ForeignKey("self", models.CASCADE)

        class Meta:
            app_label = "planted"

    found = list(crossings([Here, Rates, There]))
    assert {error.id for error in found} == {"routers.E002"}
    assert [error.msg.partition(":")[0] for error in found] == [
        "planted.Rates.here leads from home reference to control",
        "planted.There.here leads from home tenant to control",
        "planted.There.several leads from home tenant to control",
    ]


@isolate_apps()
def test_a_tenants_row_may_lead_to_a_reference_table_that_leaves_it_alone() -> None:
    class Rates(models.Model):
        atoll_home = "reference"

        class Meta:
            app_label = "planted"

    class Bill(models.Model):
        atoll_home = "tenant"
        protected = models.ForeignKey(Rates, models.PROTECT, related_name="+")
        left = models.ForeignKey(Rates, models.DO_NOTHING, related_name="+")
        cascades = models.ForeignKey(Rates, models.CASCADE, related_name="+")
        emptied = models.ForeignKey(Rates, models.SET_NULL, null=True, related_name="+")
        made_by_django = models.ManyToManyField(Rates, related_name="+")
        made_by_us = models.ManyToManyField(Rates, through="Line", related_name="+")

        class Meta:
            app_label = "planted"

    class Line(models.Model):
        atoll_home = "tenant"
        bill = models.ForeignKey(Bill, models.CASCADE)
        rates = models.ForeignKey(Rates, models.PROTECT)

        class Meta:
            app_label = "planted"

    found = list(crossings([Rates, Bill, Line]))
    assert {error.id for error in found} == {"routers.E003"}
    assert [error.obj.name for error in found] == ["cascades", "emptied", "made_by_django"]
