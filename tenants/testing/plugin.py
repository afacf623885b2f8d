"""The pytest plugin: `pytest11` loads it wherever Atoll is installed.

It does nothing in a project whose settings do not install `sharding.backend`. Imports of Django are
inside functions: pytest loads plugins before settings.
"""

from collections.abc import Generator
from typing import Any

import pytest

from tenants.testing import hooks, sources
from tenants.testing.fixtures import (
    KIT,
    control,
    other_tenant,
    shards,
    tenant,
    tenant_client,
)

__all__ = ["control", "other_tenant", "shards", "tenant", "tenant_client"]

_REGISTRY_FILE = pytest.StashKey[str]()
_SHARED = pytest.StashKey[dict[str, str]]()
_OUTLIVING = frozenset({"session", "package", "module"})


def pytest_addoption(parser: pytest.Parser) -> None:
    """One option."""
    parser.getgroup("atoll", "Atoll").addoption(
        "--atoll-devstack",
        action="store_true",
        help="test on servers that are started for it, although ATOLL_REGISTRY names others",
    )


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Other plugins may bring servers."""
    pluginmanager.add_hookspecs(hooks)


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Let nothing lead to real databases, after settings were read and before any conftest is."""
    early_config.stash[_REGISTRY_FILE] = sources.close_registry()


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Begin, in a project of ours."""
    config.addinivalue_line(
        "markers", "tenant: the test, or the class's tests, run in a tenant's scope"
    )
    if not config.pluginmanager.has_plugin("django") or not _is_ours():
        return
    from tenants.testing.kit import Kit

    # Once more: a conftest may name one too.
    named_later = sources.close_registry()
    registry_file = config.stash.get(_REGISTRY_FILE, "") or named_later
    # Workers get the one that their leader read.
    registry_file = getattr(config, "workerinput", {}).get("atoll_registry", registry_file)
    folder = sources.folder_of(config)
    source = sources.choose(config, folder, registry_file)
    config.stash[KIT] = Kit(config, source)
    config.stash[_SHARED] = {"atoll_registry": registry_file, "atoll_folder": str(folder)}


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of xdist which servers are the run's, and outlive it."""
    kit = node.config.stash.get(KIT, None)
    if kit is not None:
        kit.lead()
        node.workerinput.update(node.config.stash[_SHARED])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test that asks for a tenant or for control may use its database."""
    if KIT not in config.stash:
        return
    from tenants.testing.asking import let_use_databases

    for item in items:
        let_use_databases(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Whatever happens in a test, its scope ends with it."""
    try:
        return (yield)
    finally:
        if KIT in item.config.stash:
            item.config.stash[KIT].end()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Enter the scope before the first fixture: a class's transaction is opened by one."""
    if KIT in item.config.stash:
        item.config.stash[KIT].begin(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    """A fixture that outlives the test is set up without the test's scope."""
    if KIT not in request.config.stash or fixturedef.scope not in _OUTLIVING:
        return (yield)
    with request.config.stash[KIT].outside():
        return (yield)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """A test that leaves something behind fails."""
    if KIT not in item.config.stash:
        return (yield)
    with item.config.stash[KIT].watching():
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, Any, Any]:
    """Tear down what is left of the last class, then the databases of this process."""
    kit = session.config.stash.get(KIT, None)
    if kit is None:
        return (yield)
    try:
        with kit.last_scope():
            return (yield)
    finally:
        kit.finish()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """What all processes of a run shared goes when the last of them has ended."""
    kit = config.stash.get(KIT, None)
    if kit is not None and not hasattr(config, "workerinput"):
        kit.finish_servers()


def _is_ours() -> bool:
    from django.conf import settings
    from pytest_django.lazy_django import django_settings_is_configured

    return django_settings_is_configured() and "sharding.backend" in settings.INSTALLED_APPS
