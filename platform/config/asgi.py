"""What an ASGI server serves: `uvicorn config.asgi:application`."""

import os

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config.observability.handlers import ObservedASGIHandler
from config.observability.probes_asgi import AsyncProbes
from config.starting import refuse_to_start
from tenants.gating.asgi import ReplayASGI

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.prod")

if not settings.ATOLL_POOL:
    raise ImproperlyConfigured(
        "Under ASGI every request has a thread of its own, and connections that are kept per "
        "thread would be left open by each. Set ATOLL_POOL_SIZE to more than 0."
    )

django.setup(set_prefix=False)
refuse_to_start()
application = AsyncProbes(ReplayASGI(ObservedASGIHandler()))
