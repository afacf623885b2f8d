"""An operator looks at a plan, says yes, pauses it, stops it; each is theirs in the audit."""

import re

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from console.models import CONTROL
from sharding.placements.models import AuditEntry
from sharding.rebalance.models import Pin, Rebalance, RebalanceStep
from sharding.rebalance.services.wishes import pin_tenant
from tests.fixtures.rebalancing import no_worker_begins, only_orders_move, servers_answer
from tests.integration.console.test_pages import text_of

BY_ITSELF = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _only_what_is_pinned_moves(settings, ochre, monkeypatch):
    servers_answer(monkeypatch)
    no_worker_begins(monkeypatch)
    only_orders_move(settings)
    Rebalance.objects.using(CONTROL).all().delete()
    yield
    Rebalance.objects.using(CONTROL).all().delete()
    Pin.objects.using(CONTROL).filter(tenant_id=ochre.id).delete()


def test_a_plan_is_a_picture_and_begins_when_somebody_says_yes(console, ochre, umber):
    assert "Nothing was rebalanced yet" in text_of(console.get("/rebalance/"))
    pin_tenant(ochre.id, to="beta")
    assert console.post("/rebalance/plan/").status_code == 302
    page = text_of(console.get("/rebalance/"))
    assert "Approve and begin" in page
    assert "<title>alpha to beta: 1 tenant, " in page
    assert "of copying if one move followed the other (1 by" in page
    assert f'href="/tenants/{ochre.id}/">ochre</a>' in page
    row = Rebalance.objects.using(CONTROL).get()
    refused = console.post(f"/rebalance/{row.pk}/approve/", {"plan": "another"})
    assert refused.status_code == 409
    assert "made anew since you looked" in refused.content.decode()
    assert (
        console.post(f"/rebalance/{row.pk}/approve/", {"plan": row.plan["id"]}).status_code == 302
    )
    assert "Pause" in text_of(console.get("/rebalance/"))
    console.post(f"/rebalance/{row.pk}/pause/")
    assert "Go on" in text_of(console.get("/rebalance/"))
    assert console.post("/rebalance/plan/").status_code == 409
    console.post(f"/rebalance/{row.pk}/stop/")
    row.refresh_from_db(using=CONTROL)
    assert row.state == "stopping"
    told = AuditEntry.objects.using(CONTROL).filter(subject=str(row.pk), action="rebalance.running")
    assert told.latest("id").actor.startswith("operator:")


@pytest.fixture
def running(console, ochre, umber):
    """One that goes on."""
    pin_tenant(ochre.id, to="beta")
    console.post("/rebalance/plan/")
    row = Rebalance.objects.using(CONTROL).get()
    console.post(f"/rebalance/{row.pk}/approve/", {"plan": row.plan["id"]})
    console.get("/rebalance/")
    return row


def asked_of(part):
    """What a page with scripts asks by itself; None: nothing."""
    found = re.search(r'hx-get="([^"]+)" hx-trigger="every 5s"', part)
    return found and found[1]


def asked_again(page):
    """The same, when a browser without scripts asks it too."""
    (without,) = re.findall(r'http-equiv="refresh" content="10; url=([^"]+)"', page)
    assert asked_of(page) == without
    return without


def test_while_it_goes_on_its_page_asks_for_the_news_and_gets_no_more(console, running):
    audited = AuditEntry.objects.using(CONTROL).count()
    address = asked_again(text_of(console.get("/rebalance/")))
    RebalanceStep.objects.using(CONTROL).update(state="moving")
    news = text_of(console.get(address, headers=BY_ITSELF))
    assert asked_of(news) == address, "and goes on asking"
    assert '<tbody id="moves" hx-swap-oob="true">' in news
    assert '<span class="badge warn">moving</span>' in news
    assert '<svg class="flows"' not in news
    assert "<html" not in news
    assert "<h1>" in text_of(console.get(address)), "all of it without scripts"
    assert AuditEntry.objects.using(CONTROL).count() == audited


def test_the_news_cost_the_same_however_much_was_planned(console, running):
    address = asked_again(text_of(console.get("/rebalance/")))
    (step,) = RebalanceStep.objects.using(CONTROL)
    many = [
        RebalanceStep(
            rebalance=running, number=number, tenant_id=step.tenant_id, source="alpha",
            target="beta", reason="pinned", bytes=number, planned=step.planned,
            state="moving" if number == 300 else "done",
        )
        for number in range(2, 301)
    ]  # fmt: skip
    RebalanceStep.objects.using(CONTROL).bulk_create(many)
    with CaptureQueriesContext(connections[CONTROL]) as asked:
        news = text_of(console.get(address, headers=BY_ITSELF))
    statements = [query["sql"] for query in asked]
    assert news.count('scope="row"') == 100
    assert news.index('id="step-300"') < news.index('id="step-1"') < news.index('id="step-2"')
    assert "298 of 300" in news
    assert "and 200 more" in text_of(console.get("/rebalance/"))
    assert any('"rebalance_rebalance"."said"' in statement for statement in statements)
    assert not any('"rebalance_rebalance"."plan"' in statement for statement in statements)


