import contextvars
import csv
import io
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from celery.contrib.testing.worker import start_worker
from django.db import connections, transaction
from django.utils import timezone

from accounts.models import User
from config.celery_app import app
from sharding import scope
from sharding.placements.services.placing import get_placement
from workspace.models import Export, Ticket
from workspace.services.exports import (
    KEPT_FOR,
    STALE_AFTER,
    export_progress,
    purge_exports,
    write_export,
)
from workspace.tasks import export_tickets


@pytest.fixture
def worker(broker):
    """A worker for both shards, in a thread that knows nothing of our scope."""
    with start_worker(
        app, queues=["shard.alpha", "shard.beta"], pool="solo", perform_ping_check=False
    ):
        yield


def rows_of(answer):
    text = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def export(acme):
    with acme.scope():
        admin = User.objects.get(email=acme.email)
        return Export.objects.create(requested_by=admin)


def test_an_export_goes_through_the_queue_of_the_tenants_shard(acme, coral, broker):
    for tenant, queue in ((acme, "shard.alpha"), (coral, "shard.beta")):
        assert tenant.member().post("/exports/").status_code == 302
        message = broker.only_message(queue)
        assert message["headers"]["task"] == "workspace.tasks.export_tickets"
        assert message["headers"]["atoll_tenant"] == tenant.place.tenant_id


def test_the_worker_writes_what_its_own_tenant_has(acme, birch, coral, worker):
    for tenant in (acme, birch, coral):
        with tenant.scope():
            admin = User.objects.get(email=tenant.email)
            Ticket.objects.create(title=f"for {tenant.slug} only", opened_by=admin)
    for tenant in (acme, birch, coral):
        tenant.member().post("/exports/")
    for tenant in (acme, birch, coral):
        titles = {row["title"] for row in rows_of(tenant.download_latest_export())}
        assert f"for {tenant.slug} only" in titles
        assert len([title for title in titles if title.endswith(" only")]) == 1


def test_only_members_of_the_tenant_get_the_file(acme, birch, coral, export):
    with acme.scope():
        write_export(export.pk)
    address = f"/exports/{export.pk}/tickets.csv"
    answer = acme.member().get(address)
    assert answer.status_code == 200
    assert "attachment" in answer["content-disposition"]
    assert "no-store" in answer["cache-control"]
    rows_of(answer)
    assert acme.visitor().get(address).status_code == 302
    assert birch.member().get(address).status_code == 404
    assert coral.member().get(address).status_code == 404


def test_the_file_is_not_to_be_had_past_the_view(acme, export):
    with acme.scope():
        write_export(export.pk)
        export.refresh_from_db()
    member = acme.member()
    for address in (f"/{export.file.name}", f"/media/{export.file.name}"):
        assert member.get(address).status_code == 404


def test_an_export_that_is_not_written_yet_is_not_found(acme, export):
    assert acme.member().get(f"/exports/{export.pk}/tickets.csv").status_code == 404
    assert acme.member().get(f"/exports/{uuid4()}/tickets.csv").status_code == 404


def test_a_task_that_runs_twice_writes_one_file(acme, export):
    with acme.scope():
        rows = write_export(export.pk)
        export.refresh_from_db()
        name = export.file.name
        # As after a crash between writing the file and recording it.
        Export.objects.filter(pk=export.pk).update(file="", row_count=None)
        assert write_export(export.pk) == rows
        assert write_export(export.pk) == rows
        export.refresh_from_db()
        assert export.file.name == name
        assert export.row_count == rows


def test_a_request_that_is_rolled_back_starts_no_task(acme, broker):
    with acme.scope():
        admin = User.objects.get(email=acme.email)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            made = Export.objects.create(requested_by=admin)
            export_tickets.delay_on_commit(str(made.pk))
            raise ZeroDivisionError
        assert not Export.objects.filter(pk=made.pk).exists()
    assert broker.messages("shard.alpha") == []


def test_without_a_broker_people_are_told_and_no_export_waits_for_ever(acme, redis_away):
    member = acme.member()
    with acme.scope():
        before = Export.objects.count()
    began = time.monotonic()
    answer = member.post("/exports/")
    assert time.monotonic() - began < 5
    assert (answer.status_code, answer["retry-after"]) == (503, "5")
    assert b"cannot be started right now" in answer.content
    with acme.scope():
        assert Export.objects.count() == before


