"""What Django is told about a server: address, login, time-outs, pool."""

from collections.abc import Mapping
from typing import Any, Final

from sharding.pools.deadline import deadlined_for
from sharding.registry.types import Endpoint, Login, Server

CONNECT_TIMEOUT_S: Final = 2
"""libpq's floor. It counts per host and leaves out name service: register addresses."""
TCP_USER_TIMEOUT_MS: Final = 3000
KEPT_S: Final = 3600
"""How long a connection lives without a pool: as long as psycopg-pool lets one live."""

POOL_OPTIONS: Final[Mapping[str, Any]] = {
    "min_size": 0,
    "timeout": 0.5,
    # Waiters that timed out stay in the queue; once it is full nobody asks for a new connection
    # any more, and the outage outlives the server's return.
    "max_waiting": 0,
    # A doubling back-off: with the default of 300 s the pool comes back long after the server.
    "reconnect_timeout": 2,
    "num_workers": 1,
}


def options_for(
    server: Server,
    *,
    login: Login | None = None,
    endpoint: Endpoint | None = None,
    pool: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Django's settings of one connection: an entry of DATABASES without ENGINE.

    By default as `web` at the pooled address. `pool` holds psycopg-pool's options (ATOLL_POOL);
    what it leaves out is filled in, None means no pool.
    """
    login = login or server.web
    endpoint = endpoint or server.pooled
    options: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "tcp_user_timeout": TCP_USER_TIMEOUT_MS,
        "application_name": "atoll",
        **endpoint.options,
    }
    if pool is not None:
        options["pool"] = {
            **POOL_OPTIONS,
            **pool,
            "name": f"atoll-{server.name}",
            "connection_class": deadlined_for(server.name),
        }
    return {
        "HOST": endpoint.host,
        "PORT": str(endpoint.port),
        "NAME": endpoint.dbname,
        "USER": login.user,
        "PASSWORD": login.password,
        "OPTIONS": options,
        "CONN_HEALTH_CHECKS": True,
        # Without a pool a thread keeps its connection, or each request would log in anew and find
        # the server's caches of its tenant empty. With one, Django demands 0.
        "CONN_MAX_AGE": 0 if pool is not None else KEPT_S,
    }
