"""Imports through pages and services. The workers are called by hand, a turn at a time."""

import os
from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from sharding.scope.errors import WrongTenant
from workspace import tasks
from workspace.models import Import, Ticket
from workspace.services import imports
from workspace.services.attachments import sweep_files
from workspace.services.imports import KEPT_FOR, ROWS_AT_ONCE, Outcome, purge_imports, work_on
from workspace.services.imports_stalled import STALE_AFTER, claim_stalled
from workspace.services.request_import import revive_import

A_MOMENT = timedelta(0)


def titles_of(tenant):
    with tenant.scope():
        return sorted(
            Ticket.objects.filter(title__startswith="imp ").values_list("title", flat=True)
        )


@pytest.fixture(autouse=True)
def _no_tickets(tern, ember):
    yield
    for tenant in (tern, ember):
        with tenant.scope():
            Import.objects.all().delete()
            Ticket.objects.all().delete()


@pytest.fixture
def viewer(tern):
    with tern.scope():
        User.objects.get_or_create(
            email="looks@tern.example", defaults={"role": User.Role.VIEWER, "name": "Looks"}
        )
        user = User.objects.get(email="looks@tern.example")
        user.set_password("only looks here")
        user.save()
    return tern.member("looks@tern.example", "only looks here")


def test_a_file_becomes_tickets_of_its_own_tenant(tern, ember, bring, worker, broker):
    for tenant in (tern, ember):
        answer = bring(tenant.member(), f"Title;Priority\nimp for {tenant.slug};HIGH\n")
        assert answer.status_code == 302
        assert tenant.member().get(answer["location"]).status_code == 200
    for queue in ("shard.alpha", "shard.beta"):
        broker.wait_until_empty(queue)
    for tenant in (tern, ember):
        assert titles_of(tenant) == [f"imp for {tenant.slug}"]
        with tenant.scope():
            ticket = Ticket.objects.get(title__startswith="imp ")
            assert (ticket.priority, ticket.opened_by.email) == ("high", tenant.email)
            job = Import.objects.get()
            assert (job.state, job.done_rows, job.failed_rows) == ("done", 1, 0)
            assert b"Done: 1 ticket imported" in tenant.member().get(f"/imports/{job.pk}/").content


def test_another_tenant_does_not_see_the_import(tern, ember, job_of):
    job = job_of(tern, "title\nimp x\n", 1)
    assert tern.member().get(f"/imports/{job.pk}/").status_code == 200
    stranger = ember.member()
    assert stranger.get(f"/imports/{job.pk}/").status_code == 404
    assert stranger.post(f"/imports/{job.pk}/stop/").status_code == 404
    assert stranger.post(f"/imports/{job.pk}/delete/").status_code == 404
    with tern.scope():
        job.refresh_from_db()
        assert job.state == Import.State.WAITING
        assert job.file.storage.exists(job.file.name)
    with ember.scope():
        assert not job.file.storage.exists(job.file.name)
        with pytest.raises(WrongTenant):
            job.save()


def test_a_viewer_may_look_but_not_import(tern, viewer, bring, job_of):
    job = job_of(tern, "title\nimp x\n", 1)
    page = viewer.get("/imports/")
    assert page.status_code == 200
    assert b'type="file"' not in page.content
    assert b"Stop" not in viewer.get(f"/imports/{job.pk}/").content
    assert bring(viewer, "title\nimp y\n").status_code == 403
    assert viewer.post(f"/imports/{job.pk}/stop/").status_code == 403
    assert viewer.post(f"/imports/{job.pk}/delete/").status_code == 403
    with tern.scope():
        assert Import.objects.get().state == Import.State.WAITING


def test_a_stranger_sees_nothing(tern, job_of):
    job = job_of(tern, "title\nimp x\n", 1)
    for address in ("/imports/", f"/imports/{job.pk}/"):
        assert tern.visitor().get(address).status_code == 302


def test_a_file_that_will_not_do_is_refused_and_not_kept(tern, bring, tmp_path):
    answer = bring(tern.member(), "name\nOne\n")
    assert answer.status_code == 422
    assert "No column is called “title”" in answer.content.decode()
    assert bring(tern.member(), "").status_code == 422
    assert tern.member().post("/imports/", {}).status_code == 422
    with tern.scope():
        assert not Import.objects.exists()
    assert not list((tmp_path / "files").rglob("*.csv"))


def test_a_file_that_is_too_large_is_refused(tern, bring, monkeypatch):
    monkeypatch.setattr("workspace.services.request_import.MOST_BYTES", 20)
    answer = bring(tern.member(), "title\n" + "imp x\n" * 4)
    assert (answer.status_code, b"larger than" in answer.content) == (422, True)
    with tern.scope():
        assert not Import.objects.exists()


def test_without_a_broker_people_are_told_and_nothing_is_kept(tern, bring, redis_away, tmp_path):
    answer = bring(tern.member(), "title\nimp x\n")
    assert (answer.status_code, answer["retry-after"]) == (503, "5")
    assert b"cannot be started right now" in answer.content
    with tern.scope():
        assert not Import.objects.exists()
    assert not list((tmp_path / "files").rglob("*.csv"))
    assert titles_of(tern) == []


