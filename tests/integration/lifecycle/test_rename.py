"""A tenant gets another slug, while its people are at work."""

import logging
import threading
import time
from collections import Counter

import pytest
from django.core import signing
from django.db import connections

from sharding.placements.models import AuditEntry
from tenants import errors
from tenants.directory.lookup import directory
from tenants.models import Domain, RetiredSlug, Tenant
from tenants.services.change_slug import change_slug
from tenants.services.domains import add_domain
from tenants.services.provision import plan_provision
from tenants.services.rename import plan_renaming, rename_tenant
from tenants.services.types import ProvisionRequest
from tests.fixtures.waiting import wait_for

CONTROL = "control"
REMEMBERED_S = 0.4


def new_slug(life):
    return life.slug.replace("life", "renamed")


def as_control_has_it(life):
    row = Tenant.objects.using(CONTROL).get(id=life.id)
    hosts = Domain.objects.using(CONTROL).filter(tenant_id=life.id).values_list("domain", flat=True)
    resting = RetiredSlug.objects.using(CONTROL).filter(tenant_id=life.id)
    return row.slug, row.name, sorted(hosts), sorted(resting.values_list("slug", flat=True))


def test_the_new_host_serves_the_old_one_is_unknown_and_further_ones_stay(life):
    slug, further = new_slug(life), f"{life.slug}.example"
    add_domain(life.slug, further)
    assert life.status("/account/sign-in/") == 200
    done = rename_tenant(life.slug, slug, name="Renamed Ltd", reason="a new brand")
    assert (done.host_before, done.host_after) == (life.host, f"{slug}.localhost")
    assert life.visitor(f"{slug}.localhost").get("/account/sign-in/").status_code == 200
    assert life.visitor(further).get("/account/sign-in/").status_code == 200
    assert life.visitor(life.host).get("/account/sign-in/").status_code == 404
    (entry,) = life.audit("tenant.slug")
    assert entry.before == {"slug": life.slug, "host": life.host}
    assert entry.after == {"slug": slug, "host": f"{slug}.localhost", "reason": "a new brand"}
    assert life.audit("tenant.name")[0].after == {"name": "Renamed Ltd"}
    # Id, schema and role are what they were.
    assert (life.row.schema_name, life.row.name) == (life.id, "Renamed Ltd")


def test_the_old_slug_rests_for_everybody_but_its_owner(life, neighbours):
    slug = new_slug(life)
    rename_tenant(life.slug, slug)
    with pytest.raises(errors.SlugQuarantined):
        plan_provision(ProvisionRequest(slug=life.slug))
    with pytest.raises(errors.SlugQuarantined):
        rename_tenant(neighbours[0].slug, life.slug)
    assert rename_tenant(slug, life.slug).after == life.slug
    assert life.status("/account/sign-in/") == 200
    # Now the other one rests, and is its own to take back.
    assert as_control_has_it(life)[3] == [slug]


def test_sessions_and_signatures_are_good_under_the_new_host(life):
    member = life.member()
    with life.scope():
        signed = signing.dumps({"for": "somebody"})
    slug = new_slug(life)
    rename_tenant(life.slug, slug)
    # A browser does not send it there, since cookies belong to a host; the session itself is good.
    answer = member.get("/", headers={"host": f"{slug}.localhost"})
    assert answer.status_code == 200
    assert life.visitor(f"{slug}.localhost").get("/").status_code == 302
    with life.scope():
        assert signing.loads(signed) == {"for": "somebody"}
    assert member.get("/").status_code == 404


