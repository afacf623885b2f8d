"""An adoption whose process is killed, anywhere, is finished by the same command or taken back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from sharding import scope
from sharding.placements.services.placing import get_placement
from tenants.adoption.errors import AlreadyTakenOver
from tenants.adoption.services.adopt import adopt_tenant
from tenants.adoption.types import AdoptionRequest
from tenants.errors import UnknownSlug
from tenants.services.drift import check_tenants
from tenants.services.finding import find_tenant
from tenants.services.undo import undo_provision
from tests.fixtures.waiting import wait_for
from tests.integration.adoption import reading
from tests.integration.adoption.inside.conftest import ROOT

LINES = {
    "kill0": "building schema",
    "kill1": "making what it lacks",
    "kill2": "copying shared rows",
    "kill3": "renaming it",
    "kill4": "committing",
    "kill5": "migrating it",
    "kill6": "comparing it",
}
TAKEN_OVER = {"kill5", "kill6"}
QUICK = {"kill4", "kill5"}


@pytest.fixture(scope="module")
def before(legacy):
    return legacy.before


def kill_at_its_line(legacy, servers, schema, file):
    """Adopt in another process, and kill it from outside when it has come to its line."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.integration.adoption.inside.victim"),
            *(str(file), LINES[schema], schema, legacy.shard, schema),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.integration.adoption.settings",
            "ATOLL_REGISTRY": str(servers.files.registry),
            "ATOLL_ADMIN_CONNINFO": legacy.conninfo,
        },
        stderr=subprocess.PIPE,
        text=True,
    )

    def is_there():
        assert process.poll() is None, process.stderr.read()
        return file.exists()

    wait_for(is_there, f"{schema} does not come to {LINES[schema]}", seconds=60)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param(schema, marks=[] if schema in QUICK else [pytest.mark.slow])
        for schema in sorted(LINES)
    ],
)
def test_a_killed_adoption_is_taken_back_or_finished(schema, before, legacy, servers, tmp_path):
    kill_at_its_line(legacy, servers, schema, tmp_path / schema)

    if schema in TAKEN_OVER:
        with pytest.raises(AlreadyTakenOver, match="only copy"):
            undo_provision(schema)
    elif schema in ("kill1", "kill4"):
        undo_provision(schema)
        assert legacy.still_has(schema) == len(before[schema]["books"])
        with pytest.raises(UnknownSlug):
            find_tenant(schema)

    request = AdoptionRequest(slug=schema, shard=legacy.shard, schema=schema)
    receipt = adopt_tenant(request, legacy.admin)

    with scope.enter(get_placement(receipt.tenant_id).to_scope()):
        assert json.loads(json.dumps(reading.read())) == before[schema]
    assert receipt.differs == ()
    assert check_tenants(tenants=[schema], full=True).report.findings == ()
    assert legacy.sql("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'tmpl%'") == [(0,)]
