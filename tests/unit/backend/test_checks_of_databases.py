"""DATABASES: each mistake is told with its id and a hint, and right settings are silent."""

import pytest
from django.db import connections
from django.test import override_settings

from sharding.backend import checks_of_databases as checks
from sharding.backend.atomic_requests import WhileInScope
from tests.unit.backend.conftest import install

STOCK = "django.db.backends.postgresql"
RIGHT = {
    "default": {"ENGINE": "sharding.backend.virtual", "ATOMIC_REQUESTS": WhileInScope()},
    "control": {"ENGINE": "sharding.backend.control"},
}


def entry(alias, **changes):
    return {**RIGHT, alias: {**RIGHT.get(alias, {}), **changes}}


MISTAKES = {
    "sharding.E012": [(checks.check_engines, entry("default", ENGINE=STOCK))],
    "sharding.E013": [
        (checks.check_engines, entry("control", ENGINE=STOCK)),
        (checks.check_engines, {"default": RIGHT["default"]}),
    ],
    "sharding.E014": [
        (checks.check_atomic_requests, entry("default", ATOMIC_REQUESTS=True)),
        (checks.check_atomic_requests, entry("control", ATOMIC_REQUESTS=True)),
    ],
    "sharding.E015": [(checks.check_names, entry("alpha", ENGINE="sharding.backend.shard"))],
    "sharding.W016": [
        (checks.check_addresses, entry("default", NAME="shop")),
        (checks.check_addresses, entry("control", HOST="10.0.0.1", PASSWORD="x")),
    ],
    "sharding.E017": [
        (checks.check_options, entry("control", OPTIONS={name: "x"}))
        for name in ("server_side_binding", "cursor_factory", "pool", "options")
    ],
}


@pytest.fixture
def configured(monkeypatch):
    """The handler with other DATABASES, as at a start."""

    def configure(databases):
        monkeypatch.setitem(vars(connections), "settings", None)
        monkeypatch.delitem(vars(connections), "settings")
        full = connections.configure_settings({name: dict(one) for name, one in databases.items()})
        monkeypatch.setitem(vars(connections), "settings", full)
        return override_settings(DATABASES=databases)

    return configure


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
@pytest.mark.parametrize(
    ("wanted", "check", "databases"),
    [(each, *planted) for each, all_of_it in MISTAKES.items() for planted in all_of_it],
)
def test_a_mistake_is_told_with_a_hint(handler, configured, wanted, check, databases):
    install("alpha")
    with configured(RIGHT):
        assert list(check()) == []
    with configured(databases):
        messages = list(check())
    assert {message.id for message in messages} == {wanted}
    assert all(message.hint for message in messages)


def test_our_own_settings_are_right():
    for check in (
        checks.check_engines,
        checks.check_atomic_requests,
        checks.check_names,
        checks.check_addresses,
        checks.check_options,
    ):
        assert list(check()) == []
