"""Tenants that may be lost: each test takes one of its own, and two neighbours must not notice."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.services.api_tokens import issue_token
from migrations_tools.images.models import Image
from migrations_tools.images.services.build_image import build_image
from sharding import scope
from sharding.placements.models import AuditEntry, Placement
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from tenants.directory.changes import announce_change
from tenants.directory.lookup import directory
from tenants.models import Domain, RetiredSlug, Tenant
from tenants.outbox.services.drain import drain
from tenants.services.delete import delete_tenant
from tenants.services.provision import provision_tenant
from tenants.services.purge import purge_tenant
from tenants.services.types import ProvisionRequest
from tests.fixtures.victims import Victims, victims_of

CONTROL = "control"
PASSWORD = "a password of the tests"

_numbers = itertools.count(1)
_SCHEMA_IS_THERE = "SELECT to_regnamespace(%s) IS NOT NULL"
_MARKER_IS_THERE = "SELECT EXISTS (SELECT FROM atoll.tenant_schema WHERE schema = %s)"
_ROLE_IS_THERE = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)"


@dataclass(frozen=True)
class Life:
    """One tenant, and what there is of it."""

    id: str
    slug: str
    place: scope.Placement
    audited_since: int = 0

    @property
    def host(self):
        return f"{self.slug}.localhost"

    @property
    def email(self):
        return f"admin@{self.slug}.example"

    @property
    def row(self):
        return Tenant.objects.using(CONTROL).get(id=self.id)

    def scope(self):
        return scope.enter(self.place)

    def visitor(self, host="", **headers):
        return Client(headers={"host": host or self.host, **headers})

    def member(self):
        visitor = self.visitor()
        with self.scope():
            visitor.force_login(User.objects.get(email=self.email))
        return visitor

    def token(self):
        with self.scope():
            return issue_token(User.objects.get(email=self.email), name="t", expires=None)[1]

    def status(self, path="/"):
        return self.visitor().get(path).status_code

    def audit(self, action):
        entries = AuditEntry.objects.using(CONTROL).filter(subject=self.id, action=action)
        return list(entries.filter(id__gt=self.audited_since).order_by("id"))

    def let_grace_pass(self):
        now = timezone.now()
        Tenant.objects.using(CONTROL).filter(id=self.id).update(
            purge_after=now - timedelta(minutes=1)
        )

    def asked(self, question):
        with own_connection(registry.shard(self.place.shard)) as connection:
            return connection.execute(question, (self.id,)).fetchone()[0]

    def left(self):
        """What is left of it anywhere, but for its role and the audit."""
        control = {
            "tenant": Tenant.objects.using(CONTROL).filter(id=self.id),
            "domains": Domain.objects.using(CONTROL).filter(tenant_id=self.id),
            "placement": Placement.objects.using(CONTROL).filter(tenant_id=self.id),
        }
        found = {name for name, rows in control.items() if rows.exists()}
        if self.asked(_SCHEMA_IS_THERE):
            found.add("schema")
        if self.asked(_MARKER_IS_THERE):
            found.add("marker")
        return found

    def has_role(self):
        return self.asked(_ROLE_IS_THERE)


def make(slug, shard):
    receipt = provision_tenant(
        ProvisionRequest(
            slug=slug,
            name=f"The {slug}",
            shard=shard,
            admin_email=f"admin@{slug}.example",
            admin_password=PASSWORD,
        )
    )
    with scope.enter(receipt.placement):
        drain()  # its first admin's address is told: nothing is left behind
    return Life(receipt.tenant_id, slug, receipt.placement)


def lose(tenant_id):
    """Tests of others shall not meet what these leave behind."""
    if Tenant.objects.using(CONTROL).filter(id=tenant_id).exists():
        delete_tenant(tenant_id)
        purge_tenant(tenant_id, early=True)


@pytest.fixture(scope="package")
def _image(stack_ready):
    """So that tenants are made in a moment; other folders find no image that was not there."""
    images = Image.objects.using(CONTROL)
    before = set(images.values_list("pk", flat=True))
    build_image()
    yield
    images.exclude(pk__in=before).delete()


@pytest.fixture(scope="package")
def neighbours(_image):
    """One on each shard; every test finds them as they were."""
    return make("life-north", "alpha"), make("life-south", "beta")


@pytest.fixture
def doomed(neighbours):
    """A tenant on alpha that the test may lose; whatever it leaves goes with it."""
    made = make(f"life-{next(_numbers)}", "alpha")
    yield made
    lose(made.id)


@pytest.fixture(scope="package")
def _shared(_image):
    return make("life-shared", "alpha")


@pytest.fixture
def life(_shared, neighbours):
    """A tenant on alpha that is afterwards what it was: renamed, deleted and restored at will."""
    newest = AuditEntry.objects.using(CONTROL).order_by("-id").first()
    yield replace(_shared, audited_since=newest.id)
    with transaction.atomic(using=CONTROL):
        domains = Domain.objects.using(CONTROL).filter(tenant_id=_shared.id)
        left = tuple(domains.values_list("domain", flat=True))
        domains.filter(is_primary=False).delete()
        domains.update(domain=_shared.host)
        RetiredSlug.objects.using(CONTROL).filter(tenant_id=_shared.id).delete()
        Tenant.objects.using(CONTROL).filter(id=_shared.id).update(
            slug=_shared.slug,
            name=f"The {_shared.slug}",
            state="active",
            plan="",
            restored_as="",
            deleted_at=None,
            purge_after=None,
        )
        announce_change(_shared.id, hosts=left)


@pytest.fixture(autouse=True)
def _files_of_this_test(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path / "files")


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    directory.cache_clear()
    yield
    assert scope.current() is None, "a test left its scope open"
    directory.cache_clear()


@pytest.fixture(autouse=True)
def _neighbours_notice_nothing(neighbours):
    yield
    for neighbour in neighbours:
        assert neighbour.status("/account/sign-in/") == 200
        with neighbour.scope():
            assert User.objects.get().email == neighbour.email


@pytest.fixture(scope="session")
def victims(stack_ready) -> Iterator[Victims]:
    with victims_of("tests.integration.lifecycle.victim") as found:
        yield found


@pytest.fixture
def killed_at(victims, tmp_path, settings):
    """Begin something in another process, and kill that one when it is at some point."""

    def killed_at(point, *words):
        victims.kill_at(point, tmp_path / "point", settings.MEDIA_ROOT, *words)

    return killed_at
