"""What cannot be restored exactly is refused with what to do, and nothing is left of it."""

import gzip
import hashlib
import json
import os
from pathlib import Path

import pytest
from django.core.management.base import CommandError
from django.test.utils import override_settings

from sharding.placements.models import Placement
from sharding.placements.services.leases import lease
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from tenants.archives import layout
from tenants.models import Domain, Provisioning, Tenant
from tests.integration.archives.conftest import Made, contents, make, run
from tests.integration.archives.test_kills import schemas
from tests.unit.archives.conftest import Members, packed


def everything():
    """What there is of tenants, in control, on the shards and on disk."""
    found = {
        model.__name__: sorted(model.objects.using("control").values_list("pk", flat=True))
        for model in (Tenant, Domain, Placement, Provisioning)
    }
    found["schemas"] = schemas()
    return found


@pytest.fixture(scope="module")
def contents_before(world):
    """What both tenants hold before the first of these tests, and hold after each."""
    return contents(world[0]), contents(world[1])


@pytest.fixture
def unchanged(world, contents_before):
    """Asks at the end of a test whether anything is other than it was."""
    before = everything()
    yield
    assert everything() == before
    assert (contents(world[0]), contents(world[1])) == contents_before


def refused(*words, code=1):
    with pytest.raises(CommandError) as caught:
        run(*words)
    assert caught.value.returncode == code, caught.value
    return str(caught.value)


def execute(tenant, *statements):
    place = tenant.place
    with own_connection(registry.shard(place.shard)) as connection:
        for statement in statements:
            connection.execute(statement.format(schema=f'"{place.schema}"'))


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("export_tenant", "nobody", "x.atoll"), 2, "No tenant has the slug"),
        (("export_tenant", "arc-rich", "/nowhere/x.atoll"), 2, "No such file or directory"),
        (("import_tenant", "/nowhere/x.atoll"), 2, "No such file or directory"),
        (("import_tenant", "/dev/null"), 2, "it is no tar"),
        (("clone_tenant", "nobody", "arc-new"), 2, "No tenant has the slug"),
        (("clone_tenant", "arc-rich", "arc-rich"), 1, "is taken"),
        (("clone_tenant", "arc-rich", "arc-near"), 1, "is taken"),
        (("clone_tenant", "arc-rich", "Not A Slug"), 2, "cannot be a slug"),
        (("clone_tenant", "arc-rich", "arc-new", "--shard", "gamma"), 2, "There is no shard"),
        (
            ("clone_tenant", "arc-rich", "arc-new", "--domain", "arc-near.localhost"),
            2,
            "come with slugs",
        ),
        (("clone_tenant", "arc-rich", "arc-new", "--name", "x" * 200), 2, "longer than"),
    ],
)
def test_wrong_words_are_told_and_change_nothing(unchanged, words, code, says):
    assert says in refused(*words, code=code)


@pytest.mark.parametrize(
    "words",
    [
        ("export_tenant",),
        ("export_tenant", "arc-rich"),
        ("import_tenant",),
        ("clone_tenant",),
        ("clone_tenant", "arc-rich"),
        ("export_tenant", "arc-rich", "a", "b"),
    ],
)
def test_missing_words_are_told(words):
    with pytest.raises(CommandError, match=r"required|unrecognized"):
        run(*words)


def test_an_archive_is_not_written_over_a_file(unchanged, rich, tmp_path):
    file = tmp_path / "precious"
    file.write_text("precious")
    assert "there already" in refused("export_tenant", rich.slug, str(file), code=2)
    assert file.read_text() == "precious"


