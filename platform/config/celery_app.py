"""The Celery application: `celery -A config.celery_app worker -Q shard.alpha`.

Not called celery.py: a module of that name shadows the library wherever its folder is on the path.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init, worker_process_shutdown

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.prod")

app = Celery("atoll")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def _count_tasks(**signal: Any) -> None:
    """Hand out figures of this worker, where settings say at which address."""
    from django.conf import settings

    if settings.ATOLL_METRICS_BIND:
        from config.observability.worker_figures import install

        install(settings.ATOLL_METRICS_BIND)


@worker_process_shutdown.connect
def _say_goodbye(**signal: Any) -> None:
    """Take this process's row out of control: it has ended, and was not lost."""
    from sharding.placements.services.processes import stop_heartbeat

    stop_heartbeat()
