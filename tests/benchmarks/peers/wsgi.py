"""What gunicorn serves of plain Django and django-tenants: as the product, minus its figures.

So the product pays in the comparison for its health checks, request ids and metrics.
"""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from whitenoise import WhiteNoise

application = WhiteNoise(
    get_wsgi_application(), root=settings.STATIC_ROOT, prefix=settings.STATIC_URL
)
