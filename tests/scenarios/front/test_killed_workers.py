"""Somebody signs up with real workers, which are killed in the middle; one tenant comes of it."""

import os
import re
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import caches
from django.test import Client
from django.utils import timezone

from accounts.models import User
from front.models import CONTROL, SignUp, Tally
from front.sent_mail import read_mails
from front.states import SignUpState
from front.tasks import sweep_sign_ups
from sharding import scope
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from tenants.models import Tenant
from tenants.services.finding import placement_of
from tests.integration.front.conftest import onward_of, send
from tests.integration.product.conftest import Broker, broker

__all__ = ["Broker", "broker"]

PASSWORD = "a password of the tests"
SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname ~ '^t[0-9a-z]{6,}$'"


@pytest.fixture
def files(tmp_path, stack_ready, settings, broker):
    """Where workers keep mail, say that they wait, and log."""
    settings.ATOLL_MAIL_FOLDER = str(tmp_path / "mail")
    caches["control"].clear()
    for model in (SignUp, Tally):
        model.objects.using(CONTROL).all().delete()
    return tmp_path


@pytest.fixture
def start_worker(files):
    """Starts workers of the queue `control`, as `make demo` does."""
    started = []

    def start(pool):
        log = files / f"log-{len(started)}"
        command = [sys.executable, "-m", "celery", "-A", "config.celery_app", "worker"]
        command += ["--loglevel", "INFO", "-Q", "control", "-P", pool, "-c", "1"]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.scenarios.front.worker_settings",
            "KEEP_MAIL_IN": str(files / "mail"),
            "STOP_AT": str(files / "waits"),
        }
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, stdout=out, stderr=out, env=environment, start_new_session=True
            )
        started.append(process)
        wait_for(lambda: b"ready." in log.read_bytes(), log)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(truth, log=None, seconds=45):
    deadline = time.monotonic() + seconds
    while not (found := truth()):
        assert time.monotonic() < deadline, log.read_text() if log else "it did not happen"
        time.sleep(0.05)
    return found


def schemas():
    found = set()
    for name in ("alpha", "beta"):
        with own_connection(registry.shard(name)) as connection:
            found |= {row[0] for row in connection.execute(SCHEMAS)}
    return found


def sign_up(files, slug):
    """As a person does it, up to the page that shows the progress; its path."""
    visitor = Client(headers={"host": "localhost"}, enforce_csrf_checks=True)
    email = f"eve@{slug}.example"
    send(visitor, "/sign-up/", name="Ebb & Flow", slug=slug, email=email)
    mail = wait_for(lambda: [m for m in read_mails(files / "mail") if m.to == email])[0]
    path = next(piece.text for piece in mail.pieces if piece.is_link).split("localhost", 1)[1]
    return visitor, send(visitor, path)["location"]


def walk_in(visitor, progress, slug):
    """Follow the progress page into the workspace, set a password, and see the tickets."""
    onward = wait_for(lambda: onward_of(visitor.get(progress)))
    welcome = visitor.get(onward)["location"]
    host = f"{slug}.localhost"
    admin = Client(headers={"host": host}, enforce_csrf_checks=True)
    path = welcome.split(host, 1)[1]
    while (page := admin.get(path)).status_code == 302:
        path = page["location"]
    names = re.findall(rb'<input type="password" name="(\w+)"', page.content)
    assert send(admin, path, **{name.decode(): PASSWORD for name in names}).status_code == 302
    assert admin.get("/tickets/").status_code == 200


def only_one(slug, before):
    """Of tenant, schema and first admin there is one each."""
    (tenant,) = Tenant.objects.using(CONTROL).filter(slug=slug)
    assert schemas() - before == {tenant.id}
    with scope.enter(placement_of(tenant)):
        assert User.objects.count() == 1
    (row,) = SignUp.objects.using(CONTROL).filter(slug=slug)
    assert (row.state, row.tenant_id) == (SignUpState.READY, tenant.id)
    return row


def waiting(files):
    wait_for((files / "waits").exists)
    return int((files / "waits").read_text())


def test_a_pools_process_is_killed_and_the_broker_delivers_again(files, start_worker):
    before = schemas()
    worker = start_worker("prefork")
    visitor, progress = sign_up(files, "ebb-one")
    victim = waiting(files)
    assert victim != worker.pid
    assert b"Your account is added" in visitor.get(progress).content
    os.kill(victim, signal.SIGKILL)
    walk_in(visitor, progress, "ebb-one")
    assert only_one("ebb-one", before).tries == 2


def test_a_whole_worker_is_killed_and_another_goes_on_after_the_sweep(files, start_worker):
    before = schemas()
    worker = start_worker("solo")
    visitor, progress = sign_up(files, "ebb-two")
    assert waiting(files) == worker.pid
    worker.kill()
    worker.wait()
    start_worker("solo")
    rows = SignUp.objects.using(CONTROL).filter(slug="ebb-two")
    # The broker keeps the message of the dead for an hour; beat's sweep does not wait for that.
    sweep_sign_ups.delay()
    time.sleep(1)
    assert rows.get().state == SignUpState.MAKING, "nobody knows yet that it is dead"
    rows.update(beat_at=timezone.now() - timedelta(minutes=1))
    sweep_sign_ups.delay()
    walk_in(visitor, progress, "ebb-two")
    only_one("ebb-two", before)
    subjects = [mail.subject for mail in read_mails(Path(files / "mail"))]
    assert subjects.count("Your workspace Ebb & Flow is ready") <= 1
