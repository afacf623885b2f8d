"""Two tenants on each of two shards, gunicorn before them, and an operator at a shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from django.db import connections

from config import env
from devstack.binaries import newest_pg_dump
from devstack.postgres_server import SUPERUSER, PostgresServer
from devstack.prepare import prepare
from devstack.stack import Stack
from sharding import scope
from sharding.placements.services.placing import get_placement
from sharding.registry import current as addresses
from tenants.services.provision import provision_tenant
from tenants.services.types import ProvisionRequest
from tests.fixtures.pages import Kind, Step, Walk, missing
from tests.fixtures.servers import throw_away_stack
from tests.fixtures.waiting import wait_for
from tests.integration.deploy.conftest import Gunicorn, Response, ask

TENANTS: Final = {"acme": "alpha", "birch": "alpha", "coral": "beta", "dune": "beta"}
PAGES: Final = env.ROOT / "docs" / "runbooks"
ASKS_ITS_SHARD: Final = {"Cookie": f"sessionid={'a' * 32}"}
"""A session that there is not, as its tenant's database says: one is led to sign in."""
HEARD: Final = "SELECT max(seen_at) FROM placements_process"
_LONGEST_S: Final = 120
_LOGGED: Final = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ (INFO|WARNING) .*\n", re.MULTILINE)
"""What a program says of itself among what it prints."""


@dataclass
class World:
    """What the operator finds.

    Attributes:
        places: of each tenant.
        exported: what was typed at the shell and holds for what is typed later.
    """

    stack: Stack
    site: Gunicorn
    places: dict[str, scope.Placement]
    exported: list[str] = field(default_factory=list)

    def ask(self, slug: str) -> Response:
        """Some page of a tenant, which asks its shard."""
        return ask(self.site.port, "/", f"{slug}.localhost", headers=ASKS_ITS_SHARD)

    def is_served(self, slug: str) -> bool:
        return self.ask(slug).status == 302

    def until_served(self, slug: str) -> None:
        wait_for(lambda: self.is_served(slug), f"{slug} is not served")

    def until_refused(self, slug: str) -> Response:
        """By the breaker: at once, with when to come again."""
        return wait_for(lambda: self._refusal(slug), f"{slug} is served")

    def until_listed(self, shard: str, *, breakers: str) -> None:
        """Until the heartbeat has told control what the process holds of a shard."""

        def listed() -> bool:
            lines = self.shell("manage.py list_shards")[0].splitlines()
            (line,) = [line for line in lines if line.startswith(shard)]
            return f" {breakers}" in line

        wait_for(listed, f"{shard} is not {breakers}")

    def until_ready(self, **wanted: bool) -> None:
        """Until /readyz says so of control or Redis."""

        def says() -> bool:
            told = ask(self.site.port, "/readyz").json()
            return all(told[name] is each for name, each in wanted.items())

        wait_for(says, f"/readyz does not say {wanted}")

    def until_logged(self, text: str) -> None:
        """Until the site's log has what a page says, its gaps and all."""
        log = self.site.log
        wait_for(lambda: not missing(text, log.read_text()), text, log=log)

    def until_heard(self) -> None:
        """Until the site's heartbeat has reached control once more."""
        last = self.psql("control", HEARD)
        wait_for(lambda: self.psql("control", HEARD) != last, "no heartbeat", log=self.site.log)

    @contextmanager
    def undone_by(self, *commands: str) -> Iterator[None]:
        """Where a walk breaks off, the next one finds nothing of what these undo."""
        try:
            yield
        except BaseException:
            for each in commands:
                self.shell(each)
            raise

    def postgres(self, name: str) -> PostgresServer:
        server = self.stack.server(name)
        assert isinstance(server, PostgresServer)
        return server

    def shell(self, text: str, typed: str = "") -> tuple[str, int]:
        """What a line prints, errors among it, and its status."""
        if text.startswith("export "):
            self.exported.append(text)
        lines = "\n".join([*self.exported, text])
        done = subprocess.run(
            ["bash", "-c", lines],
            cwd=env.ROOT,
            env=self.site.environment,
            input=f"{typed}\n",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_LONGEST_S,
            check=False,
        )
        return _LOGGED.sub("", done.stdout), done.returncode

    def psql(self, server: str, text: str) -> tuple[str, int]:
        """What a superuser is told there."""
        done = subprocess.run(
            ["psql", "-X", "-v", "ON_ERROR_STOP=1", self.stack.admin_conninfo(server)],
            env={**self.site.environment},
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_LONGEST_S,
            check=False,
        )
        return done.stdout, done.returncode

    def walk(self, page: str, server: str) -> Walk:
        """Go through a page because of one server, which its SQL is for."""

        def run(step: Step, typed: str) -> tuple[str, int]:
            if step.kind is Kind.SQL:
                return self.psql(server, step.text)
            return self.shell(step.text, typed)

        port = str(self.stack.server(server).port)
        self.exported = [f"export PGPASSWORD={self.postgres(server).password}"]
        places = {"-h HOST -p PORT": f"-h 127.0.0.1 -p {port}", "-U ADMIN": f"-U {SUPERUSER}"}
        return Walk(
            PAGES / f"{page}.md", run, {"127.0.0.1:8460": f"127.0.0.1:{self.site.port}", **places}
        )

    def _refusal(self, slug: str) -> Response | None:
        answer = self.ask(slug)
        return answer if answer.status == 503 else None


