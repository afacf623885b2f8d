"""While its people work: an archive is one moment, and large tables take little memory."""

import json
import os
import subprocess
import sys
import threading
import time

import pytest
from django.conf import settings
from django.db import connections, transaction

from accounts.models import User
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from tenants.archives import reading
from tenants.archives.services.source import LONG
from tests.integration.archives.conftest import Made, contents, make, run
from workspace.models import Comment, Ticket

MANY = """
    INSERT INTO {schema}.workspace_receipt (id, digest, made, made_at)
    SELECT md5(n::text) || n, repeat('x', 64), n, now() FROM generate_series(1, {rows}) n
"""

# VmHWM and not getrusage: that one begins with what the parent took, here a large process of tests.
MEASURED = """
import re, sys
import django
from django.core.management import call_command
from django.test.utils import override_settings

def most():
    status = open("/proc/self/status").read()
    return int(re.search("VmHWM:\\s+(\\d+) kB", status)[1]) // 1024

django.setup()
with override_settings(MEDIA_ROOT=sys.argv[1]):
    call_command("list_tenants", stdout=sys.stderr)
    before = most()
    call_command(*sys.argv[2:], stdout=sys.stderr)
print(most() - before)
"""


class Writers:
    """Each transaction adds a ticket and a comment on it; so they are always equally many."""

    def __init__(self, tenant: Made) -> None:
        self.tenant = tenant
        self.over = threading.Event()
        self.written = 0
        self.threads = [threading.Thread(target=self._write) for _ in range(2)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        while self.written < 5:
            time.sleep(0.01)
        return self

    def __exit__(self, *error):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def _write(self):
        try:
            with self.tenant.scope():
                author = User.objects.earliest("joined_at")
                while not self.over.is_set():
                    with transaction.atomic():
                        ticket = Ticket.objects.create(title="written", opened_by=author)
                        Comment.objects.create(ticket=ticket, author=author, text="written")
                    self.written += 1
        finally:
            connections.close_all()


def rows_in(verified, table):
    with reading.rows_of(verified) as found:
        return {facts.name: b"".join(blocks) for facts, blocks in found}[table].splitlines()


@pytest.fixture
def busy(world, arrivals):
    """A tenant with a table of its own size, so that copying lasts a while."""
    arrivals.append("arc-busy")
    tenant = make("arc-busy", "alpha")
    fill(tenant, 20_000)
    return tenant


def fill(tenant: Made, rows: int) -> None:
    place = tenant.place
    with own_connection(registry.shard(place.shard), LONG) as connection:
        connection.execute(MANY.format(schema=f'"{place.schema}"', rows=rows))


def test_an_archive_is_one_moment_whoever_writes(busy, arrivals, tmp_path):
    file = tmp_path / "busy.atoll"
    with Writers(busy) as writers:
        before = writers.written
        run("export_tenant", busy.slug, str(file))
        assert writers.written > before + 5
    verified = reading.verify(file)
    tickets = rows_in(verified, "workspace_ticket")
    assert len(tickets) >= before
    assert len(tickets) == len(rows_in(verified, "workspace_comment"))
    # A sequence is never behind the rows of the archive, so the next row finds its number free.
    arrivals.append("arc-copy")
    run("import_tenant", str(file), "--slug", "arc-copy", "--shard", "beta")
    with Made("arc-copy").scope():
        ticket = Ticket.objects.create(title="n", opened_by=User.objects.earliest("joined_at"))
        assert ticket.pk > len(tickets)


def test_a_clone_is_one_moment_whoever_writes(busy, arrivals):
    arrivals.append("arc-copy")
    with Writers(busy) as writers:
        before = writers.written
        run("clone_tenant", busy.slug, "arc-copy", "--shard", "beta")
        assert writers.written > before + 5
    with Made("arc-copy").scope():
        assert Ticket.objects.count() == Comment.objects.count() >= before


def test_a_file_that_is_deleted_meanwhile_is_no_silent_hole(rich, tmp_path, monkeypatch):
    """The archive would lack a file that its rows refer to: the export says so, and is repeated."""
    from tenants.archives.services import exporting

    victim = next(path for path in rich.folder.rglob("*") if path.is_file())
    kept = victim.read_bytes()
    real = exporting.walk

    def walk(folder, slug):
        victim.unlink()
        return real(folder, slug)

    monkeypatch.setattr(exporting, "walk", walk)
    file = tmp_path / "hole.atoll"
    try:
        with pytest.raises(Exception, match="were deleted or changed while they were being copied"):
            run("export_tenant", rich.slug, str(file))
    finally:
        victim.write_bytes(kept)
    assert not file.exists()


def measured(*words):
    """How many megabytes a command took at most, beyond what Django itself takes."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(settings.MEDIA_ROOT), *words],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_million_rows_take_little_memory(world, arrivals, tmp_path):
    arrivals += ["arc-large", "arc-copy", "arc-clone"]
    large = make("arc-large", "alpha")
    fill(large, 1_000_000)
    file = tmp_path / "large.atoll"
    took = {
        "export": measured("export_tenant", "arc-large", str(file)),
        "import": measured("import_tenant", str(file), "--slug", "arc-copy", "--shard", "beta"),
        "clone": measured("clone_tenant", "arc-large", "arc-clone", "--shard", "beta"),
    }
    print(json.dumps(took))
    manifest = reading.verify(file).manifest
    assert manifest.total_rows > 1_000_000
    assert sum(table.bytes for table in manifest.tables) > 100_000_000
    assert max(took.values()) < 60, took
    alike_rows(large, Made("arc-copy"), Made("arc-clone"))


def alike_rows(*tenants):
    hashes = {contents(each)["workspace_receipt"][0] for each in tenants}
    assert len(hashes) == 1