def test_under_traffic_every_answer_is_the_tenants_or_404(life, neighbours, settings, caplog):
    """Before, the old host answers; soon after, the new one; nobody ever sees another's page."""
    settings.ATOLL_DIRECTORY_SECONDS = REMEMBERED_S
    caplog.set_level(logging.ERROR, logger="django.request")
    directory.cache_clear()
    slug = new_slug(life)
    hosts = (life.host, f"{slug}.localhost")
    answers, strangers, stop = Counter(), [], threading.Event()

    def visit(host):
        visitor = life.visitor(host)
        while not stop.is_set():
            answer = visitor.get("/account/sign-in/")
            page = answer.content.decode()
            answers[host, answer.status_code, f"The {life.slug}" in page] += 1
            strangers.extend(each.slug for each in neighbours if each.slug in page)
            time.sleep(0.01)
        connections.close_all()

    threads = [threading.Thread(target=visit, args=(host,)) for host in hosts for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: answers[hosts[0], 200, True] and answers[hosts[1], 404, False])
        rename_tenant(life.slug, slug)
        # An answer that was on its way is believed as long as others are, here and in Redis.
        time.sleep(2.5 * REMEMBERED_S)
        during = dict(answers)
        answers.clear()
        wait_for(lambda: {host for host, *_ in answers} == set(hosts))
        after = dict(answers)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    served = {(host, 200, True) for host in hosts}
    unknown = {(host, 404, False) for host in hosts}
    assert set(during) <= served | unknown, during
    assert set(after) == {(hosts[0], 404, False), (hosts[1], 200, True)}, after
    assert strangers == []


@pytest.mark.parametrize("point", ["in the slug", "slug changed"])
def test_a_renaming_that_was_killed_is_finished_by_the_same_call(life, killed_at, point):
    slug = new_slug(life)
    killed_at(point, "rename", life.slug, slug, "Renamed Ltd")
    found = as_control_has_it(life)
    assert found[0] == (life.slug if point == "in the slug" else slug)
    assert found[1] == f"The {life.slug}"
    rename_tenant(life.slug, slug, name="Renamed Ltd")
    assert as_control_has_it(life) == (slug, "Renamed Ltd", [f"{slug}.localhost"], [life.slug])
    assert life.visitor(f"{slug}.localhost").get("/account/sign-in/").status_code == 200


def test_of_two_that_want_one_slug_one_gets_it(life, neighbours):
    wanted, told, barrier = new_slug(life), {}, threading.Barrier(2)
    other = neighbours[1]

    def run(tenant):
        barrier.wait(10)
        try:
            told[tenant.slug] = rename_tenant(tenant.id, wanted).after
        except errors.TenantError as error:
            told[tenant.slug] = error.code
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(each,)) for each in (life, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if told[other.slug] == wanted:
        change_slug(other.id, other.slug)
    assert sorted(told.values()) in (
        sorted([wanted, "tenants.slug_taken"]),
        sorted([wanted, "tenants.domain_taken"]),
    )


@pytest.mark.parametrize(
    ("slug", "name", "error"),
    [
        ("Acme", "", errors.InvalidSlug),
        ("console", "", errors.InvalidSlug),
        ("", "", errors.InvalidSlug),
        ("a b", "", errors.InvalidSlug),
        ("life-south", "", errors.SlugTaken),
        ("good-slug", "www.example.org", errors.InvalidName),
        ("good-slug", "x" * 151, errors.InvalidName),
    ],
)
@pytest.mark.parametrize("do", [plan_renaming, rename_tenant])
def test_what_cannot_be_is_refused_and_nothing_changes(neighbours, slug, name, error, do):
    north = neighbours[0]
    before, entries = as_control_has_it(north), AuditEntry.objects.using(CONTROL).count()
    with pytest.raises(error):
        do(north.slug, slug, name=name)
    assert (as_control_has_it(north), AuditEntry.objects.using(CONTROL).count()) == (
        before,
        entries,
    )


def test_the_same_slug_again_changes_nothing(neighbours):
    north = neighbours[0]
    before = as_control_has_it(north)
    assert rename_tenant(north.slug, north.slug).changes_nothing
    assert as_control_has_it(north) == before
    with pytest.raises(errors.UnknownSlug):
        rename_tenant("nobody-at-all", "some-slug")
    with pytest.raises(errors.UnknownSlug):
        # That slug is somebody's, who never had the first one.
        rename_tenant("nobody-at-all", north.slug)
