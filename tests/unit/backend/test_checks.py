"""System checks of the backend."""

from sharding.backend import checks
from sharding.backend.handler import SHARDS_PER_PROCESS
from tests.unit.backend.conftest import install


def test_the_handler_is_in_place():
    assert checks.check_installed() == []


def test_without_it_there_is_an_error_with_a_hint(monkeypatch):
    monkeypatch.setattr(checks, "connections", object())
    (error,) = checks.check_installed()
    assert error.id == "sharding.E011"
    assert "install()" in str(error.hint)


def test_more_shards_than_a_process_may_hold_are_warned_of(handler):
    assert checks.check_shards_per_process() == []
    install(*(f"shard{number}" for number in range(SHARDS_PER_PROCESS + 1)))
    (warning,) = checks.check_shards_per_process()
    assert warning.id == "sharding.W011"
    assert "registry of their own" in str(warning.hint)
