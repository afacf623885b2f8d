"""The figures of this process. docs/reference/metrics.md tells each; a test compares.

Labels hold names of servers, queues and methods, never a tenant or a host: there are too many.
Which process counted is nobody's business either: with PROMETHEUS_MULTIPROC_DIR all workers of one
gunicorn write files there, and whichever is asked adds them up. That variable must be there before
this module is imported.
"""

from collections.abc import Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from config.observability.processes import count_in_slots

count_in_slots()

REGISTRY: Final = CollectorRegistry()
NO_SHARD: Final = "none"
"""The label of requests without a tenant: public pages, the console, unknown hosts."""

REQUESTS: Final = Counter(
    "atoll_requests",
    "Requests answered, by the shard of their tenant, method and class of status.",
    ("shard", "method", "status"),
    registry=REGISTRY,
)
REQUEST_SECONDS: Final = Histogram(
    "atoll_request_seconds",
    "Seconds until a response was there, by the shard of its tenant; a streamed body comes after.",
    ("shard",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=REGISTRY,
)
MESSAGES: Final = Counter(
    "atoll_statements",
    "Messages sent to a server and waited for: a statement with its prefix is one, COMMIT is one.",
    ("server",),
    registry=REGISTRY,
)
MESSAGE_SECONDS: Final = Counter(
    "atoll_statement_seconds",
    "Seconds that all waits for a server's answers took together.",
    ("server",),
    registry=REGISTRY,
)
GIVEN_UP: Final = Counter(
    "atoll_statements_given_up",
    "Waits that ended without an answer: the deadline, a lost connection, a server that is away.",
    ("server",),
    registry=REGISTRY,
)
POOL_CONNECTIONS: Final = Gauge(
    "atoll_pool_connections",
    "Connections that pools hold now, of all processes, idle or used.",
    ("server", "state"),
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
POOL_LIMIT: Final = Gauge(
    "atoll_pool_limit",
    "Connections that pools may hold, of all processes that have used the server.",
    ("server",),
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
POOL_WAITING: Final = Gauge(
    "atoll_pool_waiting",
    "Threads that wait for a connection now, of all processes.",
    ("server",),
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
POOL_WAIT_SECONDS: Final = Counter(
    "atoll_pool_wait_seconds",
    "Seconds that threads have waited for a connection.",
    ("server",),
    registry=REGISTRY,
)
POOL_REFUSALS: Final = Counter(
    "atoll_pool_refusals",
    "Times that a pool had no connection to give in time; each is a 503.",
    ("server",),
    registry=REGISTRY,
)
CONNECTION_FAILURES: Final = Counter(
    "atoll_connection_failures",
    "Attempts to connect that failed.",
    ("server",),
    registry=REGISTRY,
)
CONNECTIONS_EXPIRED: Final = Counter(
    "atoll_connections_expired",
    "Connections replaced since they had met as many tenants as ATOLL_SCHEMAS_PER_CONNECTION says.",
    ("server",),
    registry=REGISTRY,
)
AWAY: Final = Gauge(
    "atoll_server_away",
    "Processes whose breaker holds the server to be away: it is open, or held by hand.",
    ("server",),
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
BREAKER_STATE: Final = Gauge(
    "atoll_breaker_processes",
    "Processes whose breaker of the server is in this state: closed, suspected, open, held.",
    ("server", "state"),
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
BREAKER_SINCE: Final = Gauge(
    "atoll_breaker_since_seconds",
    "When a breaker of the server last changed its state, in any process (Unix time).",
    ("server",),
    multiprocess_mode="livemax",
    registry=REGISTRY,
)
BREAKER_OPENED: Final = Counter(
    "atoll_breaker_opened",
    "Times that a breaker of the server has opened, or was held.",
    ("server",),
    registry=REGISTRY,
)
SLOTS: Final = Gauge(
    "atoll_slots",
    "Requests that are at a shard now, of all processes; `control` are those of public and "
    "operators' hosts.",
    ("server",),
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
SLOT_LIMIT: Final = Gauge(
    "atoll_slot_limit",
    "Requests that may be at one shard at a time, of all processes; 0: any number.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
SLOT_REFUSALS: Final = Counter(
    "atoll_slot_refusals",
    "Requests that got 503 at once, by shard and reason: shard_away, shard_busy, tenant_busy.",
    ("server", "reason"),
    registry=REGISTRY,
)

GATE_WAITING: Final = Gauge(
    "atoll_gate_waiting",
    "Requests that wait now for tenants that are being moved, of all processes.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
MOVES_MET: Final = Counter(
    "atoll_moves_met",
    "Requests that met the move of their tenant, by what became of them.",
    ("outcome",),
    registry=REGISTRY,
)

TASKS: Final = Counter(
    "atoll_tasks",
    "Tasks that have ended in this worker, by queue and how: success, failure, retry, ignored.",
    ("queue", "state"),
    registry=REGISTRY,
)
TASK_SECONDS: Final = Counter(
    "atoll_task_seconds",
    "Seconds that these tasks took together.",
    ("queue",),
    registry=REGISTRY,
)

QUEUE_WAITING: Final = ("atoll_queue_waiting", "Tasks that no worker has taken yet.", ("queue",))
BROKER_UP: Final = ("atoll_broker_up", "1 if the broker answered just now, else 0.", ())
"""Asked when somebody scrapes: name, meaning, labels."""


def described() -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """Name, type, labels and meaning of each metric, as a scraper sees them."""
    for each in globals().copy().values():
        if isinstance(each, Counter | Gauge | Histogram):
            metric: Any = each
            (family,) = metric.describe()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            yield name, family.type, metric._labelnames, family.documentation
    for name, meaning, labels in (QUEUE_WAITING, BROKER_UP):
        yield name, "gauge", labels, meaning
