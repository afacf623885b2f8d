"""`add_shard` and `list_shards`, as people and as programs use them."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from sharding.placements.models import AuditEntry, Placement, ReservedRole, Shard
from sharding.placements.services.choosing import check_shard
from sharding.placements.services.shards import begin_shard
from sharding.pools.budget.types import SHARDS_PER_PROCESS
from sharding.registry import current as addresses
from sharding.registry.toml_file import read_registry, write_registry
from sharding.registry.types import Endpoint, Login
from sharding.schemas.connections import own_connection
from sharding.schemas.services.reachability import why_unreachable
from tests.fixtures.servers import need_streams
from tests.fixtures.shards import Bare, bare_database

LOGINS = ("web", "own", "mover", "rolemaker")


def run(*args: object, **options: object) -> str:
    out = StringIO()
    call_command(*args, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


@pytest.fixture
def registry_file(fleet, tmp_path, monkeypatch):
    """A registry file of the test's own."""
    before = addresses.registry()
    path = tmp_path / "registry.toml"
    write_registry(path, before)
    monkeypatch.setenv("ATOLL_REGISTRY", str(path))
    yield path
    addresses.install(before)


@pytest.fixture
def bare(fleet, registry_file, monkeypatch):
    """A bare database on alpha's server, whose logins are there already."""
    with bare_database(fleet, "alpha", "gamma_bare") as made:
        for login in LOGINS:
            known = getattr(made.server, login if login != "rolemaker" else "role_maker")
            if known is not None:
                monkeypatch.setenv(f"ATOLL_{login.upper()}_PASSWORD", known.password)
        yield made
        forget("gamma")


def forget(name: str) -> None:
    ReservedRole.objects.using("control").filter(shard=name).delete()
    Shard.objects.using("control").filter(name=name).delete()


def arguments(bare: Bare) -> list[str]:
    at = bare.server.direct
    return ["--admin", bare.admin, "--host", at.host, "--port", str(at.port)]


def test_a_bare_database_becomes_a_shard_that_takes_tenants(bare, registry_file):
    version = read_registry(registry_file).version
    assert "Shard gamma is ready" in run("add_shard", "gamma", *arguments(bare))
    shard = check_shard("gamma")
    assert (shard.state, shard.registry_version) == ("active", version + 1)
    registered = read_registry(registry_file)
    assert registered.version == version + 1
    assert registered.shards["gamma"].direct == bare.server.direct
    assert addresses.shard("gamma") == registered.shards["gamma"]
    assert registry_file.stat().st_mode & 0o777 == 0o600
    assert ReservedRole.objects.using("control").filter(shard="gamma").count() > 0
    actions = AuditEntry.objects.using("control").filter(subject="gamma").order_by("id")
    assert list(actions.values_list("action", flat=True))[-2:] == ["shard.begin", "shard.activate"]

    assert "0 steps done now" in run("add_shard", "gamma", *arguments(bare))
    assert read_registry(registry_file).version == version + 1


def test_a_dry_run_prints_the_same_plan_and_changes_nothing(bare, registry_file):
    text = registry_file.read_text()
    planned = json.loads(run("add_shard", "gamma", *arguments(bare), "--dry-run", "--json"))
    assert registry_file.read_text() == text
    assert not Shard.objects.using("control").filter(name="gamma").exists()
    done = json.loads(run("add_shard", "gamma", *arguments(bare), "--json"))
    assert [step["key"] for step in planned["steps"]] == [step["key"] for step in done["steps"]]
    assert {step["outcome"] for step in planned["steps"]} == {"to do", "done before"}
    assert {step["outcome"] for step in done["steps"]} == {"done", "done before"}
    passwords = [login.password for login in (bare.server.web, bare.server.own)]
    assert not any(password in json.dumps([planned, done]) for password in passwords)


def told(bare: Bare) -> str:
    """What a dry run finds out about the database."""
    planned = json.loads(run("add_shard", "gamma", *arguments(bare), "--dry-run", "--json"))
    return "\n".join(f"{found['code']}: {found['message']}" for found in planned["findings"])