def test_a_viewer_may_take_along_what_a_viewer_may_read(acme, broker):
    with acme.scope():
        User.objects.create_user("takes@acme.example", "long enough", role=User.Role.VIEWER)
    viewer = acme.member("takes@acme.example", "long enough")
    assert viewer.post("/exports/").status_code == 302
    with acme.scope():
        export = Export.objects.latest("requested_at")
        write_export(export.pk)
    answer = viewer.get(f"/exports/{export.pk}/tickets.csv")
    assert answer.status_code == 200
    rows_of(answer)
    assert b"Delete" not in viewer.get("/exports/").content
    assert viewer.post(f"/exports/{export.pk}/delete/").status_code == 403


def test_an_export_is_deleted_with_its_file_by_its_own_tenant_only(acme, birch, export):
    with acme.scope():
        write_export(export.pk)
        export.refresh_from_db()
    address = f"/exports/{export.pk}/delete/"
    assert birch.member().post(address).status_code == 404
    assert acme.member().get(address).status_code == 405
    with acme.scope():
        assert export.file.storage.exists(export.file.name)
    assert acme.member().post(address).status_code == 302
    with acme.scope():
        assert not Export.objects.filter(pk=export.pk).exists()
        assert not export.file.storage.exists(export.file.name)


def test_an_export_that_is_being_written_is_not_deleted(acme, export):
    member = acme.member()
    with acme.scope(), transaction.atomic(), ThreadPoolExecutor(1) as pool:
        Export.objects.select_for_update().get(pk=export.pk)
        address = f"/exports/{export.pk}/delete/"
        answer = pool.submit(contextvars.Context().run, member.post, address).result(20)
        pool.submit(connections.close_all).result(20)
    assert answer.status_code == 409
    assert b"It is being worked on" in answer.content


def test_an_export_whose_worker_is_gone_is_sent_again_from_the_page(acme, export, broker):
    member = acme.member()
    with acme.scope():
        Export.objects.exclude(pk=export.pk).delete()
    member.get("/exports/")
    assert broker.messages("shard.alpha") == []
    with acme.scope():
        Export.objects.filter(pk=export.pk).update(requested_at=timezone.now() - STALE_AFTER)
    pages = [member.get("/exports/") for _ in range(3)]
    assert b'hx-trigger="every 2s"' in pages[0].content
    assert broker.only_message("shard.alpha")["arguments"] == [str(export.pk)]


def test_how_far_an_export_is_can_be_seen_while_it_is_written(acme, birch, export):
    # As it is now: another test may have given it new cache keys.
    with scope.enter(get_placement(acme.place.tenant_id).to_scope()):
        admin = User.objects.get(email=acme.email)
        Ticket.objects.create(title="one at least", opened_by=admin)
        write_export(export.pk)
        progress = export_progress(export)
        assert (progress.rows, progress.total) == (0, Ticket.objects.count())
        # As it is before the end.
        Export.objects.filter(pk=export.pk).update(file="", row_count=None)
    assert (
        f"Being written: 0 of {progress.total}".encode() in acme.member().get("/exports/").content
    )
    with birch.scope():
        assert export_progress(export) is None


@pytest.mark.parametrize("title", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_a_cell_that_a_spreadsheet_would_run_is_disarmed(acme, export, title):
    with acme.scope():
        Ticket.objects.create(title=title, opened_by=User.objects.get(email=acme.email))
        write_export(export.pk)
    rows = rows_of(acme.member().get(f"/exports/{export.pk}/tickets.csv"))
    assert f"'{title}" in {row["title"] for row in rows}


def test_old_exports_are_purged_with_their_files_and_fresh_ones_stay(acme, coral, export):
    with acme.scope():
        write_export(export.pk)
        export.refresh_from_db()
        admin = User.objects.get(email=acme.email)
        fresh = Export.objects.create(requested_by=admin)
        Export.objects.filter(pk=export.pk).update(
            requested_at=timezone.now() - KEPT_FOR - timedelta(minutes=1)
        )
    with coral.scope():
        assert purge_exports() == 0
    with acme.scope():
        assert purge_exports() == 1
        assert not export.file.storage.exists(export.file.name)
        assert Export.objects.filter(pk=fresh.pk).exists()
