"""may_serve, over its full product."""

from itertools import product

import pytest

from sharding.placements.states import PlacementState
from tenants.serving import Verdict, may_serve
from tenants.states import (
    PROVISION_TRANSITIONS,
    PURGE_TRANSITIONS,
    TENANT_TRANSITIONS,
    ProvisionState,
    PurgeState,
    TenantState,
)

P, A, S, D = (
    TenantState.PROVISIONING,
    TenantState.ACTIVE,
    TenantState.SUSPENDED,
    TenantState.DELETED,
)
CREATING, READY, MOVING, DROPPING = (
    PlacementState.CREATING,
    PlacementState.READY,
    PlacementState.MOVING,
    PlacementState.DROPPING,
)

TABLE = {
    (P, CREATING): Verdict.NOT_READY,
    (P, READY): Verdict.NOT_READY,
    (P, MOVING): Verdict.NOT_READY,
    (P, DROPPING): Verdict.GONE,
    (A, CREATING): Verdict.NOT_READY,
    (A, READY): Verdict.SERVE,
    (A, MOVING): Verdict.WAIT,
    (A, DROPPING): Verdict.GONE,
    (S, CREATING): Verdict.SUSPENDED,
    (S, READY): Verdict.SUSPENDED,
    (S, MOVING): Verdict.SUSPENDED,
    (S, DROPPING): Verdict.GONE,
    (D, CREATING): Verdict.GONE,
    (D, READY): Verdict.GONE,
    (D, MOVING): Verdict.GONE,
    (D, DROPPING): Verdict.GONE,
}


def test_the_table_is_the_full_product():
    assert set(TABLE) == set(product(TenantState, PlacementState))


@pytest.mark.parametrize("states", TABLE, ids="-".join)
def test_each_pair_of_states_has_its_verdict(states):
    assert may_serve(*states) is TABLE[states]


def test_exactly_one_pair_is_served():
    assert [states for states, verdict in TABLE.items() if verdict is Verdict.SERVE] == [(A, READY)]


def test_the_tables_of_transitions_name_every_state():
    assert set(TENANT_TRANSITIONS) == set(TenantState)
    assert set(PROVISION_TRANSITIONS) == set(ProvisionState)
    assert set(PURGE_TRANSITIONS) == set(PurgeState)


def test_what_is_being_undone_is_never_finished():
    assert PROVISION_TRANSITIONS[ProvisionState.UNDOING] == frozenset()


def test_a_tenant_is_deleted_and_restored_from_and_to_what_it_was():
    assert {state for state, to in TENANT_TRANSITIONS.items() if D in to} == {A, S}
    assert TENANT_TRANSITIONS[D] == {A, S}


def test_a_purge_goes_forward_only():
    order = list(PurgeState)
    for state, to in PURGE_TRANSITIONS.items():
        assert all(order.index(each) > order.index(state) for each in to)
