"""Commands of operators: what they want of places, what they see, and bad input for each."""

import io
import json
import re
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command

from sharding.placements.models import AuditEntry, Placement, Shard
from sharding.rebalance.models import KeptApart, Pin, Rebalance
from sharding.rebalance.services.sampling import sample_shard
from tenants.errors import UnknownSlug
from tenants.rebalancing.management.commands import keep_apart, pin_tenant, unpin_tenant
from tests.fixtures.rebalancing import no_worker_begins, only_orders_move, servers_answer

CONTROL = "control"


@pytest.fixture(autouse=True)
def _as_before(settings, monkeypatch):
    servers_answer(monkeypatch)
    no_worker_begins(monkeypatch)
    only_orders_move(settings)
    kept = list(Shard.objects.using(CONTROL).all())
    yield
    for shard in kept:
        shard.save(using=CONTROL)
    Rebalance.objects.using(CONTROL).all().delete()


@pytest.fixture
def tenant(new_tenant):
    return new_tenant("alpha")


@pytest.fixture(autouse=True)
def _found_by_id(monkeypatch):
    """These tenants are schemas and placements; no row of a customer stands behind them."""

    def find(name):
        if not Placement.objects.using(CONTROL).filter(tenant_id=name).exists():
            raise UnknownSlug(name)
        return SimpleNamespace(id=name, slug=name)

    for command in (pin_tenant, unpin_tenant, keep_apart):
        monkeypatch.setattr(command, "find_tenant", find)


def run(*words) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def audited(subject: str) -> list[str]:
    rows = AuditEntry.objects.using(CONTROL).filter(subject=subject).order_by("id")
    return list(rows.values_list("action", flat=True))


def test_a_tenant_is_pinned_where_it_is_or_elsewhere_and_unpinned(tenant):
    assert "would be pinned to alpha" in run("pin_tenant", tenant.id, "--dry-run")
    assert not Pin.objects.using(CONTROL).filter(tenant_id=tenant.id).exists()
    run("pin_tenant", tenant.id, "--reason", "its contract")
    told = run("pin_tenant", tenant.id, "--to", "beta")
    assert "rebalance_shards" in told
    assert "already" in run("pin_tenant", tenant.id, "--to", "beta")
    assert Pin.objects.using(CONTROL).get(tenant_id=tenant.id).shard == "beta"
    assert "no longer" in run("unpin_tenant", tenant.id)
    assert "pinned nowhere" in run("unpin_tenant", tenant.id)
    assert audited(tenant.id)[-3:] == ["tenant.pin", "tenant.pin", "tenant.unpin"]


def test_tenants_are_kept_apart_and_a_plan_parts_them(new_tenant):
    one, other = new_tenant(), new_tenant()
    run("keep_apart", "brands", one.id, other.id)
    plan = json.loads(run("rebalance_shards", "--dry-run", "--json"))
    (step,) = [s for s in plan["steps"] if s["tenant_id"] in (one.id, other.id)]
    assert (step["reason"], step["source"], step["target"]) == ("apart", "alpha", "beta")
    run("keep_apart", "none", one.id, other.id)
    assert not KeptApart.objects.using(CONTROL).filter(group="brands").exists()
    assert audited(one.id)[-2:] == ["tenant.keep_apart", "tenant.keep_apart"]


def test_a_tenant_is_pinned_to_a_label_and_a_plan_brings_it_there(tenant):
    run("set_shard_capacity", "beta", "--labels", "ssd, eu")
    assert "would be pinned to shards with eu" in run(
        "pin_tenant", tenant.id, "--label", "eu", "--dry-run"
    )
    assert _step_of(tenant) is None
    told = run("pin_tenant", tenant.id, "--label", "ssd", "--label", "eu", "--reason", "law")
    assert "pinned to shards with eu, ssd" in told
    assert "rebalance_shards" in told
    assert "already" in run("pin_tenant", tenant.id, "--label", "eu", "--label", "ssd")
    assert (_step_of(tenant)["reason"], _step_of(tenant)["target"]) == ("label", "beta")
    run("set_shard_capacity", "alpha", "--labels", "eu,ssd,old")
    assert _step_of(tenant) is None
    assert "rebalance_shards" not in run("pin_tenant", tenant.id, "--label", "old")
    # One pin: the label does not bind it any more.
    run("pin_tenant", tenant.id, "--to", "beta")
    assert _step_of(tenant)["reason"] == "pin"
    run("pin_tenant", tenant.id, "--label", "old")
    assert "shards with old no longer" in run("unpin_tenant", tenant.id)
    pins = AuditEntry.objects.using(CONTROL).filter(subject=tenant.id, action="tenant.pin")
    assert pins.earliest("id").after == {"labels": ["eu", "ssd"], "reason": "law"}
    assert audited("alpha")[-1] == "shard.capacity"


