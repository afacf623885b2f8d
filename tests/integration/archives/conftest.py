"""A tenant that holds something of everything, its neighbour, and ways to compare two tenants."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.test.utils import override_settings

from accounts.models import ApiToken, SignInAttempt, User
from accounts.services.api_tokens import issue_token
from sharding import scope
from sharding.placements.models import Placement
from sharding.placements.services.placing import (
    delete_placement,
    get_placement,
    set_placement_state,
)
from sharding.placements.states import PlacementState
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from sharding.schemas.services.content_hash import content_hash
from sharding.schemas.services.drop_schema import drop_schema
from sharding.schemas.services.transfer import (
    copy_out,
    read_sequences,
    snapshot,
    tables_of,
)
from tenants.archives.folders import folder_of
from tenants.directory.lookup import directory
from tenants.models import RetiredSlug, Tenant
from tenants.outbox.models import Message
from tenants.outbox.services.publish import publish
from tenants.outbox.topics import forget_topic, register_topic
from tenants.services.files import clear_files
from tenants.services.finding import find_tenant
from tenants.services.provision import provision_tenant
from tenants.services.types import ProvisionRequest
from workspace.models import Comment, Ticket, WorkspaceSettings
from workspace.services.attachments import attach

PASSWORD = "correct-horse-battery"
TOPIC = "tests.archives"
PAPER = b"%PDF-1.7\n" + bytes(range(256)) * 40 + b"\n%%EOF\n"
# What breaks text forms: line ends, tabs, backslashes, quotes, NULL as a word, other alphabets.
AWKWARD = "a\tb\nc\r\nd\\e \\N \"f\" 'g' \\. ünïcödé 漢字 🜁 \x01"


@dataclass(frozen=True)
class Made:
    """A tenant of these tests."""

    slug: str

    @property
    def row(self) -> Tenant:
        return find_tenant(self.slug)

    @property
    def id(self) -> str:
        return self.row.id

    @property
    def place(self) -> scope.Placement:
        return get_placement(self.id).to_scope()

    @property
    def folder(self) -> Path:
        return folder_of(self.place, self.slug)

    @property
    def host(self) -> str:
        return f"{self.slug}.localhost"

    def scope(self) -> scope.enter:
        return scope.enter(self.place)

    def visitor(self) -> Client:
        return Client(headers={"host": self.host})


def make(slug: str, shard: str) -> Made:
    provision_tenant(
        ProvisionRequest(
            slug=slug,
            name=f"{slug} Ltd",
            shard=shard,
            admin_email=f"admin@{slug}.example",
            admin_password=PASSWORD,
        )
    )
    return Made(slug)


def take_back(slug: str) -> None:
    """Take a tenant away, however far it is."""
    tenant = Tenant.objects.using("control").filter(slug=slug).first()
    if tenant is None:
        return
    placement = Placement.objects.using("control").get(tenant_id=tenant.id)
    clear_files(placement.to_scope())
    if placement.state != PlacementState.DROPPING:
        set_placement_state(tenant.id, PlacementState.DROPPING)
    drop_schema(registry.shard(placement.shard_id), placement.schema)
    delete_placement(tenant.id)
    tenant.delete(using="control")


def enrich(tenant: Made) -> None:
    """Give the tenant something of everything."""
    with tenant.scope(), transaction.atomic():
        admin = User.objects.get()
        agent = User.objects.create_user(
            f"agent@{tenant.slug}.example", PASSWORD, name=AWKWARD[:40]
        )
        group = Group.objects.create(name=f"group of {tenant.slug}")
        agent.groups.add(group)
        group.permissions.add(Permission.objects.get(codename="change_ticket"))
        for number in range(30):
            ticket = Ticket.objects.create(
                title=f"{tenant.slug} {number}", body=AWKWARD * (number % 3), opened_by=admin
            )
            Comment.objects.create(ticket=ticket, author=agent, text=f"{AWKWARD}{number}")
        # Gaps, and a row that is gone: the sequence is ahead of the table.
        Ticket.objects.filter(pk__in=[3, 30]).delete()
        ticket = Ticket.objects.get(pk=29)
        attach(ticket, SimpleUploadedFile("a paper.pdf", PAPER), by=admin)
        attach(ticket, SimpleUploadedFile("notes.txt", b"plain text\n"), by=admin)
        WorkspaceSettings.objects.create(time_zone="Europe/Berlin", country_id="DE")
        issue_token(admin, "a program", None)
        SignInAttempt.objects.create(address_hash="0" * 64, at=admin.joined_at)
        publish(TOPIC, {"from": tenant.slug})
        session = SessionStore()
        session["who"] = tenant.slug
        session.save()


@pytest.fixture(scope="package")
def world(stack_ready, tmp_path_factory) -> Iterator[tuple[Made, Made]]:
    """Two rich tenants on alpha, and a folder of files of their own."""
    register_topic(TOPIC, _deliver)
    with override_settings(MEDIA_ROOT=str(tmp_path_factory.mktemp("files"))):
        made = make("arc-rich", "alpha"), make("arc-near", "alpha")
        for one in made:
            enrich(one)
        yield made
        for one in made:
            take_back(one.slug)
    forget_topic(TOPIC)


def _deliver(message: Message) -> None:
    raise AssertionError("nobody drains these outboxes")


@pytest.fixture
def rich(world) -> Made:
    return world[0]


@pytest.fixture
def near(world) -> Made:
    return world[1]


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    directory.cache_clear()
    yield
    assert scope.current() is None, "a test left its scope open"
    directory.cache_clear()


@pytest.fixture
def arrivals() -> Iterator[list[str]]:
    """Slugs that a test uses; whatever is there of them at its end is taken away."""
    slugs: list[str] = []
    yield slugs
    for slug in slugs:
        take_back(slug)
    RetiredSlug.objects.using("control").filter(slug__in=slugs).delete()


@pytest.fixture(scope="package")
def exported(world, tmp_path_factory) -> Path:
    """An archive of arc-rich, to be read only."""
    file = tmp_path_factory.mktemp("exported") / "rich.atoll"
    run("export_tenant", world[0].slug, str(file))
    return file


@pytest.fixture
def archive(exported, tmp_path) -> Path:
    """An archive of arc-rich of the test's own."""
    return Path(shutil.copy(exported, tmp_path))


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO())
    return out.getvalue()


