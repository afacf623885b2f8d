"""Django's caches of content types and sites hand no tenant another's."""

import threading
from typing import Any

from django.contrib.contenttypes.models import ContentType, ContentTypeManager
from django.db import connection

from sharding import scope
from sharding.backend.alias import tenant_of
from sharding.backend.content_types import CacheByTenant, SitesByTenant
from tests.integration.backend.models import Author, Note, Remark


def make_ids_differ(grounds):
    """b's ids begin elsewhere, as where apps were installed in another order."""
    with grounds.owner(grounds.b) as owner:
        owner.execute(f"ALTER TABLE {grounds.b.schema}.django_content_type ALTER id RESTART 500")


def real_id(model):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM django_content_type WHERE model = %s", [model._meta.model_name]
        )
        return cursor.fetchone()[0]


def test_each_tenant_gets_its_own_ids_in_turn(grounds):
    make_ids_differ(grounds)
    for place in (grounds.a, grounds.b, grounds.a, grounds.b, grounds.c):
        with scope.enter(place):
            found = ContentType.objects.get_for_model(Note)
            assert found.pk == real_id(Note)
            assert tenant_of(found._state.db) == place.tenant_id
            assert ContentType.objects.get_for_id(found.pk) == found
            assert ContentType.objects.get_by_natural_key("backend_tests", "note") == found


def test_the_cache_still_saves_queries(grounds, django_assert_num_queries):
    for place in (grounds.a, grounds.b):
        with scope.enter(place):
            ContentType.objects.get_for_model(Note)
    for place in (grounds.a, grounds.b):
        with scope.enter(place), django_assert_num_queries(0, connection=connection):
            ContentType.objects.get_for_model(Note)
            ContentType.objects.db_manager("alpha").get_for_model(Note)


def test_generic_relations_work_in_each_tenant(grounds):
    make_ids_differ(grounds)
    for place in (grounds.a, grounds.b, grounds.a):
        with scope.enter(place):
            note = Note.objects.create(text=place.role)
            Remark.objects.create(text="x", target=note)
            assert note.remarks.get().target == note


def test_negative_control_the_stock_cache_mixes_tenants(grounds):
    make_ids_differ(grounds)
    stock = ContentTypeManager()
    stock.model = ContentType
    with scope.enter(grounds.a):
        first = stock.get_for_model(Note).pk
    with scope.enter(grounds.b):
        assert stock.get_for_model(Note).pk == first != real_id_or_none(Note)


def real_id_or_none(model):
    found = ContentType.objects.filter(model=model._meta.model_name).first()
    return found.pk if found else None


def test_it_survives_apps_that_clear_caches(grounds):
    from django.apps import apps

    apps.clear_cache()
    assert isinstance(_cache(ContentType.objects), CacheByTenant)
    assert isinstance(_cache(ContentType._default_manager), CacheByTenant)


def test_it_is_bounded_and_the_longest_unused_tenant_falls_out(grounds):
    cache = CacheByTenant(kept=2)
    for place in (grounds.a, grounds.b, grounds.a, grounds.c):
        with scope.enter(place):
            cache.setdefault(place.shard, {})["x"] = place
    assert len(cache) == 2
    with scope.enter(grounds.a):
        assert cache["alpha"]["x"] == grounds.a


def test_threads_may_use_it_at_once(grounds):
    cache = CacheByTenant(kept=3)
    wrong = []

    def work(place):
        with scope.enter(place):
            for _ in range(500):
                found = cache.setdefault(place.shard, {"x": place})["x"]
                wrong.extend([place] * (found != place))

    threads = [threading.Thread(target=work, args=(place,)) for place in grounds.all]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_sites_are_kept_per_tenant(grounds):
    sites = SitesByTenant()
    for place in (grounds.a, grounds.b):
        with scope.enter(place):
            assert 1 not in sites
            sites[1] = place
    for place in (grounds.a, grounds.b):
        with scope.enter(place):
            assert sites[1] == sites.get(1) == place
            del sites[1]
            assert sites.get(1) is None


def test_a_new_epoch_forgets(grounds):
    from dataclasses import replace

    with scope.enter(grounds.a):
        ContentType.objects.get_for_model(Author)
    with scope.enter(replace(grounds.a, epoch=2)):
        assert not _is_cached(ContentType.objects)


def _is_cached(manager):
    try:
        return bool(_cache(manager)[manager.db])
    except KeyError:
        return False


def _cache(manager: Any) -> Any:
    return manager._cache
