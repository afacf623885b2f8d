"""What operators see and do, and that it is written down as theirs."""

import re
import secrets

import pytest
from django.core.cache import caches
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from console.models import CONTROL
from sharding.placements.models import AuditEntry, Process, Shard
from sharding.pools.breaker import BreakerLook, BreakerState
from tenants.models import Tenant
from tenants.services.domains import add_domain, remove_domain
from tenants.services.suspend import resume_tenant
from tests.fixtures.shards import held_shards
from workspace.models import Ticket


def text_of(answer):
    assert answer.status_code in (200, 400), answer.status_code
    return answer.content.decode()


def audit_of(tenant, action):
    entries = AuditEntry.objects.using(CONTROL).filter(subject=tenant.id, action=action)
    return entries.latest("id")


@pytest.fixture
def open_again(ochre):
    yield
    resume_tenant(ochre.slug)


def test_the_overview_counts_tenants_by_state(console, ochre, umber):
    page = text_of(console.get("/"))
    active = Tenant.objects.using(CONTROL).filter(state="active").count()
    assert f'<a href="/tenants/?state=active">{active}</a>' in page


def test_shards_are_shown_with_tenants_bytes_and_state_as_bars(console, ochre, umber):
    page = text_of(console.get("/shards/"))
    for name in ("alpha", "beta"):
        bytes_ = re.search(rf'id="bytes-{name}" value="(\d+)"', page)
        assert int(bytes_[1]) > 1_000_000
    assert page.count(">active<") == 2
    bars = [float(width) for width in re.findall(r'class="part" width="([\d.]+)"', page)]
    assert len(bars) == 4
    assert all(0 < width <= 100 for width in bars)
    assert 100.0 in bars
    assert "away" not in page


def test_a_size_on_a_page_is_at_most_a_minute_old(console, ochre, settings):
    def size():
        page = text_of(console.get("/shards/"))
        return re.search(r'id="bytes-alpha" value="(\d+)"', page)[1]

    before = size()
    with ochre.scope():
        grow()
    assert size() == before
    caches["control"].clear()
    assert int(size()) > int(before)


def grow():
    """About four megabytes."""
    author = User.objects.first()
    body = "".join(secrets.token_hex(16) for _ in range(200))
    Ticket.objects.bulk_create(
        Ticket(title="Large", body=body, opened_by=author) for _ in range(600)
    )


@pytest.mark.parametrize(
    "typed", ["ochre", "OCH", "ochre pai", "paints ochr", "ochre.local", "{id}", " ochre "]
)
def test_a_tenant_is_found_by_slug_name_host_and_id(console, ochre, umber, typed):
    page = text_of(console.get("/tenants/", {"text": typed.format(id=ochre.id)}))
    assert f"/tenants/{ochre.id}/" in page
    assert f"/tenants/{umber.id}/" not in page


@pytest.mark.parametrize("typed", ["%", "_chre", "chre'", "\\", "& | !", ":*", "ocher", "' OR 1=1"])
def test_what_fits_no_tenant_finds_none(console, ochre, typed):
    assert f"/tenants/{ochre.id}/" not in text_of(console.get("/tenants/", {"text": typed}))


def test_tenants_are_filtered_by_state_and_shard(console, ochre, umber):
    found = text_of(console.get("/tenants/", {"shard": "beta", "text": "paints"}))
    assert (ochre.id in found, umber.id in found) == (False, True)
    found = text_of(console.get("/tenants/", {"state": "suspended", "text": "paints"}))
    assert (ochre.id in found, umber.id in found) == (False, False)
    # What is no state or shard asks for nothing.
    found = text_of(console.get("/tenants/", {"state": "nonsense", "shard": "x", "text": "paints"}))
    assert (ochre.id in found, umber.id in found) == (True, True)


def tenant(n):
    return Tenant(
        id=f"zz{n:04}", schema_name=f"zz{n:04}", slug=f"zz-many-{n:04}", name="Many", state="active"
    )


