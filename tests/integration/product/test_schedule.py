from datetime import datetime, timedelta

import pytest
from celery.contrib.testing.worker import start_worker
from celery.signals import task_failure, task_success
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.utils import timezone

from accounts.tasks import SPREAD, clear_sessions, clear_sessions_of_all_tenants
from config.celery_app import app
from config.schedule import BEAT_SCHEDULE
from tenants.fan_out import start_for_all_tenants
from tenants.tasks import ControlTask


@pytest.mark.parametrize("entry", list(BEAT_SCHEDULE.values()), ids=BEAT_SCHEDULE)
def test_what_beat_starts_is_a_task_without_a_tenant(entry):
    app.loader.import_default_modules()
    assert isinstance(app.tasks[entry["task"]], ControlTask)
    # While control is away they are put off, beat goes on sending, and no heap may grow.
    assert entry["options"]["expires"] <= entry["schedule"].total_seconds()


def test_all_that_beat_starts_goes_to_control_and_runs_there(acme, coral, broker):
    """All of it by one worker, since each takes a second to stop."""
    tasks = [entry["task"] for entry in BEAT_SCHEDULE.values()]
    for task in tasks:
        app.send_task(task)
    sent = [message["headers"]["task"] for message in broker.messages("control")]
    assert sorted(sent) == sorted(tasks)
    ran, failed = [], {}

    def note(sender, **signal):
        ran.append(sender.name)

    def remember(sender, exception, **signal):
        failed[sender.name] = exception

    task_success.connect(note)
    task_failure.connect(remember)
    with start_worker(app, queues=["control"], pool="solo", perform_ping_check=False):
        broker.wait_until_empty("control")
    assert failed == {}
    assert set(ran) >= set(tasks)


def test_every_tenant_gets_its_task_on_the_queue_of_its_shard(acme, birch, coral, broker):
    sent = start_for_all_tenants(clear_sessions, spread=timedelta(0), good_for=timedelta(hours=1))
    stamped = {
        message["headers"]["atoll_tenant"]: queue
        for queue in ("shard.alpha", "shard.beta")
        for message in broker.messages(queue)
    }
    assert len(stamped) == sent
    assert stamped[acme.place.tenant_id] == stamped[birch.place.tenant_id] == "shard.alpha"
    assert stamped[coral.place.tenant_id] == "shard.beta"


def test_expired_sessions_go_and_others_stay(acme, birch):
    keys = {}
    for tenant in (acme, birch):
        with tenant.scope():
            for name, age in (("old", timedelta(days=-1)), ("new", timedelta(days=1))):
                session = Session.objects.create(
                    session_key=f"{tenant.slug}-{name}".ljust(32, "x"),
                    session_data="",
                    expire_date=timezone.now() + age,
                )
                keys[tenant.slug, name] = session.pk
    with acme.scope():
        clear_sessions()
        assert not Session.objects.filter(pk=keys["acme", "old"]).exists()
        assert Session.objects.filter(pk=keys["acme", "new"]).exists()
    with birch.scope():
        assert Session.objects.filter(pk=keys["birch", "old"]).exists()
        Session.objects.filter(pk__in=keys.values()).delete()


def test_each_tenants_task_begins_at_a_moment_of_its_own(acme, birch, coral, broker):
    before = timezone.now()
    for _ in range(5):
        clear_sessions_of_all_tenants()
    due = [
        datetime.fromisoformat(message["headers"]["eta"])
        for queue in ("shard.alpha", "shard.beta")
        for message in broker.messages(queue)
    ]
    assert len(due) >= 15
    assert len(set(due)) == len(due)
    assert before <= min(due)
    assert max(due) <= timezone.now() + SPREAD
    assert max(due) - min(due) > SPREAD / 4


def test_no_migration_is_missing(stack_ready):
    call_command("makemigrations", check=True, dry_run=True, verbosity=1)