def test_one_that_sorts_text_otherwise_than_another_shard_is_told(bare):
    rows = Shard.objects.using("control").filter(name="alpha")
    collation = rows.get().collation
    rows.update(collation="of-another-kind")
    try:
        said = told(bare)
    finally:
        rows.update(collation=collation)
    assert f"locale: It sorts text by {collation}, alpha by of-another-kind: a tenant" in said
    assert "alpha by" not in told(bare)


@pytest.mark.parametrize(("bears", "is_told"), [(1, True), (1_000_000, False)])
def test_one_on_a_server_full_of_others_roles_is_told(bare, bears, is_told):
    """Those that stand on alpha's server for alpha are others' too."""
    begin_shard("gamma")
    Shard.objects.using("control").filter(name="gamma").update(role_cap=bears)
    assert (
        f"roles that are not this shard's; it bears some {bears} in all" in told(bare)
    ) is is_told


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("control", 2, "no name for a shard"),
        ("Gamma", 2, "no name for a shard"),
        ("a" * 31, 2, "no name for a shard"),
        ("../x", 2, "no name for a shard"),
        ("beta", 1, "'beta' cannot be added"),
    ],
)
def test_a_name_that_cannot_be_is_refused_unchanged(bare, registry_file, name, code, said):
    text, rows = registry_file.read_text(), Shard.objects.using("control").count()
    with pytest.raises(CommandError, match=said) as error:
        run("add_shard", name, *arguments(bare))
    assert error.value.returncode == code
    assert registry_file.read_text() == text
    assert Shard.objects.using("control").count() == rows


def test_a_shard_too_many_for_one_process_is_refused_before_anything_changes(
    bare, registry_file, settings
):
    known = read_registry(registry_file)
    others = [f"shard-{letter}" for letter in "abcdefghijklmnopqr"]
    beta = known.shards["beta"]
    away = {
        name: replace(beta, name=name, direct=Endpoint("127.0.0.1", 1, name)) for name in others
    }
    assert len(known.shards) + len(away) == SHARDS_PER_PROCESS
    write_registry(registry_file, replace(known, shards={**known.shards, **away}))
    text = registry_file.read_text()
    for more in ([], ["--dry-run"]):
        with pytest.raises(CommandError, match=r"would serve 21 shards.*limits\.md") as error:
            run("add_shard", "gamma", *arguments(bare), *more)
        assert error.value.returncode == 1
    assert registry_file.read_text() == text
    assert not Shard.objects.using("control").filter(name="gamma").exists()
    # Divided among groups of processes there is room.
    settings.ATOLL_PROCESS_GROUPS = f"web-a=2x8:{','.join(others)} web-b=2x8:alpha,beta,gamma"
    assert "nothing done" in run("add_shard", "gamma", *arguments(bare), "--dry-run")


def test_a_database_that_is_a_shard_becomes_no_second_one(bare):
    run("add_shard", "gamma", *arguments(bare))
    with pytest.raises(CommandError, match="this database is shard 'gamma' already"):
        run("add_shard", "delta", *arguments(bare))
    assert not Shard.objects.using("control").filter(name="delta").exists()


@pytest.mark.parametrize(
    ("admin", "code", "said"),
    [
        ("host=127.0.0.1 port=1 dbname=x user=y", 1, r"\? Nothing was changed; check"),
        ("nonsense", 2, "no connection string"),
        ("", 2, "superuser's connection string"),
    ],
)
def test_an_administrator_who_cannot_connect_changes_nothing(registry_file, admin, code, said):
    text = registry_file.read_text()
    began = time.monotonic()
    with pytest.raises(CommandError, match=said) as error:
        run("add_shard", "gamma", admin=admin)
    assert error.value.returncode == code
    assert time.monotonic() - began < 5
    assert registry_file.read_text() == text
    assert not Shard.objects.using("control").filter(name="gamma").exists()


