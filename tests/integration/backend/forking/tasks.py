"""A Celery application that used the pool before its worker forks."""

import json
import os
from pathlib import Path

import django

django.setup()

from celery import Celery  # noqa: E402
from django.conf import settings  # noqa: E402

from tests.integration.backend.forking.work import who_am_i  # noqa: E402

app = Celery("forking", broker=settings.CELERY_BROKER_URL)
app.conf.task_ignore_result = True
app.conf.worker_hijack_root_logger = False

BEFORE_FORK = {"pid": os.getpid(), "seen": who_am_i()}


@app.task(name="forking.look")
def look(number: int) -> None:
    answer = {"pid": os.getpid(), "seen": who_am_i(), "before": BEFORE_FORK}
    folder = Path(os.environ["FORKING_ANSWERS"])
    (folder / f"{number}.part").write_text(json.dumps(answer))
    (folder / f"{number}.part").rename(folder / f"{number}.json")
