"""How gunicorn serves Atoll: `gunicorn -c deploy/gunicorn.conf.py config.wsgi`.

Every line is gunicorn's own setting of that name. What differs between machines comes from the
environment: ATOLL_BIND, WEB_CONCURRENCY, ATOLL_THREADS.
"""

import os

bind = os.environ.get("ATOLL_BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
# Not more than ATOLL_POOL_SIZE: a thread that gets no connection within half a second answers 503.
threads = int(os.environ.get("ATOLL_THREADS", "8"))

# The code is loaded once and shared by all workers. Connections are not: a forked process lets go
# of whatever its parent had open, and opens pools of its own (sharding/backend/forks.py).
preload_app = True

# A worker that says nothing for this long is killed. Requests have shorter deadlines of their own.
timeout = 30
# What runs may end; then the worker goes.
graceful_timeout = 20
keepalive = 5
# Workers are replaced now and then, each at another moment, so that nothing grows for ever.
max_requests = 20_000
max_requests_jitter = 2_000

# The heartbeat file must not wait for a disk.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112
# One socket per home directory would tie two instances of one user together.
control_socket_disable = True

accesslog = "-"
access_log_format = '%({host}i)s "%(r)s" %(s)s %(b)s bytes in %(M)s ms'


def worker_exit(server, worker):
    """Take this process's row out of control: it has ended, and was not lost."""
    from sharding.placements.services.processes import stop_heartbeat

    stop_heartbeat()
