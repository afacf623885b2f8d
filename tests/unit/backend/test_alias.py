"""An alias equals the plain one and knows whose it is, however it travels."""

import copy
import pickle

import pytest

from sharding.backend.alias import TenantAlias, alias_of, tenant_of
from sharding.scope import Placement

PLACE = Placement("tabcdef1", "alpha", "tabcdef1", 1, "g")


def test_it_equals_the_plain_alias_and_finds_what_is_filed_under_it():
    alias = alias_of(PLACE)
    assert alias == "alpha"
    assert {"alpha": 1}[alias] == 1
    assert isinstance(alias, str)
    assert type(str(alias)) is str


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_survives_pickling(protocol):
    again = pickle.loads(pickle.dumps(alias_of(PLACE), protocol))
    assert (again, tenant_of(again), type(again)) == ("alpha", PLACE.tenant_id, TenantAlias)


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy])
def test_it_survives_copying(way):
    assert tenant_of(way(alias_of(PLACE))) == PLACE.tenant_id


def test_a_plain_alias_names_nobody():
    assert tenant_of("alpha") is None
    assert tenant_of(None) is None


def test_it_shows_its_tenant():
    assert repr(alias_of(PLACE)) == "TenantAlias('alpha', 'tabcdef1')"
