"""django.contrib.sites: each tenant's site is its own, also after its cache was cleared."""

import pytest
from django.contrib.sites import models
from django.contrib.sites.models import Site
from django.contrib.sites.shortcuts import get_current_site
from django.db import connection

from sharding import scope
from sharding.backend.alias import tenant_of


@pytest.fixture(autouse=True)
def sites(places):
    """In every tenant the same id, with a domain that bears the tenant's name."""
    Site.objects.clear_cache()
    for place in places:
        with scope.enter(place):
            Site.objects.update_or_create(
                pk=1, defaults={"domain": f"{place.tenant_id}.example", "name": "x"}
            )
    yield
    Site.objects.clear_cache()


def domain_of(place):
    with scope.enter(place):
        site = Site.objects.get_current()
        assert tenant_of(site._state.db) == place.tenant_id
        return site.domain


def own_domains(places):
    return [f"{place.tenant_id}.example" for place in places]


def test_each_tenant_gets_its_own_site_in_turn(places):
    for _ in range(2):
        assert [domain_of(place) for place in places] == own_domains(places)


def test_clearing_the_cache_keeps_it_per_tenant(places):
    for _ in range(2):
        for place in places:
            with scope.enter(place):
                Site.objects.clear_cache()
            assert [domain_of(each) for each in places] == own_domains(places)


def test_negative_control_with_djangos_own_clearing_a_tenant_gets_anothers(places, monkeypatch):
    def clear_cache(manager):
        models.SITE_CACHE = {}

    monkeypatch.setattr(models, "SITE_CACHE", models.SITE_CACHE)
    monkeypatch.setattr(models.SiteManager, "clear_cache", clear_cache)
    here, neighbour, elsewhere = places
    Site.objects.clear_cache()
    with scope.enter(here):
        first = Site.objects.get_current().domain
    for other in (neighbour, elsewhere):
        with scope.enter(other):
            assert Site.objects.get_current().domain == first == f"{here.tenant_id}.example"


def test_a_cleared_cache_is_read_anew_and_then_saves_queries(places, django_assert_num_queries):
    for place in places:
        domain_of(place)
    Site.objects.clear_cache()
    for number in (1, 0):
        for place in places:
            with scope.enter(place), django_assert_num_queries(number, connection=connection):
                Site.objects.get_current()


def test_by_host_it_is_the_tenants_own_too(places, rf, settings):
    settings.SITE_ID = None
    request = rf.get("/", headers={"host": "shop.localhost"})
    for place in places:
        with scope.enter(place):
            Site.objects.create(domain="shop.localhost", name=place.tenant_id)
    try:
        for _ in range(2):
            for place in places:
                with scope.enter(place):
                    assert get_current_site(request).name == place.tenant_id
            Site.objects.clear_cache()
    finally:
        for place in places:
            with scope.enter(place):
                Site.objects.filter(domain="shop.localhost").delete()


def test_a_site_that_is_changed_is_forgotten_by_its_tenant_only(places):
    here, neighbour, _ = places
    assert [domain_of(here), domain_of(neighbour)] == own_domains((here, neighbour))
    with scope.enter(here):
        Site.objects.get().delete()
        with pytest.raises(Site.DoesNotExist):
            Site.objects.get_current()
    assert domain_of(neighbour) == f"{neighbour.tenant_id}.example"
