"""Direct connections to a server as one of its logins, bounded in time.

They go round the pooler, live for one job and are the only owner connections beside session-bound
mode. However a server is down (refused, stopped, unreachable, slow), connecting and every
statement on them end within a bound.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import psycopg
from psycopg.conninfo import make_conninfo

from sharding.pools.deadline import Heeds, deadlined_for
from sharding.pools.options import CONNECT_TIMEOUT_S, TCP_USER_TIMEOUT_MS
from sharding.registry.types import Endpoint, Login, Server
from sharding.schemas.errors import ServerUnreachable

Connection = psycopg.Connection[Any]

_CALLED: Final = "atoll schemas"
_CLIENT_GRACE = timedelta(seconds=1)
"""So that a heavy statement gets the server's own answer, and only a dead server our deadline."""

# A frozen process is met by the client's deadline, which for bulk work is hours away; a cut cable
# by these. While something sent is not acknowledged only the last one counts. While we wait for
# rows nothing is sent, and by default the second probe comes after 75 s.
_CUT_IS_NOTICED: Final = {
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": TCP_USER_TIMEOUT_MS,
}

# What the server's kernel is to do about a client that no longer answers. By default it asks after
# two hours, and until then the session is there, with all that it holds.
_VANISHED_IS_NOTICED: Final = {
    "tcp_keepalives_idle": 5,
    "tcp_keepalives_interval": 2,
    "tcp_keepalives_count": 3,
}

# A transaction here sees what others commit meanwhile, whatever a server's or a role's default is.
_SEES_COMMITS: Final = {"default_transaction_isolation": r"read\ committed"}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one connection waits for what.

    Attributes:
        statement: the server ends a statement after this; a dead server is given up one second
            later, by the client's own clock.
        lock: a statement that waits longer for a lock fails with 55P03.
        idle: the server ends a transaction in which nothing happens for so long, with its session:
            a client that is frozen would else hold its locks for ever.
    """

    statement: timedelta = timedelta(seconds=30)
    lock: timedelta = timedelta(seconds=5)
    idle: timedelta | None = None


DEFAULT = Patience()
BRIEF = Patience(statement=timedelta(seconds=3), lock=timedelta(seconds=1))
"""For a look that people wait for."""


@contextmanager
def own_connection(server: Server, patience: Patience = DEFAULT) -> Iterator[Connection]:
    """A direct autocommit connection as the login that owns tables.

    Raises:
        ServerUnreachable: no connection, or it was lost on the way.
    """
    with login_connection(server, server.direct, server.own, patience) as connection:
        yield connection


@contextmanager
def role_maker_connection(server: Server, patience: Patience = DEFAULT) -> Iterator[Connection]:
    """A direct autocommit connection as the login that makes roles: own, or on 15 its own login.

    Raises:
        ServerUnreachable: no connection, or it was lost on the way.
    """
    login = server.role_maker or server.own
    with login_connection(server, server.direct, login, patience) as connection:
        yield connection


@contextmanager
def login_connection(  # noqa: PLR0913 - what one connection needs
    server: Server,
    endpoint: Endpoint,
    login: Login,
    patience: Patience = DEFAULT,
    *,
    called: str = _CALLED,
    replication: bool = False,
) -> Iterator[Connection]:
    """An autocommit connection to `endpoint` as `login`; the server shows it as `called`.

    replication: it speaks the commands of logical replication too, and takes no parameters.

    Raises:
        ServerUnreachable: no connection, or it was lost on the way.
    """
    more = {"replication": "database"} if replication else {}
    conninfo = make_conninfo(**endpoint.parameters(login), **more)
    # A setting of the session would stay on a pooler's server connection, for whoever is next.
    options = _options(patience) if endpoint == server.direct else ""
    with _connection(server.name, str(endpoint), conninfo, patience, options, called) as connection:
        yield connection


@contextmanager
def admin_connection(
    name: str, conninfo: str, patience: Patience = DEFAULT
) -> Iterator[Connection]:
    """An autocommit connection with what the administrator gave us, for preparing and nothing else.

    Raises:
        ServerUnreachable: no connection, or it was lost on the way.
    """
    options = _options(patience)
    with _connection(name, "as administrator", conninfo, patience, options) as connection:
        yield connection


@contextmanager
def _connection(  # noqa: PLR0913 - what one connection needs
    name: str,
    endpoint: str,
    conninfo: str,
    patience: Patience,
    options: str,
    called: str = _CALLED,
) -> Iterator[Connection]:
    try:
        # Where a shard is being prepared, what the breaker's probe would use need not be there.
        connection = deadlined_for(name, Heeds.NOTHING).connect(
            conninfo,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name=called,
            options=options,
            **_CUT_IS_NOTICED,
        )
    except psycopg.OperationalError as error:
        raise ServerUnreachable(name, endpoint, str(error)) from error
    connection.cap = (patience.statement + _CLIENT_GRACE).total_seconds()
    try:
        yield connection
    except psycopg.OperationalError as error:
        if connection.closed:
            raise ServerUnreachable(name, endpoint, str(error)) from error
        raise
    finally:
        connection.close()


def _options(patience: Patience) -> str:
    limits = (
        ("statement_timeout", patience.statement),
        ("lock_timeout", patience.lock),
        # A killed client's session would else go on waiting, and hold what it holds.
        ("client_connection_check_interval", timedelta(seconds=1)),
        ("idle_in_transaction_session_timeout", patience.idle),
    )
    milliseconds = {
        name: limit // timedelta(milliseconds=1) for name, limit in limits if limit is not None
    }
    settings = {**milliseconds, **_VANISHED_IS_NOTICED, **_SEES_COMMITS}
    return " ".join(f"-c {name}={value}" for name, value in settings.items())
