from types import MappingProxyType

import pytest

from devstack import addresses, folders
from devstack.account import server_account
from devstack.conf import default_folder
from devstack.services.follow_logs import _last_lines, _lines_since
from devstack.state import State, read_state, write_state
from sharding.registry.types import Endpoint, Login, Registry, Server


def server(name: str, *, port: int = 1, incarnation: int = 1) -> Server:
    at = Endpoint("127.0.0.1", port, "shard")
    return Server(name, at, at, Login("web", "w"), Login("own", "o"), incarnation=incarnation)


def test_ports_and_passwords_are_chosen_once_and_written_for_the_owner_only(tmp_path):
    state = State(place="/p", sockets="/s")
    port, password = state.port("alpha"), state.password("alpha", "own")
    assert state.port("beta") != port
    assert state.password("beta", "own") != password
    write_state(tmp_path / "state.json", state)
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600
    again = read_state(tmp_path / "state.json")
    assert again == state
    assert (again.port("alpha"), again.password("alpha", "own")) == (port, password)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"place": "/p"}', '{"unknown": 1}', "\xff"])
def test_a_memory_that_makes_no_sense_is_no_memory(tmp_path, text):
    (tmp_path / "state.json").write_bytes(text.encode("latin-1"))
    assert read_state(tmp_path / "state.json") is None


def test_shards_added_by_hand_and_incarnations_stay_in_the_registry():
    old = Registry(
        version=4,
        control=server("control"),
        shards=MappingProxyType({"alpha": server("alpha", incarnation=3), "far": server("far")}),
    )
    ours = {name: server(name, port=9) for name in ("control", "alpha")}
    new = addresses.with_servers(old, ours)
    assert new.shards["far"] is old.shards["far"]
    assert new.shards["alpha"] == server("alpha", port=9, incarnation=3)
    assert new.control == server("control", port=9)


def test_a_folder_for_sockets_is_short_and_closed_to_others(tmp_path):
    account = server_account()
    folder = folders.make_sockets(tmp_path, account)
    try:
        assert len(str(folder)) + len("/.s.PGSQL.65535.lock") < 104
        assert folders.sockets_are_ours(folder, account)
        assert folders.make_sockets(tmp_path, account) == folder
        folder.chmod(0o755)
        assert not folders.sockets_are_ours(folder, account)
        other = folders.make_sockets(tmp_path, account)
        other.rmdir()
        assert other != folder
    finally:
        folder.rmdir()
    assert not folders.sockets_are_ours(folder, account)


def test_a_link_in_the_place_of_a_socket_folder_is_not_ours(tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert not folders.sockets_are_ours(tmp_path / "link", server_account())


def test_logs_are_read_by_whole_lines_and_from_the_start_when_they_begin_anew(tmp_path):
    log = tmp_path / "alpha.log"
    assert _last_lines(log, 2) == ([], 0)
    log.write_text("one\ntwo\nthree\nfo")
    lines, position = _last_lines(log, 2)
    assert lines == ["two", "three"]
    with log.open("a") as file:
        file.write("ur\n")
    lines, position = _lines_since(log, position)
    assert lines == ["four"]
    assert _lines_since(log, position) == ([], position)
    log.write_text("new\n")
    assert _lines_since(log, position)[0] == ["new"]


def test_the_folder_is_beside_manage_py_unless_the_environment_names_one(monkeypatch, tmp_path):
    monkeypatch.delenv("ATOLL_DEVSTACK_DIR", raising=False)
    assert (default_folder().parent / "manage.py").is_file()
    monkeypatch.setenv("ATOLL_DEVSTACK_DIR", str(tmp_path))
    assert default_folder() == tmp_path
