"""Every model has a home, and no relation leaves it but to a reference table."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import models
from django.test.utils import isolate_apps

from routers.homes import Home, NoHome, home_of


def all_models() -> list[type[models.Model]]:
    return apps.get_models(include_auto_created=True)


def ends(model: type[models.Model]) -> Iterator[tuple[str, type[models.Model]]]:
    """The models that a model's own columns and many-to-many fields point at."""
    for field in (*model._meta.local_fields, *model._meta.local_many_to_many):
        target = field.related_model
        if target is not None and not isinstance(target, str):
            yield field.name, target


def crossings(all_of_them: list[type[models.Model]]) -> list[str]:
    found = []
    for model in all_of_them:
        for name, target in ends(model):
            homes = home_of(model), home_of(target)
            if homes[0] is not homes[1] and homes != (Home.TENANT, Home.REFERENCE):
                found.append(f"{model._meta.label}.{name}: {homes[0]} → {homes[1]}")
    return found


@pytest.mark.parametrize("model", all_models(), ids=lambda model: str(model._meta.label))
def test_a_model_has_a_home(model: type[models.Model]) -> None:
    assert home_of(model) in Home


def test_no_relation_leaves_its_home() -> None:
    assert crossings(all_models()) == []


def test_generic_relations_stay_where_the_content_types_are() -> None:
    for model in all_models():
        for field in model._meta.private_fields:
            assert home_of(model) is Home.TENANT, f"{model._meta.label}.{field.name}"


@isolate_apps()
def test_a_model_of_an_app_that_says_nothing_is_refused() -> None:
    class Homeless(models.Model):
        class Meta:
            app_label = "nobody_said"

    with pytest.raises(NoHome, match=r"nobody_said\.Homeless has no home"):
        home_of(Homeless)


@isolate_apps()
def test_a_planted_relation_across_homes_is_found() -> None:
    class Here(models.Model):
        atoll_home = "control"

        class Meta:
            app_label = "planted"

    class There(models.Model):
        atoll_home = "tenant"
        here = models.ForeignKey(Here, models.CASCADE)
        several = models.ManyToManyField(Here)

        class Meta:
            app_label = "planted"

    assert crossings([Here, There]) == [
        "planted.There.here: tenant → control",
        "planted.There.several: tenant → control",
    ]
