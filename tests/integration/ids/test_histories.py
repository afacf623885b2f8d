"""Unmodified libraries get equal ids in tenants of different histories.

The servers are the tests' own, since the product has other apps in the middle of it; each release
is a process of its own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sharding.registry import current
from sharding.schemas.services.global_ids import GLOBAL_FROM, LOCAL_FROM
from tests.fixtures.servers import throw_away_stack

ROOT = Path(__file__).parents[3]
LATER = "tests.integration.ids.later"
BEFORE = f"{LATER}.before"


@pytest.fixture
def own_stack(django_db_blocker):
    with throw_away_stack(shards=("alpha",), redis=False) as stack:
        yield stack


def live(stack, release, *steps):
    """Start a process of a release, and return the ids that it printed last."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.integration.ids.lives", *steps],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": release,
            current.ENVIRONMENT_VARIABLE: str(stack.files.registry),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-8000:]}"
    return json.loads(done.stdout.splitlines()[-1]) if "ids" in steps else None


def born_small_and_migrated_later_against_born_big(stack, release, *, image):
    small = live(stack, BEFORE, f"prepare={stack.folder}", "make=small", "ids")["small"]
    build = ("image",) if image else ()
    big = live(stack, release, "migrate", *build, "migrate_schemas", "make=big", "ids")
    assert big["small"]["wrong"] == big["big"]["wrong"] == []
    assert big["small"]["types"] == big["big"]["types"]
    # Under their old codenames too, where a library renames models (Django 5.2 leaves them).
    assert big["small"]["permissions"].items() >= big["big"]["permissions"].items()
    # A model that was renamed kept its id, and the one that took its name has another.
    renamed = small["types"].pop("diary.note")
    assert big["big"]["types"]["diary.memo"] == renamed != big["big"]["types"]["diary.note"]
    assert big["big"]["types"].items() >= small["types"].items()
    everything = [*big["big"]["types"].values(), *big["big"]["permissions"].values()]
    assert all(GLOBAL_FROM <= id_ < LOCAL_FROM for id_ in everything)
    return len(small["types"]), big["big"]


@pytest.mark.slow
def test_with_allauth_by_django_s_migrations(own_stack):
    """For when a library changes. With the product's own apps test_give_global_ids.py shows it."""
    before, big = born_small_and_migrated_later_against_born_big(
        own_stack, f"{LATER}.with_allauth", image=False
    )
    assert len(big["types"]) > before + 8
    assert "account.emailaddress" in big["types"]
    assert "authtoken.tokenproxy" in big["types"], "a proxy has a type of its own"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_with_wagtail_and_allauth(own_stack):
    before, big = born_small_and_migrated_later_against_born_big(
        own_stack, f"{LATER}.with_wagtail", image=True
    )
    assert len(big["types"]) > before + 40
    # Made in the middle of a migration, for a model that there is not.
    assert "wagtailadmin.admin" in big["types"]
    assert "wagtailadmin.admin access_admin" in big["permissions"]
