"""Commands, run on real tenants."""

import json
import re
from contextlib import contextmanager
from io import StringIO

import psycopg
import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db.utils import ProgrammingError
from psycopg import sql

from accounts.models import User
from sharding import scope
from sharding.placements.models import Placement, Shard
from sharding.rebalance.models import Pin
from sharding.registry.current import control
from tenants.models import Tenant
from tenants.states import TenantState
from tests.integration.tenants.inventory import taken_back

pytestmark = pytest.mark.usefixtures("groups")


def run(*words, **options):
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def told(*words):
    return json.loads(run(*words, "--json"))


def test_lists_show_every_tenant_and_where_it_is(tenants):
    lines = {line["slug"]: line for line in told("list_tenants")}
    for tenant in tenants:
        line = lines[tenant.slug]
        assert (line["tenant_id"], line["shard"]) == (tenant.id, tenant.place.shard)
        assert line["served"] == "serve"
        assert told("show_tenant", tenant.slug) == told("show_tenant", tenant.id) == line
    # Tenants of other tests may be there too.
    on_beta = told("list_tenants", "--shard", "beta")
    assert "cyd" in {line["slug"] for line in on_beta}
    assert {line["shard"] for line in on_beta} == {"beta"}
    assert "ann.localhost" in run("list_tenants")
    none = run("list_tenants", "--shard", "beta", "--state", "suspended")
    assert none == "None matches.\n"
    with pytest.raises(CommandError, match="No tenant has the slug"):
        run("show_tenant", "nobody")


@contextmanager
def without(column, migration):
    """Control as before a migration that has added a column, and all later ones of its app.

    Without a migration: only without the column.
    """
    app, _, name = migration.partition(".")
    rename = sql.SQL("ALTER TABLE placements_shard RENAME COLUMN {} TO {}")
    here, gone = sql.Identifier(column), sql.Identifier(f"{column}_gone")
    forget = "DELETE FROM django_migrations WHERE app = %s AND name >= %s RETURNING name"
    record = "INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, now())"
    with psycopg.connect(**control().direct.parameters(control().own), autocommit=True) as own:
        own.execute(rename.format(here, gone))
        forgotten = own.execute(forget, [app, name]).fetchall() if migration else []
        try:
            yield
        finally:
            own.execute(rename.format(gone, here))
            for (one,) in forgotten:
                own.execute(record, [app, one])


@pytest.mark.parametrize("words", ["list_shards", "create_tenant new --dry-run"])
def test_a_control_that_is_older_than_the_code_is_told_with_what_brings_it_there(tenants, words):
    says = r"it lacks \d of its migrations, first placements.0010_shard_labels. `manage.py migrate`"
    with without("labels", "placements.0010_shard_labels"):
        with pytest.raises(CommandError, match=says) as caught:
            call_command(*words.split(), stdout=StringIO())
        assert caught.value.returncode == 1
    call_command(*words.split(), stdout=StringIO())


def test_a_column_that_no_migration_would_bring_is_nobodys_mistake_and_stays_a_traceback(tenants):
    with without("labels", ""), pytest.raises(ProgrammingError, match="labels does not exist"):
        call_command("list_shards", stdout=StringIO())


def test_a_dry_run_says_what_would_be_done_and_does_nothing(tenants):
    before = Tenant.objects.using("control").count()
    plan = told("create_tenant", "dry", "--shard", "alpha", "--domain", "Dry.Example", "--dry-run")
    assert plan["hosts"] == ["dry.localhost", "dry.example"]
    assert (plan["shard"], len(plan["steps"])) == ("alpha", 4)
    assert "to be reached under dry.localhost" in run("create_tenant", "dry", "--dry-run")
    assert Tenant.objects.using("control").count() == before