@contextmanager
def world_of(folder: Path, unblock: Callable[[], object]) -> Iterator[World]:
    """Servers of its own: they are stopped, and their primaries lost."""
    before = addresses.registry()
    with (
        throw_away_stack() as stack,
        unblock(),  # type: ignore[attr-defined]
        pytest.MonkeyPatch.context() as patch,
    ):
        connections.close_all()
        patch.setenv(addresses.ENVIRONMENT_VARIABLE, str(stack.files.registry))
        prepare(stack)
        made = {
            slug: provision_tenant(ProvisionRequest(slug=slug, shard=shard)).tenant_id
            for slug, shard in TENANTS.items()
        }
        places = {slug: get_placement(each).to_scope() for slug, each in made.items()}
        site = Gunicorn(stack, folder, **_environment(stack, folder))
        collected = site.manage("collectstatic", "--no-input", "--verbosity", "0")
        assert collected.returncode == 0, collected.stderr
        world = World(stack, site.start(), places)
        try:
            for slug in TENANTS:
                world.until_served(slug)
            # As its load balancer asks all the time.
            world.until_ready(control=True, redis=True)
            yield world
        finally:
            site.stop()
            for wrapper in connections.all(initialized_only=True):
                wrapper.close()
                wrapper.close_pool()
            addresses.install(before)


def _environment(stack: Stack, folder: Path) -> dict[str, str]:
    """As production has it, but for a probe that may take its time on a busy machine."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    manage = programs / "manage.py"
    manage.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{env.ROOT / "manage.py"}" "$@"\n')
    manage.chmod(0o755)
    server = stack.server("control")
    assert isinstance(server, PostgresServer)
    ours = (programs, server.binaries.folder, Path(sys.executable).parent)
    return {
        "PATH": os.pathsep.join((*map(str, ours), os.environ["PATH"])),
        "PYTHONUNBUFFERED": "1",
        "ATOLL_LOG_FORMAT": "line",
        "ATOLL_PROBE_SECONDS": "1",
        "ATOLL_PG_DUMP": newest_pg_dump(),
        "ATOLL_BROKER_URL": stack.redis_url.replace("://:", "://default:").replace("/0", "/1"),
        "ATOLL_PROCESS_GROUPS": "web=1x8",
        "ATOLL_SERVER_LIMITS": "control=200 alpha=200 beta=200",
    }


@pytest.fixture(scope="package")
def standing_world(tmp_path_factory, django_db_blocker) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with world_of(folder, django_db_blocker.unblock) as made:
        yield made


@pytest.fixture
def world(standing_world: World) -> Iterator[World]:
    """For pages after which all is as it was, whatever became of them."""
    yield standing_world
    standing_world.until_ready(control=True, redis=True)
    for slug in TENANTS:
        standing_world.until_served(slug)