def contents(tenant: Made) -> dict[str, Any]:
    """Everything that must be the same in a copy."""
    place = tenant.place
    with (
        own_connection(registry.shard(place.shard)) as raw,
        snapshot(raw, place.schema),
    ):
        tables = tables_of(raw, place.schema)
        found: dict[str, Any] = {
            table.name: (
                str(content_hash(raw, place.schema, table)),
                # As text too: a mistake in the hash would hide itself.
                sorted(b"".join(copy_out(raw, place.schema, table)).splitlines()),
            )
            for table in tables
        }
        found["sequences"] = read_sequences(raw, place.schema)
    found["files"] = files(tenant)
    return found


def files(tenant: Made) -> dict[str, str]:
    folder = tenant.folder
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


LEFT_BEHIND = {
    "accounts_apitoken",
    "accounts_invitationmail",
    "accounts_signinattempt",
    "django_session",
    "outbox_message",
    "outbox_parked",
}


def counts(tenant: Made) -> dict[str, int]:
    """Rows of tables that do not travel."""
    with tenant.scope():
        return {
            "tokens": ApiToken.objects.count(),
            "attempts": SignInAttempt.objects.count(),
            "messages": Message.objects.filter(topic=TOPIC).count(),
            "types": ContentType.objects.count(),
            "sessions": _count("django_session"),
        }


def _count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM "{table}"')
        return int(cursor.fetchone()[0])
