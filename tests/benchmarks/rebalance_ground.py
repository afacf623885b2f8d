"""Servers and processes of the live part of `make bench-rebalance`: all that production has."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from devstack.guardian import Guardian
from devstack.stack import Stack
from sharding.registry.toml_file import write_registry
from tests.benchmarks.move_ground import MoveGround, Tenant, until_end
from tests.fixtures.two_shards import SHARDS
from tests.fixtures.web_servers import ROOT, WebServer

ADDED: Final = "gamma"
NUMBERS: Final = 1_000_000
"""So many numbers of writes each tenant has for itself, so that each write's effect is known."""
_SAMPLED_WITHIN_S: Final = 120.0


@dataclass
class RebalanceGround(MoveGround):
    """Control, two shards with tenants, Redis, and a third server that is no shard yet."""

    made: list[Tenant] = field(default_factory=list)

    @property
    def registry_file(self) -> Path:
        """Where the third server is not in it until `add_shard` writes it there."""
        return self.folder / "registry.toml"

    def environment(self) -> dict[str, str]:
        """What every process of the product finds."""
        return {
            **super().environment(),
            "DJANGO_SETTINGS_MODULE": "tests.benchmarks.settings.rebalance",
            **({"ATOLL_REGISTRY": str(self.registry_file)} if self.registry_file.exists() else {}),
        }

    def make(self, tenants: int) -> None:
        """Prepare two servers and make all tenants, in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.rebalance_build", str(self.stack.folder),
             str(tenants)],
            cwd=ROOT,
            env=self.environment(),
            stdout=subprocess.PIPE,
            check=True,
        )  # fmt: skip
        self.made = [Tenant(**one) for one in json.loads(done.stdout.splitlines()[-1])]
        # Whoever serves waits for these.
        self.tenants = dict(enumerate(self.made[:2], 1))
        known = self.stack.registry()
        shards = {name: server for name, server in known.shards.items() if name != ADDED}
        write_registry(self.registry_file, replace(known, shards=MappingProxyType(shards)))

    @contextmanager
    def worker(self, *queues: str, beat: bool = False) -> Iterator[None]:
        """A Celery worker as deploy/compose.yaml starts it; with `beat`, that too."""
        app = (sys.executable, "-m", "celery", "-A", "config.celery_app")
        name = "+".join(queues)
        commands = [
            (*app, "worker", "-l", "INFO", "-Q", ",".join(queues), "-n", f"{name}@bench",
             "--concurrency", "2" if beat else "1", "--without-gossip", "--without-mingle")
        ]  # fmt: skip
        if beat:
            schedule = str(self.folder / "beat-schedule")
            commands.append((*app, "beat", "-l", "INFO", "--pidfile=", "--schedule", schedule))
        started = []
        for command in commands:
            with (self.folder / f"{name}-{command[5]}.log").open("wb") as log:
                started.append(
                    subprocess.Popen(
                        command, cwd=ROOT, env=self.environment(), stdout=log, stderr=log
                    )
                )
        try:
            yield
        finally:
            for process in started:
                process.terminate()
            for process in started:
                _end(process)

    def manage(self, *words: str, **more: str) -> str:
        """A command as an operator gives it; what it prints."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env={**self.environment(), **more},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        return done.stdout

    def add_shard(self) -> None:
        """The third server becomes a shard of the product that runs."""
        server = self.shard(ADDED)
        logins = {"WEB": server.web, "OWN": server.own, "MOVER": server.mover}
        self.manage(
            *("add_shard", ADDED, "--host", server.direct.host),
            *("--port", str(server.direct.port), "--dbname", server.direct.dbname),
            ATOLL_ADMIN_CONNINFO=self.stack.admin_conninfo(ADDED),
            **{
                f"ATOLL_{name}_PASSWORD": login.password
                for name, login in logins.items()
                if login is not None
            },
        )

    def wait_until_sizes_are_known(self) -> None:
        """As beat's next round would; workers of the shards' queues measure them."""
        subprocess.run(
            [sys.executable, "-m", "celery", "-A", "config.celery_app", "call",
             "tenants.rebalancing.tasks.sample_shards"],
            cwd=ROOT,
            env=self.environment(),
            stdout=subprocess.DEVNULL,
            check=True,
        )  # fmt: skip
        asked = "SELECT count(*) FROM rebalance_tenantsize WHERE bytes IS NOT NULL"
        until = time.monotonic() + _SAMPLED_WITHIN_S
        while (known := self.ask("control", asked)[0][0]) < len(self.made):
            if time.monotonic() > until:
                raise SystemExit(f"{known} of {len(self.made)} tenants were measured.")
            time.sleep(0.5)

    @contextmanager
    def clients_of_all(
        self, server: WebServer, per_second: float
    ) -> Iterator[list[dict[str, Any]]]:
        """Of each tenant one reads and one writes; afterwards the list has the answers."""
        file = self.folder / "clients.jsonl"
        plans = [
            {
                "host": tenant.host,
                "port": server.port,
                "readers": 1,
                "writers": 1,
                "by_sql": 0,
                "per_second": per_second,
                "from_number": at * NUMBERS,
            }
            for at, tenant in enumerate(self.made)
        ]
        answers: list[dict[str, Any]] = []
        module = "tests.benchmarks.rebalance_clients"
        with until_end(module, plans, self.environment(), str(file)):
            yield answers
        answers += [json.loads(line) for line in file.read_text().splitlines()]

    def places(self) -> Mapping[str, str]:
        """Of all tenants, as control says."""
        return dict(self.ask("control", "SELECT tenant_id, shard_id FROM placements_placement"))


@contextmanager
def rebalance_ground(tenants: int) -> Iterator[RebalanceGround]:
    """The servers for one run, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="atoll-rebalance-"))
    folder.chmod(0o711)
    stack = Stack(folder / "stack", fsync=True, shards=(*SHARDS, ADDED), redis=True)
    # Ends the servers also when this process is killed.
    guardian = Guardian(stack)
    try:
        stack.start()
        made = RebalanceGround(stack, folder)
        made.make(tenants)
        yield made
    except BaseException:
        for log in sorted(folder.glob("*.log")):
            print(f"--- {log.name}", *log.read_text(errors="replace").splitlines()[-20:],
                  sep="\n", file=sys.stderr)  # fmt: skip
        raise
    finally:
        stack.destroy()
        guardian.dismiss()
        shutil.rmtree(folder, ignore_errors=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    """A worker that is told to end does what it has begun first."""
    try:
        process.wait(timeout=90)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
