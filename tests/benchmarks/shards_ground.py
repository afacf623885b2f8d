"""Atoll and plain Django on the same two shards, each served by gunicorn or uvicorn."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from devstack.addresses import CONTROL
from tests.benchmarks.shards_cases import ATOLL, System
from tests.fixtures.two_shards import SHARDS, Kind, TwoShards
from tests.fixtures.web_servers import ROOT, WebServer, environment_of

_DATABASE = "bench_stock"
_ALIASES = {"default": CONTROL, **{shard: shard for shard in SHARDS}}


class Served:
    """Both systems over one ground."""

    def __init__(self, ground: TwoShards) -> None:
        self.ground = ground
        self._password = secrets.token_urlsafe(16)

    def build_stock(self) -> None:
        """A database of plain Django on every server, with the rows that each tenant has."""
        for name in _ALIASES.values():
            with psycopg.connect(self.ground.stack.admin_conninfo(name), autocommit=True) as admin:
                role = sql.Identifier(_DATABASE)
                admin.execute(
                    sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                        role, sql.Literal(self._password)
                    )
                )
                admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
        subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.stock.build", str(self.ground.tenants)],
            cwd=ROOT,
            env=environment_of(self._stock()),
            stdout=sys.stderr,
            check=True,
        )

    @contextmanager
    def served(
        self, system: System, kind: Kind, *, through: tuple[str, ...] = ()
    ) -> Iterator[WebServer]:
        """One of them behind one of the servers."""
        if system is ATOLL:
            with self.ground.served(kind, through=through) as server:
                yield server
            return
        modules = {
            "gthread": "tests.benchmarks.peers.wsgi",
            "asgi": "tests.benchmarks.stock.asgi:application",
        }
        with self.ground.served(
            kind, environment=self._stock(*through), application=modules[kind]
        ) as server:
            yield server

    def _stock(self, *through: str) -> dict[str, str]:
        stack, proxies = self.ground.stack, self.ground.slow
        ports = {
            alias: proxies[name].port if name in through else stack.server(name).port
            for alias, name in _ALIASES.items()
        }
        return self.ground.environment() | {
            "DJANGO_SETTINGS_MODULE": "tests.benchmarks.settings.stock_shards",
            "BENCH_DATABASES": json.dumps(
                {alias: ["127.0.0.1", port] for alias, port in ports.items()}
            ),
            "BENCH_DB_HOST": "127.0.0.1",
            "BENCH_DB_PORT": str(ports["default"]),
            "BENCH_DB_NAME": _DATABASE,
            "BENCH_DB_USER": _DATABASE,
            "BENCH_DB_PASSWORD": self._password,
        }
