"""Two tenants whose tickets nobody else counts: tern on alpha, ember on beta."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from celery.contrib.testing.worker import start_worker
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections

from accounts.models import User
from config.celery_app import app
from tests.integration.product.conftest import make
from workspace.models import Import


@pytest.fixture(scope="session")
def tern(stack_ready):
    return make("tern", "Tern Lights", "alpha")


@pytest.fixture(scope="session")
def ember(stack_ready):
    return make("ember", "Ember & Ash", "beta")


@pytest.fixture
def worker(broker):
    """A worker for both shards, in a thread that knows nothing of our scope."""
    with start_worker(
        app, queues=["shard.alpha", "shard.beta"], pool="solo", perform_ping_check=False
    ):
        yield


@pytest.fixture
def bring():
    """Upload a file as a member does; the answer."""

    def upload(client, content, name="tickets.csv"):
        if isinstance(content, str):
            content = content.encode()
        return client.post("/imports/", {"file": SimpleUploadedFile(name, content)})

    return upload


@pytest.fixture
def job_of():
    """An import of this content in a tenant, without a task."""

    def make_job(tenant, content, rows):
        with tenant.scope():
            job = Import(requested_by=User.objects.get(email=tenant.email), total_rows=rows)
            job.file.save(f"{job.pk}.csv", SimpleUploadedFile("x.csv", content.encode()))
            job.save()
        return job

    return make_job


@pytest.fixture
def in_another_thread():
    """What a function answers in a thread of its own, in the tenant's scope."""

    def run(tenant, function):
        def work():
            try:
                with tenant.scope():
                    return function()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(work).result(20)

    return run
