"""Out and in again, to the same and to another shard: the same rows, sequences and files."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.core.management.base import CommandError
from django.urls import reverse

from accounts.models import User
from front.models import KnownAddress
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from tenants.archives import reading
from tenants.models import Provisioning, RetiredSlug
from tenants.states import TenantState
from tests.integration.archives.conftest import (
    LEFT_BEHIND,
    PASSWORD,
    Made,
    contents,
    counts,
    enrich,
    make,
    run,
    take_back,
)
from workspace.models import Attachment, Ticket

TO_STOCK_IDS = (
    "UPDATE {schema}.django_content_type SET id = id - 999000",
    "UPDATE {schema}.auth_permission SET id = id - 999000",
    "UPDATE {schema}.auth_permission SET content_type_id = content_type_id - 999000",
    "UPDATE {schema}.auth_group_permissions SET permission_id = permission_id - 999000",
)


def told(*words):
    return json.loads(run(*words, "--json"))


def alike(one: Made, other: Made) -> None:
    """Whether two tenants hold the same, but for what stays behind."""
    first, second = contents(one), contents(other)
    for name in LEFT_BEHIND:
        first.pop(name)
        # Its members' addresses are told anew; nothing else came along.
        assert name == "outbox_message" or second[name][1] == []
        second.pop(name)
    assert first.pop("sequences")
    assert second.pop("sequences")
    assert first == second
    assert len(first["files"]) == 2


@dataclass(frozen=True)
class Copied:
    """A copy of arc-rich, which tests look at from one side each.

    Attributes:
        at_first: how much it held of what does not travel, before anybody worked with it.
    """

    tenant: Made
    archive: Path
    at_first: dict[str, int]


@pytest.fixture(scope="module")
def copied(exported) -> Iterator[Copied]:
    run("import_tenant", str(exported), "--slug", "arc-shared")
    tenant = Made("arc-shared")
    yield Copied(tenant, exported, counts(tenant))
    take_back(tenant.slug)
    RetiredSlug.objects.using("control").filter(slug=tenant.slug).delete()


@pytest.mark.parametrize("shard", ["alpha", "beta"])
def test_what_comes_in_is_what_went_out(rich, near, archive, arrivals, shard):
    arrivals.append("arc-copy")
    before = contents(rich), contents(near)
    receipt = told("import_tenant", str(archive), "--slug", "arc-copy", "--shard", shard)
    assert receipt["created"]
    copy = Made("arc-copy")
    assert (copy.place.shard, copy.row.state) == (shard, TenantState.ACTIVE)
    assert copy.id not in (rich.id, near.id)
    alike(rich, copy)
    assert (contents(rich), contents(near)) == before


@pytest.mark.parametrize("shard", ["alpha", "beta"])
def test_a_clone_holds_what_its_original_holds(rich, near, arrivals, shard):
    arrivals.append("arc-clone")
    before = contents(rich), contents(near)
    receipt = told("clone_tenant", "arc-rich", "arc-clone", "--shard", shard)
    copy = Made("arc-clone")
    assert (receipt["rows"] > 100, receipt["files"]) == (True, 2)
    assert copy.place.shard == shard
    alike(rich, copy)
    assert (contents(rich), contents(near)) == before


def test_sequences_go_on_where_they_were(rich, copied):
    with rich.scope():
        assert Ticket.objects.latest("pk").pk == 29
    with copied.tenant.scope():
        ticket = Ticket.objects.create(title="next", opened_by=User.objects.earliest("joined_at"))
        # 30 was given out and deleted; it is not given out again.
        assert ticket.pk == 31
        # What the table reckons by itself is reckoned here too.
        ticket.refresh_from_db()
        assert ticket.search == "'next':1A"


def test_people_can_sign_in(copied):
    for email in ("admin@arc-rich.example", "agent@arc-rich.example"):
        visitor = copied.tenant.visitor()
        page = visitor.post(reverse("accounts:sign_in"), {"username": email, "password": PASSWORD})
        assert page.status_code == 302, page.content
        assert visitor.get("/").status_code == 200


def test_files_are_served_by_the_copy(rich, copied):
    visitor = copied.tenant.visitor()
    with copied.tenant.scope():
        visitor.login(username="admin@arc-rich.example", password=PASSWORD)
        paper = Attachment.objects.get(name="a paper.pdf")
        url = paper.get_absolute_url()
    assert b"".join(visitor.get(url)) == (rich.folder / paper.file.name).read_bytes()


def test_rights_by_content_type_mean_the_same(rich, copied):
    with rich.scope():
        ids = dict(ContentType.objects.values_list("model", "id"))
    with copied.tenant.scope():
        assert dict(ContentType.objects.values_list("model", "id")) == ids
        agent = User.objects.get(email="agent@arc-rich.example")
        assert agent.has_perm("workspace.change_ticket")
        assert not agent.has_perm("workspace.delete_ticket")
        assert Group.objects.get().name == "group of arc-rich"


def test_what_works_for_one_tenant_only_stays_behind(rich, copied):
    here, there = counts(rich), copied.at_first
    assert min(here.values()) > 0
    assert here.pop("types") == there.pop("types")
    assert set(there.values()) == {0}
    manifest = reading.verify(copied.archive).manifest
    assert {one.table: one.rows for one in manifest.left_behind}["accounts_apitoken"] == 1
    # Neither their rows nor their keys lie in the file.
    assert LEFT_BEHIND.isdisjoint(table.name for table in manifest.tables)


def test_members_are_found_by_their_address_once_it_is_told(copied):
    from tenants.outbox.services.drain import drain

    with copied.tenant.scope():
        drain()
    known = KnownAddress.objects.using("control").filter(tenant_id=copied.tenant.id)
    assert known.count() == 2


def test_the_same_import_again_changes_nothing(rich, archive, arrivals):
    arrivals.append("arc-copy")
    words = ("import_tenant", str(archive), "--slug", "arc-copy", "--shard", "beta")
    first = told(*words)
    before = contents(Made("arc-copy"))
    again = told(*words)
    assert (again["created"], again["tenant_id"], again["rows"]) == (False, first["tenant_id"], 0)
    assert "is there already, nothing changed" in run(*words)
    assert contents(Made("arc-copy")) == before


def test_an_archive_of_a_copy_is_the_same_archive(rich, archive, arrivals, tmp_path):
    arrivals.append("arc-copy")
    run("import_tenant", str(archive), "--slug", "arc-copy", "--shard", "beta")
    second = tmp_path / "second.atoll"
    run("export_tenant", "arc-copy", str(second))
    one, other = reading.verify(archive).manifest, reading.verify(second).manifest
    assert [(table.name, table.content_hash) for table in one.tables] == [
        (table.name, table.content_hash) for table in other.tables
    ]
    assert one.structure == other.structure
    assert one.files.bytes == other.files.bytes


def test_hosts_and_name_are_as_asked_for(rich, archive, arrivals):
    arrivals += ["arc-copy"]
    receipt = told(
        "import_tenant", str(archive), "--slug", "arc-copy", "--domain", "Desk.Copy.Example"
    )
    assert receipt["hosts"] == ["arc-copy.localhost", "desk.copy.example"]
    assert receipt["name"] == "arc-rich Ltd"
    journal = Provisioning.objects.using("control").get(tenant_id=receipt["tenant_id"])
    assert journal.asked["contents"] == {"archive": reading.verify(archive).digest}


def test_ids_of_another_installation_become_those_of_this_one(rich, arrivals, tmp_path):
    """As of tenants that are older than global ids: all that refers to the types follows."""
    arrivals += ["arc-old", "arc-copy"]
    old = make("arc-old", "alpha")
    enrich(old)
    place = old.place
    with own_connection(registry.shard(place.shard)) as connection, connection.transaction():
        for statement in TO_STOCK_IDS:
            connection.execute(statement.format(schema=f'"{place.schema}"'))
    file = tmp_path / "old.atoll"
    run("export_tenant", "arc-old", str(file))
    run("import_tenant", str(file), "--slug", "arc-copy", "--shard", "beta")
    with rich.scope():
        ids = dict(ContentType.objects.values_list("model", "id"))
    with old.scope():
        assert set(ContentType.objects.values_list("id", flat=True)).isdisjoint(ids.values())
    with Made("arc-copy").scope():
        assert dict(ContentType.objects.values_list("model", "id")) == ids
        agent = User.objects.get(email="agent@arc-old.example")
        assert agent.has_perm("workspace.change_ticket")
        assert not agent.has_perm("workspace.delete_ticket")


def test_a_tenant_comes_back_under_its_own_slug(archive, rich, arrivals):
    """Its slug rests for its own sake: links and mails that name it mean what comes back."""
    arrivals += ["arc-broken", "arc-back"]
    make("arc-back", "alpha")
    file = archive.with_name("back.atoll")
    run("export_tenant", "arc-back", str(file))
    run("rename_tenant", "arc-back", "arc-broken")
    with pytest.raises(CommandError, match="rests until"):
        run("import_tenant", str(archive), "--slug", "arc-back")
    with pytest.raises(CommandError, match="rests until"):
        run("clone_tenant", "arc-broken", "arc-back")
    run("import_tenant", str(file))
    assert Made("arc-back").visitor().get(reverse("accounts:sign_in")).status_code == 200
    # It was a mistake: the first one takes its slug back.
    run("delete_tenant", "arc-back", "--now", "--confirm", "arc-back")
    with pytest.raises(CommandError, match="rests until"):
        run("clone_tenant", "arc-broken", "arc-back")
    run("rename_tenant", "arc-broken", "arc-back")
    run("rename_tenant", "arc-back", "arc-broken")
    run("import_tenant", str(file))
    # Once more, of the same archive: by now it rests for the sake of the one that came back.
    run("rename_tenant", "arc-back", "arc-back-2")
    arrivals.append("arc-back-2")
    with pytest.raises(CommandError, match="rests until"):
        run("import_tenant", str(file))
    run("import_tenant", str(file), "--take-resting-slug")
    assert Made("arc-back").row.state == TenantState.ACTIVE
