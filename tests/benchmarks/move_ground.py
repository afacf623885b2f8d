"""Servers, tenants and processes of `make bench-move`."""

import json
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import psycopg
from redis import Redis

from devstack.binaries import newest_pg_dump
from devstack.guardian import Guardian
from devstack.stack import Stack
from sharding.registry.types import Server
from tests.benchmarks.move_plan import MOVING, World
from tests.fixtures.two_shards import SHARDS
from tests.fixtures.web_servers import ROOT, WebServer, environment_of, gunicorn

WORKERS: Final = 2
THREADS: Final = 16
"""Of each worker: so many that all clients may wait at one gate."""
MAX_PAUSE_MS: Final = 2000


@dataclass(frozen=True, slots=True)
class Tenant:
    """One that moves: what `move_build` says of it."""

    id: str
    slug: str
    schema: str
    tables: int
    bytes: int
    bytes_with_indexes: int

    @property
    def host(self) -> str:
        return f"{self.slug}.localhost"


@dataclass
class MoveGround:
    """Control, two shards that keep what was committed, Redis, and tenants on the first shard.

    Attributes:
        tenants: those that move, or are asked otherwise.
        neighbours: the schemas of the others.
    """

    stack: Stack
    folder: Path
    tenants: dict[int, Tenant] = field(default_factory=dict)
    neighbours: list[str] = field(default_factory=list)
    world: World = field(default_factory=World)
    _secret: str = field(default_factory=lambda: secrets.token_urlsafe(50))

    @property
    def tenant(self) -> Tenant:
        """The one that moves."""
        return self.tenants[MOVING]

    def environment(self) -> dict[str, str]:
        """What every process of the product finds."""
        return environment_of(
            {
                "DJANGO_SETTINGS_MODULE": "tests.benchmarks.settings.move",
                "ATOLL_SECRET_KEY": self._secret,
                "ATOLL_HTTPS": "false",
                "ATOLL_LOG_LEVEL": "ERROR",
                "ATOLL_POOL_SIZE": str(THREADS),
                "ATOLL_THREADS": str(THREADS),
                "ATOLL_REGISTRY": str(self.stack.files.registry),
                "ATOLL_REDIS_URL": self.stack.redis_url,
                "ATOLL_PG_DUMP": newest_pg_dump(),
                "BENCH_MORE_TABLES": str(self.world.more_tables or ""),
            }
        )

    def shard(self, name: str) -> Server:
        return self.stack.registry().shards[name]

    def build(self) -> None:
        """Prepare the servers and make all tenants, in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.move_build", str(self.stack.folder),
             str(self.world.neighbours), str(self.world.megabytes)],
            cwd=ROOT,
            env=self.environment(),
            stdout=subprocess.PIPE,
            check=True,
        )  # fmt: skip
        told = json.loads(done.stdout.splitlines()[-1])
        self.neighbours, self.tenants = told["neighbours"], {MOVING: Tenant(**told["tenant"])}

    @contextmanager
    def served(self) -> Iterator[WebServer]:
        """The product behind gunicorn, warm."""
        server = gunicorn(
            "move", "config.wsgi", workers=WORKERS, threads=THREADS,
            environment=self.environment(), log=self.folder / "web.log",
        )  # fmt: skip
        try:
            for tenant in self.tenants.values():
                server.wait_until_it_serves("/moved/read/", tenant.host)
            yield server
        finally:
            server.stop(within=5)

    @contextmanager
    def busy_neighbours(self) -> Iterator[None]:
        """They write while the block lasts."""
        plan = {
            "neighbours": self.neighbours,
            "mb_per_second": self.world.wal_mb_per_second,
            "shard": _as_web(self.shard(SHARDS[0])),
        }
        with until_end("tests.benchmarks.move_neighbours", plan, self.environment()):
            yield

    @contextmanager
    def clients(self, server: WebServer, plan: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
        """Clients of the tenant while the block lasts; afterwards the list has their answers."""
        file = self.folder / "clients.jsonl"
        told = {
            "host": self.tenant.host,
            "tenant": self.tenant.id,
            "port": server.port,
            "shards": [_as_web(self.shard(name)) for name in SHARDS],
            **plan,
        }
        answers: list[dict[str, Any]] = []
        with until_end("tests.benchmarks.move_clients", told, self.environment(), str(file)):
            yield answers
        answers += [json.loads(line) for line in file.read_text().splitlines()]

    def wal_bytes(self, shard: str) -> int:
        """Bytes of WAL that a server has written since it was made."""
        asked = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
        return int(self.ask(shard, asked)[0][0])

    def ask(self, server: str, asked: str, *values: object) -> list[tuple[Any, ...]]:
        """One statement as administrator, to look on."""
        with psycopg.connect(self.stack.admin_conninfo(server), autocommit=True) as admin:
            return admin.execute(asked.encode(), values).fetchall()

    def tell(self, server: str, statement: str) -> None:
        """One statement as administrator that answers nothing."""
        with psycopg.connect(self.stack.admin_conninfo(server), autocommit=True) as admin:
            admin.execute(statement.encode())

    def place(self) -> str:
        """The shard that the tenant lives on, as control says."""
        asked = "SELECT shard_id FROM placements_placement WHERE tenant_id = %s"
        return str(self.ask("control", asked, self.tenant.id)[0][0])

    @property
    def version(self) -> str:
        """Of the shards' servers, such as `18.4`."""
        return str(self.ask(SHARDS[0], "SHOW server_version")[0][0]).split()[0]

    def effects(self, key: str) -> list[str]:
        """What was done outside of the database so far; it is forgotten by that."""
        with Redis.from_url(self.stack.redis_url) as redis:
            found = redis.lrange(key, 0, -1)
            redis.delete(key)
        return [one.decode() for one in found]