def test_further_tenants_are_a_page_away(console, stack_ready):
    many = [tenant(n) for n in range(120)]
    Tenant.objects.using(CONTROL).bulk_create(many)
    try:
        address, seen = "/tenants/?text=zz-many", []
        while address:
            page = text_of(console.get(address))
            seen += re.findall(r"<code>(zz\d+)</code>", page)
            onward = re.search(r'href="([^"]+)" rel="next"', page)
            address = "/tenants/" + onward[1].replace("&amp;", "&") if onward else ""
        assert seen == [tenant.id for tenant in many]
        # Session, operator, shards to choose from, tenants, hosts, places, unfinished makings.
        with CaptureQueriesContext(connections[CONTROL]) as asked:
            console.get("/tenants/?text=zz-many")
        assert len(asked) <= 7
    finally:
        Tenant.objects.using(CONTROL).filter(id__startswith="zz").delete()


def test_a_tenants_page_tells_place_hosts_size_and_what_was_done(console, ochre):
    page = text_of(console.get(f"/tenants/{ochre.id}/"))
    for expected in (ochre.id, "alpha", ochre.host, "epoch ", " tables", "active"):
        assert expected in page, expected
    assert re.search(r"<dt>Size</dt><dd>[\d.]+ [kM]B in \d+ tables", page)


@pytest.mark.parametrize("unknown", ["nobody", "t0000000", "%00", "a" * 500])
def test_an_unknown_tenant_is_not_found(console, unknown):
    assert console.get(f"/tenants/{unknown}/").status_code == 404
    assert console.post(f"/tenants/{unknown}/suspend/", {}).status_code == 404


def test_suspending_takes_the_slug_and_is_audited_as_the_operators(
    ann, console, ochre, umber, open_again
):
    address = f"/tenants/{ochre.id}/suspend/"
    for wrong in (
        {},
        {"confirm": ochre.slug},
        {"reason": "x"},
        {"reason": "x", "confirm": "umber"},
    ):
        assert console.post(address, wrong).status_code == 400
        assert ochre.visitor().get("/").status_code == 302
    answer = console.post(address, {"reason": "unpaid", "confirm": ochre.slug}, follow=True)
    assert "ochre is suspended" in text_of(answer)
    assert "ochre is suspended" not in text_of(console.get("/"))
    assert ochre.visitor().get("/").status_code == 403
    assert umber.visitor().get("/").status_code == 302
    entry = audit_of(ochre, "tenant.suspended")
    assert (entry.actor, entry.before) == (ann.actor, {"state": "active"})
    assert entry.after == {"state": "suspended", "reason": "unpaid"}

    answer = console.post(
        f"/tenants/{ochre.id}/resume/", {"reason": "paid", "confirm": ochre.slug}, follow=True
    )
    assert "served again" in text_of(answer)
    assert ochre.visitor().get("/").status_code == 302
    assert audit_of(ochre, "tenant.active").actor == ann.actor


@pytest.fixture
def without_plan(ochre):
    yield
    Tenant.objects.using(CONTROL).filter(id=ochre.id).update(plan="")


def test_a_tenants_plan_is_changed_with_a_reason_and_audited_as_the_operators(
    ann, console, ochre, umber, without_plan, settings
):
    settings.ATOLL_PLANS = "small=4/1500ms large=40"
    page = f"/tenants/{ochre.id}/"
    shown = text_of(console.get(page))
    assert "<dt>Plan</dt><dd>none</dd>" in shown
    assert "small: 4 requests at a time, statements of at most 1500 ms" in shown
    for wrong in ({}, {"plan": "small"}, {"plan": "huge", "reason": "x"}):
        assert console.post(f"{page}plan/", wrong).status_code == 400
    assert Tenant.objects.using(CONTROL).get(id=ochre.id).plan == ""
    answer = console.post(f"{page}plan/", {"plan": "small", "reason": "paid"}, follow=True)
    assert "ochre has plan small from now on" in text_of(answer)
    assert "<dt>Plan</dt><dd>small</dd>" in text_of(answer)
    entry = audit_of(ochre, "tenant.plan")
    assert (entry.actor, entry.after) == (ann.actor, {"plan": "small", "reason": "paid"})
    assert "<dd>none</dd>" in text_of(console.get(f"/tenants/{umber.id}/"))
    # A plan that the settings have no longer is shown as what it is.
    settings.ATOLL_PLANS = "large=40"
    assert "ATOLL_PLANS has it no longer" in text_of(console.get(page))
    answer = console.post(f"{page}plan/", {"plan": "", "reason": "left"}, follow=True)
    assert "ochre has no plan from now on" in text_of(answer)


