"""Placements: states, epochs, and what the audit keeps of them."""

import itertools

import pytest

from sharding.placements.errors import NoSuchPlacement, PlacementChanged, WrongPlacementState
from sharding.placements.models import AuditEntry, Placement, ReservedRole
from sharding.placements.services.audit import actor, record_audit
from sharding.placements.services.placing import (
    create_placement,
    delete_placement,
    get_placement,
    renew_generation,
    repair_placement,
    set_placement_state,
    switch_placement,
)
from sharding.placements.states import TRANSITIONS, PlacementState

PATHS = {
    PlacementState.CREATING: (),
    PlacementState.READY: (PlacementState.READY,),
    PlacementState.MOVING: (PlacementState.READY, PlacementState.MOVING),
    PlacementState.DROPPING: (PlacementState.DROPPING,),
}


def audited(tenant_id: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.using("control").filter(subject=tenant_id).order_by("id"))


@pytest.mark.parametrize(("found", "wanted"), list(itertools.product(PlacementState, repeat=2)))
def test_every_change_of_state_follows_the_table(placement, found, wanted):
    for state in PATHS[found]:
        set_placement_state(placement.tenant_id, state)
    before, entries = get_placement(placement.tenant_id), len(audited(placement.tenant_id))
    if found is wanted:
        assert set_placement_state(placement.tenant_id, wanted).epoch == before.epoch
    elif wanted in TRANSITIONS[found]:
        after = set_placement_state(placement.tenant_id, wanted)
        assert (after.state, after.epoch) == (wanted, before.epoch + 1)
        last = audited(placement.tenant_id)[-1]
        assert (last.before["state"], last.after["state"]) == (found, wanted)
        assert last.actor.startswith("shell:")
        return
    else:
        with pytest.raises(WrongPlacementState, match=f"{found}.*cannot become {wanted}"):
            set_placement_state(placement.tenant_id, wanted)
    unchanged = get_placement(placement.tenant_id)
    assert (unchanged.state, unchanged.epoch) == (before.state, before.epoch)
    assert len(audited(placement.tenant_id)) == entries


def test_a_change_that_expects_another_epoch_changes_nothing(placement):
    with pytest.raises(PlacementChanged, match="epoch 1, not 7"):
        set_placement_state(placement.tenant_id, PlacementState.READY, expected_epoch=7)
    assert get_placement(placement.tenant_id).state == PlacementState.CREATING
    set_placement_state(placement.tenant_id, PlacementState.READY, expected_epoch=1)


def test_creating_again_gives_what_is_there(placement):
    set_placement_state(placement.tenant_id, PlacementState.READY)
    again = create_placement(placement.tenant_id, "beta")
    assert (again.shard_id, again.state, again.epoch) == ("alpha", "ready", 2)
    assert ReservedRole.objects.using("control").get(name=placement.tenant_id).placed_at


def test_a_scope_says_what_control_says(placement):
    place = get_placement(placement.tenant_id).to_scope()
    assert (place.tenant_id, place.schema, place.role) == (placement.tenant_id,) * 3
    assert (place.shard, place.epoch, place.generation) == ("alpha", 1, placement.generation)


def test_a_new_generation_is_another_one_under_a_new_epoch(placement):
    renewed = renew_generation(placement.tenant_id)
    stored = get_placement(placement.tenant_id)
    assert (stored.generation, stored.epoch) == (renewed.generation, 2)
    assert stored.generation != placement.generation


def test_only_what_is_being_dropped_is_forgotten(placement):
    with pytest.raises(WrongPlacementState):
        delete_placement(placement.tenant_id)
    set_placement_state(placement.tenant_id, PlacementState.DROPPING)
    assert delete_placement(placement.tenant_id) is True
    assert delete_placement(placement.tenant_id) is False
    with pytest.raises(NoSuchPlacement):
        get_placement(placement.tenant_id)
    # The id is used up for ever.
    assert ReservedRole.objects.using("control").get(name=placement.tenant_id).placed_at
    assert not Placement.objects.using("control").filter(tenant_id=placement.tenant_id).exists()


def test_an_entry_names_whoever_acts():
    token = actor.set("operator:ada")
    try:
        record_audit("test.act", "t-audit", before={"a": 1}, after={"a": 2})
    finally:
        actor.reset(token)
    (entry,) = audited("t-audit")
    assert (entry.actor, entry.action, entry.before, entry.after) == (
        "operator:ada",
        "test.act",
        {"a": 1},
        {"a": 2},
    )
    entry.delete(using="control")


@pytest.fixture
def moving(placement):
    for state in PATHS[PlacementState.MOVING]:
        set_placement_state(placement.tenant_id, state)
    return get_placement(placement.tenant_id)


def test_a_switch_changes_shard_and_epoch_at_once_and_stays_moving_until_it_is_opened(moving):
    epoch = switch_placement(
        moving.tenant_id, source="alpha", target="beta", expected_epoch=moving.epoch
    )
    switched = get_placement(moving.tenant_id)
    assert (switched.shard_id, switched.state) == ("beta", "moving")
    assert switched.epoch == switched.arrived_epoch == epoch == moving.epoch + 1
    # What is read at the source from now on, by who has not heard of it, is cached for nobody.
    assert switched.generation != moving.generation
    opened = set_placement_state(moving.tenant_id, PlacementState.READY)
    assert (opened.epoch, opened.arrived_epoch) == (epoch + 1, epoch)
    entry = audited(moving.tenant_id)[-2]
    assert (entry.action, entry.before, entry.after) == (
        "placement.switch",
        {"shard": "alpha", "epoch": moving.epoch},
        {"shard": "beta", "epoch": epoch},
    )
    assert entry.actor == audited(moving.tenant_id)[-1].actor


@pytest.mark.parametrize(
    ("source", "ahead"), [("beta", 0), ("alpha", 1)], ids=["another shard", "another epoch"]
)
def test_of_two_that_switch_one_changes_nothing(moving, source, ahead):
    with pytest.raises(PlacementChanged):
        switch_placement(
            moving.tenant_id,
            source=source,
            target="beta",
            expected_epoch=moving.epoch + ahead,
        )
    unchanged = get_placement(moving.tenant_id)
    assert (unchanged.shard_id, unchanged.epoch) == ("alpha", moving.epoch)
    assert unchanged.generation == moving.generation


def test_who_is_not_moving_is_not_switched(placement):
    with pytest.raises(PlacementChanged):
        switch_placement(
            placement.tenant_id, source="alpha", target="beta", expected_epoch=placement.epoch
        )
    assert get_placement(placement.tenant_id).shard_id == "alpha"


def test_one_that_stays_where_it_is_has_not_arrived(moving):
    back = set_placement_state(moving.tenant_id, PlacementState.READY)
    assert (back.shard_id, back.arrived_epoch) == ("alpha", 0)


def test_a_switch_that_control_forgot_is_told_it_again(moving):
    repaired = repair_placement(moving.tenant_id, target="beta", opened_epoch=9)
    assert (repaired.shard_id, repaired.state) == ("beta", "moving")
    assert (repaired.epoch, repaired.arrived_epoch) == (10, 9)
    again = repair_placement(moving.tenant_id, target="beta", opened_epoch=9)
    assert again.epoch == 10
