"""PgBouncer's files as text: what stands there, and what cannot be written."""

from configparser import ConfigParser
from dataclasses import replace

import pytest

from config.env import ROOT
from sharding.pools.budget.planning import plan_pools
from sharding.pools.budget.types import Database, Limits, ProcessGroup, Terms
from sharding.pools.pgbouncer.errors import NoConfiguration, NotConfigurable
from sharding.pools.pgbouncer.files import (
    ADMIN,
    Tls,
    Wanted,
    main_file,
    server_lifetime_s,
    users_file,
)
from sharding.pools.pgbouncer.writing import read_admin_password, read_main, write_files
from sharding.registry.types import Endpoint, Login, Server

WANTED = Wanted("127.0.0.1", 6432)


def server(name, *, password="w", called=None, host="10.0.0.7"):
    return Server(
        name,
        Endpoint(host, 5432, name),
        Endpoint("10.0.0.9", 6432, called or name),
        Login("web", password),
        Login("own", "secret-of-own"),
    )


def plan_of(*names, processes=4):
    return plan_pools(
        Terms(
            (ProcessGroup("web", processes, 8),),
            tuple(Database(name, f"of-{name}", pooled=True) for name in names),
            {f"of-{name}": Limits(100) for name in names},
        )
    )


def text_of(*servers, wanted=WANTED):
    known = {each.name: each for each in servers}
    return main_file(wanted, plan_of(*known), known, users="/etc/atoll/users.txt")


def test_an_entry_per_server_with_the_budgets_size():
    text = text_of(server("alpha"), server("beta"))
    assert (
        "alpha = host='10.0.0.7' port=5432 dbname='alpha' pool_size=32 max_db_connections=32"
        in text
    )
    assert "pool_mode = transaction" in text
    assert "max_client_conn = 84" in text
    assert "secret-of-own" not in text


def test_the_file_for_containers_ends_waits_and_connections_as_a_generated_one_does():
    shipped, generated = ConfigParser(), ConfigParser()
    shipped.read(ROOT / "deploy" / "pgbouncer" / "pgbouncer.ini")
    generated.read_string(text_of(server("alpha")))
    ends = {
        name: value
        for name, value in generated["pgbouncer"].items()
        if name.endswith(("timeout", "retry", "lifetime"))
    }
    assert len(ends) == 6
    assert {name: shipped["pgbouncer"].get(name) for name in ends} == ends
    assert shipped["pgbouncer"]["pool_mode"] == generated["pgbouncer"]["pool_mode"]


def test_own_is_no_user_of_the_pooler():
    text = users_file(
        WANTED, plan_of("alpha"), {"alpha": server("alpha", password='q"uo')}, admin_password="a"
    )
    assert text == f'"web" "q""uo"\n"{ADMIN}" "a"\n'


def test_a_connection_lives_until_it_has_filled_its_budget_of_catalogues():
    assert server_lifetime_s(schemas=200, tenants_per_minute=20) == 600
    assert server_lifetime_s(schemas=100, tenants_per_minute=20) == 300
    assert server_lifetime_s(schemas=1, tenants_per_minute=1000) == 60
    assert server_lifetime_s(schemas=10_000, tenants_per_minute=1) == 3600
    assert server_lifetime_s(schemas=0, tenants_per_minute=20) == 3600


def test_tls_is_written_where_it_is_wanted():
    wanted = replace(
        WANTED,
        client_tls=Tls("require", "/k", "/c"),
        server_tls=Tls("verify-full", authority="/ca"),
    )
    text = text_of(server("alpha"), wanted=wanted)
    for line in (
        "client_tls_sslmode = require",
        "client_tls_key_file = /k",
        "client_tls_cert_file = /c",
        "server_tls_sslmode = verify-full",
        "server_tls_ca_file = /ca",
    ):
        assert line in text
    assert "tls" not in text_of(server("alpha"))


def test_who_looks_web_up_stands_in_the_list_instead_of_web():
    wanted = replace(WANTED, lookup=True)
    known = {"alpha": replace(server("alpha"), pooler=Login("pooler", "p"))}
    users = users_file(wanted, plan_of("alpha"), known, admin_password="a")
    assert users == f'"pooler" "p"\n"{ADMIN}" "a"\n'
    text = text_of(*known.values(), wanted=wanted)
    assert "max_db_connections=32 auth_user=pooler" in text
    assert "auth_query = SELECT usename, passwd FROM atoll.pooler_lookup($1)" in text
    assert "auth_query" not in text_of(*known.values())
    with pytest.raises(NotConfigurable, match="alpha has no login that looks up"):
        text_of(server("alpha"), wanted=wanted)


@pytest.mark.parametrize(
    ("servers", "why"),
    [
        ([], "has a `pooled` address"),
        ([server("alpha"), server("beta", called="alpha")], "two databases are called 'alpha'"),
        ([server("alpha", called="al pha")], "cannot be the name"),
        ([server("alpha", host="10.0.0.7\nx=y")], "no line can hold"),
        ([server("alpha", host="10.0.0.7,10.0.0.8")], "has several addresses"),
    ],
)
def test_what_no_pgbouncer_could_do_is_refused(servers, why):
    with pytest.raises(NotConfigurable, match=why):
        text_of(*servers)


def test_one_login_with_two_passwords_is_refused_without_telling_them():
    known = {"alpha": server("alpha", password="first"), "beta": server("beta", password="other")}
    with pytest.raises(NotConfigurable, match="has another password on beta") as refused:
        users_file(WANTED, plan_of(*known), known, admin_password="a")
    assert "first" not in str(refused.value)
    broken = {"alpha": server("alpha", password="line\nbreak")}
    with pytest.raises(NotConfigurable) as refused:
        users_file(WANTED, plan_of("alpha"), broken, admin_password="a")
    assert "break" not in str(refused.value)


def test_a_refusal_leaves_the_files_as_they_were(tmp_path):
    known = {"alpha": server("alpha")}
    folder = tmp_path / "pooler"
    done = write_files(folder, WANTED, plan_of("alpha"), known, dry_run=False)
    assert done.changed == ("users.txt", "pgbouncer.ini")
    assert folder.stat().st_mode & 0o777 == 0o700
    password = read_admin_password(folder)
    before = {path.name: path.read_text() for path in folder.iterdir()}
    with pytest.raises(NotConfigurable):
        write_files(folder, WANTED, plan_of(), known, dry_run=False)
    dry = write_files(folder, replace(WANTED, port=1), plan_of("alpha"), known, dry_run=True)
    assert dry.changed == ("pgbouncer.ini",)
    assert {path.name: path.read_text() for path in folder.iterdir()} == before
    write_files(folder, replace(WANTED, port=1), plan_of("alpha"), known, dry_run=False)
    assert read_admin_password(folder) == password
    assert read_main(folder)["pgbouncer"]["listen_port"] == "1"


def test_a_folder_without_files_of_ours_is_told(tmp_path):
    with pytest.raises(NoConfiguration, match="write_pgbouncer_config"):
        read_main(tmp_path)
    with pytest.raises(NoConfiguration):
        read_admin_password(tmp_path)