def test_what_a_shard_has_is_shown_and_taken_back(tenant):
    told = run("set_shard_capacity", "alpha", "--labels", "ssd,eu")
    assert "labels   eu, ssd  (was none)" in told
    run("pin_tenant", tenant.id, "--label", "eu")
    assert "alpha (active, eu, ssd)" in run("shard_report", "alpha")
    assert json.loads(run("list_shards", "alpha", "--json"))[0]["labels"] == ["eu", "ssd"]
    run("set_shard_capacity", "alpha", "--labels", "none")
    assert Shard.objects.using(CONTROL).get(name="alpha").labels == []
    plan = json.loads(run("rebalance_shards", "--dry-run", "--json"))
    (left,) = [each for each in plan["left"] if each["tenant_id"] == tenant.id]
    assert (left["why"], left["detail"]) == ("label", "eu")


def _step_of(tenant):
    plan = json.loads(run("rebalance_shards", "--dry-run", "--json"))
    return next((each for each in plan["steps"] if each["tenant_id"] == tenant.id), None)


def test_a_plan_is_a_table_with_its_reasons_and_begins_nothing(tenant):
    sample_shard("alpha")
    run("pin_tenant", tenant.id, "--to", "beta")
    told = run("rebalance_shards", "--dry-run")
    assert "FROM → TO" in told
    assert "alpha → beta" in told
    assert " pin " in told
    assert "in parts of its fair share" in told
    assert Rebalance.objects.using(CONTROL).count() == 0
    run("unpin_tenant", tenant.id)
    assert "Nothing is to be moved" in run("rebalance_shards", "--dry-run")


def test_a_plan_is_proposed_shown_and_discarded(tenant):
    run("pin_tenant", tenant.id, "--to", "beta")
    run("rebalance_shards", "--propose")
    with pytest.raises(CommandError, match="one at a time"):
        run("rebalance_shards", "--yes", "--no-wait")
    shown = json.loads(run("rebalance_shards", "--status", "--json"))
    assert (shown["state"], shown["moves"]) == ("proposed", 1)
    assert "is proposed" in run("rebalance_shards", "--status")
    assert "is stopped" in run("rebalance_shards", "--stop")


def test_a_shard_is_drained_undrained_and_reported(tenant):
    assert "would take nobody" in run("drain_shard", "alpha", "--dry-run")
    told = run("drain_shard", "alpha")
    assert "on it: `manage.py rebalance_shards" in told
    assert "as before" in run("drain_shard", "alpha")
    with pytest.raises(CommandError, match="only shard that takes tenants"):
        run("drain_shard", "beta")
    plan = json.loads(run("rebalance_shards", "--dry-run", "--json"))
    mine = [each for each in plan["steps"] + plan["left"] if each["tenant_id"] == tenant.id]
    assert mine[0].get("reason", mine[0].get("why")) == "drain"
    assert "takes tenants again" in run("undrain_shard", "alpha")
    assert audited("alpha")[-2:] == ["shard.state", "shard.state"]


def test_a_shard_that_is_not_empty_is_not_removed_and_says_what_is_there(tenant):
    with pytest.raises(CommandError) as refusal:
        run("remove_shard", "alpha")
    assert "it is active: drain it first" in str(refusal.value)
    assert " on it: " in str(refusal.value)
    assert re.search(r"[1-9]\d* active schemas? in its database", str(refusal.value))
    assert Shard.objects.using(CONTROL).filter(name="alpha").exists()


