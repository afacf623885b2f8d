"""The servers of a run: one stack, and on its one shard the databases of all systems.

Everything is on one PostgreSQL server: the shard's database, and beside it one database for plain
Django and one for django-tenants, each with a login of its own that owns its tables.
"""

import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from devstack.binaries import newest_pg_dump
from devstack.guardian import Guardian
from devstack.stack import Stack
from tests.benchmarks.gunicorn import THREADS
from tests.benchmarks.systems import System
from tests.fixtures.web_servers import ROOT, environment_of

SHARD = "alpha"
PEERS = ("plain", "django_tenants")
_POOL_SIZE = 8
_BUILDERS = 2


@dataclass
class Ground:
    """Where all systems of a run find their data.

    Attributes:
        stack: control, one shard, Redis; throw-away, fsync off.
        folder: logs and lists of hosts.
        tenants: how many there are in each of the systems.
    """

    stack: Stack
    folder: Path
    tenants: int
    passwords: dict[str, str] = field(default_factory=dict)

    def environment(self, system: System, *, settings: str | None = None) -> dict[str, str]:
        """What a process of `system` finds in its environment."""
        shard = self.stack.registry().shards[SHARD]
        common = {
            "DJANGO_SETTINGS_MODULE": settings or system.settings,
            "ATOLL_SECRET_KEY": self.passwords["secret key"],
            "ATOLL_HTTPS": "false",
            "ATOLL_POOL_SIZE": str(_POOL_SIZE if system.pool else 0),
            "ATOLL_REGISTRY": str(self.stack.files.registry),
            "ATOLL_REDIS_URL": self.stack.redis_url,
            "ATOLL_PG_DUMP": newest_pg_dump(),
            # Slots are taken and counted, and nobody is refused: all load is on one shard, and its
            # requests are meant to keep every thread busy.
            "ATOLL_SHARD_SLOTS": str(THREADS),
            "ATOLL_TENANT_SLOTS": str(THREADS),
        }
        if not system.budget:
            common["ATOLL_SCHEMAS_PER_CONNECTION"] = "0"
        if system.database == "atoll":
            return common
        return common | {
            "BENCH_DB_HOST": shard.direct.host,
            "BENCH_DB_PORT": str(shard.direct.port),
            "BENCH_DB_NAME": f"bench_{system.database}",
            "BENCH_DB_USER": f"bench_{system.database}",
            "BENCH_DB_PASSWORD": self.passwords[system.database],
        }

    def add_peer_databases(self) -> None:
        """A database and a login per peer, on the shard's server."""
        with psycopg.connect(self.stack.admin_conninfo(SHARD), autocommit=True) as admin:
            for peer in PEERS:
                self.passwords[peer] = secrets.token_urlsafe(16)
                name = sql.Identifier(f"bench_{peer}")
                admin.execute(
                    sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                        name, sql.Literal(self.passwords[peer])
                    )
                )
                admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))

    def build(self, system: System, *, settings: str | None = None) -> None:
        """Make the tenants of `system` and their rows, several at a time."""
        environment = environment_of(self.environment(system, settings=settings))
        folder = str(self.stack.folder)
        module = f"tests.benchmarks.build_{system.database}"

        def start(step: str, *arguments: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", module, step, folder, SHARD, *arguments]
            return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=sys.stderr)

        _wait([start("prepare")])
        if system.database == "plain":
            return
        share = -(-self.tenants // _BUILDERS)
        _wait(
            [
                start("tenants", str(first), str(min(first + share, self.tenants + 1)))
                for first in range(1, self.tenants + 1, share)
            ]
        )

    def settle(self) -> None:
        """Vacuum and analyse everything, so that no background work falls into the measurement."""
        for database in ("shard", *(f"bench_{peer}" for peer in PEERS)):
            conninfo = self.stack.admin_conninfo(SHARD, database)
            with psycopg.connect(conninfo, autocommit=True) as admin:
                admin.execute("VACUUM ANALYZE")
                admin.execute("CHECKPOINT")


def _wait(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.wait():
            raise subprocess.CalledProcessError(process.returncode, process.args)


@contextmanager
def ground(tenants: int, *, pg_bin: Path | None = None) -> Iterator[Ground]:
    """The servers for one run, gone afterwards; `pg_bin` names another PostgreSQL's programs."""
    with tempfile.TemporaryDirectory(prefix="atoll-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        stack = Stack(folder / "stack", shards=(SHARD,), redis=True, pg_bin=pg_bin)
        # Ends the servers also when this process is killed.
        guardian = Guardian(stack)
        try:
            stack.start()
            made = Ground(stack, folder, tenants)
            made.passwords["secret key"] = secrets.token_urlsafe(50)
            made.add_peer_databases()
            yield made
        finally:
            stack.destroy()
            guardian.dismiss()