def test_a_tenant_is_born_where_its_label_is_and_stays_there(tenants):
    Shard.objects.using("control").filter(name="alpha").update(labels=["eu"], weight=0.01)
    try:
        assert told("create_tenant", "free", "--dry-run")["shard"] == "beta"
        made = told("create_tenant", "bound", "--label", "eu")
        assert made["shard"] == "alpha"
        assert Pin.objects.using("control").get(tenant_id=made["tenant_id"]).labels == ["eu"]
        assert not told("create_tenant", "bound", "--label", "eu")["created"]
        with pytest.raises(CommandError, match="is taken by tenant"):
            run("create_tenant", "bound")
        before = Tenant.objects.using("control").count()
        for words in (["--label", "moon"], ["--label", "eu", "--shard", "beta"]):
            with pytest.raises(CommandError, match="it lacks the label"):
                run("create_tenant", "unbound", *words)
        assert Tenant.objects.using("control").count() == before
    finally:
        Shard.objects.using("control").filter(name="alpha").update(labels=[], weight=1.0)
    Pin.objects.using("control").filter(tenant_id=made["tenant_id"]).delete()
    taken_back("bound")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["create_tenant", "Acme"], 2, "capital letters"),
        (["create_tenant", "a..b"], 2, "a slug is a letter"),
        (["create_tenant", "new", "--shard", "gamma"], 2, "Known are: .* Nothing was changed"),
        (["list_tenants", "--shard", "gamma"], 2, "no shard 'gamma'. Known are: alpha, beta"),
        (["create_tenant", "ann", "--name", "Other"], 1, "is taken by tenant"),
        (["create_domain", "ann", "1.2.3.4"], 2, "an address is no name"),
        (["create_domain", "nobody", "x.example"], 2, "No tenant has"),
        (["delete_domain", "ann", "ann.localhost"], 1, "suspend_tenant"),
        (["delete_domain", "ann", "x.example"], 2, "has no domain"),
        (["suspend_tenant", "nobody"], 2, "No tenant has"),
    ],
)
def test_wrong_input_is_told_with_its_exit_code(tenants, words, code, says):
    with pytest.raises(CommandError, match=says) as caught:
        run(*words)
    assert caught.value.returncode == code


@pytest.mark.parametrize("place", [["--shard", "alpha"], []])
def test_the_same_request_again_is_done_already(ann, place):
    words = ["create_tenant", "ann", *place, "--admin-email", ann.email]
    before = told("show_tenant", "ann")
    assert run(*words) == f"ann ({ann.id}) is there already, nothing changed\n"
    assert (told(*words)["created"], told("show_tenant", "ann")) == (False, before)


@pytest.mark.parametrize(
    "other",
    [
        ["--shard", "beta"],
        ["--name", "Another"],
        ["--domain", "another.example"],
        ["--admin-email", "another@ann.example"],
    ],
)
def test_another_request_for_a_slug_that_is_there_is_refused(ann, other):
    before = told("show_tenant", "ann")
    with pytest.raises(CommandError, match="is taken by tenant") as caught:
        run("create_tenant", "ann", "--admin-email", ann.email, *other)
    assert (caught.value.returncode, told("show_tenant", "ann")) == (1, before)


def test_a_domain_is_joined_and_taken_away(ann):
    assert told("create_domain", "ann", "bücher.example", "--dry-run")["done"] is False
    assert told("create_domain", "ann", "bücher.example")["domain"] == "xn--bcher-kva.example"
    assert run("create_domain", "ann", "bücher.example").endswith(" already\n")
    assert "xn--bcher-kva.example" in told("show_tenant", "ann")["hosts"]
    with pytest.raises(CommandError, match="leads to tenant"):
        run("create_domain", "bob", "bücher.example")
    told("delete_domain", "ann", "bücher.example")
    assert told("show_tenant", "ann")["hosts"] == ["ann.localhost"]


def test_a_tenant_is_suspended_and_resumed(ann):
    assert told("suspend_tenant", "ann", "--dry-run")["state"] == "active"
    assert told("suspend_tenant", "ann")["state"] == "suspended"
    assert run("suspend_tenant", "ann").endswith("is suspended already\n")
    assert told("show_tenant", "ann")["served"] == "suspended"
    assert run("resume_tenant", "ann").endswith("is active\n")
    assert run("resume_tenant", "ann").endswith("is active already\n")


def test_flush_empties_one_tenant_and_no_other(tenants):
    ann, bob, cyd = tenants
    with ann.scope():
        kept = User.objects.get().__dict__ | {}
        run("flush", "--noinput")
        assert not Group.objects.exists()
        assert not User.objects.exists()
        # What migrations put there is there again.
        assert Permission.objects.exists()
        # Who was there before the test must be there after it.
        kept.pop("_state")
        User.objects.create(**kept)
    for other in (bob, cyd):
        with other.scope():
            assert Group.objects.get().name == other.slug
            assert User.objects.get().email == other.email


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [(None, 2, "No terminal .* --no-input"), ("bob", 1, "Nothing was changed"), ("", 1, "Nothing")],
)
def test_flush_asks_about_the_tenant_by_name_and_takes_no_other_answer(
    ann, monkeypatch, answer, code, says
):
    asked = []

    def type_it(question):
        asked.append(question)
        if answer is None:
            raise EOFError
        return answer

    monkeypatch.setattr("builtins.input", type_it)
    with pytest.raises(CommandError, match=says) as caught:
        run_words("-t", "ann", "flush")
    assert caught.value.returncode == code
    assert f"tenant ann ({ann.id}, on shard alpha)" in asked[0]
    with ann.scope():
        assert Group.objects.exists()


def test_flush_does_it_once_the_slug_is_typed(ann, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda question: "ann")
    with ann.scope():
        kept = User.objects.get().__dict__ | {}
        run("flush")
        assert not Group.objects.exists()
        kept.pop("_state")
        User.objects.create(**kept)


