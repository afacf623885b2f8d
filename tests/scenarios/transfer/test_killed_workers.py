"""A worker is killed in the middle of its work; another one goes on: no row twice, none lost."""

import csv
import io
import os
import signal
import subprocess
import sys
import time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import User
from tests.integration.product.conftest import Broker, broker, make
from workspace.models import Export, Import, Ticket
from workspace.services.exports import export_progress
from workspace.services.imports import ROWS_AT_ONCE
from workspace.services.imports_stalled import STALE_AFTER
from workspace.tasks import revive_transfers_at_work

__all__ = ["Broker", "broker"]

ROWS = 12_000
FEWER_ROWS = 6_000
BAD = 5_000


@pytest.fixture(scope="module")
def isle(stack_ready):
    return make("skerry", "Isle of Lists", "alpha")


@pytest.fixture(scope="module")
def islet(stack_ready):
    return make("skerry-2", "Isle of Short Lists", "alpha")


@pytest.fixture(scope="module")
def knoll(stack_ready):
    return make("knoll", "Knoll & Hill", "alpha")


@pytest.fixture
def start_worker(tmp_path, settings, broker):
    """Starts workers of the shard's queue, as `make demo` does, in a process group of their own."""
    settings.MEDIA_ROOT = tmp_path / "files"
    started = []

    def start():
        log = tmp_path / f"log-{len(started)}"
        command = [sys.executable, "-m", "celery", "-A", "config.celery_app", "worker"]
        command += ["--loglevel", "INFO", "-Q", "shard.alpha", "-c", "1"]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "ATOLL_FILES_ROOT": str(settings.MEDIA_ROOT),
        }
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, stdout=out, stderr=out, env=environment, start_new_session=True
            )
        started.append(process)
        wait_for(lambda: b"ready." in log.read_bytes(), log=log)
        return process

    yield start
    for process in started:
        kill(process)


def kill(process):
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for(truth, *, log=None, seconds=45):
    deadline = time.monotonic() + seconds
    while not (found := truth()):
        assert time.monotonic() < deadline, log.read_text() if log else "it did not happen"
        time.sleep(0.02)
    return found


def bring(tenant, rows):
    lines = [f"row {number:05}" if number != BAD else "" for number in range(rows)]
    content = "title,body\n" + "".join(f"{line},x\n" for line in lines)
    file = SimpleUploadedFile("rows.csv", content.encode())
    return tenant.member().post("/imports/", {"file": file})["location"]


def job_of(tenant):
    with tenant.scope():
        return Import.objects.get()


def rows_of(tenant):
    with tenant.scope():
        return list(Ticket.objects.order_by("pk").values_list("title", flat=True))


def begin_and_kill_the_worker(tenant, start_worker, rows):
    """The import's page, and how far it has come: killed somewhere in a chunk, wherever that is."""
    first = start_worker()
    page = bring(tenant, rows)
    wait_for(lambda: job_of(tenant).done_rows >= 1_000)
    kill(first)
    left = job_of(tenant)
    assert (left.state, left.done_rows % ROWS_AT_ONCE) == ("running", 0)
    assert left.done_rows < rows // 2
    assert len(rows_of(tenant)) == left.done_rows
    return page, left


def look_until_it_goes_on(tenant, page, left):
    """Somebody looks at the page, as htmx does each second."""
    member, killed_at = tenant.member(), time.monotonic()
    while job_of(tenant).done_rows == left.done_rows:
        assert b'hx-trigger="every 1s"' in member.get(page).content
        assert time.monotonic() - killed_at < STALE_AFTER.total_seconds() + 10
        time.sleep(0.5)
    return member


def each_row_is_there_once(tenant, rows):
    job = job_of(tenant)
    assert (job.done_rows, job.failed_rows) == (rows, 1)
    assert job.errors == [{"row": BAD + 2, "why": "title: it is empty."}]
    assert rows_of(tenant) == [f"row {number:05}" for number in range(rows) if number != BAD]


@pytest.mark.timeout(180)
def test_an_import_whose_worker_is_killed_goes_on_within_seconds_and_takes_each_row_once(
    islet, start_worker
):
    page, left = begin_and_kill_the_worker(islet, start_worker, FEWER_ROWS)
    start_worker()
    member = look_until_it_goes_on(islet, page, left)
    wait_for(lambda: job_of(islet).state == "done")
    each_row_is_there_once(islet, FEWER_ROWS)
    assert b"5999 tickets imported, 1 row refused" in member.get(page).content


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_killed_twice_it_goes_on_and_nobody_need_look_nor_does_a_neighbour_wait(
    isle, knoll, start_worker
):
    page, left = begin_and_kill_the_worker(isle, start_worker, ROWS)
    second = start_worker()
    others = bring(knoll, 300)
    member = look_until_it_goes_on(isle, page, left)
    wait_for(lambda: job_of(knoll).state == "done")

    # Once more, and this time nobody looks but beat, which does this every few seconds.
    kill(second)
    left = job_of(isle)
    assert left.state == "running", "too few rows to be killed twice"
    start_worker()
    while job_of(isle).done_rows == left.done_rows:
        revive_transfers_at_work()
        time.sleep(2)
    wait_for(lambda: job_of(isle).state == "done")

    each_row_is_there_once(isle, ROWS)
    assert len(rows_of(knoll)) == 300
    assert b"11999 tickets imported, 1 row refused" in member.get(page).content
    assert member.get(others).status_code == 404


TICKETS = 30_000


@pytest.fixture(scope="module")
def heath(stack_ready):
    """A tenant whose export takes a while."""
    tenant = make("heath", "Heath & Heather", "alpha")
    with tenant.scope():
        admin = User.objects.get(email=tenant.email)
        for first in range(0, TICKETS, 1_000):
            Ticket.objects.bulk_create(
                Ticket(title=f"row {number:05}", body="words " * 50, opened_by=admin)
                for number in range(first, first + 1_000)
            )
    return tenant


def progress_of(tenant, export):
    with tenant.scope():
        return export_progress(export)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_an_export_whose_worker_is_killed_is_written_anew_and_whole(heath, start_worker, settings):
    first = start_worker()
    member = heath.member()
    assert member.post("/exports/").status_code == 302
    with heath.scope():
        export = Export.objects.get()
    path = f"/exports/{export.pk}/tickets.csv"
    wait_for(lambda: (found := progress_of(heath, export)) and found.rows > 0)
    kill(first)
    with heath.scope():
        export.refresh_from_db()
    assert not export.file, "too few tickets to be killed at"
    assert member.get(path).status_code == 404

    # Nobody looks at the page but beat at what is under way, as it does every few seconds.
    start_worker()
    killed_at = time.monotonic()
    while not export.file:
        revive_transfers_at_work()
        assert time.monotonic() - killed_at < 60
        time.sleep(1)
        with heath.scope():
            export.refresh_from_db()
    text = b"".join(member.get(path).streaming_content).decode()
    titles = [row["title"] for row in csv.DictReader(io.StringIO(text))]
    assert titles == [f"row {number:05}" for number in range(TICKETS)]
    assert len(list(settings.MEDIA_ROOT.rglob("*.csv"))) == 1
