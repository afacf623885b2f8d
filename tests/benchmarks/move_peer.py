"""pgcopydb on the same tenant: a database of its own that holds its tables and rows, cloned.

pgcopydb clones databases. So the tenant's schema is put into one on the source's server, without
what only our shards have (roles, guards), and pgcopydb takes that to the target's server: tables,
rows, indexes, constraints, statistics. It compares nothing.
"""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from devstack.binaries import newest_pg_dump
from tests.benchmarks.move_ground import MoveGround
from tests.fixtures.two_shards import SHARDS

_DATABASE: Final = "bench_peer"
_JOBS: Final = "4"
"""Its own default."""


@dataclass(frozen=True, slots=True)
class Cloned:
    """One run of it."""

    seconds: float
    version: str


def find_pgcopydb() -> str | None:
    """The program; None: this machine has none (Debian: `apt-get install pgcopydb`)."""
    return shutil.which("pgcopydb")


def prepare(ground: MoveGround) -> None:
    """Put the tenant's schema into a database of its own on the source's server."""
    _make_databases(ground, *SHARDS)
    source = ground.stack.admin_conninfo(ground.place())
    own_one = ground.stack.admin_conninfo(SHARDS[0], _DATABASE)
    programs = Path(newest_pg_dump()).parent
    dump = subprocess.Popen(
        [programs / "pg_dump", "-d", source, "-n", ground.tenant.schema, "-O", "-x"],
        stdout=subprocess.PIPE,
    )
    # Triggers of ours fail, and are to: their functions are not there.
    subprocess.run(
        [programs / "psql", "-q", "-d", own_one],
        stdin=dump.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    if dump.wait():
        raise SystemExit("pg_dump failed")


def clone(ground: MoveGround) -> Cloned:
    """Have pgcopydb take that database to the target's server, which has none before."""
    program = find_pgcopydb()
    assert program is not None
    _make_databases(ground, SHARDS[1])
    source, target = (_uri(ground.stack.admin_conninfo(one, _DATABASE)) for one in SHARDS)
    folder = ground.folder / "pgcopydb"
    shutil.rmtree(folder, ignore_errors=True)
    environment = {
        **os.environ,
        # It asks these programs to read and write tables, and they must know the servers' version.
        "PATH": f"{Path(newest_pg_dump()).parent}{os.pathsep}{os.environ['PATH']}",
        "PGCOPYDB_SOURCE_PGURI": source,
        "PGCOPYDB_TARGET_PGURI": target,
    }
    began = time.monotonic()
    done = subprocess.run(
        [program, "clone", "--dir", str(folder), "--table-jobs", _JOBS, "--index-jobs", _JOBS,
         "--no-owner", "--no-acl", "--no-comments", "--not-consistent"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    took = time.monotonic() - began
    if done.returncode:
        raise SystemExit(f"pgcopydb failed:\n{done.stderr[-2000:]}")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return Cloned(took, version.stdout.split()[2] if version.stdout else "?")


def rows_alike(ground: MoveGround) -> bool:
    """Whether it copied anything at all: the largest table, on both sides."""
    counts = []
    for shard in SHARDS:
        with psycopg.connect(ground.stack.admin_conninfo(shard, _DATABASE)) as admin:
            table = sql.Identifier(ground.tenant.schema, "bench_fleet_record24")
            counts.append(
                admin.execute(sql.SQL("SELECT count(*) FROM {}").format(table)).fetchone()
            )
    return counts[0] == counts[1] != (0,)


def _make_databases(ground: MoveGround, *shards: str) -> None:
    for shard in shards:
        conninfo = ground.stack.admin_conninfo(shard, "postgres")
        with psycopg.connect(conninfo, autocommit=True) as admin:
            name = sql.Identifier(_DATABASE)
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            admin.execute(sql.SQL("CREATE DATABASE {}").format(name))


def _uri(conninfo: str) -> str:
    """The same as a URI: it takes nothing else."""
    at = conninfo_to_dict(conninfo)
    host = str(at["host"]).replace("/", "%2F")
    return f"postgresql://{at['user']}:{at['password']}@{host}:{at['port']}/{at['dbname']}"