def test_what_a_shard_bears_is_said_and_taken_back():
    told = run("set_shard_capacity", "beta", "--bytes", "1.5GB", "--load", "4", "--moves", "3")
    assert "bytes    1500000000  (was not said)" in told
    row = Shard.objects.using(CONTROL).get(name="beta")
    assert (row.capacity_bytes, row.capacity_load, row.moves_at_once) == (1_500_000_000, 4.0, 3)
    run("set_shard_capacity", "beta", "--bytes", "none", "--dry-run")
    row.refresh_from_db(using=CONTROL)
    assert row.capacity_bytes == 1_500_000_000
    run("set_shard_capacity", "beta", "--bytes", "none", "--load", "none", "--moves", "2")
    row.refresh_from_db(using=CONTROL)
    assert (row.capacity_bytes, row.capacity_load) == (None, None)
    assert audited("beta")[-2:] == ["shard.capacity", "shard.capacity"]


def test_a_report_says_how_full_a_shard_is_and_who_weighs_most(tenant):
    tenant.write(200)
    sample_shard("alpha")
    run("set_shard_capacity", "alpha", "--bytes", "1GB")
    told = run("shard_report", "alpha")
    assert "of 1.0 GB" in told
    assert "largest:" in told
    (report,) = json.loads(run("shard_report", "alpha", "--json"))
    assert report["dimensions"]["bytes"]["capacity"] == 1_000_000_000
    assert report["dimensions"]["bytes"]["use"] > 0
    (line,) = json.loads(run("list_shards", "alpha", "--json"))
    assert line["full"]["bytes"] == pytest.approx(report["dimensions"]["bytes"]["use"], rel=1e-3)
    assert "%" in run("list_shards", "alpha")


@pytest.mark.parametrize(
    ("words", "returncode", "told"),
    [
        (("pin_tenant", "nobody"), 2, "nobody"),
        (("pin_tenant", "TENANT", "--to", "gamma"), 2, "There is no shard 'gamma'"),
        (("pin_tenant", "TENANT", "--label", "moon"), 1, "it lacks the label moon"),
        (("unpin_tenant", "nobody"), 2, "nobody"),
        (("keep_apart", "brands", "nobody"), 2, "nobody"),
        (("keep_apart", "No Group", "TENANT"), 2, "no name for a group"),
        (("drain_shard", "gamma"), 2, "There is no shard 'gamma'"),
        (("undrain_shard", "gamma"), 2, "There is no shard 'gamma'"),
        (("remove_shard", "gamma"), 2, "There is no shard 'gamma'"),
        (("shard_report", "gamma"), 2, "There is no shard 'gamma'"),
        (("set_shard_capacity", "gamma", "--bytes", "1GB"), 2, "There is no shard 'gamma'"),
        (("set_shard_capacity", "beta"), 2, "at least one of"),
        (("set_shard_capacity", "beta", "--bytes", "lots"), 2, "a size such as 500GB"),
        (("set_shard_capacity", "beta", "--bytes", "0"), 2, "a size such as 500GB"),
        (("set_shard_capacity", "beta", "--load", "nan"), 2, "statements at a time"),
        (("set_shard_capacity", "beta", "--tenants", "-1"), 2, "a whole number"),
        (("set_shard_capacity", "beta", "--weight", "inf"), 2, "a number from 0 to 1000"),
        (("set_shard_capacity", "beta", "--moves", "0"), 2, "from 1 to 64"),
        (("set_shard_capacity", "beta", "--labels", "eu,"), 2, "such as eu,ssd"),
        (("set_shard_capacity", "beta", "--labels", "EU"), 2, "such as eu,ssd"),
        (("rebalance_shards", "--max-moves", "0"), 2, "1 or more"),
        (("rebalance_shards", "--max-bytes", "x"), 2, "a size such as 500GB"),
        (("rebalance_shards", "--pause"), 1, "no rebalance under way"),
        (("rebalance_shards", "--resume"), 1, "no rebalance under way"),
        (("rebalance_shards", "--stop"), 1, "no rebalance under way"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changed(tenant, words, returncode, told):
    before = AuditEntry.objects.using(CONTROL).count()
    with pytest.raises(CommandError, match=told) as refusal:
        run(*(tenant.id if word == "TENANT" else word for word in words))
    assert refusal.value.returncode == returncode
    assert AuditEntry.objects.using(CONTROL).count() == before
