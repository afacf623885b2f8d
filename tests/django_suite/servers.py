"""A throw-away server for one run; for ours with a template that makes every database a shard."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from devstack.errors import DevstackError
from devstack.guardian import Guardian
from devstack.stack import Stack
from sharding.registry.types import Endpoint, Server
from sharding.schemas import names
from sharding.schemas.services.create_schema import create_schema, open_schema
from sharding.schemas.services.prepare_shard import prepare_shard
from sharding.schemas.services.roles import make_roles
from tests.django_suite.errors import NoSuchServer

TENANT: Final = "tsuite01"
_SHARD: Final = "suite"
# CREATE DATABASE copies this one when no other is named, as Django's test runner does it.
_TEMPLATE: Final = "template1"

_BUILD: Final = """
    SELECT current_setting('server_version'), version(),
           EXISTS (SELECT FROM pg_collation WHERE collname = 'sv-x-icu'),
           (SELECT array_agg(name ORDER BY name) FROM pg_available_extensions)
"""
# What Django's tests of django.contrib.postgres ask for; making one takes a superuser.
_EXTENSIONS: Final = (
    *("bloom", "btree_gin", "btree_gist", "citext", "hstore", "pg_trgm", "pgcrypto"),
    *("unaccent", "uuid-ossp"),
)
# Apps whose tables need it.
_CANNOT_START: Final = {"ICU": ("inspectdb", "model_fields"), "contrib": ("postgres_tests",)}
_MAKE_EXTENSION: Final = "CREATE EXTENSION IF NOT EXISTS {name} SCHEMA {schema}"

# Beyond what a tenant may: the suite makes its tables and functions through the connection under
# test. Still far from a superuser's.
_ALLOW: Final = (
    "GRANT CREATE ON SCHEMA {schema} TO {tenant}",
    "GRANT USAGE ON LANGUAGE plpgsql TO {tenant}",
    "ALTER ROLE {web} CREATEDB",
)


@dataclass(frozen=True, slots=True)
class SuiteServer:
    """A server that runs, with nothing of anybody in it.

    Attributes:
        version: as the server tells it, "15.18".
        build: all that results may depend on, as one text.
        title: for people.
        left_out: labels that no backend can start on it, for what it lacks.
        settings: what tests.django_suite.settings need, and so what the run is told.
    """

    stack: Stack
    version: str
    build: str
    title: str
    left_out: Sequence[str]
    settings: Mapping[str, str]

    @property
    def major(self) -> int:
        """15, 18, …"""
        return self.stack.major

    def make_shard(self) -> None:
        """Let every new database on it be a shard with the tenant's schema, as in the product."""
        address = self._template()
        admin = self.stack.admin_conninfo(_SHARD, _TEMPLATE)
        prepare_shard(admin, address)
        make_roles(address, [TENANT])
        create_schema(address, TENANT)
        with psycopg.connect(admin, autocommit=True) as connection:
            open_schema(connection, TENANT)
            available = connection.execute("SELECT name FROM pg_available_extensions").fetchall()
            for name in _EXTENSIONS:
                if (name,) in available:
                    connection.execute(
                        sql.SQL(_MAKE_EXTENSION).format(
                            name=sql.Identifier(name), schema=sql.Identifier(names.EXTENSIONS)
                        )
                    )
            for statement in _ALLOW:
                connection.execute(
                    sql.SQL(statement).format(
                        schema=sql.Identifier(TENANT),
                        tenant=sql.Identifier(TENANT),
                        web=sql.Identifier(address.web.user),
                    )
                )

    def _template(self) -> Server:
        address = self.stack.registry().shards[_SHARD]
        template = Endpoint(address.direct.host, address.direct.port, _TEMPLATE)
        return replace(address, direct=template, pooled=template)


@contextmanager
def suite_server(kind: str) -> Iterator[SuiteServer]:
    """A server in a temporary folder, gone at the end, also when this process is killed.

    kind: "system", "wheel" or "auto" (the system's where there is one).

    Raises:
        NoSuchServer: this machine has none of that kind, or it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="atoll-suite-") as folder:
        stack = Stack(Path(folder, "stack"), pg_bin=_programs(kind), shards=(_SHARD,), redis=False)
        guardian = Guardian(stack)
        try:
            try:
                stack.start()
            except DevstackError as error:
                raise NoSuchServer(str(error)) from error
            yield _describe(stack)
        finally:
            stack.destroy()
            guardian.dismiss()


def _programs(kind: str) -> Path | None:
    if kind == "wheel":
        # Devstack's own default, unless this variable says otherwise.
        os.environ.pop("ATOLL_PG_BIN", None)
        return None
    if "ATOLL_PG_BIN" in os.environ:
        return None
    found = [
        (int(folder.parent.name), folder)
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if folder.parent.name.isdecimal() and (folder / "initdb").exists()
    ]
    if found and max(found)[0] >= 15:
        return max(found)[1]
    if kind == "system":
        raise NoSuchServer(
            "/usr/lib/postgresql has no PostgreSQL 15 or newer. Install the system's package, or "
            "name its programs: ATOLL_PG_BIN=/path/to/bin"
        )
    return None


def _describe(stack: Stack) -> SuiteServer:
    conninfo = stack.admin_conninfo(_SHARD, "postgres")
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(_BUILD).fetchone()
    assert row is not None, "a SELECT without FROM has one row"
    version, build, has_icu, extensions = row
    number = version.split()[0]
    web = stack.registry().shards[_SHARD].web
    admin: dict[str, Any] = conninfo_to_dict(conninfo)
    has = {"ICU": has_icu, "contrib": "hstore" in extensions}
    return SuiteServer(
        stack=stack,
        version=number,
        build=json.dumps([build, has_icu, extensions]),
        title=", ".join((f"PostgreSQL {number}", *(t if has[t] else f"no {t}" for t in has))),
        left_out=[
            label for text, there in has.items() if not there for label in _CANNOT_START[text]
        ],
        settings={
            "host": "127.0.0.1",
            "port": str(admin["port"]),
            "admin": admin["user"],
            "admin_password": admin["password"],
            "web": web.user,
            "web_password": web.password,
            "tenant": TENANT,
        },
    )
