"""A database that django-tenants has filled, made a shard as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from migrations_tools.images.services.build_image import build_image
from sharding.placements.services.adding import AddShardRequest, add_shard
from sharding.registry import current as addresses
from sharding.registry.types import Endpoint
from tenants.adoption.types import Admin

SETTINGS = "tests.integration.adoption.settings"
ROOT = Path(__file__).parents[4]

if settings.SETTINGS_MODULE != SETTINGS:
    # Part of the whole run, with the product's own apps: test_adoption.py runs these.
    collect_ignore_glob = ["test_*.py"]


@dataclass(frozen=True)
class Legacy:
    """The old project: its database, ways into it, and what it read before anything was adopted."""

    shard: str
    database: str
    conninfo: str
    environment: dict[str, str]
    before: dict[str, Any] = field(default_factory=dict)

    @property
    def admin(self) -> Admin:
        return Admin(addresses.shard(self.shard), self.conninfo)

    def run(self, *words: str) -> str:
        """Let the old project do something."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.integration.adoption.legacy", *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def read(self, schema: str):
        """What its code reads of one tenant."""
        return json.loads(self.run("read", schema))[schema]

    def still_has(self, schema: str) -> int:
        """How many books a schema has that was not adopted."""
        return self.sql(f"SELECT count(*) FROM {schema}.stock_book")[0][0]

    def sql(self, *statements: str) -> list[tuple]:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="session")
def servers(stack):
    """Control and alpha, with this folder's apps."""
    call_command("migrate", verbosity=0)
    return stack


@pytest.fixture(autouse=True)
def _closed():
    yield
    connections.close_all()


def make_legacy(servers, name: str, *, types: str) -> Legacy:
    shard = f"old-{name}"
    database = f"old_{name}"
    at = addresses.shard("alpha").direct
    postgres = servers.admin_conninfo("alpha", "postgres")
    with psycopg.connect(postgres, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'old_app'").fetchall():
            connection.execute("CREATE ROLE old_app LOGIN PASSWORD 'old'")
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER old_app").format(sql.Identifier(database))
        )
    legacy = Legacy(
        shard=shard,
        database=database,
        conninfo=servers.admin_conninfo("alpha", database),
        environment={
            **{name: value for name, value in os.environ.items() if "ATOLL" not in name},
            "DJANGO_SETTINGS_MODULE": "tests.integration.adoption.legacy.settings",
            "LEGACY_TYPES": types,
            "LEGACY_HOST": at.host,
            "LEGACY_PORT": str(at.port),
            "LEGACY_NAME": database,
            "LEGACY_USER": "old_app",
            "LEGACY_PASSWORD": "old",
        },
    )
    legacy.run("prepare")
    return legacy


def become_a_shard(servers, legacy: Legacy) -> None:
    alpha = addresses.shard("alpha")
    here = Endpoint(alpha.direct.host, alpha.direct.port, legacy.database)
    logins = (alpha.web, alpha.own, alpha.mover, alpha.role_maker)
    add_shard(
        AddShardRequest(
            name=legacy.shard,
            admin_conninfo=legacy.conninfo,
            direct=here,
            pooled=here,
            passwords={login.user: login.password for login in logins if login is not None},
            registry_path=servers.files.registry,
        )
    )


@pytest.fixture(scope="session")
def old_projects(servers):
    """Makes an old project once for each way of keeping content types, and for each size."""
    made: dict[str, Legacy] = {}

    def project(types: str, *, rows: int = 60, schemas: tuple[str, ...] = ("olda",)) -> Legacy:
        name = f"{types}{rows}"
        if name not in made:
            legacy = make_legacy(servers, name, types=types)
            legacy.run("make", str(rows), *schemas)
            # Of all at once: each run is a process of a second.
            legacy.before.update(json.loads(legacy.run("read", *schemas)))
            become_a_shard(servers, legacy)
            build_image()
            made[name] = legacy
        return made[name]

    return project


@pytest.fixture(scope="session")
def to_be_killed(request) -> tuple[str, ...]:
    """The schemas in whose adoption a test of this run kills: to make one takes seconds."""
    asked = (getattr(item, "callspec", None) for item in request.session.items)
    schemas = {str(spec.params.get("schema")) for spec in asked if spec is not None}
    return tuple(sorted(schema for schema in schemas if schema.startswith("kill")))


@pytest.fixture(scope="session")
def legacy(old_projects, to_be_killed) -> Legacy:
    """Content types are shared like people."""
    return old_projects("shared", schemas=("olda", "oldb", "oldc", "old+d", *to_be_killed))
