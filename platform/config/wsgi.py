"""What gunicorn serves: `gunicorn config.wsgi`."""

import os
from typing import Final

import django
from django.conf import settings
from whitenoise import WhiteNoise

from config.observability.handlers import ObservedWSGIHandler
from config.observability.probes import Probes
from config.starting import refuse_to_start
from tenants.gating.wsgi import ReplayWSGI

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.prod")
django.setup(set_prefix=False)
refuse_to_start()

NAMED_BY_CONTENT: Final = r"\.[0-9a-f]{12}\."
"""What collectstatic has named so never changes: another content has another name."""

# Outside Django: style sheets are the same on every host, need no tenant, and WhiteNoise as a
# middleware would make every request of an ASGI server change threads.
application = Probes(
    WhiteNoise(
        ReplayWSGI(ObservedWSGIHandler()),
        root=settings.STATIC_ROOT,
        prefix=settings.STATIC_URL,
        immutable_file_test=NAMED_BY_CONTENT,
    ),
    metrics_bind=settings.ATOLL_METRICS_BIND,
)
