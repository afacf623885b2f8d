"""What the runbook of a restored shard says, done to the servers of tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.ports import free_port
from devstack.postgres_server import PostgresServer
from devstack.stack import Stack
from tests.fixtures.standbys import base_backup, run_as_server

PUT_ASIDE = (
    "ALTER DATABASE shard ALLOW_CONNECTIONS false",
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'shard'",
    "ALTER DATABASE shard RENAME TO shard_broken",
)
"""As the guide says it (a test compares)."""


def back_up(stack: Stack, shard: str, to: Path) -> Path:
    """`pg_basebackup` of one shard, as its login that may replicate."""
    server = stack.server(shard)
    assert isinstance(server, PostgresServer)
    mover = stack.direct_registry().shards[shard].mover
    assert mover is not None
    folder = to / f"{shard}.backup"
    folder.mkdir(mode=0o700, parents=True)
    server.site.account.give(folder)
    base_backup(server, folder, by=mover)
    return folder


def restore(stack: Stack, shard: str, backup: Path) -> None:
    """Put the backup in the place of the server's data, and start it."""
    server = stack.server(shard)
    stack.stop_server(shard)
    lost = server.site.folder.with_name(f"{server.site.folder.name}.lost")
    server.site.folder.rename(lost)
    shutil.copytree(backup, server.site.folder, copy_function=shutil.copy)
    server.site.folder.chmod(0o700)
    for path in (server.site.folder, *server.site.folder.rglob("*")):
        server.site.account.give(path)
    stack.start_server(shard)
    shutil.rmtree(lost)


def dump(stack: Stack, shard: str, to: Path) -> Path:
    """`pg_dump` and `pg_dumpall --globals-only` of one shard, as a superuser."""
    server = stack.server(shard)
    assert isinstance(server, PostgresServer)
    folder = to / f"{shard}.dumped"
    folder.mkdir(mode=0o700)
    server.site.account.give(folder)
    database = stack.admin_conninfo(shard)
    run_as_server(server, "pg_dump", "-Fc", "-f", str(folder / "dump"), "-d", database)
    run_as_server(
        server, "pg_dumpall", "--globals-only", "-f", str(folder / "globals.sql"), "-d", database
    )
    return folder


def restore_dump(stack: Stack, shard: str, dumped: Path) -> None:
    """Put what was dumped in the place of the shard's database, on the server that runs."""
    server = stack.server(shard)
    assert isinstance(server, PostgresServer)
    postgres = stack.admin_conninfo(shard, "postgres")
    run_as_server(server, "psql", "-X", "-d", postgres, "-f", str(dumped / "globals.sql"))
    for command in PUT_ASIDE:
        run_as_server(server, "psql", "-X", "-d", postgres, "-c", command)
    run_as_server(
        server, "pg_restore", "--create", "--exit-on-error", "-d", postgres, str(dumped / "dump")
    )


@contextmanager
def standby_of(stack: Stack, shard: str, backup: Path) -> Iterator[int]:
    """A server in recovery, made of a backup; yields its port."""
    server = stack.server(shard)
    assert isinstance(server, PostgresServer)
    port = free_port()
    signal = backup / "standby.signal"
    signal.touch()
    server.site.account.give(signal)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
    log = backup.with_name("standby.log")
    run_as_server(server, "pg_ctl", "-D", str(backup), "-w", "-l", str(log), "-o", options, "start")
    try:
        yield port
    finally:
        run_as_server(server, "pg_ctl", "-D", str(backup), "-w", "-m", "fast", "stop")
        signal.unlink()
