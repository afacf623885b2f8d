"""An adoption of 100,000 rows with generic relations reads the same, and takes seconds."""

import json

import pytest

from sharding import scope
from sharding.placements.services.placing import get_placement
from tenants.adoption.services.adopt import adopt_tenant
from tenants.adoption.types import AdoptionRequest
from tests.integration.adoption import reading


@pytest.mark.slow
@pytest.mark.parametrize("types", ["shared", "own"])
def test_a_hundred_thousand_rows_read_the_same(types, old_projects):
    legacy = old_projects(types, rows=50_000, schemas=("large",))
    before = legacy.before["large"]
    assert len(before["books"]) + len(before["labels"]) > 100_000

    slug = f"large-{types}"
    receipt = adopt_tenant(AdoptionRequest(slug, legacy.shard, "large"), legacy.admin)

    with scope.enter(get_placement(receipt.tenant_id).to_scope()):
        after = json.loads(json.dumps(reading.read()))
    assert after == before
    assert receipt.taken is not None
    assert receipt.taken.rows_followed >= 50_000
