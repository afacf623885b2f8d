"""An operator looks at a plan, says yes, pauses it, stops it; each is theirs in the audit."""

import pytest

from console.models import CONTROL
from sharding.placements.models import AuditEntry
from sharding.rebalance.models import Pin, Rebalance
from sharding.rebalance.services.wishes import pin_tenant
from tests.fixtures.rebalancing import no_worker_begins, only_orders_move, servers_answer
from tests.integration.console.test_pages import text_of


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
    assert "<title>alpha to beta: 1 tenants" in page
    assert f'<a href="/tenants/{ochre.id}/">ochre</a>' in page
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


def test_what_cannot_be_is_refused_with_a_sentence(console):
    assert console.post("/rebalance/4711/pause/").status_code == 409
    assert console.get("/rebalance/4711/pause/").status_code == 405
    assert "Nothing is to be moved" in text_of(console.post("/rebalance/plan/", follow=True))
