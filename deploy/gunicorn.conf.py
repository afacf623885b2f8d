"""How gunicorn serves Atoll: `gunicorn -c deploy/gunicorn.conf.py config.wsgi`.

Every line is gunicorn's own setting of that name. What differs between machines comes from the
environment: ATOLL_BIND, ATOLL_METRICS_BIND, WEB_CONCURRENCY, ATOLL_THREADS, ATOLL_MAX_REQUESTS,
ATOLL_GRACEFUL_SECONDS, ATOLL_BEHIND_PROXY, ATOLL_TRUSTED_PROXIES, ATOLL_LOG_FORMAT.
"""

import os
import shutil
import tempfile


def _whole(name, default, *, least=1):
    value = os.environ.get(name, default)
    if not value.isdecimal() or int(value) < least:
        raise ValueError(f"{name} is {value!r}. Set it to a whole number from {least} on.")
    return int(value)


_metrics_bind = os.environ.get("ATOLL_METRICS_BIND", "")

# The site, and for scrapers an address of its own (config/observability/probes.py).
bind = [os.environ.get("ATOLL_BIND", "127.0.0.1:8000"), *filter(None, [_metrics_bind])]
workers = _whole("WEB_CONCURRENCY", "2")
worker_class = "gthread"
# Not more than ATOLL_POOL_SIZE: a thread that gets no connection within half a second answers 503.
threads = _whole("ATOLL_THREADS", "8")

# The code is loaded once and shared by all workers. Connections are not: a forked process lets go
# of whatever its parent had open, and opens pools of its own (sharding/backend/forks.py).
preload_app = True

# A worker that says nothing for this long is killed. Requests have shorter deadlines of their own.
timeout = 30
# After SIGTERM no new request is taken, and what runs may end within this; then the worker goes.
graceful_timeout = _whole("ATOLL_GRACEFUL_SECONDS", "20")
# Longer than a front server keeps its idle connections (deploy/nginx), so that it is never the one
# that finds a connection closed just when it sends a request.
keepalive = 75
# Workers are replaced now and then, each at another moment, so that nothing grows for ever.
max_requests = _whole("ATOLL_MAX_REQUESTS", "20000", least=0)
max_requests_jitter = max_requests // 10

# Whose X-Forwarded-Proto is believed: nobody's, unless a front server is said to stand before.
_behind_proxy = os.environ.get("ATOLL_BEHIND_PROXY", "").lower() in {"true", "on", "yes", "1"}
_proxies = os.environ.get("ATOLL_TRUSTED_PROXIES", "127.0.0.1,::1")
forwarded_allow_ips = _proxies if _behind_proxy else ""

# The heartbeat file must not wait for a disk.
_memory = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112
worker_tmp_dir = _memory
# One socket per home directory would tie two instances of one user together.
control_socket_disable = True

accesslog = "-"
if os.environ.get("ATOLL_LOG_FORMAT", "json") == "json":
    logger_class = "config.observability.access_log.JsonLogger"
else:
    access_log_format = '%({host}i)s "%(r)s" %(s)s %(b)s bytes in %(M)s ms'

# Workers share their figures through files. The library looks for the variable when it is imported,
# which is when gunicorn loads the application: after this file.
_figures = None
if _metrics_bind:
    _figures = tempfile.mkdtemp(prefix="atoll-figures-", dir=_memory)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = _figures


def on_starting(server):
    """Say where the figures are kept, for whoever finds the folder."""
    if _figures:
        server.log.info("Figures are shared in %s", _figures)


def pre_fork(server, worker):
    """Give the worker the first slot that is free: files of its figures are named by it."""
    taken = {other.slot for other in server.WORKERS.values()}
    worker.slot = next(number for number in range(len(taken) + 1) if number not in taken)


def post_fork(server, worker):
    """Let the worker publish its figures, if anybody may ask for them."""
    if _figures:
        from config.observability.processes import take_slot
        from config.observability.publishing import keep_publishing

        take_slot(f"web-{worker.slot}")
        keep_publishing()


def worker_exit(server, worker):
    """Publish for the last time, and take this process's row out of control: it was not lost."""
    from config.observability.publishing import stop_publishing
    from sharding.placements.services.processes import stop_heartbeat

    stop_publishing()
    stop_heartbeat()


def child_exit(server, worker):
    """What the worker had open is gone; what it has counted stays."""
    if _figures:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(f"web-{worker.slot}")


def on_exit(server):
    """Leave no files behind."""
    if _figures:
        shutil.rmtree(_figures, ignore_errors=True)
