"""The Celery application: `celery -A config.celery_app worker -Q shard.alpha`.

Not called celery.py: a module of that name shadows the library wherever its folder is on the path.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.prod")

app = Celery("atoll")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