def test_dry_runs_change_nothing(unchanged, rich, archive, tmp_path):
    file = tmp_path / "dry.atoll"
    told = run("export_tenant", rich.slug, str(file), "--dry-run")
    assert "2 files" in told
    assert "left behind: django_session" in told
    assert not file.exists()
    plan = json.loads(run("export_tenant", rich.slug, str(file), "--dry-run", "--json"))
    assert (plan["slug"], plan["files"]) == ("arc-rich", 2)
    told = run("import_tenant", str(archive), "--slug", "arc-new", "--dry-run")
    assert "arc-new on" in told
    assert "build and migrate the schema" in told
    plan = json.loads(run("clone_tenant", rich.slug, "arc-new", "--dry-run", "--json"))
    assert (plan["upgrades"], plan["hosts"]) == ([], ["arc-new.localhost"])


def test_the_slug_of_the_archive_is_taken_while_its_tenant_is_there(unchanged, archive):
    assert "The slug 'arc-rich' is taken" in refused("import_tenant", str(archive))


def test_another_archive_than_the_named_one_is_refused(unchanged, archive):
    words = ("import_tenant", str(archive), "--slug", "arc-new", "--digest", "0" * 64)
    assert "not the one that was named" in refused(*words)


@pytest.mark.parametrize("keep", [0.2, 1.0])
def test_an_archive_that_is_cut_off_is_refused(unchanged, archive, keep):
    # A tar ends with zeros, of which some may be missing.
    end = len(archive.read_bytes().rstrip(b"\0"))
    os.truncate(archive, int((end - 1) * keep))
    assert "end is missing" in refused("import_tenant", str(archive), "--slug", "arc-new")


def test_rows_that_were_changed_are_refused(unchanged, archive):
    members = Members(archive)
    name = next(member.name for member, _ in members.found if layout.chunk_of(member.name))
    members.put(name, packed(b"1\tforged\n"))
    told = refused("import_tenant", str(members.write()), "--slug", "arc-new")
    assert "are not what was written" in told
    assert "Take another copy of the file" in told


@pytest.mark.parametrize("name", ["files/../../../outside", "../outside", "files//outside"])
def test_a_file_that_leads_outside_is_refused(unchanged, rich, archive, name):
    members = Members(archive)
    members.put(name, b"owned", before="structure.json")
    refused("import_tenant", str(members.write()), "--slug", "arc-new")
    root = rich.folder.parent.parent
    assert not list(root.rglob("outside"))
    assert not (root.parent / "outside").exists()


def test_a_migration_that_this_code_lacks_is_refused(unchanged, archive):
    members = Members(archive)
    manifest = json.loads(members["manifest.json"])
    manifest["structure"]["migrations"].append("workspace.0099_from_the_future")
    manifest["structure"]["digest"] = "of the future"
    members.put("manifest.json", json.dumps(manifest).encode())
    told = refused("import_tenant", str(members.write()), "--slug", "arc-new")
    assert "does not have the migration workspace.0099_from_the_future" in told
    assert "with the release that wrote it, or a later one" in told


def test_a_structure_that_migrations_do_not_make_is_refused(unchanged, rich, tmp_path):
    file = tmp_path / "drifted.atoll"
    execute(rich, "ALTER TABLE {schema}.workspace_ticket ADD COLUMN by_hand integer")
    try:
        run("export_tenant", rich.slug, str(file))
        told = refused("import_tenant", str(file), "--slug", "arc-new", "--shard", "beta")
        assert "table workspace_ticket has the columns" in told
        assert "by_hand integer" in told
        told = refused("clone_tenant", rich.slug, "arc-new")
        assert "by_hand integer" in told
    finally:
        execute(rich, "ALTER TABLE {schema}.workspace_ticket DROP COLUMN by_hand")


def test_an_index_that_migrations_do_not_make_is_refused(unchanged, rich):
    execute(rich, "CREATE INDEX by_hand ON {schema}.workspace_ticket (title)")
    try:
        told = refused("clone_tenant", rich.slug, "arc-new", "--shard", "beta")
        assert "by_hand" in told
        assert "check_drift" in told
    finally:
        execute(rich, "DROP INDEX {schema}.by_hand")


