"""A schema becomes a tenant by the command, as an admin would have it."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from sharding import scope
from sharding.placements.models import AuditEntry
from sharding.placements.services.placing import get_placement
from tenants.errors import UnknownSlug
from tenants.services.finding import find_tenant
from tests.integration.adoption import reading

SCHEMA = "old+d"
SLUG = "by-command"


@pytest.fixture
def adopt(legacy):
    def adopt(*words):
        out, err = io.StringIO(), io.StringIO()
        where = ("--shard", legacy.shard, "--schema", SCHEMA, "--admin", legacy.conninfo)
        call_command("adopt_tenant", SLUG, *where, *words, stdout=out, stderr=err)
        return out.getvalue(), err.getvalue()

    return adopt


def test_a_dry_run_says_what_the_run_does(legacy, adopt):
    before = legacy.before[SCHEMA]
    text, _ = adopt("--dry-run")
    assert f"{SLUG} on {legacy.shard}, to be reached under {SLUG}.localhost" in text
    assert "stock_book.owner_id refers to public.people_person" in text
    assert "migrations that follow: outbox.0001_initial, stock.0002_book_by_shelf\n" in text
    planned = json.loads(adopt("--dry-run", "--json")[0])["adoption"]
    assert planned["problems"] == []
    assert "people_person" in planned["from_shared"]
    with pytest.raises(UnknownSlug):
        find_tenant(SLUG)

    also = ("--also", "people_person=username LIKE 'nob%'", "--name", "By Command", "--json")
    done, told = adopt(*also)
    receipt = json.loads(done)
    assert (receipt["slug"], receipt["schema"], receipt["adopted"]) == (SLUG, SCHEMA, True)
    assert receipt["taken"]["copied"]["people_person"] == 3
    assert receipt["differs"] == []
    assert "renaming it and furnishing it" in told
    with scope.enter(get_placement(receipt["tenant_id"]).to_scope()):
        assert json.loads(json.dumps(reading.read())) == before
    entries = AuditEntry.objects.using("control").filter(subject=receipt["tenant_id"])
    adopted = entries.get(action="tenant.adopt")
    assert adopted.before == {"schema": SCHEMA, "shard": legacy.shard}

    assert "is there already, nothing changed" in adopt(*also[:4])[0]
    with pytest.raises(CommandError, match="finished and cannot become undone"):
        call_command("adopt_tenant", SLUG, "--undo")
    assert get_placement(receipt["tenant_id"])
