"""PgBouncer's admin console: show, reload, pause, resume; and whether a reload took.

The console speaks a language of its own: no transactions, no parameters.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from sharding.pools.deadline import deadlined_for
from sharding.pools.pgbouncer.errors import ConsoleRefused, ConsoleUnreachable, ReloadNotTaken
from sharding.pools.pgbouncer.files import ADMIN
from sharding.pools.pgbouncer.writing import read_admin_password, read_main

Rows = list[dict[str, Any]]

SHOWN: Final = {
    name: sql.SQL("SHOW {}").format(sql.SQL(name))
    for name in ("pools", "databases", "servers", "clients", "stats", "config", "version")
}
_RELOAD: Final = sql.SQL("RELOAD")
_PAUSE: Final = sql.SQL("PAUSE {}")
_RESUME: Final = sql.SQL("RESUME {}")
_EVERYWHERE: Final = frozenset({"", "*", "0.0.0.0", "::"})
_COLUMNS: Final = {
    "host": "host",
    "port": "port",
    "dbname": "database",
    "pool_size": "pool_size",
    "max_db_connections": "max_connections",
}
"""Words of an entry, and how SHOW DATABASES calls them."""


class Console:
    """The console of the PgBouncer whose files are in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.sections = read_main(self.folder)
        settings = self.sections["pgbouncer"]
        first = settings["listen_addr"].split(",")[0].strip()
        self.host = "127.0.0.1" if first in _EVERYWHERE else first
        self.port = int(settings["listen_port"])

    def show(self, what: str) -> Rows:
        """One of PgBouncer's tables; later versions have more columns, so read them by name."""
        return self._run(SHOWN[what], f"SHOW {what}")

    def pause(self, database: str = "") -> None:
        """Let running transactions end and hold what comes after. Waits for them, 30 s at most."""
        self._run(_PAUSE.format(_named(database)), f"PAUSE {database}".strip(), cap=30)

    def resume(self, database: str = "") -> None:
        """Let held clients go on."""
        self._run(_RESUME.format(_named(database)), f"RESUME {database}".strip())

    def reload(self) -> None:
        """Have the files read again, and look whether what they say is in effect.

        Raises:
            ReloadNotTaken: it is not; some versions say nothing of a file that they cannot read.
        """
        self._run(_RELOAD, "RELOAD")
        if differences := tuple(self.differences()):
            raise ReloadNotTaken(differences)

    def differences(self) -> Iterator[str]:
        """Where PgBouncer does not do what its file says."""
        runs = {row["key"]: row["value"] or "" for row in self.show("config")}
        for name, wanted in self.sections["pgbouncer"].items():
            if name not in runs:
                yield f"it knows no {name}"
            elif runs[name] != wanted:
                yield f"{name} is {runs[name] or 'empty'}, not {wanted or 'empty'}"
        entries = {row["name"]: row for row in self.show("databases")}
        for name, text in self.sections["databases"].items():
            entry = entries.pop(name, None)
            if entry is None:
                yield f"there is no entry {name}"
                continue
            for word, wanted in _words(text).items():
                found = str(entry[_COLUMNS[word]])
                if found != wanted:
                    yield f"{word} of {name} is {found}, not {wanted}"
        yield from (f"entry {name} is still there" for name in entries if name != "pgbouncer")

    def _run(self, command: sql.Composable, told: str, *, cap: float = 3.5) -> Rows:
        with self._connected() as connection:
            connection.cap = cap
            try:
                cursor = connection.execute(command)
            except psycopg.Error as error:
                # It answers every refusal with the code of a broken connection.
                if error.sqlstate is None:
                    raise ConsoleUnreachable(f"{self.host}:{self.port}", str(error)) from error
                raise ConsoleRefused(told, str(error)) from error
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        try:
            connection = deadlined_for("pgbouncer").connect(
                host=self.host,
                port=self.port,
                dbname="pgbouncer",
                user=ADMIN,
                password=read_admin_password(self.folder),
                connect_timeout=2,
                autocommit=True,
                row_factory=dict_row,
            )
        except psycopg.OperationalError as error:
            raise ConsoleUnreachable(f"{self.host}:{self.port}", str(error)) from error
        try:
            yield connection
        finally:
            connection.close()


def _named(database: str) -> sql.Composable:
    return sql.Identifier(database) if database else sql.SQL("")


def _words(entry: str) -> dict[str, str]:
    return {
        word: value.strip("'").replace("''", "'")
        for word, _, value in (part.partition("=") for part in entry.split(" "))
        if word in _COLUMNS
    }
