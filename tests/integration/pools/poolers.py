"""A PgBouncer that runs with files that we wrote, and tenants behind it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from devstack import processes
from devstack.account import server_account
from devstack.binaries import find_pgbouncer
from devstack.pgbouncer_server import PgBouncerServer
from devstack.ports import free_port
from devstack.server import Site
from sharding import scope
from sharding.registry import current
from sharding.schemas.connections import own_connection
from sharding.schemas.services.create_schema import create_schema, open_schema
from sharding.schemas.services.drop_schema import drop_schema
from sharding.schemas.services.roles import drop_role, make_roles
from sharding.scope import Placement

WHO = "SELECT current_user, current_schema()"


class WithOurFiles(PgBouncerServer):
    """PgBouncer with the files of its folder as they are."""

    @classmethod
    def in_folder(cls, folder: Path) -> "WithOurFiles":
        account = server_account()
        account.give(folder)
        site = Site(folder, folder / "log", folder, free_port(), account)
        return cls("pgbouncer", site, binary=find_pgbouncer(), entries={}, users={})

    def is_as_configured(self) -> bool:
        return True

    def launch(self) -> subprocess.Popen[bytes]:
        return processes.spawn(
            [self.binary, self.site.folder / "pgbouncer.ini"],
            folder=self.site.folder,
            log=self.site.log,
            account=self.site.account,
        )


@contextmanager
def two_tenants(names: tuple[str, str]) -> Iterator[tuple[Placement, Placement]]:
    """Two tenants on alpha, with a table and a row each; gone afterwards."""
    server = current.shard("alpha")
    make_roles(server, names)
    for name in names:
        create_schema(server, name)
    with own_connection(server) as owner:
        for name in names:
            open_schema(owner, name, epoch=1)
    yield tuple(Placement(name, "alpha", name, 1, "g") for name in names)
    for name in names:
        drop_schema(server, name)
        drop_role(server, name)


def who_am_i(place: Placement) -> tuple[str, str]:
    with scope.enter(place), connection.cursor() as cursor:
        cursor.execute(WHO)
        return cursor.fetchone()
