"""`write_pgbouncer_config`: its files start a real PgBouncer; its console tells what it does."""

import io
import shutil
import tempfile
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from sharding.pools.pgbouncer.console import Console
from sharding.pools.pgbouncer.errors import ConsoleRefused, ReloadNotTaken
from sharding.registry import current
from tests.fixtures.pgbouncer import WithOurFiles, write
from tests.integration.pools.poolers import led_through, two_tenants, who_am_i

pytestmark = pytest.mark.needs("pgbouncer")
CLIENTS = 6


@pytest.fixture(scope="module")
def server():
    folder = Path(tempfile.mkdtemp(prefix="atoll-pgb-"))
    made = WithOurFiles.in_folder(folder)
    yield made
    made.stop()
    shutil.rmtree(folder)


@pytest.fixture
def folder(server, fleet):
    """The registry leads through `server`, whose files are yet to be written."""
    with (
        led_through(server, fleet.direct_registry()),
        override_settings(ATOLL_PROCESS_GROUPS="web=2x2"),
    ):
        yield server.site.folder


def pooler(folder, *arguments):
    out = io.StringIO()
    call_command("pooler", folder, *arguments, stdout=out)
    return out.getvalue()


def test_the_files_start_a_pgbouncer_through_which_two_tenants_work(server, folder):
    said = write(folder)
    assert "wrote users.txt, pgbouncer.ini" in said
    server.start()
    with two_tenants(("tpools0a", "tpools0b")) as (one, other):
        for _ in range(20):
            assert who_am_i(one) == ("tpools0a", "tpools0a")
            assert who_am_i(other) == ("tpools0b", "tpools0b")
    entries = {row["name"]: row for row in Console(folder).show("databases")}
    # 2 processes of 2 threads want 4; control is not behind it.
    assert entries["alpha"]["pool_size"] == entries["alpha"]["max_connections"] == 4
    assert set(entries) == {"alpha", "beta", "pgbouncer"}
    assert "alpha" in pooler(folder, "show", "pools")


def test_a_second_run_changes_nothing_and_says_so(folder):
    write(folder)
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.*")}
    assert "nothing to change" in write(folder)
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob("*.*")} == before


def test_secrets_are_in_files_of_their_owner_only_and_nowhere_else(folder):
    said = write(folder) + write(folder, "--dry-run", "--tenants-per-minute", "12")
    password = current.shard("alpha").web.password
    users = folder / "users.txt"
    assert password in users.read_text()
    assert password not in (folder / "pgbouncer.ini").read_text()
    console = Console(folder)
    for secret in (password, users.read_text().split('"')[-2]):
        assert secret not in said
        assert secret not in repr(vars(console))
    for path in (users, folder / "pgbouncer.ini"):
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.stat().st_uid == folder.stat().st_uid


def test_what_is_written_anew_is_taken_by_a_reload(server, folder):
    write(folder)
    server.start()
    with override_settings(ATOLL_PROCESS_GROUPS="web=3x3"):
        said = write(folder, "--tenants-per-minute", "10", "--reload")
    assert "PgBouncer has taken it." in said
    runs = {row["key"]: row["value"] for row in Console(folder).show("config")}
    assert runs["server_lifetime"] == "600"
    assert runs["query_wait_timeout"] == "2"
    entries = {row["name"]: row for row in Console(folder).show("databases")}
    assert entries["alpha"]["pool_size"] == 9


def test_a_reload_that_did_not_take_is_noticed(server, folder):
    write(folder)
    server.start()
    main = folder / "pgbouncer.ini"
    good = main.read_text()
    try:
        # Needs a restart.
        main.write_text(good.replace("unix_socket_dir =", f"unix_socket_dir = {folder}"))
        with pytest.raises(CommandError, match="unix_socket_dir is") as refused:
            pooler(folder, "reload")
        assert refused.value.returncode == 1
        # One that it cannot read at all: 1.18 says nothing, later ones refuse.
        main.write_text(
            good.replace("server_lifetime =", "server_lifetime = 77\nno_such_thing = 1\nx =")
        )
        with pytest.raises((ReloadNotTaken, ConsoleRefused)):
            Console(folder).reload()
        main.write_text(good)
        Console(folder).reload()
        # An entry that went away.
        main.write_text("\n".join(s for s in good.splitlines() if not s.startswith("beta =")))
        assert list(Console(folder).differences()) == ["entry beta is still there"]
    finally:
        main.write_text(good)
        Console(folder).reload()


def test_paused_clients_wait_and_go_on(server, folder):
    write(folder)
    server.start()
    with two_tenants(("tpools0c", "tpools0d")) as (one, _):
        pooler(folder, "pause", "alpha")
        paused = {row["name"]: row["paused"] for row in Console(folder).show("databases")}
        assert (paused["alpha"], paused["beta"]) == (1, 0)
        pooler(folder, "resume", "alpha")
        assert who_am_i(one) == ("tpools0c", "tpools0c")
        with pytest.raises(CommandError, match="PgBouncer refused PAUSE nowhere"):
            pooler(folder, "pause", "nowhere")


def test_who_knows_web_does_not_get_to_the_console(server, folder):
    write(folder)
    server.start()
    login = current.shard("alpha").web
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(
            host="127.0.0.1",
            port=server.port,
            dbname="pgbouncer",
            user=login.user,
            password=login.password,
        )


def test_a_budget_that_does_not_fit_writes_nothing(folder):
    write(folder)
    before = (folder / "pgbouncer.ini").read_text()
    with override_settings(ATOLL_PROCESS_GROUPS="web=300x8"):
        with pytest.raises(CommandError, match=r"does not fit: .* Nothing was written"):
            write(folder)
    assert (folder / "pgbouncer.ini").read_text() == before


def test_a_console_that_is_away_is_told(server, folder):
    write(folder)
    server.stop()
    with pytest.raises(CommandError, match="Is it running"):
        pooler(folder, "show", "pools")