def test_rows_that_refer_to_what_is_not_here_are_refused(unchanged, archive):
    members = Members(archive)
    manifest = json.loads(members["manifest.json"])
    names = [table["name"] for table in manifest["tables"]]
    number = names.index("workspace_workspacesettings") + 1
    chunk = layout.Chunk(number, 1).member
    rows = gzip.decompress(members[chunk])
    assert rows.count(b"DE") == 1
    rows = rows.replace(b"DE", b"XX")
    table = manifest["tables"][number - 1]
    table["sha256"], table["bytes"] = hashlib.sha256(rows).hexdigest(), len(rows)
    members.put(chunk, packed(rows))
    members.put("manifest.json", json.dumps(manifest).encode())
    told = refused("import_tenant", str(members.write()), "--slug", "arc-new", "--shard", "beta")
    assert "ref_country" in told
    assert "publish_reference" in told


def test_rows_with_another_content_than_their_hash_are_refused(unchanged, archive):
    """Somebody changed rows and all checksums of bytes, and forgot the hash of the content."""
    members = Members(archive)
    manifest = json.loads(members["manifest.json"])
    table = manifest["tables"][-1]
    table["content_hash"] = "text:1:1"
    members.put("manifest.json", json.dumps(manifest).encode())
    told = refused("import_tenant", str(members.write()), "--slug", "arc-new", "--shard", "beta")
    assert f"the rows of {table['name']} are others" in told


def test_links_in_the_folder_are_refused(unchanged, rich, tmp_path):
    link = rich.folder / "attachments" / "link"
    link.symlink_to("/etc/passwd")
    try:
        told = refused("export_tenant", rich.slug, str(tmp_path / "x.atoll"))
        assert "'attachments/link' cannot be read: it is a link" in told
        assert not list(tmp_path.glob("x.atoll*"))
        refused("clone_tenant", rich.slug, "arc-new")
    finally:
        link.unlink()


def test_a_row_whose_file_is_gone_is_told_and_the_rest_travels(rich, arrivals, tmp_path):
    from workspace.models import Attachment

    arrivals.append("arc-new")
    with rich.scope():
        name = Attachment.objects.get(name="notes.txt").file.name
    path: Path = rich.folder / name
    kept = path.read_bytes()
    path.unlink()
    try:
        file = tmp_path / "gone.atoll"
        assert f"was missing before: the file {name}" in run("export_tenant", rich.slug, str(file))
        run("import_tenant", str(file), "--slug", "arc-new")
        assert len(contents(Made("arc-new"))["files"]) == 1
    finally:
        path.write_bytes(kept)


def test_somebody_who_changes_the_tenant_is_waited_for(unchanged, rich, tmp_path):
    with lease(rich.id, "a test"):
        told = refused("export_tenant", rich.slug, str(tmp_path / "x.atoll"))
        assert "holds the lease" in told
        assert "holds the lease" in refused("clone_tenant", rich.slug, "arc-new")
    assert not list(tmp_path.glob("x.atoll*"))


def test_a_table_that_is_left_behind_may_not_be_needed(unchanged, rich, tmp_path):
    with override_settings(ATOLL_LEFT_BEHIND=["accounts.User"]):
        told = refused("export_tenant", rich.slug, str(tmp_path / "x.atoll"))
    assert "rows of workspace_ticket refer to rows of accounts_user, which stay behind" in told
    with override_settings(ATOLL_LEFT_BEHIND=["accounts.Nobody"]):
        told = refused("export_tenant", rich.slug, str(tmp_path / "x.atoll"))
    assert "names 'accounts.Nobody', which no installed app has" in told


def test_a_half_made_tenant_is_not_archived(rich, arrivals, tmp_path):
    arrivals.append("arc-half")
    make("arc-half", "alpha")
    Tenant.objects.using("control").filter(slug="arc-half").update(state="provisioning")
    told = refused("export_tenant", "arc-half", str(tmp_path / "x.atoll"))
    assert "is provisioning and cannot become copied" in told
