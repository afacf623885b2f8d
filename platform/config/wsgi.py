"""What gunicorn serves: `gunicorn config.wsgi`."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from whitenoise import WhiteNoise

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.prod")

# Outside Django: style sheets are the same on every host, need no tenant, and WhiteNoise as a
# middleware would make every request of an ASGI server change threads.
application = WhiteNoise(
    get_wsgi_application(), root=settings.STATIC_ROOT, prefix=settings.STATIC_URL
)