def test_bad_rows_are_told_with_number_and_reason_and_the_rest_is_taken(tern, job_of):
    content = (
        "title,body,status,priority,assignee,opened_at,closed_at\n"
        "imp good,text,closed,urgent,ADMIN@tern.example,2026-01-02T03:04:05+01:00,2026-02-03\n"
        ",no title,,,,,\n"
        f"{'x' * 201},,,,,,\n"
        f"imp long,{'x' * 20_001},,,,,\n"
        "imp status,,done,,,,\n"
        "imp priority,,,asap,,,\n"
        "imp nobody,,,,nobody@tern.example,,\n"
        "imp date,,,,,yesterday,\n"
        "imp later,,,,,2199-01-01,\n"
        "imp order,,closed,,,2026-02-02,2026-01-01\n"
        "imp nul\0,,,,,,\n"
        "imp wide,,,,,,,surplus\n"
        "imp far,,,,,0001-01-01T00:00+14:00,\n"
        "imp plain,,Pending,,,,\n"
    )
    job = job_of(tern, content, 14)
    with tern.scope():
        assert work_on(job.pk, turn=A_MOMENT) is Outcome.ENDED
        job.refresh_from_db()
        assert (job.state, job.done_rows, job.failed_rows) == ("done", 14, 12)
        assert [error["row"] for error in job.errors] == list(range(3, 15))
        fields = [error["why"].partition(":")[0] for error in job.errors]
        assert fields == [
            *("title", "title", "body", "status", "priority", "assignee"),
            *("opened_at", "opened_at", "closed_at", "title"),
            *("It has more cells than the header.", "opened_at"),
        ]
        good = Ticket.objects.get(title="imp good")
        assert (good.status, good.priority, good.assignee.email) == (
            "closed",
            "urgent",
            tern.email,
        )
        assert good.opened_at == datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)
        assert good.closed_at == datetime(2026, 2, 3, tzinfo=UTC)
        assert good.closed_by.email == tern.email
    assert titles_of(tern) == ["imp good", "imp plain"]
    page = tern.member().get(f"/imports/{job.pk}/").content.decode()
    assert "nobody here has the address “nobody@tern.example”" in page


def test_of_many_bad_rows_the_first_fifty_are_told(tern, job_of):
    job = job_of(tern, "title,status\n" + "imp x,wrong\n" * 60, 60)
    with tern.scope():
        work_on(job.pk, turn=A_MOMENT)
        job.refresh_from_db()
        assert (job.failed_rows, len(job.errors)) == (60, 50)
    assert b"the first 50 of 60" in tern.member().get(f"/imports/{job.pk}/").content


@pytest.fixture
def long_job(tern, job_of):
    count = 2 * ROWS_AT_ONCE + 7
    return job_of(tern, "title\n" + "".join(f"imp {n:05}\n" for n in range(count)), count)


def test_an_import_goes_on_where_the_last_chunk_ended(tern, long_job):
    with tern.scope():
        outcomes = [work_on(long_job.pk, turn=A_MOMENT) for _ in range(3)]
        assert outcomes == [Outcome.MORE, Outcome.MORE, Outcome.ENDED]
        assert work_on(long_job.pk, turn=A_MOMENT) is Outcome.ENDED
    assert titles_of(tern) == [f"imp {n:05}" for n in range(long_job.total_rows)]


def test_a_chunk_that_fails_leaves_neither_tickets_nor_progress(tern, long_job, monkeypatch):
    with tern.scope():
        work_on(long_job.pk, turn=A_MOMENT)
        with monkeypatch.context() as patch:
            # After the tickets are written, before the transaction ends.
            patch.setattr(imports, "MOST_ERRORS", None)
            patch.setattr(imports.transaction, "on_commit", _breaks)
            with pytest.raises(ZeroDivisionError):
                work_on(long_job.pk, turn=A_MOMENT)
        long_job.refresh_from_db()
        assert long_job.done_rows == ROWS_AT_ONCE
        assert Ticket.objects.count() == ROWS_AT_ONCE
        work_on(long_job.pk, turn=timedelta(minutes=1))
    assert titles_of(tern) == [f"imp {n:05}" for n in range(long_job.total_rows)]


def _breaks(*args):
    raise ZeroDivisionError


def test_two_workers_never_do_the_same_chunk(tern, long_job, in_another_thread):
    with tern.scope(), transaction.atomic():
        Import.objects.select_for_update().get(pk=long_job.pk)
        assert in_another_thread(tern, lambda: work_on(long_job.pk, turn=A_MOMENT)) is Outcome.BUSY
        assert Ticket.objects.count() == 0


def test_an_import_that_is_stopped_keeps_what_it_has(tern, long_job):
    with tern.scope():
        work_on(long_job.pk, turn=A_MOMENT)
    member = tern.member()
    assert member.post(f"/imports/{long_job.pk}/delete/").status_code == 409
    assert member.post(f"/imports/{long_job.pk}/stop/").status_code == 302
    with tern.scope():
        assert work_on(long_job.pk, turn=A_MOMENT) is Outcome.ENDED
    assert len(titles_of(tern)) == ROWS_AT_ONCE
    page = member.get(f"/imports/{long_job.pk}/")
    assert b"Stopped: 200 tickets had been imported, and stay" in page.content
    assert b"hx-trigger" not in page.content


