"""System checks of the backend."""

from sharding.backend import checks
from sharding.pools.budget.types import SHARDS_PER_PROCESS
from tests.unit.backend.conftest import install


def test_the_handler_is_in_place():
    assert checks.check_installed() == []


def test_without_it_there_is_an_error_with_a_hint(monkeypatch):
    monkeypatch.setattr(checks, "connections", object())
    (error,) = checks.check_installed()
    assert error.id == "sharding.E011"
    assert "install()" in str(error.hint)


def test_more_shards_than_a_process_may_hold_are_refused_with_a_pointer(handler):
    assert checks.check_shards_per_process() == []
    install(*(f"shard{number}" for number in range(SHARDS_PER_PROCESS + 1)))
    (error,) = checks.check_shards_per_process()
    assert (error.id, error.is_serious()) == ("sharding.E025", True)
    assert "limits.md" in str(error.hint)


def test_shards_that_are_divided_among_groups_are_not_too_many(handler, settings):
    names = [f"shard{letter}" for letter in "abcdefghijklmnopqrstu"]
    assert len(names) > SHARDS_PER_PROCESS
    install(*names)
    settings.ATOLL_PROCESS_GROUPS = f"web-a=2x8:{','.join(names[:11])} web-b=2x8"
    settings.ATOLL_PROCESS_GROUP = "web-a"
    assert checks.check_shards_per_process() == []
    settings.ATOLL_PROCESS_GROUP = "web-b"
    (error,) = checks.check_shards_per_process()
    assert "group web-b would serve 21 shards" in error.msg
    # A command belongs to no group.
    settings.ATOLL_PROCESS_GROUP = ""
    assert "group web-b" in checks.check_shards_per_process()[0].msg
    settings.ATOLL_PROCESS_GROUPS = (
        f"web-a=2x8:{','.join(names[:11])} web-b=2x8:{','.join(names[11:])}"
    )
    assert checks.check_shards_per_process() == []
