"""What is wanted of a tenant's place: what its copies need too, and what they are told to lack."""

import json

import pytest
from django.core.management.base import CommandError

from sharding.placements.models import Shard
from sharding.rebalance.models import KeptApart, Pin
from sharding.rebalance.services.wishes import Wishes, keep_apart, pin_tenant, wishes_of
from tenants.models import Tenant
from tests.integration.archives.conftest import Made, run


@pytest.fixture(autouse=True)
def _labels_and_wishes(rich):
    """Only beta is in the EU, and nobody wants anything of arc-rich's place afterwards."""
    shards = Shard.objects.using("control")
    before = dict(shards.values_list("name", "labels"))
    shards.filter(name="beta").update(labels=["eu"])
    yield
    for name, labels in before.items():
        shards.filter(name=name).update(labels=labels)
    for model in (Pin, KeptApart):
        model.objects.using("control").all().delete()


@pytest.fixture
def in_the_eu(rich):
    """It lives on alpha still: no rebalance has brought it."""
    pin_tenant(rich.id, labels=["eu"])


def told(*words):
    return json.loads(run(*words, "--json"))


def test_a_clone_goes_and_stays_where_the_labels_of_its_original_are(rich, in_the_eu, arrivals):
    arrivals.append("arc-clone")
    plan = run("clone_tenant", "arc-rich", "arc-clone", "--dry-run")
    assert plan.startswith("arc-clone on beta, ")
    assert "  it would be pinned to shards with eu" in plan
    printed = run("clone_tenant", "arc-rich", "arc-clone")
    copy = Made("arc-clone")
    assert copy.place.shard == "beta"
    assert wishes_of(copy.id) == Wishes(labels=("eu",))
    assert printed.splitlines()[1:] == ["  it is pinned to shards with eu"]
    assert Pin.objects.using("control").get(tenant_id=rich.id).labels == ["eu"]


def test_a_clone_is_not_made_where_its_original_may_not_be(in_the_eu):
    with pytest.raises(CommandError, match="it lacks the label eu"):
        run("clone_tenant", "arc-rich", "arc-clone", "--shard", "alpha")
    assert not Tenant.objects.using("control").filter(slug="arc-clone").exists()


def test_a_clone_needs_no_label_when_somebody_says_so_and_is_told_what_it_lacks(
    rich, in_the_eu, arrivals
):
    arrivals.append("arc-clone")
    words = ("clone_tenant", "arc-rich", "arc-clone", "--label", "none", "--shard", "alpha")
    receipt = told(*words)
    lacks = f"arc-rich ({rich.id}) is pinned to shards with eu (`manage.py pin_tenant --label`)"
    assert (receipt["shard"], receipt["labels"]) == ("alpha", [])
    assert receipt["not_taken_over"] == [lacks]
    assert wishes_of(Made("arc-clone").id) == Wishes()
    # It is known again, whatever is wanted of the original by then.
    Pin.objects.using("control").filter(tenant_id=rich.id).delete()
    assert "nothing changed" in run(*words)


def test_a_clone_that_is_there_is_known_again_when_its_originals_pin_has_changed(
    rich, in_the_eu, arrivals
):
    arrivals.append("arc-clone")
    run("clone_tenant", "arc-rich", "arc-clone")
    Pin.objects.using("control").filter(tenant_id=rich.id).delete()
    again = told("clone_tenant", "arc-rich", "arc-clone")
    assert (again["created"], again["labels"]) == (False, ["eu"])


def test_a_pin_to_a_shard_and_a_group_are_told_and_hold_for_no_copy(rich, arrivals):
    arrivals.append("arc-clone")
    pin_tenant(rich.id, to="alpha")
    keep_apart(rich.id, "brands")
    printed = run("clone_tenant", "arc-rich", "arc-clone", "--shard", "beta")
    assert printed.splitlines()[1:] == [
        f"  not taken over: arc-rich ({rich.id}) is pinned to alpha (`manage.py pin_tenant`)",
        f"  not taken over: arc-rich ({rich.id}) is in group brands (`manage.py keep_apart`)",
    ]
    assert wishes_of(Made("arc-clone").id) == Wishes()


def test_who_imports_is_told_what_is_wanted_here_of_the_tenant_in_the_archive(
    rich, in_the_eu, archive, arrivals
):
    arrivals.append("arc-copy")
    words = ("import_tenant", str(archive), "--slug", "arc-copy")
    lacks = f"  not taken over: arc-rich ({rich.id}) is pinned to shards with eu ("
    assert lacks in run(*words, "--shard", "alpha", "--dry-run")
    assert "not taken over" not in run(*words, "--label", "eu", "--dry-run")
    receipt = told(*words, "--label", "eu")
    assert (receipt["shard"], receipt["labels"], receipt["not_taken_over"]) == ("beta", ["eu"], [])
    assert wishes_of(Made("arc-copy").id) == Wishes(labels=("eu",))