class Mover:
    """The process that moves."""

    def __init__(self, ground: MoveGround) -> None:
        self._ground = ground

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.move_mover"],
            cwd=ROOT,
            env=self._ground.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.communicate(timeout=60)

    def move(
        self, mode: str, *, soaks: bool = False, max_pause_ms: int = MAX_PAUSE_MS
    ) -> dict[str, Any]:
        """Take the tenant to the other shard; what `move_mover.move` answers."""
        more = {"mode": mode, "soaks": soaks, "shards": SHARDS}
        return self._ask("move", max_pause_ms=max_pause_ms, **more)

    def turn(self) -> dict[str, Any]:
        """Take it back, with the way back open once more; what `move_mover.turn` answers."""
        return self._ask("turn", max_pause_ms=MAX_PAUSE_MS)

    def finish(self) -> dict[str, Any]:
        """End the soak; what `move_mover.finish` answers."""
        return self._ask("finish")

    def _ask(self, what: str, **more: Any) -> dict[str, Any]:
        asked = {"do": what, "tenant": self._ground.tenant.id, **more}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = self._answer()
        return answer

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"The mover ended: {self._process.wait()}")
        return json.loads(line)


@contextmanager
def move_ground(world: World) -> Iterator[MoveGround]:
    """The servers for one part, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="atoll-move-"))
    folder.chmod(0o711)
    stack = Stack(folder / "stack", fsync=True, shards=SHARDS, redis=True, pg_bin=world.pg_bin)
    # Ends the servers also when this process is killed.
    guardian = Guardian(stack)
    try:
        stack.start()
        made = MoveGround(stack, folder, world=world)
        made.build()
        yield made
    finally:
        stack.destroy()
        guardian.dismiss()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def until_end(
    module: str, plan: object, environment: dict[str, str], *arguments: str
) -> Iterator[None]:
    """A process that works while the block lasts: it reads its plan, and ends with its input."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(plan).encode() + b"\n")
    process.stdin.flush()
    try:
        yield
        process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise SystemExit(f"{module} failed: {process.returncode}")


def _as_web(server: Server) -> dict[str, Any]:
    return server.direct.parameters(server.web)