def test_a_wrong_password_is_told_and_the_next_run_with_the_right_one_ends_well(bare, monkeypatch):
    monkeypatch.delenv("ATOLL_WEB_PASSWORD")
    with pytest.raises(CommandError, match=r"sign-in-web.*keeps its password") as error:
        run("add_shard", "gamma", *arguments(bare))
    assert error.value.returncode == 3, "half made: the same command goes on"
    assert "preparing" in run("list_shards", "gamma")
    monkeypatch.setenv("ATOLL_WEB_PASSWORD", bare.server.web.password)
    run("add_shard", "gamma", *arguments(bare))
    assert check_shard("gamma").state == "active"


def test_a_pooler_that_is_away_leaves_the_shard_preparing(bare):
    there = {"pooled_host": "127.0.0.1", "pooled_port": 1, "pooled_dbname": "gamma_pooled"}
    with pytest.raises(CommandError, match=r"127\.0\.0\.1:1/gamma_pooled"):
        run("add_shard", "gamma", *arguments(bare), **there)
    assert Shard.objects.using("control").get(name="gamma").state == "preparing"
    run("add_shard", "gamma", *arguments(bare))
    assert check_shard("gamma").state == "active"


@pytest.mark.parametrize(
    ("port", "dbname", "said"),
    [
        (1, None, r"127\.0\.0\.1:1/gamma_bare.*Nothing was changed"),
        (None, "gamma_pooled", r"/gamma_pooled.*Nothing was changed"),
        (None, "of alpha", r"leads to shard 'alpha'.*Nothing was changed"),
        (None, "postgres", r"/postgres leads to a database that is no shard.*Nothing was changed"),
    ],
)
def test_a_shard_with_tenants_is_led_to_no_address_that_is_not_its_own(
    bare, registry_file, port, dbname, said
):
    """On PostgreSQL itself here, whose databases are what a pooler calls entries."""
    run("add_shard", "gamma", *arguments(bare))
    text = registry_file.read_text()
    at = bare.server.direct
    if dbname == "of alpha":
        dbname = addresses.shard("alpha").direct.dbname
    there = {"pooled_host": at.host, "pooled_port": port or at.port, "pooled_dbname": dbname}
    for more in ([], ["--dry-run"]):
        with pytest.raises(CommandError, match=said) as error:
            run("add_shard", "gamma", *arguments(bare), *more, **there)
        assert error.value.returncode == 1
        assert registry_file.read_text() == text
    assert addresses.shard("gamma").pooled == at


def test_a_new_shard_whose_pooled_address_is_another_ones_takes_nobody(bare):
    at = bare.server.direct
    dbname = addresses.shard("alpha").direct.dbname
    there = {"pooled_host": at.host, "pooled_port": at.port, "pooled_dbname": dbname}
    with pytest.raises(CommandError, match=r"leads to shard 'alpha'") as error:
        run("add_shard", "gamma", *arguments(bare), **there)
    assert error.value.returncode == 3, "half made: the same command goes on"
    assert Shard.objects.using("control").get(name="gamma").state == "preparing"
    run("add_shard", "gamma", *arguments(bare))
    assert check_shard("gamma").state == "active"


def test_servers_stream_from_each_other_as_moves_will_need_it(fleet):
    alpha, beta = (fleet.direct_registry().shards[name] for name in ("alpha", "beta"))
    assert why_unreachable(alpha, beta) == why_unreachable(beta, alpha) == ""


def test_a_server_that_cannot_be_streamed_from_is_told_by_name_and_no_log_has_the_password(fleet):
    need_streams()
    alpha, beta = (fleet.direct_registry().shards[name] for name in ("alpha", "beta"))
    before = fleet.server("alpha").site.log.stat().st_size
    secret = "a password that nobody has"
    wrong = replace(beta, mover=Login("mover", secret))
    assert "password authentication failed" in why_unreachable(alpha, wrong)
    nowhere = replace(beta, direct=replace(beta.direct, port=1))
    assert "could not connect to the publisher" in why_unreachable(alpha, nowhere)
    with fleet.server("alpha").site.log.open() as log:
        log.seek(before)
        assert secret not in log.read()
    with own_connection(alpha) as own:
        assert own.execute("SELECT FROM pg_subscription").rowcount == 0