def test_a_deleted_tenant_is_shown_and_restored_and_both_are_the_operators(
    ann, console, ochre, umber
):
    page = f"/tenants/{ochre.id}/"
    assert f'action="{page}delete/"' in text_of(console.get(page))
    assert console.post(f"{page}delete/", {"reason": "x", "confirm": "umber"}).status_code == 400
    assert ochre.visitor().get("/").status_code == 302
    said = {"reason": "contract ended", "confirm": ochre.slug}
    answer = console.post(f"{page}delete/", said, follow=True)
    try:
        assert "ochre is deleted" in text_of(answer)
        assert "Its data is kept until" in text_of(answer)
        assert (ochre.visitor().get("/").status_code, umber.visitor().get("/").status_code) == (
            404,
            302,
        )
        found = text_of(console.get("/tenants/", {"state": "deleted", "text": "paints"}))
        assert ochre.id in found
        assert audit_of(ochre, "tenant.delete").actor == ann.actor
        # What would not do: it is neither open nor closed.
        assert console.post(f"{page}resume/", said).status_code == 400
    finally:
        answer = console.post(f"{page}restore/", said | {"reason": "came back"}, follow=True)
    assert "ochre is restored" in text_of(answer)
    assert ochre.visitor().get("/").status_code == 302
    entry = audit_of(ochre, "tenant.restore")
    assert (entry.actor, entry.after["reason"]) == (ann.actor, "came back")


def test_hosts_are_added_and_removed_and_audited_as_the_operators(ann, console, ochre):
    address = f"/tenants/{ochre.id}/hosts/"
    answer = console.post(address, {"domain": "Paints.Example"}, follow=True)
    assert "paints.example leads to this tenant" in text_of(answer)
    assert ochre.visitor().get("/", headers={"host": "paints.example"}).status_code == 302
    entry = audit_of(ochre, "domain.add")
    assert (entry.actor, entry.after["domain"]) == (ann.actor, "paints.example")
    answer = console.post(f"{address}remove/", {"domain": "paints.example"}, follow=True)
    assert "no longer" in text_of(answer)
    assert audit_of(ochre, "domain.remove").actor == ann.actor
    assert ochre.visitor().get("/", headers={"host": "paints.example"}).status_code == 404


def test_hosts_that_cannot_be_added_or_removed_are_refused_with_the_reason(console, ochre, umber):
    add_domain(umber.slug, "taken.example")
    address = f"/tenants/{ochre.id}/hosts/"
    for typed in ("", "no host", "taken.example", "console.localhost", "other.localhost"):
        answer = console.post(address, {"domain": typed})
        assert answer.status_code == 400
        assert answer.context["domain_form"].errors
    for typed in (ochre.host, "unknown.example", "taken.example", ""):
        answer = console.post(f"{address}remove/", {"domain": typed})
        assert answer.status_code == 400
        assert "note bad" in text_of(answer)
    assert umber.visitor().get("/", headers={"host": "taken.example"}).status_code == 302
    remove_domain(umber.slug, "taken.example")


def test_names_are_shown_as_text(console, ochre):
    tenants = Tenant.objects.using(CONTROL).filter(id=ochre.id)
    tenants.update(name="<script>alert(1)</script>")
    try:
        for address in ("/tenants/?text=ochre", f"/tenants/{ochre.id}/"):
            page = text_of(console.get(address))
            assert "<script>alert" not in page
            assert "&lt;script&gt;alert" in page
    finally:
        tenants.update(name="Ochre Paints")


