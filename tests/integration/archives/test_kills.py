"""Killed anywhere: nothing half-made is served, and the next run ends as if nothing had been."""

from collections.abc import Iterator

import pytest
from django.conf import settings

from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from tenants.archives import reading
from tenants.models import Tenant
from tests.fixtures.victims import Victims, victims_of
from tests.integration.archives.conftest import Made, contents, run
from tests.integration.archives.test_round_trip import alike

IMPORTS = [
    # As for any tenant that is made: tests/integration/tenants/test_provision.py is quick about it.
    pytest.param("claimed", marks=pytest.mark.slow),
    pytest.param("a file written", marks=pytest.mark.slow),
    pytest.param("files written", marks=pytest.mark.slow),
    pytest.param("made anew", marks=pytest.mark.slow),
    pytest.param("tables made", marks=pytest.mark.slow),
    "in the rows",
    pytest.param("rows in", marks=pytest.mark.slow),
    pytest.param("sequences set", marks=pytest.mark.slow),
    pytest.param("filled", marks=pytest.mark.slow),
    pytest.param("opened to its role", marks=pytest.mark.slow),
    pytest.param("built and journaled", marks=pytest.mark.slow),
    "seeded",
    pytest.param("in the opening", marks=pytest.mark.slow),
]
CLONES = [
    pytest.param("a file copied", marks=pytest.mark.slow),
    pytest.param("tables cloned", marks=pytest.mark.slow),
    "rows in",
    pytest.param("opened to its role", marks=pytest.mark.slow),
]
EXPORTS = [
    pytest.param("reading files", marks=pytest.mark.slow),
    "reading rows",
    pytest.param("summing up", marks=pytest.mark.slow),
    pytest.param("summed up", marks=pytest.mark.slow),
]
SCHEMAS = "SELECT schema FROM atoll.tenant_schema ORDER BY 1"


@pytest.fixture(scope="module")
def victims(world) -> Iterator[Victims]:
    with victims_of("tests.integration.archives.victim") as found:
        yield found


@pytest.fixture
def killed_at(victims, tmp_path):
    """Run a command in another process, and kill that one from outside when it is at some point."""

    def killed_at(point, *words):
        victims.kill_at(point, tmp_path / "point", str(settings.MEDIA_ROOT), *words)

    return killed_at


def schemas():
    found = []
    for name in ("alpha", "beta"):
        with own_connection(registry.shard(name)) as connection:
            found += [(name, schema) for (schema,) in connection.execute(SCHEMAS)]
    return found


def is_served(slug):
    return Made(slug).visitor().get("/account/sign-in/").status_code == 200


@pytest.mark.parametrize("point", IMPORTS)
def test_an_import_that_was_killed_is_finished_by_the_next(
    rich, archive, arrivals, killed_at, point
):
    arrivals.append("arc-cut")
    before = contents(rich)
    words = ("import_tenant", str(archive), "--slug", "arc-cut", "--shard", "beta")
    killed_at(point, *words)
    assert not is_served("arc-cut")
    run(*words)
    assert is_served("arc-cut")
    alike(rich, Made("arc-cut"))
    assert contents(rich) == before


@pytest.mark.parametrize("point", CLONES)
def test_a_clone_that_was_killed_is_finished_by_the_next(rich, arrivals, killed_at, point):
    arrivals.append("arc-cut")
    words = ("clone_tenant", rich.slug, "arc-cut", "--shard", "beta")
    killed_at(point, *words)
    assert not is_served("arc-cut")
    run(*words)
    assert is_served("arc-cut")
    alike(rich, Made("arc-cut"))


@pytest.mark.parametrize(
    "point",
    [*(pytest.param(p, marks=pytest.mark.slow) for p in ("claimed", "seeded")), "in the rows"],
)
def test_an_import_that_was_killed_can_be_taken_back(rich, archive, arrivals, killed_at, point):
    arrivals.append("arc-cut")
    before = schemas()
    killed_at(point, "import_tenant", str(archive), "--slug", "arc-cut", "--shard", "beta")
    folder = Made("arc-cut").folder
    assert folder.exists() is (point != "claimed")
    half_made = schemas()
    assert "would be dropped" in run("create_tenant", "arc-cut", "--undo", "--dry-run")
    assert (schemas(), folder.exists()) == (half_made, point != "claimed")
    run("create_tenant", "arc-cut", "--undo")
    assert schemas() == before
    assert not folder.exists()
    assert not Tenant.objects.using("control").filter(slug="arc-cut").exists()


@pytest.mark.parametrize("point", EXPORTS)
def test_an_export_that_was_killed_leaves_no_archive(rich, tmp_path, killed_at, point):
    file = tmp_path / "cut.atoll"
    killed_at(point, "export_tenant", rich.slug, str(file))
    assert not file.exists()
    run("export_tenant", rich.slug, str(file))
    assert reading.verify(file).manifest.total_rows > 100
    assert sorted(path.name for path in tmp_path.glob("*.atoll*")) == ["cut.atoll"]


def test_an_opened_import_is_finished(rich, archive, arrivals, killed_at):
    arrivals.append("arc-cut")
    words = ("import_tenant", str(archive), "--slug", "arc-cut", "--shard", "beta")
    killed_at("opened", *words)
    assert is_served("arc-cut")
    assert "is there already" in run(*words)
    alike(rich, Made("arc-cut"))
