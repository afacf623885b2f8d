"""The public host, two finished workspaces, and a worker that runs what pages ask for."""

import itertools
import re
import uuid
from dataclasses import dataclass

import pytest
from celery.contrib.testing.worker import start_worker
from django.core import mail
from django.test import Client

from config.celery_app import app
from front.models import CONTROL, KnownAddress, SignUp, Tally
from front.services.asking import ask_for_workspace
from front.types import Wish
from sharding import scope
from tenants.directory.lookup import directory
from tenants.models import Tenant
from tenants.services.provision import provision_tenant
from tenants.services.types import ProvisionRequest
from tests.integration.product.conftest import Broker, broker

__all__ = ["Broker", "broker"]

LINK = re.compile(r"https?://\S+")
WAY_IN = re.compile(r'content="0; url=(/sign-up/enter/[^"]+)"')
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Made:
    """A workspace that was there before."""

    slug: str
    place: scope.Placement

    @property
    def id(self):
        return self.place.tenant_id

    @property
    def host(self):
        return f"{self.slug}.localhost"

    def scope(self):
        return scope.enter(self.place)


def make(slug, shard):
    receipt = provision_tenant(ProvisionRequest(slug=slug, name=f"The {slug}", shard=shard))
    return Made(slug, receipt.placement)


@pytest.fixture(scope="session")
def east(stack_ready):
    return make("east", "alpha")


@pytest.fixture(scope="session")
def west(stack_ready):
    return make("west", "beta")


@pytest.fixture(autouse=True)
def _clean(stack_ready):
    for model in (SignUp, KnownAddress, Tally):
        model.objects.using(CONTROL).all().delete()
    directory.cache_clear()
    mail.outbox.clear()
    yield
    assert scope.current() is None


@pytest.fixture
def visitor():
    """A browser at the public host; it keeps cookies, and its forms need their tokens."""
    return Client(headers={"host": "localhost"}, enforce_csrf_checks=True)


@pytest.fixture
def wish():
    """A wish that nobody else has."""

    def make(slug=None, email=None, name="Sea & Co"):
        number = next(_numbers)
        slug = slug or f"wish-{number}-{uuid.uuid4().hex[:6]}"
        return Wish(name=name, slug=slug, email=email or f"someone-{number}@example.org")

    return make


@pytest.fixture
def ask():
    """Note a wish; the sign-up."""

    def ask(wish, visitor="192.0.2.1"):
        key, _ = ask_for_workspace(wish, visitor=visitor)
        return SignUp.objects.using(CONTROL).get(pk=key)

    return ask


@pytest.fixture
def work(broker):
    """Run all that was sent to the queue `control`, as a worker does."""

    def work():
        with start_worker(app, queues=["control"], pool="solo", perform_ping_check=False):
            broker.wait_until_empty("control")

    return work


def send(visitor, path, **form):
    """Send a form as a browser does, with the token of the page it is on."""
    page = visitor.get(path)
    token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page.content)
    assert token, f"{path} has no form: {page.status_code}"
    return visitor.post(path, {**form, "csrfmiddlewaretoken": token[1].decode()})


def onward_of(page):
    """Where the progress page leads to by itself once the workspace is ready; None before."""
    found = WAY_IN.search(page.content.decode())
    return found and found[1]


def link_in(message):
    """The path of the first link in a mail."""
    address = LINK.search(message.body)[0]
    return "/" + address.split("/", 3)[3]


def again(row):
    """The row as it is now."""
    return SignUp.objects.using(CONTROL).get(pk=row.pk)


def tenants_of(slug):
    return list(Tenant.objects.using(CONTROL).filter(slug=slug))