def test_an_import_that_has_ended_can_be_deleted_with_its_file(tern, job_of):
    job = job_of(tern, "title\nimp x\n", 1)
    with tern.scope():
        work_on(job.pk, turn=A_MOMENT)
        assert job.file.storage.exists(job.file.name)
    assert tern.member().post(f"/imports/{job.pk}/delete/").status_code == 302
    with tern.scope():
        assert not Import.objects.exists()
        assert not job.file.storage.exists(job.file.name)
        assert work_on(job.pk, turn=A_MOMENT) is Outcome.ENDED
    assert titles_of(tern) == ["imp x"]


def test_a_file_that_is_gone_ends_the_import_and_says_so(tern, job_of):
    job = job_of(tern, "title\nimp x\n", 1)
    with tern.scope():
        job.file.storage.delete(job.file.name)
        assert work_on(job.pk, turn=A_MOMENT) is Outcome.ENDED
    assert "The file is gone." in tern.member().get(f"/imports/{job.pk}/").content.decode()


def aged(job, **more):
    Import.objects.filter(pk=job.pk).update(**more)


def test_an_import_without_a_beat_is_given_to_one_caller_and_a_fresh_one_to_none(tern, long_job):
    with tern.scope():
        assert claim_stalled() == []
        aged(long_job, requested_at=timezone.now() - STALE_AFTER)
        assert claim_stalled() == [long_job.pk]
        assert claim_stalled() == []
        aged(long_job, state="running", beat_at=timezone.now() - STALE_AFTER)
        assert claim_stalled(long_job.pk) == [long_job.pk]
        aged(long_job, state="done", beat_at=timezone.now() - STALE_AFTER)
        assert claim_stalled() == []


def test_the_page_sends_a_stalled_import_on_its_way_again(tern, long_job, broker):
    member = tern.member()
    member.get(f"/imports/{long_job.pk}/")
    assert broker.messages("shard.alpha") == []
    with tern.scope():
        aged(long_job, state="running", beat_at=timezone.now() - STALE_AFTER)
    for _ in range(3):
        page = member.get(f"/imports/{long_job.pk}/")
    assert b'hx-trigger="every 1s"' in page.content
    message = broker.only_message("shard.alpha")
    assert message["headers"]["task"] == "workspace.tasks.import_tickets"
    assert message["arguments"] == [str(long_job.pk)]


def test_a_page_with_a_stalled_import_is_shown_while_the_broker_is_away(tern, long_job, redis_away):
    with tern.scope():
        aged(long_job, beat_at=timezone.now() - STALE_AFTER)
    assert tern.member().get(f"/imports/{long_job.pk}/").status_code == 200
    with tern.scope():
        aged(long_job, beat_at=timezone.now() - STALE_AFTER)
        assert revive_import(long_job.pk), "and is tried again later"


def test_after_its_turn_an_import_queues_up_again(tern, long_job, broker, monkeypatch):
    monkeypatch.setattr(tasks, "TURN", A_MOMENT)
    with tern.scope():
        tasks.import_tickets(str(long_job.pk))
        long_job.refresh_from_db()
        assert long_job.done_rows == ROWS_AT_ONCE
    assert broker.only_message("shard.alpha")["arguments"] == [str(long_job.pk)]


def test_an_import_ends_although_the_broker_goes_away_meanwhile(
    tern, long_job, redis_away, monkeypatch
):
    monkeypatch.setattr(tasks, "TURN", A_MOMENT)
    with tern.scope():
        tasks.import_tickets(str(long_job.pk))
        long_job.refresh_from_db()
        assert (long_job.state, long_job.done_rows) == ("done", long_job.total_rows)


def test_old_imports_are_purged_with_their_files_and_fresh_ones_stay(tern, ember, job_of):
    old, fresh = job_of(tern, "title\nimp x\n", 1), job_of(tern, "title\nimp y\n", 1)
    with tern.scope():
        aged(old, requested_at=timezone.now() - KEPT_FOR - timedelta(minutes=1))
    with ember.scope():
        assert purge_imports() == 0
    with tern.scope():
        assert purge_imports() == 1
        assert list(Import.objects.values_list("pk", flat=True)) == [fresh.pk]
        assert not old.file.storage.exists(old.file.name)
        assert fresh.file.storage.exists(fresh.file.name)


def test_a_file_that_a_killed_process_left_without_a_row_is_swept_up(tern, job_of):
    job = job_of(tern, "title\nimp x\n", 1)
    with tern.scope():
        orphan = default_storage.save("imports/orphan.csv", ContentFile(b"title\nimp y\n"))
        fresh = default_storage.save("exports/fresh.csv", ContentFile(b"being written"))
        for name in (orphan, job.file.name):
            os.utime(default_storage.path(name), (0, 0))
        sweep_files()
        assert not default_storage.exists(orphan)
        assert default_storage.exists(fresh)
        assert default_storage.exists(job.file.name)
