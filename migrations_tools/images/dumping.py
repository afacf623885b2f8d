"""Read a schema off with pg_dump."""

import os
import subprocess
from collections.abc import Collection
from typing import Final

from migrations_tools.images.conf import image_settings
from migrations_tools.images.errors import NoDump
from sharding.registry.types import Server

# Without -O and -x the script would name owners and grant rights: furniture does that. Rows by
# columns' names, so that a cell can be told; many in one statement, so that they are quick.
_ARGUMENTS: Final = (
    "--no-owner",
    "--no-privileges",
    "--no-publications",
    "--no-subscriptions",
    "--no-security-labels",
    "--no-tablespaces",
    "--no-password",
    "--encoding=UTF8",
)
_WITH_ROWS: Final = ("--column-inserts", "--rows-per-insert=500")
_WITHOUT_ROWS: Final = ("--schema-only",)

_TIME_LIMIT_S: Final = 1800


def dump(server: Server, schema: str, *, rows: bool = True, without: Collection[str] = ()) -> str:
    """What pg_dump prints of one schema: everything in it, and with `rows` what lies in its tables.

    without: tables that are left out.

    Locks: ACCESS SHARE on the schema's tables, in a transaction of its own.

    Raises:
        NoDump: there is no such program, it is older than the server, or it failed.
    """
    binary = image_settings().pg_dump
    at, login = server.direct, server.own
    command = [
        binary,
        *_ARGUMENTS,
        *(_WITH_ROWS if rows else _WITHOUT_ROWS),
        f"--schema={schema}",
        *(f"--exclude-table={schema}.{table}" for table in without),
        f"--host={at.host}",
        f"--port={at.port}",
        f"--username={login.user}",
        # Last, so that no name is taken for an option.
        f"--dbname={at.dbname}",
    ]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PG")},
        "PGPASSWORD": login.password,
        "PGCONNECT_TIMEOUT": "5",
        "PGAPPNAME": "atoll images",
        **{f"PG{name.replace('_', '').upper()}": value for name, value in at.options.items()},
    }
    try:
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            timeout=_TIME_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoDump(binary, str(error)) from error
    if done.returncode:
        raise NoDump(binary, done.stderr.decode(errors="replace") or "no reason given.")
    return done.stdout.decode()
