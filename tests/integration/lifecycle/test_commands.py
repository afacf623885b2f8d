"""The commands of a tenant's life, with good, wrong and missing words."""

import json
import os
import subprocess
import sys
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tenants.models import Purge, Tenant
from tenants.services.listing import show_tenant
from tenants.services.purge import purge_tenant


def run(*words):
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO())
    return out.getvalue()


def told(*words):
    return json.loads(run(*words, "--json"))


def refused(*words):
    with pytest.raises(CommandError) as caught:
        run(*words)
    return str(caught.value), caught.value.returncode


def test_a_life_by_commands(doomed):
    assert "keep its data until" in run("delete_tenant", doomed.slug, "--dry-run")
    assert doomed.status("/account/sign-in/") == 200
    assert f"`manage.py restore_tenant {doomed.slug}` brings it back" in run(
        "delete_tenant", doomed.slug, "--reason", "asked for it"
    )
    assert doomed.status("/account/sign-in/") == 404
    assert "is deleted already" in run("delete_tenant", doomed.slug)
    assert doomed.slug in run("list_tenants", "--state", "deleted")
    assert told("show_tenant", doomed.slug)["purge_after"]
    assert told("restore_tenant", doomed.slug, "--dry-run") == {
        "tenant_id": doomed.id,
        "slug": doomed.slug,
        "state": "active",
        "done": False,
    }
    assert doomed.status("/account/sign-in/") == 404
    assert run("restore_tenant", doomed.slug) == f"{doomed.slug} ({doomed.id}) is active\n"
    assert run("restore_tenant", doomed.id).endswith("is active already\n")
    assert doomed.status("/account/sign-in/") == 200
    told("delete_tenant", doomed.slug)
    doomed.let_grace_pass()
    assert doomed.id in {each["tenant_id"] for each in told("purge_deleted", "--dry-run")}
    assert "would be purged" in run("purge_deleted", "--tenant", doomed.slug, "--dry-run")
    assert doomed.left()
    assert told("purge_deleted", "--tenant", doomed.slug)[0]["error"] == ""
    assert doomed.left() == set()
    assert refused("show_tenant", doomed.slug)[1] == 2


def test_now_takes_the_slug_and_nothing_else(doomed):
    for said in ((), ("--confirm", "life-south"), ("--confirm", doomed.id), ("--confirm", "")):
        text, status = refused("delete_tenant", doomed.slug, "--now", *said)
        assert (status, f"--confirm {doomed.slug}" in text) == (2, True)
        assert show_tenant(doomed.slug).state == "active"
    assert refused("delete_tenant", doomed.slug, "--confirm", doomed.slug)[1] == 2
    plan = run("delete_tenant", doomed.slug, "--now", "--dry-run")
    assert f"drop schema {doomed.id} on alpha" in plan
    assert show_tenant(doomed.slug).state == "active"
    done = told("delete_tenant", doomed.slug, "--now", "--confirm", doomed.slug)
    assert (done["tenant_id"], done["shard"]) == (doomed.id, "alpha")
    assert doomed.left() == set()


def test_now_purges_one_that_is_deleted_already(doomed):
    run("delete_tenant", doomed.slug)
    text, status = refused("purge_deleted", "--tenant", doomed.slug)
    assert (status, "--now" in text) == (1, True)
    run("delete_tenant", doomed.slug, "--now", "--confirm", doomed.slug)
    assert doomed.left() == set()