def test_add_shard_tells_of_shards_that_the_new_one_cannot_reach(bare, registry_file):
    known = read_registry(registry_file)
    away = replace(known.shards["beta"], direct=replace(known.shards["beta"].direct, port=1))
    shards = {**known.shards, "beta": away}
    write_registry(registry_file, replace(known, shards=shards))
    done = json.loads(run("add_shard", "gamma", *arguments(bare), "--json"))
    told = [each["message"] for each in done["findings"] if each["code"] == "reachability"]
    if bare.server.role_maker is None:  # PostgreSQL 15 is not asked to stream
        assert any("The server of gamma cannot stream from beta" in each for each in told)
    assert any("The server of beta cannot stream from gamma" in each for each in told)
    assert not any("alpha" in each for each in told)
    assert all("run this again" in each for each in told)
    # It takes tenants all the same.
    assert check_shard("gamma").state == "active"


@pytest.mark.parametrize(
    "step",
    [
        pytest.param("address", marks=pytest.mark.slow),
        "public-schema",
        pytest.param("guard", marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_killed_at_a_step_is_finished_by_the_next(bare, process_env, step):
    victim = subprocess.Popen(
        [sys.executable, "-m", "django", "add_shard", "gamma", *arguments(bare)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={
            **process_env,
            "PYTHONUNBUFFERED": "1",
            "ATOLL_REGISTRY": os.environ["ATOLL_REGISTRY"],
        },
        text=True,
    )
    try:
        for line in victim.stderr:
            if f"  {step} " in line:
                victim.send_signal(signal.SIGKILL)
                break
        else:
            pytest.fail("the step was not told")
    finally:
        victim.kill()
        victim.wait()
        victim.stderr.close()
    assert Shard.objects.using("control").get(name="gamma").state == "preparing"
    run("add_shard", "gamma", *arguments(bare))
    assert check_shard("gamma").state == "active"
    assert "0 steps done now" in run("add_shard", "gamma", *arguments(bare))


def test_two_at_once_both_end_well(bare, process_env, registry_file):
    version = read_registry(registry_file).version
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "django", "add_shard", "gamma", *arguments(bare)],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**process_env, "ATOLL_REGISTRY": str(registry_file)},
            text=True,
        )
        for _ in range(2)
    ]
    for process in both:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, "is ready" in out) == (0, True), err
    assert addresses.reload().version == version + 1
    assert check_shard("gamma").state == "active"


def test_shards_are_listed_with_what_they_hold(placement):
    table = run("list_shards")
    assert "SHARD" in table
    lines = {line["name"]: line for line in json.loads(run("list_shards", "--json"))}
    alpha = lines["alpha"]
    assert alpha["tenants"] == Placement.objects.using("control").filter(shard="alpha").count()
    assert (alpha["answers"], alpha["state"], alpha["problem"]) == (True, "active", "")
    assert alpha["bytes"] > 0
    assert 0 < alpha["roles"] <= alpha["role_cap"]
    assert [line["name"] for line in json.loads(run("list_shards", "beta", "--json"))] == ["beta"]
    with pytest.raises(CommandError, match=r"no shard 'nosuch'\. Known are: alpha, beta") as caught:
        run("list_shards", "nosuch", "beta")
    assert caught.value.returncode == 2


@contextmanager
def refused(fleet):
    fleet.stop_server("alpha")
    yield
    fleet.start_server("alpha")


@contextmanager
def stopped(fleet):
    fleet.sigstop("alpha")
    yield
    fleet.sigcont("alpha")


@pytest.mark.parametrize("down", [refused, stopped])
def test_a_shard_that_is_down_is_listed_as_away_within_seconds(fleet, down):
    with down(fleet):
        began = time.monotonic()
        lines = {line["name"]: line for line in json.loads(run("list_shards", "--json"))}
        assert time.monotonic() - began < 5
    assert lines["beta"]["answers"]
    assert not lines["alpha"]["answers"]
    assert lines["alpha"]["problem"].startswith("away: ")


def test_a_shard_without_an_address_is_listed_as_such(fleet):
    before = addresses.registry()
    only_beta = {"beta": before.shards["beta"]}
    addresses.install(replace(before, shards=only_beta))
    try:
        assert "no address in this machine's registry" in run("list_shards", "alpha")
    finally:
        addresses.install(before)