def test_data_is_dumped_and_loaded_per_tenant(tenants, tmp_path):
    file = tmp_path / "groups.json"
    for tenant in tenants:
        with tenant.scope():
            dumped = json.loads(run("dumpdata", "auth.Group"))
            assert [row["fields"]["name"] for row in dumped] == [tenant.slug]
    with tenants[0].scope():
        file.write_text(run("dumpdata", "auth.Group").replace("77", "78"), encoding="utf-8")
        Group.objects.all().delete()
        run("loaddata", str(file))
        assert [group.id for group in Group.objects.all()] == [78]
    for tenant in tenants[1:]:
        with tenant.scope():
            assert [group.id for group in Group.objects.all()] == [77]


def test_control_is_dumped_by_its_name(tenants):
    dumped = json.loads(run("dumpdata", "tenants.Tenant", "--database", "control"))
    assert {tenant.id for tenant in tenants} <= {row["pk"] for row in dumped}


def test_people_and_sessions_are_looked_after_per_tenant(tenants, monkeypatch):
    from django.contrib.sessions.models import Session
    from django.utils import timezone

    ann, bob, _ = tenants
    for tenant in (ann, bob):
        with tenant.scope():
            Session.objects.create(session_key="old", session_data="x", expire_date=timezone.now())
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "correct-horse-battery")
    said = StringIO()
    with ann.scope():
        call_command(
            *("createsuperuser", "--noinput", "--email=b@ann.example"),
            skip_checks=False,
            stdout=said,
            stderr=said,
        )
    assert "unapplied" not in said.getvalue()
    run_words("-t", "ann", "clearsessions")
    with ann.scope():
        assert User.objects.filter(email="b@ann.example", is_superuser=True).exists()
        assert not Session.objects.exists()
        User.objects.filter(email="b@ann.example").delete()
    with bob.scope():
        assert User.objects.count() == 1
        assert Session.objects.count() == 1
        Session.objects.all().delete()


def run_words(*words):
    from tenants.management.commands.tenant_command import Command

    Command(stdout=StringIO()).handle(*words)


def test_a_password_is_changed_in_one_tenant(ann, monkeypatch):
    from tenants.management.commands import changepassword

    monkeypatch.setattr(
        changepassword.Command, "_get_pass", lambda self, prompt="": "quite-another-one"
    )
    run_words("-t", "ann", "changepassword", ann.email)
    with ann.scope():
        user = User.objects.get(email=ann.email)
        assert user.check_password("quite-another-one")
        user.set_password("correct-horse-battery")
        user.save()


def test_a_command_for_all_runs_in_each_and_tells_where_it_failed(tenants, capsys):
    from tenants.management.commands.all_tenants_command import Command

    Command().handle("dumpdata", "auth.Group")
    out = capsys.readouterr().out
    assert re.findall(r'"name": "(ann|bob|cyd)"', out) == [tenant.slug for tenant in tenants]
    made = Tenant.objects.using("control").exclude(state=TenantState.PROVISIONING)
    all_of_them = sorted(made.values_list("slug", flat=True))
    count = len(all_of_them)
    failed = re.escape(f"Failed for {count} of {count}: {', '.join(all_of_them)}")
    with pytest.raises(CommandError, match=failed):
        Command(stderr=StringIO()).handle("loaddata", "no-such-file")


def test_a_command_for_all_goes_on_after_an_error_that_nobody_expected(tenants, ann, cyd, tmp_path):
    """Each tenant has a group of its own name: the fixture's clashes with bob's."""
    fixture = tmp_path / "groups.json"
    group = {"model": "auth.group", "pk": 4711, "fields": {"name": "bob"}}
    fixture.write_text(json.dumps([group]))
    from tenants.management.commands.all_tenants_command import Command

    said = StringIO()
    with pytest.raises(CommandError, match=r"Failed for 1 of \d+: bob$"):
        Command(stderr=said).handle("loaddata", str(fixture))
    assert "bob: Traceback" in said.getvalue()
    assert "UniqueViolation" in said.getvalue()
    for tenant in (ann, cyd):
        with tenant.scope():
            Group.objects.get(pk=4711).delete()
    others = Tenant.objects.using("control").exclude(id__in=[t.id for t in tenants])
    for other in Placement.objects.using("control").filter(tenant_id__in=others.values("id")):
        with scope.enter(other.to_scope()):
            Group.objects.filter(pk=4711).delete()


@pytest.mark.parametrize("words", [("-t", "nobody", "flush"), ("flush",), ("-t", "ann", "nosuch")])
def test_tenant_command_says_what_is_missing(tenants, words):
    with pytest.raises(CommandError):
        run_words(*words)