def test_the_audit_is_filtered_and_paged(ann, console, ochre):
    entries = AuditEntry.objects.using(CONTROL)
    entries.bulk_create(
        AuditEntry(actor="shell:test", action="test.many", subject=f"s{n}") for n in range(70)
    )
    page = text_of(console.get("/audit/", {"action": "test.m", "actor": "shell:"}))
    assert page.count("test.many") == 50
    onward = re.search(r'href="([^"]+)" rel="next"', page)[1].replace("&amp;", "&")
    page = text_of(console.get(f"/audit/{onward}"))
    assert page.count("test.many") == 20
    page = text_of(console.get("/audit/", {"subject": ochre.slug}))
    assert "tenant.create" in page or ochre.id in page
    today = timezone.now().date()
    assert "test.many" in text_of(console.get("/audit/", {"since": today, "until": today}))
    later = today + timezone.timedelta(days=1)
    assert "test.many" not in text_of(console.get("/audit/", {"since": later}))
    for nonsense in ({"since": "yesterday"}, {"before": "x"}, {"before": str(2**70)}):
        assert console.get("/audit/", nonsense).status_code == 200


@pytest.fixture
def free_again():
    yield
    Shard.objects.using(CONTROL).update(held_since=None, held_reason="")


def test_a_shard_is_held_by_its_name_and_released(console, free_again):
    form = {"reason": "new disks", "confirm": "alpha"}
    page = text_of(console.post("/shards/beta/hold/", form))
    assert "beta" in page
    assert held_shards() == set(), "the name of another"
    answer = console.post("/shards/beta/hold/", {**form, "confirm": "beta"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/shards/")
    page = text_of(console.get("/shards/"))
    assert page.count('badge warn">held<') == 1
    assert "new disks" in page
    assert "beta is held" in page
    entry = (
        AuditEntry.objects.using(CONTROL).filter(subject="beta", action="shard.hold").latest("id")
    )
    assert entry.actor.startswith("operator:")
    assert console.post("/shards/beta/release/").status_code == 302
    assert held_shards() == set()
    assert "beta is released" in text_of(console.get("/shards/"))


def test_a_shard_that_there_is_not_cannot_be_held(console):
    form = {"reason": "x", "confirm": "gamma"}
    for verb in ("hold", "release"):
        assert console.post(f"/shards/gamma/{verb}/", form).status_code == 404


def look(state, reason=""):
    return BreakerLook(BreakerState(state), reason, timezone.now()).to_json()


def test_processes_are_shown_with_their_breakers_and_those_that_fell_silent(console):
    now = timezone.now()
    Process.objects.using(CONTROL).create(
        kind="web", host="rock", pid=11, breakers={"beta": look("closed")}, registry_version=10**6
    )
    Process.objects.using(CONTROL).create(
        kind="worker",
        host="sand",
        pid=12,
        breakers={"beta": look("open", "no answer to a probe"), "old": True},
        seen_at=now - timezone.timedelta(minutes=5),
    )
    try:
        page = text_of(console.get("/processes/"))
        rock, sand = re.findall(r"<tr>.*?</tr>", page, re.DOTALL)[1:]
        assert "rock:11" in rock
        assert ("beta closed" in rock, "silent" in rock) == (True, False)
        assert "sand:12" in sand
        assert ("beta open" in sand, "silent" in sand) == (True, True)
        assert "no answer to a probe" in sand
        assert "old" not in sand, "what another version wrote is left out"
    finally:
        Process.objects.using(CONTROL).all().delete()


@pytest.mark.parametrize("address", ["/tenants/", "/audit/", "/shards/", "/"])
@pytest.mark.parametrize(
    "query", ["text=%00", "subject=%00&actor=%00", "after=%00", f"text={'x' * 999}"]
)
def test_hostile_queries_are_no_errors(console, address, query):
    assert console.get(f"{address}?{query}").status_code == 200