def test_a_new_plan_and_the_end_bring_all_of_the_page(console, running):
    address = asked_again(text_of(console.get("/rebalance/")))
    rows = Rebalance.objects.using(CONTROL)
    rows.update(plans=2)
    planned_anew = text_of(console.get(address, headers=BY_ITSELF))
    assert asked_of(planned_anew) != address
    assert '<div id="rest" hx-swap-oob="true">' in planned_anew
    assert '<svg class="flows"' in planned_anew
    assert "As it was planned anew" in planned_anew
    rows.update(state="stopped")
    ended = text_of(console.get(address, headers=BY_ITSELF))
    assert asked_of(ended) is None
    assert '<div id="rest" hx-swap-oob="true">' in ended
    assert "Plan a rebalance" in ended
    rows.all().delete()
    gone = text_of(console.get(address, headers=BY_ITSELF))
    assert "Nothing was rebalanced yet" in gone


@pytest.mark.parametrize("state", ["proposed", "done", "stopped"])
def test_a_page_on_which_nothing_goes_on_asks_nothing(console, running, state):
    Rebalance.objects.using(CONTROL).update(state=state)
    page = text_of(console.get("/rebalance/"))
    assert asked_of(page) is None
    assert "http-equiv" not in page


@pytest.mark.parametrize("state", ["paused", "stopping"])
def test_what_still_ends_is_shown_when_nothing_new_begins(console, running, state):
    Rebalance.objects.using(CONTROL).update(state=state)
    address = asked_again(text_of(console.get("/rebalance/")))
    refused = console.post("/rebalance/plan/")
    assert refused.status_code == 409
    # Of where that was posted to nothing can be got.
    assert asked_again(refused.content.decode()) == address


def test_what_was_done_is_told_to_who_did_it_and_not_to_a_page_that_asks(console, running):
    address = asked_again(text_of(console.get("/rebalance/")))
    console.post(f"/rebalance/{running.pk}/pause/")
    told = f"Rebalance {running.pk} begins nothing new"
    assert told not in text_of(console.get(address, headers=BY_ITSELF))
    assert told in text_of(console.get("/rebalance/"))


def test_what_was_left_alone_is_shown_with_what_stopped_it(console, ochre, umber):
    pin_tenant(ochre.id, to="beta")
    console.post("/rebalance/plan/")
    row = Rebalance.objects.using(CONTROL).get()
    stopped = {
        "shard": "alpha", "why": "improvement", "value": 0.333, "threshold": 0.5,
        "dimension": None, "tenant_id": umber.id, "detail": "",
    }  # fmt: skip
    row.plan["left"] = [stopped, {**stopped, "why": "still-over", "dimension": "bytes"}]
    row.plan["left"][1]["tenant_id"] = ""
    row.save(using=CONTROL)
    page = text_of(console.get("/rebalance/"))
    assert "Left alone" in page
    assert f'<a href="/tenants/{umber.id}/">umber</a>' in page
    assert "improvement" in page
    assert "0.33" in page
    assert "still-over:bytes" in page


def test_what_to_know_of_a_step_stands_beside_it(console, ochre, umber):
    pin_tenant(ochre.id, to="beta")
    console.post("/rebalance/plan/")
    step = RebalanceStep.objects.using(CONTROL).get()
    step.planned |= {"warnings": ["it was moved 2026-11-22 07:00 already"], "copy_seconds": 90.0}
    step.save(using=CONTROL)
    page = text_of(console.get("/rebalance/"))
    assert "it was moved 2026-11-22 07:00 already" in page
    assert "≈ 0:01:30" in page
    # One that an earlier release has planned.
    del step.planned["copy_seconds"]
    step.save(using=CONTROL)
    assert "≈" not in text_of(console.get("/rebalance/"))


def test_what_cannot_be_is_refused_with_a_sentence(console):
    assert console.post("/rebalance/4711/pause/").status_code == 409
    assert console.get("/rebalance/4711/pause/").status_code == 405
    assert "Nothing is to be moved" in text_of(console.post("/rebalance/plan/", follow=True))