def test_a_person_types_the_slug(doomed):
    """On a terminal it asks; what is typed there is what counts."""
    import pty

    def with_typed(text):
        main, terminal = pty.openpty()
        try:
            os.write(main, f"{text}\n".encode())
            return subprocess.run(
                [sys.executable, "manage.py", "delete_tenant", doomed.slug, "--now"],
                env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test"},
                stdin=terminal,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        finally:
            os.close(main)
            os.close(terminal)

    wrong = with_typed("yes")
    assert (wrong.returncode, show_tenant(doomed.slug).state) == (2, "active")
    assert "drop schema" in wrong.stderr
    right = with_typed(doomed.slug)
    assert (right.returncode, doomed.left()) == (0, set()), right.stderr


def test_renaming_by_command(life):
    new = life.slug.replace("life", "command")
    plan = told("rename_tenant", life.slug, new, "--name", "New Name", "--dry-run")
    assert (plan["before"], plan["after"], plan["done"]) == (life.slug, new, False)
    assert life.status("/account/sign-in/") == 200
    text = run("rename_tenant", life.slug, new, "--name", "New Name", "--reason", "a brand")
    assert f"{life.host} answers 404, and {life.slug} rests until" in text
    assert "is called so already" in run("rename_tenant", new, new)
    assert life.visitor(f"{new}.localhost").get("/account/sign-in/").status_code == 200


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["delete_tenant", "nobody-at-all"], 2, "No tenant has the slug"),
        (["delete_tenant", ""], 2, "No tenant has the slug"),
        (["restore_tenant", "nobody-at-all"], 2, "No tenant has the slug"),
        (["purge_deleted", "--tenant", "nobody-at-all"], 2, "No tenant has the slug"),
        (["purge_deleted", "--tenant", "life-north"], 1, "is active and cannot become purged"),
        (["rename_tenant", "nobody-at-all", "x"], 2, "No tenant has the slug"),
        (["rename_tenant", "life-north", "Capital"], 2, "capital letters"),
        (["rename_tenant", "life-north", "life-south"], 1, "is taken by tenant"),
        (["rename_tenant", "life-north", "new", "--name", "a@b"], 2, "cannot be the name"),
    ],
)
def test_wrong_words_are_told_with_their_exit_status(neighbours, words, status, says):
    before = [show_tenant(each.slug) for each in neighbours]
    text, returned = refused(*words)
    assert (returned, says in text) == (status, True), text
    assert [show_tenant(each.slug) for each in neighbours] == before


@pytest.mark.parametrize("name", ["delete_tenant", "restore_tenant", "rename_tenant"])
def test_missing_words_are_wrong_usage(name):
    with pytest.raises(CommandError, match="required"):
        call_command(name)


@pytest.mark.parametrize("how", [(), ("--dry-run",)], ids=["for good", "dry"])
@pytest.mark.parametrize("name", ["suspend_tenant", "resume_tenant", "rename_tenant"])
def test_what_a_run_refuses_a_dry_run_refuses_as_well(life, name, how):
    run("delete_tenant", life.slug)
    words = (life.slug, "another-slug") if name == "rename_tenant" else (life.slug,)
    text, status = refused(name, *words, *how)
    assert (status, f"restore_tenant {life.slug}" in text) == (1, True), text
    assert life.row.state == "deleted"


def test_a_dry_run_says_what_is_so_already(life):
    assert run("resume_tenant", life.slug, "--dry-run").endswith(") is active already\n")
    assert run("suspend_tenant", life.slug, "--dry-run").endswith("suspended; it is active\n")
    assert life.row.state == "active"


@pytest.fixture
def nothing_due():
    """Whatever deleted tenants others have left: none is to be purged in this test."""
    for cut_off in Purge.objects.using("control"):
        purge_tenant(cut_off.tenant_id)
    deleted = Tenant.objects.using("control").filter(state="deleted")
    due = dict(deleted.values_list("id", "purge_after"))
    deleted.update(purge_after="2999-01-01T00:00Z")
    yield
    for tenant_id, purge_after in due.items():
        Tenant.objects.using("control").filter(id=tenant_id).update(purge_after=purge_after)


def test_nothing_to_purge_is_said(nothing_due):
    assert run("purge_deleted") == "No deleted tenant is to be purged.\n"
    assert told("purge_deleted", "--dry-run") == []


def test_rename_schema_and_others_point_to_what_does_the_job():
    for name, instead in (("rename_schema", "rename_tenant"),):
        assert f"`manage.py {instead}" in refused(name, "a", "b")[0]
