"""How many slots there are, by what the settings say."""

import pytest
from django.test import override_settings

from sharding.backend import checks_of_pools
from sharding.pools.conf import slot_settings


@pytest.mark.parametrize(
    ("said", "shard", "doubtful", "tenant"),
    [
        ({}, 5, 5, 3),
        ({"ATOLL_THREADS": 16}, 13, 13, 7),
        ({"ATOLL_THREADS": 2}, 1, 1, 1),
        ({"ATOLL_SHARD_SLOTS": 2}, 2, 5, 1),
        ({"ATOLL_TENANT_SLOTS": 1}, 5, 5, 1),
        ({"ATOLL_SHARD_SLOTS": 0}, 0, 0, 0),
        ({"ATOLL_SHARD_SLOTS": 0, "ATOLL_TENANT_SLOTS": 4}, 0, 0, 4),
        ({"ATOLL_TENANT_SLOTS": 0}, 5, 5, 0),
    ],
)
def test_they_follow_from_the_threads_unless_told(said, shard, doubtful, tenant):
    told = {"ATOLL_THREADS": 8, "ATOLL_SHARD_SLOTS": None, "ATOLL_TENANT_SLOTS": None, **said}
    with override_settings(**told):
        found = slot_settings()
    assert (found.limits.shard, found.limits.doubtful) == (shard, doubtful)
    assert found.tenant_slots == tenant


def test_processes_are_the_groups_where_this_one_belongs_to_one(settings):
    settings.ATOLL_PROCESSES = 2
    settings.ATOLL_PROCESS_GROUPS = "web=30x8 worker=4x1"
    assert slot_settings().processes == 2
    settings.ATOLL_PROCESS_GROUP = "web"
    assert slot_settings().processes == 30


@pytest.mark.parametrize(("slots", "warned"), [(None, False), (5, False), (6, True), (0, True)])
def test_a_shard_that_could_take_every_thread_is_warned_of(settings, slots, warned):
    settings.ATOLL_THREADS, settings.ATOLL_SHARD_SLOTS = 8, slots
    found = list(checks_of_pools.check_slots())
    assert [each.id for each in found] == ["sharding.W024"] * warned


def test_what_makes_no_sense_is_told_by_its_name(settings):
    settings.ATOLL_THREADS = 0
    (error,) = checks_of_pools.check_slots()
    assert error.id == "sharding.E023"
    assert "ATOLL_THREADS" in error.msg
