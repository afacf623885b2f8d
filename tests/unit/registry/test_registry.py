"""The registry: what it reads, what it keeps, what it refuses."""

import stat
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharding.registry import current
from sharding.registry.errors import (
    ControlNotRegistered,
    MalformedRegistry,
    UnknownShard,
)
from sharding.registry.toml_file import read_registry, write_registry
from sharding.registry.types import Endpoint, Login, Registry, Server


def server(name: str, *, password: str = "secret", port: int = 5432) -> Server:
    endpoint = Endpoint("127.0.0.1", port, "shard")
    return Server(
        name=name,
        direct=endpoint,
        pooled=Endpoint("127.0.0.1", 6432, name),
        web=Login("web", password),
        own=Login("own", password),
        mover=Login("mover", password),
    )


def registry_of(*servers: Server) -> Registry:
    return Registry(1, server("control"), MappingProxyType({s.name: s for s in servers}))


@pytest.fixture
def clean_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(current.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setattr(current, "_current", None)


def test_what_is_written_is_read_back_and_only_the_owner_may_read_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "deep" / "registry.toml"
    registry = registry_of(server("alpha"), server("beta", port=1))
    write_registry(path, registry)
    assert read_registry(path) == registry
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@given(password=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_password_survives_the_file(
    tmp_path_factory: pytest.TempPathFactory, password: str
) -> None:
    path = tmp_path_factory.mktemp("registry") / "registry.toml"
    registry = registry_of(server("alpha", password=password))
    write_registry(path, registry)
    assert read_registry(path) == registry


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version = ", "no TOML"),
        ("[shards.alpha]\nincarnation = 1", "alpha lacks 'direct'"),
        ('[shards.alpha]\ndirect = "x"', "alpha is not as it should be"),
        ("shards = 3", "must be a table"),
        ('[control]\ndirect = {host="h", port="p", dbname="d"}', "control is not"),
        (
            '[control]\ndirect = {host="h", port=1, dbname="d"}',
            "control is not as it should be",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_its_path(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "registry.toml"
    path.write_text(text)
    with pytest.raises(MalformedRegistry, match=said) as caught:
        read_registry(path)
    assert str(path) in str(caught.value)


@pytest.mark.usefixtures("clean_registry")
def test_without_a_file_there_are_no_servers_and_the_message_says_what_to_do() -> None:
    assert current.registry() == Registry()
    with pytest.raises(UnknownShard, match="add_shard"):
        current.shard("alpha")
    with pytest.raises(ControlNotRegistered, match="devstack up"):
        current.control()


@pytest.mark.usefixtures("clean_registry")
def test_an_unchanged_server_stays_the_same_object_and_a_changed_one_does_not() -> None:
    current.install(registry_of(server("alpha"), server("beta")))
    alpha, beta, control = (
        current.shard("alpha"),
        current.shard("beta"),
        current.control(),
    )
    current.install(registry_of(server("alpha"), server("beta", port=99)))
    assert current.shard("alpha") is alpha
    assert current.control() is control
    assert current.shard("beta") is not beta
    assert current.shard("beta").direct.port == 99


@pytest.mark.usefixtures("clean_registry")
def test_a_reload_that_fails_leaves_what_was_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "registry.toml"
    write_registry(path, registry_of(server("alpha")))
    monkeypatch.setenv(current.ENVIRONMENT_VARIABLE, str(path))
    assert current.shard("alpha").name == "alpha"
    path.write_text("no toml at all")
    with pytest.raises(MalformedRegistry):
        current.reload()
    assert current.shard("alpha").name == "alpha"
    write_registry(path, registry_of(server("gamma")))
    current.reload()
    with pytest.raises(UnknownShard):
        current.shard("alpha")


def test_a_password_is_in_no_repr() -> None:
    assert "secret" not in repr(registry_of(server("alpha")))
