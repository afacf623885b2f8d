"""The commands of a tenant's life, with good, wrong and missing words."""

import json
import os
import subprocess
import sys
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tenants.services.listing import show_tenant


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


def test_a_life_by_commands(life):
    assert "keep its data until" in run("delete_tenant", life.slug, "--dry-run")
    assert life.status("/account/sign-in/") == 200
    assert f"`manage.py restore_tenant {life.slug}` brings it back" in run(
        "delete_tenant", life.slug, "--reason", "asked for it"
    )
    assert life.status("/account/sign-in/") == 404
    assert "is deleted already" in run("delete_tenant", life.slug)
    assert life.slug in run("list_tenants", "--state", "deleted")
    assert told("show_tenant", life.slug)["purge_after"]
    assert told("restore_tenant", life.slug, "--dry-run") == {
        "tenant_id": life.id,
        "slug": life.slug,
        "state": "active",
        "done": False,
    }
    assert life.status("/account/sign-in/") == 404
    assert run("restore_tenant", life.slug) == f"{life.slug} ({life.id}) is active\n"
    assert run("restore_tenant", life.id).endswith("is active already\n")
    assert life.status("/account/sign-in/") == 200
    told("delete_tenant", life.slug)
    life.let_grace_pass()
    assert life.id in {each["tenant_id"] for each in told("purge_deleted", "--dry-run")}
    assert "would be purged" in run("purge_deleted", "--tenant", life.slug, "--dry-run")
    assert life.left()
    assert told("purge_deleted", "--tenant", life.slug)[0]["error"] == ""
    assert life.left() == set()
    assert refused("show_tenant", life.slug)[1] == 1


def test_now_takes_the_slug_and_nothing_else(life):
    for said in ((), ("--confirm", "life-south"), ("--confirm", life.id), ("--confirm", "")):
        text, status = refused("delete_tenant", life.slug, "--now", *said)
        assert (status, f"--confirm {life.slug}" in text) == (2, True)
        assert show_tenant(life.slug).state == "active"
    assert refused("delete_tenant", life.slug, "--confirm", life.slug)[1] == 2
    plan = run("delete_tenant", life.slug, "--now", "--dry-run")
    assert f"drop schema {life.id} on alpha" in plan
    assert show_tenant(life.slug).state == "active"
    done = told("delete_tenant", life.slug, "--now", "--confirm", life.slug)
    assert (done["tenant_id"], done["shard"]) == (life.id, "alpha")
    assert life.left() == set()


def test_now_purges_one_that_is_deleted_already(life):
    run("delete_tenant", life.slug)
    text, status = refused("purge_deleted", "--tenant", life.slug)
    assert (status, "--now" in text) == (1, True)
    run("delete_tenant", life.slug, "--now", "--confirm", life.slug)
    assert life.left() == set()


def test_a_person_types_the_slug(life):
    """On a terminal it asks; what is typed there is what counts."""
    import pty

    def with_typed(text):
        main, terminal = pty.openpty()
        try:
            os.write(main, f"{text}\n".encode())
            return subprocess.run(
                [sys.executable, "manage.py", "delete_tenant", life.slug, "--now"],
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
    assert (wrong.returncode, show_tenant(life.slug).state) == (2, "active")
    assert "drop schema" in wrong.stderr
    right = with_typed(life.slug)
    assert (right.returncode, life.left()) == (0, set()), right.stderr


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
        (["delete_tenant", "nobody-at-all"], 1, "No tenant has the slug"),
        (["delete_tenant", ""], 1, "No tenant has the slug"),
        (["restore_tenant", "nobody-at-all"], 1, "No tenant has the slug"),
        (["purge_deleted", "--tenant", "nobody-at-all"], 1, "No tenant has the slug"),
        (["purge_deleted", "--tenant", "life-north"], 1, "is active and cannot become purged"),
        (["rename_tenant", "nobody-at-all", "x"], 1, "No tenant has the slug"),
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


def test_nothing_to_purge_is_said(neighbours):
    from tenants.models import Tenant

    Tenant.objects.using("control").filter(state="deleted").update(purge_after="2999-01-01T00:00Z")
    assert run("purge_deleted") == "No deleted tenant is to be purged.\n"
    assert told("purge_deleted", "--dry-run") == []


def test_rename_schema_and_others_point_to_what_does_the_job():
    for name, instead in (("rename_schema", "rename_tenant"),):
        assert f"`manage.py {instead}" in refused(name, "a", "b")[0]
